// What the host calls to look at the pages of RAM. A bitmap is known by its linear address (layout.ts); ranges of pages end
// before `end`. Clearing a bit of the dirty bitmap alone does not have the next store set it again: see clearDirty.

import { Bitmap } from "./bitmap";

export function bitmapTest(bitmap: usize, page: u32): bool {
  return Bitmap.has(bitmap, page);
}

export function bitmapSet(bitmap: usize, page: u32): void {
  Bitmap.set(bitmap, page);
}

export function bitmapSetRange(bitmap: usize, first: u32, end: u32): void {
  Bitmap.setRange(bitmap, first, end);
}

export function bitmapClearRange(bitmap: usize, first: u32, end: u32): void {
  Bitmap.clearRange(bitmap, first, end);
}

/** How many pages of [first, end) are set. */
export function bitmapCount(bitmap: usize, first: u32, end: u32): u32 {
  return Bitmap.count(bitmap, first, end);
}

/** target |= source, for the first `pages` pages. */
export function bitmapOr(target: usize, source: usize, pages: u32): void {
  Bitmap.or(target, source, pages);
}

/** target &= source, for the first `pages` pages. */
export function bitmapAnd(target: usize, source: usize, pages: u32): void {
  Bitmap.and(target, source, pages);
}

/** The runs of set pages in [first, end), as (first, count) pairs of u32 at `runs`; answers how many, `capacity` at most. */
export function bitmapRuns(bitmap: usize, first: u32, end: u32, runs: usize, capacity: u32): u32 {
  return Bitmap.runs(bitmap, first, end, runs, capacity);
}
