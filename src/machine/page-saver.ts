/**
 * Writes the memory of a checkpoint while its guest goes on: pages in runs, off this thread, and between them the copies that
 * the core made of pages which the guest was about to overwrite (assembly/mmu/checkpoint.ts).
 */
import { VkrunError } from "../errors.js";
import { Layout } from "../generated/layout.js";
import type { BitmapOperations } from "../wasm/bitmap-operations.js";
import type { Core } from "../wasm/core.js";

/** Where pages go to. */
export interface PageSink {
  /** Off-thread: the pages of `ram` that are set in `wanted`, whose bit 0 is page `first`. */
  writePages(run: { ram: Uint8Array; first: number; pages: number; wanted: Uint8Array }): Promise<unknown>;
  /** Off-thread: pages that lie one after the other in `bytes`. Replaces what was written of them, if anything was. */
  writeCopies(pages: Uint32Array, bytes: Uint8Array): Promise<void>;
}

/** Bytes of the file that are written in one go, as far as pages lie together. */
const RUN_PAGES = 1024;
/** RAM that one look for pages goes through: where few are to be written, a run may be that long. */
const RUN_SPAN = 32_768;
const PAGE = Layout.PAGE.SIZE;
const PENDING = Layout.PENDING.BITMAP;
/** Copies that wait to be written, before the guest has to. */
const COPIES_MAX = 2048;

/** What was in the core's copy area at one time. */
interface Copies {
  readonly pages: Uint32Array;
  readonly bytes: Uint8Array;
}

export class PageSaver {
  /** Pages that were copied because the guest did not wait for them. */
  copied = 0;
  /** Pages that were dealt with. */
  done = 0;
  readonly #core: Core;
  readonly #bitmaps: BitmapOperations;
  readonly #sink: PageSink;
  readonly #pages: number;
  readonly #runs: Uint32Array;
  #copies: Copies[] = [];
  /** Pages in there. */
  #waiting = 0;
  #relieved: { promise: Promise<void>; resolve: () => void } | undefined;

  /** `checkpointBegin` has been called, and nothing has run since. */
  constructor(core: Core, bitmaps: BitmapOperations, sink: PageSink) {
    this.#core = core;
    this.#bitmaps = bitmaps;
    this.#sink = sink;
    this.#pages = core.ramBytes / PAGE;
    this.#runs = new Uint32Array(core.memory.buffer, Layout.BITMAP.RUNS, 2 * RUN_PAGES);
  }

  /** Writes everything. `between` is called after each piece, and may throw to end it. */
  async save(between: () => void): Promise<void> {
    try {
      for (let page = 0; ; ) {
        const run = this.#nextRun(page);
        if (run === undefined) break;
        await this.#sink.writePages({ ram: this.#core.ram, ...run });
        page = run.first + run.pages;
        this.#bitmaps.bitmapClearRange(PENDING, run.first, page);
        this.done += run.count;
        await this.#writeCopies();
        between();
      }
    } finally {
      // From here on nothing is copied any more.
      this.#core.exports.checkpointEnd();
      this.#relieve();
    }
    await this.#writeCopies();
    const missed = this.#core.view.getUint32(Layout.CHECKPOINT.MISSED, true);
    if (missed > 0) {
      throw new VkrunError("ERR_VKRUN_INTERNAL", `${missed} pages changed unnoticed while a checkpoint was written`);
    }
  }

  /** The core's copy area is full, or as good as: its copies wait here. */
  takeCopies(): void {
    const { view, bytes } = this.#core;
    const count = view.getUint32(Layout.CHECKPOINT.COPIES, true);
    if (count === 0) return;
    const pages = new Uint32Array(count);
    for (let slot = 0; slot < count; slot++) pages[slot] = view.getUint32(Layout.COPY.PAGES + slot * 4, true);
    this.#copies.push({ pages, bytes: bytes.slice(Layout.COPY.AREA, Layout.COPY.AREA + count * PAGE) });
    this.#waiting += count;
    this.copied += count;
    view.setUint32(Layout.CHECKPOINT.COPIES, 0, true);
  }

  /** Between slices: while there are more copies than should wait, when there are fewer. */
  congestion(): Promise<void> | undefined {
    const { view } = this.#core;
    if (view.getUint32(Layout.CHECKPOINT.ACTIVE, true) === 0) return undefined;
    if (this.#waiting + view.getUint32(Layout.CHECKPOINT.COPIES, true) < COPIES_MAX) return undefined;
    if (this.#relieved === undefined) {
      let resolve: () => void = () => undefined;
      const promise = new Promise<void>((done) => {
        resolve = done;
      });
      this.#relieved = { promise, resolve };
    }
    return this.#relieved.promise;
  }

  async #writeCopies(): Promise<void> {
    this.takeCopies();
    // What is copied meanwhile has its turn after the next run: a guest that is faster than the disk must not keep us here.
    const copies = this.#copies;
    this.#copies = [];
    this.#waiting = 0;
    for (const { pages, bytes } of copies) {
      await this.#sink.writeCopies(pages, bytes);
      this.done += pages.length;
    }
    this.#relieve();
  }

  #relieve(): void {
    this.#relieved?.resolve();
    this.#relieved = undefined;
  }

  /** From page `from` on, where a byte of the bitmap begins: pages that are worth a call. */
  #nextRun(from: number): { first: number; pages: number; wanted: Uint8Array; count: number } | undefined {
    const bitmaps = this.#bitmaps;
    const runs = this.#runs;
    const found = bitmaps.bitmapRuns(PENDING, from, this.#pages, Layout.BITMAP.RUNS, RUN_PAGES);
    if (found === 0) return undefined;
    const first = (runs[0] as number) & ~7;
    let end = first;
    let left = RUN_PAGES;
    for (let index = 0; index < found && left > 0; index++) {
      const start = runs[2 * index] as number;
      if (start - first >= RUN_SPAN) break;
      const taken = Math.min(runs[2 * index + 1] as number, left);
      left -= taken;
      end = start + taken;
    }
    // Whole bytes of the bitmap.
    end = Math.min((end + 7) & ~7, this.#pages);
    const wanted = this.#core.bytes.slice(PENDING + first / 8, PENDING + Math.ceil(end / 8));
    return { first, pages: end - first, wanted, count: bitmaps.bitmapCount(PENDING, first, end) };
  }
}
