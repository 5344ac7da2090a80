/** Sets of pages: scans of bitmaps of several shapes, and operations on whole ones. */
import { Layout } from "../../generated/layout.js";
import type { Workbench } from "../forms.js";
import { type HotPathCase, pseudoRandom } from "./case.js";

const PAGES_PER_MIB = 256;
const RAM_SIZES_MIB = [64, 512, 3072];
const { SPARE, RUNS, RUNS_END } = Layout.BITMAP;
const DIRTY = Layout.DIRTY.BITMAP;
const RUN_CAPACITY = (RUNS_END - RUNS) / 8;
const PAGES_A_CALL = 1024;

/** What the guest wrote, by page. */
const SHAPES: Readonly<Record<string, (page: number, random: (limit: number) => number) => boolean>> = {
  "nothing set": () => false,
  "1 page in 1000": (_, random) => random(1000) === 0,
  "runs of 1 to 64 pages": (page, random) => page % 128 < 1 + (page < 128 ? 40 : random(64)),
  "every other page, at random": (_, random) => random(2) === 0,
  "all set": () => true,
};

function fill({ core }: Workbench, bitmap: number, pages: number, shape: string): void {
  const random = pseudoRandom(0x5eed);
  const isSet = SHAPES[shape];
  if (isSet === undefined) throw new RangeError(`no shape ${shape}`);
  const bytes = core.bytes.subarray(bitmap, bitmap + pages / 8).fill(0);
  for (let page = 0; page < pages; page++) {
    if (isSet(page, random)) bytes[page >>> 3] = (bytes[page >>> 3] as number) | (1 << (page & 7));
  }
}

function digest({ core }: Workbench, from: number, length: number): number {
  let sum = 0;
  for (let at = from >>> 2; at < (from + length) >>> 2; at++)
    sum = (Math.imul(sum, 31) + (core.words[at] as number)) | 0;
  return sum;
}

const RUNS_SHAPE = "runs of 1 to 64 pages";

function scans(): HotPathCase[] {
  return RAM_SIZES_MIB.flatMap((ramMiB) =>
    Object.keys(SHAPES).flatMap((shape): HotPathCase[] => {
      const pages = ramMiB * PAGES_PER_MIB;
      const common = { group: "bitmap-scans", ramMiB, unit: "scan", operations: 1 } as const;
      return [
        {
          ...{ ...common, id: `bitmap/runs/${shape}/${ramMiB}`, title: `runs: ${shape}` },
          prepare(bench) {
            fill(bench, SPARE, pages, shape);
            const { bitmaps, core } = bench;
            const { words } = core;
            const run = (): number => {
              let sum = 0;
              for (let first = 0; ; ) {
                const count = bitmaps.bitmapRuns(SPARE, first, pages, RUNS, RUN_CAPACITY);
                sum += count;
                if (count < RUN_CAPACITY) return sum;
                const last = (RUNS >>> 2) + 2 * (count - 1);
                first = (words[last] as number) + (words[last + 1] as number);
              }
            };
            return { run, digest: () => digest(bench, RUNS, RUNS_END - RUNS) };
          },
        },
        {
          ...{ ...common, id: `bitmap/count/${shape}/${ramMiB}`, title: `count: ${shape}` },
          prepare(bench) {
            fill(bench, SPARE, pages, shape);
            const { bitmaps } = bench;
            return { run: () => bitmaps.bitmapCount(SPARE, 0, pages) };
          },
        },
      ];
    }),
  );
}

type Operation = (bench: Workbench, pages: number) => () => number;

const OPERATIONS: Readonly<Record<string, Operation>> = {
  or:
    ({ bitmaps }, pages) =>
    () => {
      bitmaps.bitmapOr(SPARE, DIRTY, pages);
      return pages;
    },
  and:
    ({ bitmaps }, pages) =>
    () => {
      bitmaps.bitmapAnd(SPARE, DIRTY, pages);
      return pages;
    },
  "set a range":
    ({ bitmaps }, pages) =>
    () => {
      bitmaps.bitmapSetRange(SPARE, 3, pages - 3);
      return pages;
    },
  "clear a range":
    ({ bitmaps }, pages) =>
    () => {
      bitmaps.bitmapClearRange(SPARE, 3, pages - 3);
      return pages;
    },
};

function sets(): HotPathCase[] {
  return RAM_SIZES_MIB.flatMap((ramMiB) =>
    Object.entries(OPERATIONS).map(([title, operation]): HotPathCase => {
      const pages = ramMiB * PAGES_PER_MIB;
      return {
        ...{ id: `bitmap/${title}/${ramMiB}`, group: "bitmap-sets", title, ramMiB, unit: "bitmap", operations: 1 },
        prepare(bench) {
          fill(bench, SPARE, pages, RUNS_SHAPE);
          fill(bench, DIRTY, pages, "every other page, at random");
          return { run: operation(bench, pages), digest: () => digest(bench, SPARE, pages / 8) };
        },
      };
    }),
  );
}

const single = (id: string, title: string, prepare: HotPathCase["prepare"]): HotPathCase => ({
  ...{ id: `bitmap/${id}`, group: "calls", title, ramMiB: 0, unit: "page", operations: PAGES_A_CALL },
  prepare,
});

/** A call for each page. */
const singles: readonly HotPathCase[] = [
  single("test", "bitmap: test a page", (bench) => {
    fill(bench, SPARE, PAGES_A_CALL, RUNS_SHAPE);
    const { bitmaps } = bench;
    const run = (): number => {
      let set = 0;
      for (let page = 0; page < PAGES_A_CALL; page++) set += Number(bitmaps.bitmapTest(SPARE, page));
      return set;
    };
    return { run };
  }),
  single("set", "bitmap: set a page", (bench) => {
    fill(bench, SPARE, PAGES_A_CALL, RUNS_SHAPE);
    const { bitmaps } = bench;
    const run = (): number => {
      for (let page = 0; page < PAGES_A_CALL; page++) bitmaps.bitmapSet(SPARE, page);
      return PAGES_A_CALL;
    };
    return { run, digest: () => digest(bench, SPARE, PAGES_A_CALL / 8) };
  }),
];

export const bitmapCases: readonly HotPathCase[] = [...scans(), ...sets(), ...singles];
