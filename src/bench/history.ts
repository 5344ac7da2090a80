/**
 * What made the AssemblyScript faster, as far as it was measured: each taken out again by itself, beside all of them, in one run of
 * `vkrun bench --quick` each. Speeds are relative to the TypeScript twin in the same run, which did not change.
 */

export interface Improvement {
  readonly what: string;
  /** The case that tells it best. */
  readonly of: string;
  readonly before: number;
  readonly after: number;
}

export const HISTORY: readonly Improvement[] = [
  {
    what: "Scans skip words that are all zeroes, or all ones, 64 bytes at a time (SIMD)",
    of: "runs: nothing set (512 MiB)",
    before: 5.2,
    after: 9.4,
  },
  { what: "The same, inside of a run", of: "runs: all set (512 MiB)", before: 4.1, after: 17.4 },
  {
    what: "The next word is looked at before the skip begins: where runs are near each other it has one",
    of: "runs: 1 page in 1000 (512 MiB)",
    before: 5.1,
    after: 7.1,
  },
  { what: "Unions take 16 bytes a step (SIMD)", of: "or (512 MiB)", before: 4.3, after: 5.1 },
  {
    what: "Four words are counted at a time, so that no count waits for the one before",
    of: "count: every other page, at random (512 MiB)",
    before: 10.6,
    after: 15.2,
  },
  {
    what: "A batch of walks remembers the last table of 4 KiB pages",
    of: "Sv39: 4 KiB pages, in order (512 MiB)",
    before: 0.8,
    after: 2.0,
  },
  {
    what: "It remembers the last table of 2 MiB pages, too",
    of: "Sv57: 4 KiB pages, at random (512 MiB)",
    before: 1.1,
    after: 2.1,
  },
];
