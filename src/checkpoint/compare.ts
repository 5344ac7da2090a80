/** In what the RAM of two checkpoints differs. */
import { Bitmap } from "./bitmap.js";
import type { CheckpointPart } from "./checkpoint-part.js";
import { PAGE_BYTES } from "./header.js";
import { type PageWindow, readWindows, type WindowOptions } from "./page-windows.js";

/** The pages that are not the same, of the larger of both; what one has not differs. */
export async function differingPages(
  one: readonly CheckpointPart[],
  other: readonly CheckpointPart[],
  options: WindowOptions = {},
): Promise<Bitmap> {
  const pages = [one, other].map((chain) => (chain[0]?.ramBytes ?? 0) / PAGE_BYTES) as [number, number];
  const different = new Bitmap(Math.max(...pages));
  const [left, right] = [readWindows(one, options), readWindows(other, { signal: options.signal })];
  for (;;) {
    const [{ value: a }, { value: b }] = (await Promise.all([left.next(), right.next()])) as [
      IteratorResult<PageWindow, undefined>,
      IteratorResult<PageWindow, undefined>,
    ];
    if (a === undefined && b === undefined) break;
    compare(a, b, different);
  }
  for (let page = Math.min(...pages); page < different.length; page++) different.add(page);
  return different;
}

function compare(a: PageWindow | undefined, b: PageWindow | undefined, different: Bitmap): void {
  if (a === undefined || b === undefined) return;
  const count = Math.min(a.count, b.count);
  for (let index = 0; index < count; index++) {
    if (!a.present.has(index) && !b.present.has(index)) continue;
    const [from, to] = [index * PAGE_BYTES, (index + 1) * PAGE_BYTES];
    if (Buffer.compare(a.bytes.subarray(from, to), b.bytes.subarray(from, to)) !== 0) different.add(a.first + index);
  }
}
