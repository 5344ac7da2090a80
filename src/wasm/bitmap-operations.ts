/**
 * Sets of RAM pages as bitmaps in linear memory: the functions of assembly/mmu/bitmap-exports.ts. A bitmap is known by its
 * linear address; ranges of pages end before `end`, which is at most the number of pages that RAM can have.
 */
export interface BitmapOperations {
  /** 1 or 0. */
  bitmapTest(bitmap: number, page: number): number;
  bitmapSet(bitmap: number, page: number): void;
  bitmapSetRange(bitmap: number, first: number, end: number): void;
  bitmapClearRange(bitmap: number, first: number, end: number): void;
  bitmapCount(bitmap: number, first: number, end: number): number;
  /** target |= source, for the first `pages` pages. */
  bitmapOr(target: number, source: number, pages: number): void;
  /** target &= source, for the first `pages` pages. */
  bitmapAnd(target: number, source: number, pages: number): void;
  /**
   * Writes the runs of set pages, in order, as pairs of u32 (first page, how many) to linear address `runs`, `capacity` of them at
   * most; answers how many. When they are `capacity` the scan goes on where the last one ends.
   */
  bitmapRuns(bitmap: number, first: number, end: number, runs: number, capacity: number): number;
}
