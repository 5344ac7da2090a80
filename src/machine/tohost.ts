/**
 * The riscv-tests convention: a bare-metal program whose ELF file has a symbol `tohost` ends by writing there
 * (code << 1) | 1, where code 0 is success, and then waits in a loop.
 */
import type { GuestMemory } from "../devices/device.js";
import type { GuestEnd } from "./runner.js";

export class Tohost {
  readonly #word: DataView;

  /** `gpa` comes from an ELF file: it may be anywhere. */
  static at(gpa: bigint, memory: GuestMemory): Tohost | undefined {
    const offset = gpa - BigInt(memory.base);
    if (offset < 0n || offset + 8n > BigInt(memory.size)) return undefined;
    const { buffer, byteOffset } = memory.view(Number(gpa), 8);
    return new Tohost(new DataView(buffer, byteOffset, 8));
  }

  private constructor(word: DataView) {
    this.#word = word;
  }

  check(): GuestEnd | undefined {
    const low = this.#word.getUint32(0, true);
    if ((low & 1) === 0) return undefined;
    const value = this.#word.getBigUint64(0, true);
    return { kind: "poweroff", code: Number(BigInt.asUintN(32, value >> 1n)), exact: false };
  }
}
