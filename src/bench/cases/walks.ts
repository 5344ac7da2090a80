/** Walks of page tables: hits near each other and far apart, large pages, pages that are not there, A and D to be set. */
import { Layout } from "../../generated/layout.js";
import type { Workbench } from "../forms.js";
import { type HotPathCase, pseudoRandom } from "./case.js";
import { type Leaf, type Mode, PageTables } from "./page-tables.js";

const PAGES_PER_MIB = 256;
const COUNT = 4096;
const ENTRY = 16;
const { BATCH } = Layout.WALK;
const SUPERVISOR = 1;
const LOAD = 0;
const STORE = 1;

interface Pattern {
  readonly title: string;
  readonly leaf?: Leaf;
  /** The page to be translated, of `pages` that are mapped. */
  readonly page: (index: number, pages: number, random: (limit: number) => number) => number;
}

const IN_ORDER: Pattern = { title: "4 KiB pages, in order", page: (index, pages) => index % pages };
const AT_RANDOM: Pattern = { title: "4 KiB pages, at random", page: (_, pages, random) => random(pages) };
const SUPERPAGE: Pattern = { title: "2 MiB pages, at random", leaf: "2 MiB", page: AT_RANDOM.page };
const NAPOT: Pattern = { title: "64 KiB pages (Svnapot), at random", leaf: "64 KiB, Svnapot", page: AT_RANDOM.page };
const UNMAPPED: Pattern = {
  title: "pages that are not mapped",
  // In the same tables, or beyond them.
  page: (_, pages, random) => pages + random(pages),
};
const MIXED: Pattern = {
  title: "one page in eight not mapped",
  page: (index, pages, random) => (index % 8 === 0 ? pages + random(pages) : random(pages)),
};

function layOut(bench: Workbench, { page }: Pattern, pages: number): void {
  const { words } = bench.core;
  const random = pseudoRandom(0x3a1c);
  for (let index = 0; index < COUNT; index++) {
    const va = page(index, pages, random) * Layout.PAGE.SIZE + random(Layout.PAGE.SIZE);
    const at = (BATCH + ENTRY * index) >>> 2;
    words[at] = va | 0;
    words[at + 1] = Math.floor(va / 2 ** 32);
  }
}

/** Depends on all results. */
function digest({ core }: Workbench): number {
  let sum = 0;
  for (let at = (BATCH >>> 2) + 2; at < (BATCH + ENTRY * COUNT) >>> 2; at += 4) {
    sum = (Math.imul(sum, 31) + (core.words[at] as number) + Math.imul(core.words[at + 1] as number, 7)) | 0;
  }
  return sum;
}

function batch(mode: Mode, pattern: Pattern, ramMiB: number): HotPathCase {
  return {
    id: `walk/${mode}/${pattern.title}/${ramMiB}`,
    ...{ group: "walks", title: `${mode}: ${pattern.title}`, ramMiB, unit: "translation", operations: COUNT },
    prepare(bench) {
      const pages = ramMiB * PAGES_PER_MIB;
      new PageTables(bench, { mode, pages, leaf: pattern.leaf ?? "4 KiB" });
      layOut(bench, pattern, pages);
      const { walkBatch, hart } = bench;
      return {
        run() {
          walkBatch(hart, BATCH, COUNT, LOAD, SUPERVISOR);
          return COUNT;
        },
        digest: () => digest(bench),
      };
    },
  };
}

/** Each run finds the tables as they were: putting them back is part of what is timed, and the same for both. */
const fresh: HotPathCase = {
  id: "walk/Sv39/A and D to be set/64",
  ...{ group: "walks", title: "Sv39: first store to a page (sets A and D)", ramMiB: 64 },
  ...{ unit: "translation", operations: COUNT },
  prepare(bench) {
    const pages = 64 * PAGES_PER_MIB;
    const tables = new PageTables(bench, { mode: "Sv39", pages, leaf: "4 KiB", fresh: true });
    const { walkBatch, hart, core } = bench;
    // menvcfg.ADUE: hardware sets them (Svadu).
    core.view.setBigUint64(hart + Layout.HART.MENVCFG, 1n << 61n, true);
    layOut(bench, AT_RANDOM, pages);
    const restore = tables.snapshot();
    return {
      run() {
        restore();
        walkBatch(hart, BATCH, COUNT, STORE, SUPERVISOR);
        return COUNT;
      },
      digest: () => digest(bench),
    };
  },
};

const single: HotPathCase = {
  id: "walk/single",
  ...{ group: "calls", title: "walk: translate a page (Sv39, at random)", ramMiB: 512 },
  ...{ unit: "translation", operations: COUNT },
  prepare(bench) {
    const pages = 512 * PAGES_PER_MIB;
    new PageTables(bench, { mode: "Sv39", pages, leaf: "4 KiB" });
    layOut(bench, AT_RANDOM, pages);
    const { walkBatch, hart } = bench;
    return {
      run() {
        for (let index = 0; index < COUNT; index++) walkBatch(hart, BATCH + ENTRY * index, 1, LOAD, SUPERVISOR);
        return COUNT;
      },
      digest: () => digest(bench),
    };
  },
};

const PATTERNS = [IN_ORDER, AT_RANDOM, SUPERPAGE, NAPOT, UNMAPPED, MIXED];

export const walkCases: readonly HotPathCase[] = [
  ...PATTERNS.map((pattern) => batch("Sv39", pattern, 512)),
  ...[64, 3072].flatMap((ramMiB) => [IN_ORDER, AT_RANDOM].map((pattern) => batch("Sv39", pattern, ramMiB))),
  ...(["Sv48", "Sv57"] as const).flatMap((mode) =>
    [IN_ORDER, AT_RANDOM, SUPERPAGE, UNMAPPED].map((pattern) => batch(mode, pattern, 512)),
  ),
  fresh,
  single,
];
