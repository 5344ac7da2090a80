/** Cases of a group taken together. */
import { GROUPS, type Group } from "./cases/case.js";
import type { CaseResult, Results } from "./results.js";
import { geometricMean } from "./statistics.js";

export interface GroupResult {
  readonly group: Group;
  readonly cases: readonly CaseResult[];
  /** Of WASM's speed relative to TypeScript's. */
  readonly mean: number;
  /** The cases where WASM does best and worst. */
  readonly best: CaseResult;
  readonly worst: CaseResult;
  /** Whether the mean reaches the group's bar, if it has one. */
  readonly met: boolean | undefined;
}

/** Those of which something was measured. */
export function groupResults({ cases }: Results): GroupResult[] {
  return GROUPS.flatMap((group) => {
    const own = cases.filter((one) => one.group === group.id);
    const sorted = own.toSorted((a, b) => a.ratio - b.ratio);
    const [worst, best] = [sorted[0], sorted.at(-1)];
    if (worst === undefined || best === undefined) return [];
    const mean = geometricMean(own.map(({ ratio }) => ratio));
    return [{ group, cases: own, mean, best, worst, met: group.bar === undefined ? undefined : mean >= group.bar }];
  });
}
