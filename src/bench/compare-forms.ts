/** The whole comparison, part by part; what is there when it is interrupted is a result, too. */
import os from "node:os";
import { codeSizes } from "./code-size.js";
import { EFFORTS, type Mode } from "./effort.js";
import { type Machines, measureEndToEnd } from "./end-to-end.js";
import { measureCases, measureCold, type Watching } from "./hot-paths.js";
import { type CaseResult, type ColdResult, type EndToEndResult, RESULTS_FORMAT, type Results } from "./results.js";

export interface ComparisonOptions extends Watching {
  readonly mode: Mode;
  readonly vkrun: string;
  /** Or why there is none. */
  readonly machines: Machines | string;
  readonly onCase?: (result: CaseResult) => void;
}

export async function compareForms(options: ComparisonOptions): Promise<Results> {
  const { mode, vkrun, machines, signal, onCase } = options;
  const effort = EFFORTS[mode];
  const started = new Date();
  const cases: CaseResult[] = [];
  const left: string[] = [];
  const cold: ColdResult[] = await measureCold(effort, options);
  for await (const result of measureCases(effort, options)) {
    cases.push(result);
    onCase?.(result);
  }
  let endToEnd: EndToEndResult[] = [];
  if (effort.boots === 0) left.push("whole machines: --quick has no time for them");
  else if (typeof machines === "string") left.push(`whole machines: ${machines}`);
  else {
    endToEnd = await measureEndToEnd(effort, machines, options);
    if (!effort.throughput) left.push("disk and network of a whole machine: only with --full");
    else if (!machines.network) left.push("the network of a whole machine: passt is not installed");
  }
  return {
    format: RESULTS_FORMAT,
    ...{ vkrun, mode, started: started.toISOString(), seconds: (Date.now() - started.getTime()) / 1000 },
    complete: !signal.aborted,
    host: {
      node: process.version,
      v8: process.versions.v8,
      cpu: os.cpus()[0]?.model ?? "unknown",
      ...{ cpus: os.cpus().length, kernel: os.release(), loadAverage: os.loadavg() },
    },
    ...{ cases, cold, endToEnd, codeSize: await codeSizes(), left },
  };
}
