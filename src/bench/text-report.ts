/** The report for a terminal: what each table says is in the text below it, so that neither needs the other. */
import { groupResults } from "./groups.js";
import type { CaseResult, Results } from "./results.js";
import { summary } from "./summary.js";
import { ram, time, times } from "./units.js";

export interface Table {
  readonly title: string;
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** One for each group; with older results, theirs beside the new ones. */
export function tables(results: Results, older?: Results): Table[] {
  const before = new Map(older?.cases.map((one) => [one.id, one]));
  const versions = older === undefined ? [""] : [` ${results.host.node}`, ` ${older.host.node}`];
  const head = versions.flatMap((version) => [`WASM${version}`, `TypeScript${version}`, `speed${version}`]);
  return groupResults(results).map(({ group, cases, mean }) => ({
    title: `${group.title}: WASM runs at ${times(mean)} the speed of TypeScript${group.bar ? ` (bar: ${group.bar}x)` : ""}`,
    head: ["case", "RAM", ...head, "of each"],
    rows: cases.map((one) => [
      one.title,
      ram(one.ramMiB),
      ...cells(one),
      ...(older === undefined ? [] : cells(before.get(one.id))),
      one.unit,
    ]),
  }));
}

function cells(one: CaseResult | undefined): string[] {
  if (one === undefined) return ["-", "-", "-"];
  const { wasm, ts } = one.forms;
  return [time(wasm.time.median), time(ts.time.median), times(one.ratio)];
}

/** Who was measured, in a line. */
export function conditions({ host, vkrun, mode, seconds, complete }: Results): string {
  const whole = complete ? "" : "; interrupted, so parts are missing";
  return `vkrun ${vkrun}, Node ${host.node} (V8 ${host.v8}), ${host.cpu}, ${host.cpus} CPUs, Linux ${host.kernel}; ${mode}, ${Math.round(seconds)} s${whole}`;
}

export function findings(results: Results): string {
  const text = summary(results).map(({ title, text }) => `${title}: ${text}`);
  const left = results.left.map((what) => `Not measured: ${what}.`);
  return [...text, ...left].map((paragraph) => wrap(paragraph, 100)).join("\n");
}

function wrap(text: string, width: number): string {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && line.length + 1 + word.length > width) {
      lines.push(line);
      line = `  ${word}`;
    } else line = line === "" ? word : `${line} ${word}`;
  }
  return [...lines, line].join("\n");
}
