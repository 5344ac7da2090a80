// A bare-metal ELF program on a pair of machines, compiled against interpreted, with the devices of bare-metal.ts.

import { readFile } from "node:fs/promises";
import { bytesSource } from "../../src/boot/byte-source.js";
import { readElf } from "../../src/boot/elf.js";
import { Privilege } from "../../src/generated/shared/privileged.js";
import { RunExit } from "../../src/generated/shared/run-exit.js";
import type { CoreHost } from "../../src/wasm/core.js";
import { type HartMachine, PAGE, RAM_BASE } from "./hart-machine.js";
import { closeWindow } from "./hart-state.js";
import { JitPair } from "./jit-pair.js";

const UART_THR = 0x1000_0000;
const UART_LSR = 0x1000_0005;
/** Transmitter empty and holding register empty: it always is. */
const LSR_IDLE = 0x60;
const FINISHER = 0x0010_0000;
/** One tick each 64 instructions. */
const CLOCK_RATE = 2 ** 32 / 64;

/** Where one machine's program writes. */
class Devices {
  output = "";
  finished = false;
  stop = (): void => {};

  host(): Partial<CoreHost> {
    return {
      mmioLoad: (gpa) => (gpa === UART_LSR ? LSR_IDLE : 0),
      mmioStore: (gpa, _size, value) => {
        if (gpa === UART_THR) this.output += String.fromCharCode(value & 0xff);
        if (gpa !== FINISHER) return;
        this.finished = true;
        this.stop();
      },
    };
  }
}

export interface PairedRun {
  /** In what the two differ, and behind how many instructions; null when they never do. */
  readonly difference: string | null;
  readonly finished: boolean;
  readonly output: string;
  readonly instructions: bigint;
}

export interface PairedRunOptions {
  /** Gives up behind so many instructions: `finished` is false then. */
  readonly instructions?: number;
  /** Length of the next slice. */
  readonly slice: () => number;
  /** Without one, M mode goes by the TLB, and entry 0 of the PMP is locked. */
  readonly window?: boolean;
}

export class BareMetalPair {
  private constructor(
    readonly machines: JitPair,
    private readonly devices: readonly [Devices, Devices],
    private readonly image: Uint8Array,
  ) {}

  static async load(elfPath: string, ramBytes: number, hot: number): Promise<BareMetalPair> {
    const devices = [new Devices(), new Devices()] as const;
    const hosts = [...devices];
    const pair = await JitPair.create({ ramBytes, hot, hosts: () => (hosts.shift() as Devices).host() });
    for (const [n, machine] of [pair.interpreted, pair.compiled].entries()) {
      (devices[n] as Devices).stop = () => machine.exports.requestStop(machine.hart);
    }
    const source = bytesSource(elfPath, await readFile(elfPath));
    const image = new Uint8Array(ramBytes);
    for (const { offset, physical, fileSize } of (await readElf(source)).segments) {
      const at = Number(physical - RAM_BASE);
      await source.read(offset, image.subarray(at, at + fileSize));
    }
    return new BareMetalPair(pair, devices, image);
  }

  /** Runs the program from its beginning. What was compiled before stays so, but for pages that the program has changed. */
  async run({ instructions = 500_000_000, slice, window = true }: PairedRunOptions): Promise<PairedRun> {
    const { machines, devices } = this;
    machines.each((machine) => {
      this.#restore(machine);
      if (!window) closeWindow(machine);
    });
    for (const device of devices) Object.assign(device, { output: "", finished: false });
    const start = machines.interpreted.icount;
    const done = () => machines.interpreted.icount - start;
    const end = (difference: string | null): PairedRun => ({
      difference: difference === null ? null : `within ${done()} instructions: ${difference}`,
      finished: devices[0].finished,
      output: devices[0].output,
      instructions: done(),
    });
    while (!devices[0].finished && done() < instructions) {
      const budget = slice();
      const exit = machines.interpreted.run(budget);
      const other = machines.compiled.run(budget);
      if (exit !== other) return end(`run(${budget}) answered ${exit} interpreted, ${other} compiled`);
      const difference = machines.difference;
      if (difference !== null) return end(difference);
      if (devices[0].output !== devices[1].output)
        return end(`printed "${devices[0].output}" / "${devices[1].output}"`);
      if (exit === RunExit.Idle) machines.each(wait);
    }
    return end(null);
  }

  #restore(machine: HartMachine): void {
    const { ram } = machine.core;
    for (let at = 0; at < ram.length; at += Number(PAGE)) {
      const page = this.image.subarray(at, at + Number(PAGE));
      if (Buffer.compare(page, ram.subarray(at, at + Number(PAGE))) !== 0) machine.write(RAM_BASE + BigInt(at), page);
    }
    machine.reset(RAM_BASE, Privilege.M);
    machine.setClock(0n, CLOCK_RATE);
  }
}

/** Guest time jumps to the next timer, there being nothing else to wait for. */
function wait(machine: HartMachine): void {
  const deadline = machine.nextTimer;
  if (deadline === null) throw new Error("the program waits for nothing");
  machine.setClock(deadline, CLOCK_RATE);
}
