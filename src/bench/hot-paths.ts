/** Times the hot paths in both forms, by turns: steady state, and the first calls of fresh processes. */
import { VkrunError } from "../errors.js";
import type { HotPathCase } from "./cases/case.js";
import { CASES, COLD_CASES, caseOf } from "./cases/index.js";
import type { Effort } from "./effort.js";
import { FORMS, type Form } from "./forms.js";
import type { CaseResult, ColdPoint, ColdResult, Measured } from "./results.js";
import { SideProcess } from "./side-process.js";
import { median, summarize } from "./statistics.js";

export interface Progress {
  readonly part: string;
  /** Parts that are done, of so many. */
  readonly done: number;
  readonly total: number;
  readonly what: string;
}

export interface Watching {
  readonly signal: AbortSignal;
  readonly onProgress: (progress: Progress) => void;
}

/** Cases one after the other, as they are measured; ends early when `signal` says so. */
export async function* measureCases(effort: Effort, { signal, onProgress }: Watching): AsyncGenerator<CaseResult> {
  await using wasm = await SideProcess.start("wasm");
  await using ts = await SideProcess.start("ts");
  for (const [index, one] of CASES.entries()) {
    if (signal.aborted) return;
    onProgress({ part: "hot paths", done: index, total: CASES.length, what: one.title });
    yield await measureCase(one, { wasm, ts }, effort);
  }
}

async function measureCase(one: HotPathCase, sides: Record<Form, SideProcess>, effort: Effort): Promise<CaseResult> {
  const { id } = one;
  const checks: string[] = [];
  for (const form of FORMS) {
    checks.push(await sides[form].ask({ kind: "prepare", id, warmUpMs: effort.warmUpMs }));
  }
  if (checks[0] !== checks[1]) {
    throw new VkrunError(
      "ERR_VKRUN_BENCH_FAILED",
      `WASM and TypeScript disagree about ${id}: ${checks.join(" and ")}`,
      {
        hint: "One of the two is wrong: please report it with this message.",
      },
    );
  }
  const samples: Record<Form, number[]> = { wasm: [], ts: [] };
  for (let round = 0; round < effort.rounds; round++) {
    // Who comes first changes, too: what a turn leaves in the processor's caches is the other's to find.
    for (const form of round % 2 === 0 ? FORMS : FORMS.toReversed()) {
      samples[form].push(...(await sides[form].ask({ kind: "sample", ms: effort.sampleMs })));
    }
  }
  const measured = async (form: Form): Promise<Measured> => ({
    time: summarize(samples[form]),
    allocated: await sides[form].ask({ kind: "allocation" }),
  });
  const forms = { wasm: await measured("wasm"), ts: await measured("ts") };
  const { group, title, ramMiB, unit, operations } = one;
  const ratio = forms.ts.time.median / forms.wasm.time.median;
  return { id, group, title, ramMiB, unit, operations, forms, ratio };
}

/** The first calls of some cases, in processes that have made none. */
export async function measureCold(effort: Effort, { signal, onProgress }: Watching): Promise<ColdResult[]> {
  const runs = new Map(COLD_CASES.map((id) => [id, { wasm: [] as number[][], ts: [] as number[][] }]));
  for (let run = 0; run < effort.coldRuns; run++) {
    for (const form of FORMS) {
      if (signal.aborted) return [];
      onProgress({
        part: "first calls",
        done: 2 * run + (form === "ts" ? 1 : 0),
        total: 2 * effort.coldRuns,
        what: form,
      });
      await using side = await SideProcess.start(form);
      for (const [id, times] of runs) times[form].push(await side.ask({ kind: "cold", id, calls: effort.coldCalls }));
    }
  }
  return [...runs].map(([id, times]) => {
    const { title, operations } = caseOf(id);
    const forms = { wasm: curve(times.wasm, effort.coldCalls), ts: curve(times.ts, effort.coldCalls) };
    return { id, title, operations, forms };
  });
}

/** Call 1, call 2, then the calls up to 4, up to 6 and so on: some twenty points, and the mean of the calls that each stands for. */
function curve(runs: readonly (readonly number[])[], calls: number): ColdPoint[] {
  const points: ColdPoint[] = [];
  for (let from = 0; from < calls; ) {
    const to = Math.min(calls, Math.max(from + 1, Math.round(from * 1.5)));
    const means = runs.map((times) => times.slice(from, to).reduce((sum, ns) => sum + ns, 0) / (to - from));
    points.push({ call: to, ns: median(means) });
    from = to;
  }
  return points;
}
