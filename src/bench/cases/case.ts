/** What is measured: a piece of work that either form does, in the same memory, with the same result. */
import type { Workbench } from "../forms.js";

export type GroupId = "bitmap-scans" | "bitmap-sets" | "walks" | "virtqueues" | "calls";

export interface Group {
  readonly id: GroupId;
  readonly title: string;
  /** What the geometric mean of WASM's speed over TypeScript's is to be at least; a group without one is shown all the same. */
  readonly bar?: number;
  readonly about: string;
}

export const GROUPS: readonly Group[] = [
  {
    id: "bitmap-scans",
    title: "Dirty bitmap: scans",
    bar: 3,
    about: "All runs of set pages, and how many pages are set: what a checkpoint asks of the bitmap of dirty pages.",
  },
  {
    id: "bitmap-sets",
    title: "Dirty bitmap: sets",
    about: "Or, and, setting and clearing of ranges: whole bitmaps at a time.",
  },
  {
    id: "walks",
    title: "Page-table walks in batches",
    bar: 2,
    about: "4096 translations a call, as a survey of an address space asks for them.",
  },
  {
    id: "virtqueues",
    title: "Virtqueues in batches",
    bar: 1.5,
    about: "32 requests popped in one call and pushed in another, then one question whether an interrupt is due.",
  },
  {
    id: "calls",
    title: "One thing a call",
    about: "The same work, but a call for each page, translation or request: what crossing the boundary costs.",
  },
];

export interface HotPathCase {
  /** Unique, and the same in every version that measures the same thing. */
  readonly id: string;
  readonly group: GroupId;
  readonly title: string;
  /** MiB of RAM that the work is about; 0 where that does not matter. */
  readonly ramMiB: number;
  /** What one operation is, as in "ns a scan". */
  readonly unit: string;
  /** Operations that a call of `run` stands for. */
  readonly operations: number;
  /** Lays out the memory. */
  prepare(bench: Workbench): Prepared;
}

export interface Prepared {
  /** Does the work once. The answer depends on what was found. */
  run(): number;
  /** Of what `run` left in memory, where its answer does not tell. */
  digest?(): number;
}

/** Numbers from 0 to below `limit`, the same in each process (xorshift32). */
export function pseudoRandom(seed: number): (limit: number) => number {
  let state = seed | 1;
  return (limit) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % limit;
  };
}
