// Bitmaps with a bit for each page of RAM, at fixed places in linear memory (layout.ts).
//
// The scans read whole 64-bit words and skip what is all zero, or all ones, 64 bytes at a time. So a bitmap takes the room
// of whole words, and what lies in its last word behind the end is never believed.

import { PAGE_SHIFT } from "../layout";

const ONES: u64 = ~0;
/** Pages of a 64-bit word, as a shift. */
const WORD: u32 = 6;
/** Words that a SIMD step looks at. */
const STRIDE: u32 = 8;

export class Bitmap {
  /** Length of a bitmap for `ramBytes` of RAM, in whole words of 64 bits. */
  @inline static bytes(ramBytes: u32): usize {
    return ((<usize>ramBytes >> (PAGE_SHIFT + 3)) + 7) & ~7;
  }

  @inline static has(bitmap: usize, page: u32): bool {
    return ((<u32>load<u8>(bitmap + (page >> 3)) >> (page & 7)) & 1) != 0;
  }

  @inline static set(bitmap: usize, page: u32): void {
    const byte = bitmap + (page >> 3);
    store<u8>(byte, <u8>(<u32>load<u8>(byte) | ((<u32>1) << (page & 7))));
  }

  @inline static clear(bitmap: usize, page: u32): void {
    const byte = bitmap + (page >> 3);
    store<u8>(byte, <u8>(<u32>load<u8>(byte) & ~((<u32>1) << (page & 7))));
  }

  /** Sets the pages [first, end). */
  static setRange(bitmap: usize, first: u32, end: u32): void {
    Bitmap.fill(bitmap, first, end, 0xff);
  }

  /** Clears the pages [first, end). */
  static clearRange(bitmap: usize, first: u32, end: u32): void {
    Bitmap.fill(bitmap, first, end, 0);
  }

  /** Makes the bits of pages [first, end) those of `value`, which is 0 or 0xff. */
  @inline private static fill(bitmap: usize, first: u32, end: u32, value: u32): void {
    if (first >= end) return;
    const from = bitmap + (first >> 3);
    const to = bitmap + (end >> 3);
    const head: u32 = 0xff << (first & 7);
    const tail: u32 = 0xff >> (8 - (end & 7));
    if (from == to) {
      Bitmap.merge(from, head & tail, value);
      return;
    }
    Bitmap.merge(from, head, value);
    memory.fill(from + 1, <u8>value, to - from - 1);
    if (tail) Bitmap.merge(to, tail, value);
  }

  /** Of the byte at `byte`: the bits of `mask` become those of `value`. */
  @inline private static merge(byte: usize, mask: u32, value: u32): void {
    store<u8>(byte, <u8>((<u32>load<u8>(byte) & ~mask) | (value & mask)));
  }

  /** How many of the pages [first, end) are set. */
  static count(bitmap: usize, first: u32, end: u32): u32 {
    if (first >= end) return 0;
    let word = first >> WORD;
    const last = (end - 1) >> WORD;
    const before: u64 = first & 63;
    const behind: u64 = (0 - end) & 63;
    const head = ONES << before;
    const tail = ONES >> behind;
    if (word == last) return <u32>popcnt(Bitmap.word(bitmap, word) & head & tail);
    let count = popcnt(Bitmap.word(bitmap, word) & head) + popcnt(Bitmap.word(bitmap, last) & tail);
    word++;
    // Four at a time, so that the counts need not wait for each other.
    for (; word + 4 <= last; word += 4) {
      const at = bitmap + ((<usize>word) << 3);
      count +=
        popcnt(load<u64>(at)) + popcnt(load<u64>(at, 8)) + (popcnt(load<u64>(at, 16)) + popcnt(load<u64>(at, 24)));
    }
    for (; word < last; word++) count += popcnt(Bitmap.word(bitmap, word));
    return <u32>count;
  }

  /** Of the first `pages` pages: those of `source` are set in `target` as well. */
  static or(target: usize, source: usize, pages: u32): void {
    const bytes = pages >> 3;
    let at: usize = 0;
    for (; at + 16 <= bytes; at += 16) v128.store(target + at, v128.or(v128.load(target + at), v128.load(source + at)));
    for (; at < bytes; at++) store<u8>(target + at, load<u8>(target + at) | load<u8>(source + at));
    const tail: u32 = 0xff >> (8 - (pages & 7));
    if (tail) store<u8>(target + at, <u8>(<u32>load<u8>(target + at) | (<u32>load<u8>(source + at) & tail)));
  }

  /** Of the first `pages` pages: only those stay set in `target` that are set in `source`. */
  static and(target: usize, source: usize, pages: u32): void {
    const bytes = pages >> 3;
    let at: usize = 0;
    for (; at + 16 <= bytes; at += 16)
      v128.store(target + at, v128.and(v128.load(target + at), v128.load(source + at)));
    for (; at < bytes; at++) store<u8>(target + at, load<u8>(target + at) & load<u8>(source + at));
    const tail: u32 = 0xff >> (8 - (pages & 7));
    if (tail) store<u8>(target + at, <u8>(<u32>load<u8>(target + at) & (<u32>load<u8>(source + at) | ~tail)));
  }

  /**
   * Writes the runs of set pages within [first, end) to `runs`, in order, each as two u32 (its first page, how many), `capacity` of
   * them at most; answers how many. When they are `capacity` the scan goes on where the last one ends.
   */
  static runs(bitmap: usize, first: u32, end: u32, runs: usize, capacity: u32): u32 {
    if (first >= end || capacity == 0) return 0;
    const words = ((end - 1) >> WORD) + 1;
    const full = runs + ((<usize>capacity) << 3);
    let out = runs;
    let word = first >> WORD;
    const before: u64 = first & 63;
    let bits = Bitmap.word(bitmap, word) & (ONES << before);
    while (true) {
      while (bits == 0) {
        if (++word >= words) return <u32>((out - runs) >> 3);
        bits = Bitmap.word(bitmap, word);
        // Where runs are near each other, the next word has one: that is found sooner without the skip's vectors.
        if (bits == 0) word = Bitmap.skip(bitmap, word + 1, words, 0) - 1;
      }
      const start = (word << WORD) + <u32>ctz(bits);
      if (start >= end) break;
      // Adding its lowest bit carries through a run: what is left of the old bits begins behind it.
      const carried = bits + (bits & (0 - bits));
      let stop: u32;
      if (carried != 0) {
        stop = (word << WORD) + <u32>ctz(carried);
        bits &= carried;
      } else {
        if (++word < words && Bitmap.word(bitmap, word) == ONES) word = Bitmap.skip(bitmap, word + 1, words, ONES);
        if (word == words) {
          stop = end;
          bits = 0;
        } else {
          const next = Bitmap.word(bitmap, word);
          stop = (word << WORD) + <u32>ctz(~next);
          bits = next & (next + 1);
        }
      }
      store<u32>(out, start);
      store<u32>(out, min(stop, end) - start, 4);
      out += 8;
      if (out == full || stop >= end) break;
    }
    return <u32>((out - runs) >> 3);
  }

  /** The first word from `word` on that is not `value` (all zeroes or all ones), or `words`. */
  private static skip(bitmap: usize, word: u32, words: u32, value: u64): u32 {
    const expected = i64x2.splat(value);
    for (; word + STRIDE <= words; word += STRIDE) {
      const at = bitmap + ((<usize>word) << 3);
      const low = v128.or(v128.xor(v128.load(at), expected), v128.xor(v128.load(at, 16), expected));
      const high = v128.or(v128.xor(v128.load(at, 32), expected), v128.xor(v128.load(at, 48), expected));
      if (v128.any_true(v128.or(low, high))) break;
    }
    while (word < words && Bitmap.word(bitmap, word) == value) word++;
    return word;
  }

  @inline private static word(bitmap: usize, word: u32): u64 {
    return load<u64>(bitmap + ((<usize>word) << 3));
  }
}
