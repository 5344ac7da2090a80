// Results of a comparison as a test wants them: every case, at speeds that the test says.

import { CASES, COLD_CASES } from "../../src/bench/cases/index.js";
import type { CaseResult, Measured, Results } from "../../src/bench/results.js";
import { RESULTS_FORMAT } from "../../src/bench/results.js";

const measured = (ns: number): Measured => ({
  time: { median: ns, p25: 0.95 * ns, p75: 1.05 * ns, samples: 10 },
  allocated: 0,
});

export interface ResultsOptions {
  /** WASM's speed, TypeScript being 1. */
  readonly ratio: (one: Pick<CaseResult, "group" | "title">) => number;
  readonly node?: string;
  readonly title?: string;
}

export function resultsWith({ ratio, node = "v20.11.0", title = "" }: ResultsOptions): Results {
  const cases = CASES.map((one): CaseResult => {
    const wasm = 10 * Math.max(1, one.ramMiB);
    const forms = { wasm: measured(wasm), ts: measured(wasm * ratio(one)) };
    const { id, group, ramMiB, unit, operations } = one;
    return { id, group, title: one.title + title, ramMiB, unit, operations, forms, ratio: ratio(one) };
  });
  const curve = [1, 2, 3, 10, 100].map((call) => ({ call, ns: 1000 + 100_000 / call }));
  return {
    format: RESULTS_FORMAT,
    ...{ vkrun: "0.1.0", mode: "default", started: "2026-01-01T00:00:00.000Z", seconds: 60, complete: true },
    host: { node, v8: "11.3", cpu: "A processor", cpus: 2, kernel: "6.12", loadAverage: [0.5, 0.5, 0.5] },
    cases,
    cold: COLD_CASES.map((id) => ({ id, title: id, operations: 1, forms: { wasm: curve, ts: curve } })),
    endToEnd: [
      { name: "boot of tiny, to its prompt", unit: "s", forms: { wasm: measured(5).time, ts: measured(6).time } },
    ],
    codeSize: [{ path: "walks", wasm: 2000, ts: 8000 }],
    left: ["disk and network of a whole machine: only with --full"],
  };
}
