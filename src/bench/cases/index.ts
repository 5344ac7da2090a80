/** All that is measured, in the order of the report. */
import { bitmapCases } from "./bitmaps.js";
import type { HotPathCase } from "./case.js";
import { virtqueueCases } from "./virtqueues.js";
import { walkCases } from "./walks.js";

export const CASES: readonly HotPathCase[] = [...bitmapCases, ...walkCases, ...virtqueueCases];

/** By the hot path: the case whose first calls in a fresh process are looked at. */
export const COLD_CASES: readonly string[] = [
  "bitmap/runs/runs of 1 to 64 pages/64",
  "walk/Sv39/4 KiB pages, at random/64",
  "virtqueue/split: 3 buffers",
];

/** Guest memory of the machines that cases run in: what the largest of them is about. */
export const RAM_BYTES = 3 * 2 ** 30;

export function caseOf(id: string): HotPathCase {
  const found = CASES.find((one) => one.id === id);
  if (found === undefined) throw new RangeError(`there is no case ${id}`);
  return found;
}
