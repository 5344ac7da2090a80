/**
 * Linear memory as the TypeScript twins of the hot paths see it: views of the same shared memory that the core works in, and what
 * has to happen when something else than a store of a hart writes RAM (assembly/mmu/ram.ts).
 */
import { Layout } from "../generated/layout.js";

const RESERVATION_VALID = (Layout.HART.BASE + Layout.HART.RESERVATION_VALID) >>> 2;
const CHECKPOINT_ACTIVE = Layout.CHECKPOINT.ACTIVE >>> 2;
const CODE_PAGE_INDEX = Layout.CODE.PAGE_INDEX >>> 2;

export interface RamObserver {
  ramWriting(gpa: bigint, length: number): void;
  ramWroteAt(offset: number, length: number): void;
}

export class GuestRam {
  readonly bytes: Uint8Array;
  readonly halves: Uint16Array;
  /** Signed: V8 keeps these in 32-bit registers, whatever is done to them. */
  readonly words: Int32Array;
  readonly view: DataView;

  constructor(
    readonly buffer: ArrayBufferLike,
    /** Length of RAM. */
    readonly size: number,
    /** What only the core can do, before and behind a write of bytes at an offset in RAM. */
    readonly core: RamObserver,
  ) {
    this.bytes = new Uint8Array(buffer);
    this.halves = new Uint16Array(buffer);
    this.words = new Int32Array(buffer);
    this.view = new DataView(buffer);
  }

  /** Where [gpa, gpa + length) begins in RAM, or -1 when not all of it is RAM. `high` and `low` are any 32 bits each. */
  offsetOf(low: number, high: number, length: number): number {
    // RAM begins at 2^31 and ends below 2^31 + 2^32: in there, the upper word is what the top bit of the lower one says.
    if (high !== 1 - (low >>> 31)) return -1;
    const offset = (low ^ 0x8000_0000) >>> 0;
    return offset < this.size && length <= this.size - offset ? offset : -1;
  }

  /** Bytes [offset, offset + length) of RAM are about to be written: a checkpoint under way wants them as they are. */
  writing(offset: number, length: number): void {
    if (this.words[CHECKPOINT_ACTIVE] !== 0 && length !== 0) {
      this.core.ramWriting(BigInt(Layout.RAM.BASE + offset), length);
    }
  }

  /** Bytes [offset, offset + length) of RAM were written. */
  wrote(offset: number, length: number): void {
    if (length === 0) return;
    const { bytes, words } = this;
    if (words[CHECKPOINT_ACTIVE] !== 0) {
      this.core.ramWroteAt(offset, length);
      return;
    }
    const last = (offset + length - 1) >>> 12;
    for (let page = offset >>> 12; page <= last; page++) {
      const byte = Layout.DIRTY.BITMAP + (page >>> 3);
      bytes[byte] = (bytes[byte] as number) | (1 << (page & 7));
      // Decoded code, and a reservation that may be lost, are the core's.
      if (words[CODE_PAGE_INDEX + page] !== 0 || words[RESERVATION_VALID] !== 0) {
        this.core.ramWroteAt(offset, length);
        return;
      }
    }
  }
}
