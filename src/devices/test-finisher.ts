// SiFive's test finisher (QEMU: sifive_test): a register by which a program ends the machine. One write:
// 0x5555 pass, 0x3333 fail with a code in the upper half, 0x7777 reset. Anything else does nothing.

import type { DeviceTreeNode, PlatformDevice } from "./device.js";

const PASS = 0x5555;
const FAIL = 0x3333;
const RESET = 0x7777;

/** What a program wrote. */
export type Finish =
  | { readonly kind: "pass" }
  | { readonly kind: "fail"; readonly code: number }
  | { readonly kind: "reset" };

export interface TestFinisherOptions {
  readonly base?: number;
  /** Called in the middle of the guest's store. */
  readonly onFinish: (finish: Finish) => void;
}

export class TestFinisher implements PlatformDevice {
  readonly name = "test";
  readonly base: number;
  readonly size = 0x1000;
  readonly #onFinish: (finish: Finish) => void;

  constructor({ base = 0x10_0000, onFinish }: TestFinisherOptions) {
    this.base = base;
    this.#onFinish = onFinish;
  }

  /** A syscon, so that the syscon-poweroff and syscon-reboot nodes can refer to it. */
  deviceTreeNode(): DeviceTreeNode {
    return { name: "test", compatible: ["sifive,test1", "sifive,test0", "syscon"], reg: [this.base, this.size] };
  }

  read(): number {
    return 0;
  }

  write(offset: number, size: number, value: number): void {
    if (offset !== 0 || size < 2) return;
    switch (value & 0xffff) {
      case PASS:
        this.#onFinish({ kind: "pass" });
        return;
      case FAIL:
        this.#onFinish({ kind: "fail", code: value >>> 16 });
        return;
      case RESET:
        this.#onFinish({ kind: "reset" });
        return;
    }
  }

  /** It remembers nothing. */
  reset(): void {}

  save(): Record<string, never> {
    return {};
  }

  restore(): void {}
}
