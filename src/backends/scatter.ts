// A run of bytes that lies in several buffers, addressed by offset as if it were one.

export function totalLength(buffers: readonly Uint8Array[]): number {
  let total = 0;
  for (const buffer of buffers) total += buffer.length;
  return total;
}

/** Views of [offset, offset + length) of `buffers`, or of as much of it as there is. */
export function slices(buffers: readonly Uint8Array[], offset: number, length: number): Uint8Array[] {
  const views: Uint8Array[] = [];
  let skip = offset;
  let left = length;
  for (const buffer of buffers) {
    if (left === 0) break;
    if (skip >= buffer.length) {
      skip -= buffer.length;
      continue;
    }
    const view = buffer.subarray(skip, skip + left);
    left -= view.length;
    skip = 0;
    views.push(view);
  }
  return views;
}

/** Copies `source` to `offset` of `buffers`; answers how many bytes there was room for. */
export function scatter(buffers: readonly Uint8Array[], offset: number, source: Uint8Array): number {
  let taken = 0;
  for (const view of slices(buffers, offset, source.length)) {
    view.set(source.subarray(taken, taken + view.length));
    taken += view.length;
  }
  return taken;
}

/** Copies from `offset` of `buffers` to `target`; answers how many bytes there were. */
export function gather(buffers: readonly Uint8Array[], offset: number, target: Uint8Array): number {
  let filled = 0;
  for (const view of slices(buffers, offset, target.length)) {
    target.set(view, filled);
    filled += view.length;
  }
  return filled;
}
