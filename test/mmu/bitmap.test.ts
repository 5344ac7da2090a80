// Bitmap operations against sets of numbers.

import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { Layout } from "../../src/generated/layout.js";
import type { BitmapOperations } from "../../src/wasm/bitmap-operations.js";
import { HartMachine } from "../support/hart-machine.js";

const BITMAP = Layout.BITMAP.SPARE;
const OTHER = Layout.DIRTY.BITMAP;
const { RUNS } = Layout.BITMAP;
const PAGES = 1300;

let machine: HartMachine;
let operations: BitmapOperations;

beforeAll(async () => {
  machine = await HartMachine.create({ ramBytes: 8 << 20 });
  operations = machine.exports;
});

/** Runs of every kind: none, single pages, whole words, more than a SIMD step. */
const pageSet: fc.Arbitrary<Set<number>> = fc
  .array(
    fc.record({
      first: fc.nat(PAGES - 1),
      count: fc.oneof(fc.constant(1), fc.integer({ min: 1, max: 8 }), fc.integer({ min: 60, max: 700 })),
    }),
    { maxLength: 40 },
  )
  .map((runs) => {
    const set = new Set<number>();
    for (const { first, count } of runs)
      for (let page = first; page < Math.min(first + count, PAGES); page++) set.add(page);
    return set;
  });

/** Also reaches beyond the last word, as a range that begins or ends in the middle of one. */
const range = fc.tuple(fc.nat(PAGES), fc.nat(PAGES));

function write(bitmap: number, pages: ReadonlySet<number>): void {
  machine.core.bytes.fill(0, bitmap, bitmap + 256);
  for (const page of pages) operations.bitmapSet(bitmap, page);
}

function read(bitmap: number): Set<number> {
  const pages = new Set<number>();
  for (let page = 0; page < 2048; page++) if (operations.bitmapTest(bitmap, page) !== 0) pages.add(page);
  return pages;
}

const within = (pages: ReadonlySet<number>, first: number, end: number): number[] =>
  [...pages].filter((page) => page >= first && page < end).sort((a, b) => a - b);

function pagesOfRuns(count: number): number[] {
  const words = new Uint32Array(machine.core.memory.buffer, RUNS, 2 * count);
  return Array.from({ length: count }, (_, i) =>
    Array.from({ length: words[2 * i + 1] as number }, (_, page) => (words[2 * i] as number) + page),
  ).flat();
}

describe("bitmaps of pages", () => {
  it("count and find the pages of any range", () => {
    fc.assert(
      fc.property(pageSet, range, (pages, [first, end]) => {
        write(BITMAP, pages);
        const expected = within(pages, first, end);
        expect(operations.bitmapCount(BITMAP, first, end)).toBe(expected.length);
        const runs = operations.bitmapRuns(BITMAP, first, end, RUNS, 2048);
        expect(pagesOfRuns(runs)).toEqual(expected);
        // Runs that touch would have been one.
        expect(runs).toBe(expected.filter((page) => !pages.has(page - 1) || page === first).length);
      }),
      { numRuns: 1500 },
    );
  });

  it("hand runs over in as many pieces as there is room for", () => {
    fc.assert(
      fc.property(pageSet, range, fc.integer({ min: 1, max: 5 }), (pages, [first, end], capacity) => {
        write(BITMAP, pages);
        const found: number[] = [];
        for (let from = first; ; ) {
          const count = operations.bitmapRuns(BITMAP, from, end, RUNS, capacity);
          const piece = pagesOfRuns(count);
          found.push(...piece);
          if (count < capacity) break;
          from = (piece.at(-1) as number) + 1;
        }
        expect(found).toEqual(within(pages, first, end));
      }),
    );
  });

  it("set and clear exactly the pages of a range", () => {
    fc.assert(
      fc.property(pageSet, range, (pages, [first, end]) => {
        write(BITMAP, pages);
        operations.bitmapClearRange(BITMAP, first, end);
        expect(read(BITMAP)).toEqual(new Set([...pages].filter((page) => page < first || page >= end)));
        write(BITMAP, pages);
        operations.bitmapSetRange(BITMAP, first, end);
        const added = Array.from({ length: Math.max(end - first, 0) }, (_, i) => first + i);
        expect(read(BITMAP)).toEqual(new Set([...pages, ...added]));
      }),
    );
  });

  it("unite and intersect the first pages, and leave the others alone", () => {
    fc.assert(
      fc.property(pageSet, pageSet, fc.nat(PAGES), (a, b, count) => {
        const common = (page: number): boolean => page >= count || b.has(page);
        write(OTHER, b);
        write(BITMAP, a);
        operations.bitmapOr(BITMAP, OTHER, count);
        expect(read(BITMAP)).toEqual(new Set([...a, ...[...b].filter((page) => page < count)]));
        write(BITMAP, a);
        operations.bitmapAnd(BITMAP, OTHER, count);
        expect(read(BITMAP)).toEqual(new Set([...a].filter(common)));
      }),
    );
  });
});

describe("the dirty pages of RAM", () => {
  it("are what was written since they were last clean", () => {
    machine.exports.clearDirty();
    expect(operations.bitmapCount(OTHER, 0, PAGES)).toBe(0);
    for (const page of [3, 4, 5, 64, 1027]) machine.exports.ramWritten(0x8000_0000n + BigInt(page) * 4096n, 1);
    expect(pagesOfRuns(operations.bitmapRuns(OTHER, 0, PAGES, RUNS, 2048))).toEqual([3, 4, 5, 64, 1027]);
  });
});
