/** Which pages of RAM were written since they were last clean: the dirty bitmap, as the host sees it. */
import { Layout } from "../generated/layout.js";
import type { BitmapOperations } from "../wasm/bitmap-operations.js";
import type { Core } from "../wasm/core.js";

/** A run of pages of RAM; page 0 is gpa 0x8000_0000. */
export interface PageRun {
  readonly first: number;
  readonly count: number;
}

/** Runs that one call brings over. */
const CAPACITY = (Layout.BITMAP.RUNS_END - Layout.BITMAP.RUNS) / 8;

export class DirtyPages {
  /** Pages of RAM. */
  readonly pages: number;
  readonly #core: Core;
  readonly #operations: BitmapOperations;
  readonly #runs: Uint32Array;

  constructor(core: Core, operations: BitmapOperations = core.exports) {
    this.#core = core;
    this.#operations = operations;
    this.pages = core.ramBytes / Layout.PAGE.SIZE;
    this.#runs = new Uint32Array(core.memory.buffer, Layout.BITMAP.RUNS, 2 * CAPACITY);
  }

  /** How many there are. */
  count(): number {
    return this.#operations.bitmapCount(Layout.DIRTY.BITMAP, 0, this.pages);
  }

  has(page: number): boolean {
    return this.#operations.bitmapTest(Layout.DIRTY.BITMAP, page) !== 0;
  }

  /** All of them, in order, as they are at the time of the call. */
  runs(): PageRun[] {
    const found: PageRun[] = [];
    const runs = this.#runs;
    for (let first = 0; ; ) {
      const count = this.#operations.bitmapRuns(Layout.DIRTY.BITMAP, first, this.pages, Layout.BITMAP.RUNS, CAPACITY);
      for (let index = 0; index < count; index++) {
        const run = { first: runs[2 * index] as number, count: runs[2 * index + 1] as number };
        found.push(run);
        first = run.first + run.count;
      }
      if (count < CAPACITY) return found;
    }
  }

  /** Makes all of RAM clean: the next store to a page makes it dirty again. */
  clear(): void {
    this.#core.exports.clearDirty();
  }

  /** Says of pages that they were written, whatever became of them: those of a round that could not be finished. */
  mark({ first, count }: PageRun): void {
    this.#operations.bitmapSetRange(Layout.DIRTY.BITMAP, first, first + count);
  }
}
