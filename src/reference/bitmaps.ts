/** The TypeScript twin of assembly/mmu/bitmap.ts: 32-bit words, which is what JavaScript counts and shifts natively. */
import { Layout } from "../generated/layout.js";
import type { BitmapOperations } from "../wasm/bitmap-operations.js";

export class ReferenceBitmaps implements BitmapOperations {
  readonly #bytes: Uint8Array;
  readonly #words: Int32Array;

  /** `buffer` is linear memory; bitmaps lie below RAM. */
  constructor(buffer: ArrayBufferLike) {
    this.#bytes = new Uint8Array(buffer, 0, Layout.RAM.OFFSET);
    this.#words = new Int32Array(buffer, 0, Layout.RAM.OFFSET >>> 2);
  }

  bitmapTest(bitmap: number, page: number): number {
    return ((this.#bytes[bitmap + (page >>> 3)] as number) >>> (page & 7)) & 1;
  }

  bitmapSet(bitmap: number, page: number): void {
    const bytes = this.#bytes;
    const at = bitmap + (page >>> 3);
    bytes[at] = (bytes[at] as number) | (1 << (page & 7));
  }

  bitmapSetRange(bitmap: number, first: number, end: number): void {
    this.#fill(bitmap, first, end, -1);
  }

  bitmapClearRange(bitmap: number, first: number, end: number): void {
    this.#fill(bitmap, first, end, 0);
  }

  /** Makes the bits of pages [first, end) those of `value`, which is 0 or -1. */
  #fill(bitmap: number, first: number, end: number, value: number): void {
    if (first >= end) return;
    const words = this.#words;
    const from = (bitmap >>> 2) + (first >>> 5);
    const to = (bitmap >>> 2) + ((end - 1) >>> 5);
    const head = -1 << (first & 31);
    const tail = -1 >>> (-end & 31);
    if (from === to) {
      merge(words, from, head & tail, value);
      return;
    }
    merge(words, from, head, value);
    words.fill(value, from + 1, to);
    merge(words, to, tail, value);
  }

  bitmapCount(bitmap: number, first: number, end: number): number {
    if (first >= end) return 0;
    const words = this.#words;
    const base = bitmap >>> 2;
    const last = (end - 1) >>> 5;
    let word = first >>> 5;
    let bits = (words[base + word] as number) & (-1 << (first & 31));
    let count = 0;
    for (; word < last; bits = words[base + ++word] as number) {
      if (bits !== 0) count += popcount(bits);
    }
    return count + popcount(bits & (-1 >>> (-end & 31)));
  }

  bitmapOr(target: number, source: number, pages: number): void {
    const words = this.#words;
    const count = pages >>> 5;
    const to = target >>> 2;
    const from = source >>> 2;
    for (let word = 0; word < count; word++) {
      words[to + word] = (words[to + word] as number) | (words[from + word] as number);
    }
    const tail = ~(-1 << (pages & 31));
    if (tail !== 0) words[to + count] = (words[to + count] as number) | ((words[from + count] as number) & tail);
  }

  bitmapAnd(target: number, source: number, pages: number): void {
    const words = this.#words;
    const count = pages >>> 5;
    const to = target >>> 2;
    const from = source >>> 2;
    for (let word = 0; word < count; word++) {
      words[to + word] = (words[to + word] as number) & (words[from + word] as number);
    }
    const tail = ~(-1 << (pages & 31));
    if (tail !== 0) words[to + count] = (words[to + count] as number) & ((words[from + count] as number) | ~tail);
  }

  bitmapRuns(bitmap: number, first: number, end: number, runs: number, capacity: number): number {
    if (first >= end || capacity === 0) return 0;
    const words = this.#words;
    const base = bitmap >>> 2;
    const count = ((end - 1) >>> 5) + 1;
    const begin = runs >>> 2;
    const full = begin + 2 * capacity;
    let out = begin;
    let word = first >>> 5;
    let bits = (words[base + word] as number) & (-1 << (first & 31));
    for (;;) {
      if (bits === 0) {
        do word++;
        while (word < count && words[base + word] === 0);
        if (word === count) break;
        bits = words[base + word] as number;
      }
      const lowest = bits & -bits;
      const start = (word << 5) + 31 - Math.clz32(lowest);
      if (start >= end) break;
      // Adding its lowest bit carries through a run: what is left of the old bits begins behind it.
      const carried = (bits + lowest) | 0;
      let stop: number;
      if (carried !== 0) {
        stop = (word << 5) + 31 - Math.clz32(carried & -carried);
        bits &= carried;
      } else {
        do word++;
        while (word < count && words[base + word] === -1);
        if (word === count) {
          stop = end;
          bits = 0;
        } else {
          const next = words[base + word] as number;
          const zero = ~next & (next + 1);
          stop = (word << 5) + 31 - Math.clz32(zero);
          bits = next & (next + 1);
        }
      }
      words[out] = start;
      words[out + 1] = (stop < end ? stop : end) - start;
      out += 2;
      if (out === full || stop >= end) break;
    }
    return (out - begin) >>> 1;
  }
}

/** Of the word at `index`: the bits of `mask` become those of `value`. */
function merge(words: Int32Array, index: number, mask: number, value: number): void {
  words[index] = ((words[index] as number) & ~mask) | (value & mask);
}

function popcount(bits: number): number {
  let value = bits - ((bits >>> 1) & 0x5555_5555);
  value = (value & 0x3333_3333) + ((value >>> 2) & 0x3333_3333);
  return Math.imul((value + (value >>> 4)) & 0x0f0f_0f0f, 0x0101_0101) >>> 24;
}
