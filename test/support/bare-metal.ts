// Runs a bare-metal ELF program on the wasm core alone: RAM, CLINT, a UART that only prints and the test finisher.
// The counterpart of qemu-oracle.ts; what both run is the same file.

import { readFile } from "node:fs/promises";
import { bytesSource } from "../../src/boot/byte-source.js";
import { readElf } from "../../src/boot/elf.js";
import { Core } from "../../src/wasm/core.js";

const RAM_BASE = 0x8000_0000n;
const RAM_BYTES = 128 * 1024 * 1024;
const PRIVILEGE_M = 3;

const UART_THR = 0x1000_0000;
const UART_LSR = 0x1000_0005;
/** Transmitter empty and holding register empty: it always is. */
const LSR_IDLE = 0x60;
const FINISHER = 0x0010_0000;

const HOST_STOP = 3;
const IDLE = 1;
/** Instructions between looks at the limits. */
const SLICE = 10_000_000;
/** 2^32 ticks a 10 MHz second: one tick each 64 instructions, as a hart of 640 MIPS would see it. */
const CLOCK_RATE = 2 ** 32 / 64;

export interface BareMetalResult {
  readonly output: string;
  /** What the program wrote to the finisher. */
  readonly finisher: number;
  readonly instructions: bigint;
}

export interface BareMetalOptions {
  /** Give up behind so many instructions. */
  readonly instructionLimit?: number;
}

export async function runOnCore(elfPath: string, options: BareMetalOptions = {}): Promise<BareMetalResult> {
  const source = bytesSource(elfPath, await readFile(elfPath));
  const elf = await readElf(source);
  let output = "";
  let finisher: number | undefined;
  let stop = (): void => {};
  const core = await Core.instantiate(await Core.load(), Core.allocate(RAM_BYTES), RAM_BYTES, {
    mmioLoad: (gpa) => (gpa === UART_LSR ? LSR_IDLE : 0),
    mmioStore: (gpa, _size, value) => {
      if (gpa === UART_THR) output += String.fromCharCode(value & 0xff);
      if (gpa === FINISHER) {
        finisher = value;
        stop();
      }
    },
    consoleWrite: () => {},
    consoleRead: () => 0,
  });
  for (const segment of elf.segments) {
    const at = Number(segment.physical - RAM_BASE);
    await source.read(segment.offset, core.ram.subarray(at, at + segment.fileSize));
  }
  const { exports } = core;
  const hart = exports.hart(0);
  stop = () => exports.requestStop(hart);
  exports.resetHart(hart, RAM_BASE, PRIVILEGE_M, 0n, 0n, 0);
  exports.setClock(hart, 0n, CLOCK_RATE);
  const limit = BigInt(options.instructionLimit ?? 2_000_000_000);
  while (finisher === undefined) {
    const exit = exports.run(hart, SLICE);
    if (exit === HOST_STOP) continue;
    if (exit === IDLE) wait(core, hart, output);
    else if (exports.icount(hart) > limit)
      throw new Error(`the program did not finish; it printed:\n${output.slice(-2000)}`);
  }
  return { output, finisher, instructions: exports.icount(hart) };
}

/** The hart waits: guest time jumps to the next timer, there being nothing else to wait for. */
function wait({ exports }: Core, hart: number, output: string): void {
  const deadline = BigInt.asUintN(64, exports.nextTimer(hart));
  if (deadline === 2n ** 64n - 1n)
    throw new Error(`the program waits for nothing; it printed:\n${output.slice(-2000)}`);
  exports.setClock(hart, deadline, CLOCK_RATE);
}
