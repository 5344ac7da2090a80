/**
 * From "somewhere in these instructions" to the block, and the region, that makes the difference: both machines are
 * put back to where they were known to be the same, and run again from there, in ever shorter pieces. Compiled code
 * and devices' answers are still those of the first time.
 */
import type { Difference } from "./hart-state.js";
import type { Lockstep } from "./lockstep.js";

export type AnyDifference = Difference | string;

export interface Finding {
  /** As the machines were found. */
  readonly differences: readonly AnyDifference[];
  /** Absent when it did not happen again. Both machines stand before the instruction that is named. */
  readonly narrowed: Narrowed | undefined;
}

export interface Narrowed {
  readonly differences: readonly AnyDifference[];
  /** Program counters of the instructions from the region's entry, or from the start of the piece, on; the last one is the first that differs. */
  readonly path: readonly bigint[];
  /** Instructions between where both stand now and the difference. */
  readonly instructions: number;
  /** Both stand before the first instruction of a compiled region, and running it from here shows the difference. */
  readonly atRegion: boolean;
}

export function narrow(lockstep: Lockstep, differences: readonly AnyDifference[]): Finding {
  const { pieces } = lockstep;
  const failing = firstFailingPiece(lockstep, pieces);
  if (failing === undefined) return { differences, narrowed: undefined };
  lockstep.goBack();
  for (const piece of pieces.slice(0, failing)) lockstep.runAgain(piece);
  lockstep.remember();

  const differsBehind = (instructions: number): boolean => {
    lockstep.goBack();
    return lockstep.runAgain(instructions) !== undefined;
  };
  const piece = pieces[failing] ?? 0;
  if (!differsBehind(piece)) return { differences, narrowed: undefined };
  let [same, differs] = [0, piece];
  while (differs - same > 1) {
    const middle = (same + differs) >> 1;
    if (differsBehind(middle)) differs = middle;
    else same = middle;
  }

  const path = walk(lockstep, differs);
  for (let start = differs - 1; start >= 0; start--) {
    if (differsFrom(lockstep, start, differs)) {
      const found = lockstep.differences();
      standAt(lockstep, start);
      return { differences, narrowed: narrowed(found, path.slice(start), true) };
    }
  }
  differsBehind(differs);
  const found = lockstep.differences();
  lockstep.goBack();
  return { differences, narrowed: narrowed(found, path, false) };
}

function narrowed(differences: readonly AnyDifference[], path: readonly bigint[], atRegion: boolean): Narrowed {
  return { differences, path, instructions: path.length, atRegion };
}

/** Memory may have come to differ before a register did. */
function firstFailingPiece(lockstep: Lockstep, pieces: readonly number[]): number | undefined {
  lockstep.goBack();
  const index = pieces.findIndex((piece) => lockstep.runAgain(piece) !== undefined);
  return index === -1 ? undefined : index;
}

/** Where the twin goes: the program counter before each of its next instructions. */
function walk(lockstep: Lockstep, instructions: number): bigint[] {
  const { twin, hart } = lockstep;
  lockstep.goBack();
  const path: bigint[] = [];
  for (let i = 0; i < instructions; i++) {
    path.push(lockstep.pc(twin));
    twin.exports.run(hart, 1);
  }
  return path;
}

function standAt(lockstep: Lockstep, instructions: number): void {
  lockstep.goBack();
  if (instructions > 0) lockstep.runAgain(instructions);
}

/** Whether a region that begins behind `start` instructions makes the difference all by itself. */
function differsFrom(lockstep: Lockstep, start: number, end: number): boolean {
  standAt(lockstep, start);
  if (lockstep.regionHere() === 0) return false;
  return lockstep.runAgain(end - start) !== undefined;
}
