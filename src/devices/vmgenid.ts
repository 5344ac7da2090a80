// The virtual machine generation ID (Microsoft's specification of that name; device tree binding microsoft,vmgenid): 128 bits
// that change whenever the machine's state is used a second time, as after a thaw or in a fork. The guest's kernel then mixes
// them into its random number generator, so that no two machines draw the same numbers.
//
// The interrupt is an edge: a pulse that the interrupt controller remembers.

import { Irq, MemoryMap } from "../generated/shared/memory-map.js";
import type { DeviceTreeNode, InputGate, InterruptLine, PlatformDevice } from "./device.js";

export const GENERATION_LENGTH = 16;

export interface VmGenIdOptions {
  readonly name: string;
  readonly input: InputGate;
  readonly interrupt: InterruptLine;
  /** What the machine starts with. */
  readonly generation: Uint8Array;
}

interface SavedVmGenId {
  generation: Uint8Array;
  serial: number;
}

export class VmGenId implements PlatformDevice {
  readonly name: string;
  readonly base = MemoryMap.VMGENID;
  readonly size = MemoryMap.PAGE_SIZE;
  readonly #input: InputGate;
  readonly #interrupt: InterruptLine;
  readonly #generation = new Uint8Array(GENERATION_LENGTH);
  /** Changes so far: each is an input of its own. */
  #serial = 0;

  constructor({ name, input, interrupt, generation }: VmGenIdOptions) {
    this.name = name;
    this.#input = input;
    this.#interrupt = interrupt;
    this.#generation.set(generation);
  }

  deviceTreeNode(): DeviceTreeNode {
    return {
      name: "vmgenid",
      compatible: ["microsoft,vmgenid"],
      reg: [this.base, this.size],
      interrupts: [Irq.VMGENID],
    };
  }

  /** The machine is another one from here on. */
  change(generation: Uint8Array): void {
    this.#input.post(
      `${this.name}:generation:${this.#serial++}`,
      (recorded = generation) => {
        this.#generation.set(recorded.subarray(0, GENERATION_LENGTH));
        this.#interrupt.set(true);
        this.#interrupt.set(false);
      },
      generation,
    );
  }

  /** Memory, as far as the guest can tell: any width, nothing behind the end. */
  read(offset: number, size: number): number {
    let value = 0;
    for (let index = 0; index < size; index++) value |= (this.#generation[offset + index] ?? 0) << (8 * index);
    return value >>> 0;
  }

  write(): void {}

  /** The identity is the machine's, not the driver's. */
  reset(): void {}

  save(): SavedVmGenId {
    return { generation: this.#generation.slice(), serial: this.#serial };
  }

  restore(state: unknown): void {
    const { generation, serial } = state as SavedVmGenId;
    this.#generation.set(generation);
    this.#serial = serial;
  }
}
