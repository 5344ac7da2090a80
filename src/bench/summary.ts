/** What the numbers say, in words. Nothing in here is known beforehand: every sentence is chosen, and filled, by what was measured. */

import { type GroupResult, groupResults } from "./groups.js";
import type { CaseResult, ColdResult, Results } from "./results.js";
import { median } from "./statistics.js";
import { digits, percent, ram, time, times } from "./units.js";

export interface Finding {
  readonly title: string;
  readonly text: string;
}

/** Closer than this, and two speeds are called the same. */
const SAME = 0.05;
/** What is gained shrinks with the size of RAM if it is so much less with the largest. */
const SHRINKS = 0.2;
/** Bytes that a step of SIMD, and of TypeScript's loop over 32-bit words, works on. */
const STEP = { wasm: 16, ts: 4 };

export function summary(results: Results): Finding[] {
  const groups = groupResults(results);
  const byId = new Map(results.cases.map((one) => [one.id, one]));
  const parts = [
    ...groups.map(verdict),
    lost(results),
    simd(byId),
    words(byId),
    branches(byId),
    boundary(byId),
    bigIntegers(byId),
    allocation(results),
    cold(results),
    ...results.endToEnd.map(machine),
    codeSize(results),
    trust(results),
  ];
  return parts.filter((part) => part !== undefined);
}

function faster(ratio: number): string {
  if (ratio > 1 + SAME) return `WASM is ${times(ratio)} as fast as TypeScript`;
  if (ratio < 1 - SAME) return `TypeScript is ${times(1 / ratio)} as fast as WASM`;
  return "WASM and TypeScript are equally fast";
}

function named({ title, ramMiB }: CaseResult): string {
  return ramMiB === 0 ? title : `${title} (${ram(ramMiB)})`;
}

function verdict(result: GroupResult): Finding {
  const { group, mean, best, worst, met } = result;
  const range = `from ${times(worst.ratio)} (${named(worst)}) to ${times(best.ratio)} (${named(best)})`;
  const bar =
    met === undefined
      ? ""
      : met
        ? ` The bar of ${group.bar}x is met.`
        : ` The bar of ${group.bar}x is missed: ${why(result)}`;
  return { title: group.title, text: `${faster(mean)} in the geometric mean, ${range}.${bar}` };
}

/** Why a group does not get further: the case that gains least, and whether it is the size of RAM that makes it so. */
function why({ cases, worst }: GroupResult): string {
  const { wasm, ts } = worst.forms;
  const least = `${named(worst)} takes ${time(wasm.time.median)} and ${time(ts.time.median)} a ${worst.unit}`;
  const sizes = cases.filter(({ title }) => title === worst.title).toSorted((a, b) => a.ramMiB - b.ramMiB);
  const [small, large] = [sizes[0], sizes.at(-1)];
  if (small === undefined || large === undefined || small === large) return `${least}.`;
  const range = `from ${times(small.ratio)} with ${ram(small.ramMiB)} to ${times(large.ratio)} with ${ram(large.ramMiB)}`;
  return small.ratio > large.ratio * (1 + SHRINKS)
    ? `${least}; with more RAM less is gained, ${range}: both forms wait for the same memory.`
    : `${least}, and it is not the memory that they wait for: ${range}.`;
}

function lost({ cases }: Results): Finding | undefined {
  const own = cases.filter(({ ratio }) => ratio < 1 - SAME);
  if (cases.length === 0) return undefined;
  const title = "Where TypeScript wins";
  if (own.length === 0) return { title, text: `In none of the ${cases.length} cases is TypeScript faster.` };
  const list = own.map((one) => `${named(one)} (${times(1 / one.ratio)})`).join("; ");
  const single = own.filter(({ group }) => group === "calls").length;
  const text = `In ${own.length} of ${cases.length} cases TypeScript is faster: ${list}.`;
  const reason =
    single === own.length
      ? " Each of them is a call from JavaScript for a single thing: for what one call does, it costs more to get into WASM."
      : "";
  return { title, text: text + reason };
}

type Cases = ReadonlyMap<string, CaseResult>;

function simd(cases: Cases): Finding | undefined {
  const largest = cases.get("bitmap/or/3072");
  if (largest === undefined) return undefined;
  const bytes = largest.ramMiB * 32;
  const { wasm, ts } = largest.forms;
  const width = STEP.wasm / STEP.ts;
  const rate = (ns: number): string => `${digits(bytes / ns)} GB/s`;
  return {
    title: "SIMD",
    text:
      `An OR of two bitmaps goes at ${rate(wasm.time.median)} in WASM, ${STEP.wasm} bytes a step, and at ` +
      `${rate(ts.time.median)} in TypeScript, ${STEP.ts} bytes a step: ${times(largest.ratio)}, ` +
      `${largest.ratio > width ? "more than" : "of"} the ${times(width)} that the width of a step alone would give. JavaScript has no SIMD.`,
  };
}

/** A difference of medians, which noise can make negative. */
function more(ns: number): string {
  return ns > 0 ? time(ns) : "nothing that could be measured";
}

function words(cases: Cases): Finding | undefined {
  const count = cases.get("bitmap/count/every other page, at random/512");
  const short = cases.get("walk/Sv39/4 KiB pages, at random/512");
  const long = cases.get("walk/Sv57/4 KiB pages, at random/512");
  if (count === undefined || short === undefined || long === undefined) return undefined;
  const level = (form: "wasm" | "ts"): string =>
    more((long.forms[form].time.median - short.forms[form].time.median) / 2);
  return {
    title: "64-bit integers",
    text:
      `Counting bits takes one instruction for 64 of them in WASM (popcnt) and a dozen for 32 in TypeScript: ${times(count.ratio)}. ` +
      `A page-table entry is one load in WASM, and two halves with carries by hand in TypeScript: a further level of a walk ` +
      `costs ${level("wasm")} and ${level("ts")}.`,
  };
}

function branches(cases: Cases): Finding | undefined {
  const hard = cases.get("bitmap/runs/every other page, at random/512");
  const easy = cases.get("bitmap/runs/nothing set/512");
  if (hard === undefined || easy === undefined) return undefined;
  return {
    title: "What neither can help",
    text:
      `Skipping ${ram(easy.ramMiB)} of clean pages WASM is ${times(easy.ratio)} as fast; where every run has to be found and ` +
      `written down, bit by bit, it is ${times(hard.ratio)}: one run depends on the one before, and no vector helps.`,
  };
}

function boundary(cases: Cases): Finding | undefined {
  const test = cases.get("bitmap/test");
  const one = cases.get("walk/single");
  const many = cases.get("walk/Sv39/4 KiB pages, at random/512");
  if (test === undefined || one === undefined || many === undefined) return undefined;
  const extra = (form: "wasm" | "ts"): string => more(one.forms[form].time.median - many.forms[form].time.median);
  return {
    title: "Calls over the boundary",
    text:
      `A call that only looks at a bit takes ${time(test.forms.wasm.time.median)} into WASM and ` +
      `${time(test.forms.ts.time.median)} in TypeScript. What a walk costs more when it is asked for alone, and not in a batch, is ` +
      `${extra("wasm")} in WASM and ${extra("ts")} in TypeScript.`,
  };
}

function bigIntegers(cases: Cases): Finding | undefined {
  const segment = cases.get("virtqueue/segments");
  if (segment === undefined) return undefined;
  const { wasm, ts } = segment.forms;
  return {
    title: "BigInt",
    text:
      `A 64-bit answer is a BigInt on the JavaScript side, whoever gives it: ${digits(wasm.allocated)} bytes for each in WASM, ` +
      `${digits(ts.allocated)} in TypeScript, and ${time(wasm.time.median)} against ${time(ts.time.median)}. ` +
      `What is hot passes 64-bit numbers through linear memory.`,
  };
}

function allocation({ cases }: Results): Finding | undefined {
  const most = cases.filter(({ group }) => group !== "calls").toSorted((a, b) => worstBytes(b) - worstBytes(a))[0];
  if (most === undefined) return undefined;
  const bytes = worstBytes(most) * most.operations;
  const text =
    bytes < 1
      ? "No batch allocates anything, in either form."
      : `The most that a call of a batch allocates is ${digits(bytes)} bytes (${named(most)}), counted over few calls.`;
  return { title: "Allocation", text };
}

function worstBytes({ forms }: CaseResult): number {
  return Math.max(forms.wasm.allocated, forms.ts.allocated);
}

function cold({ cold: curves }: Results): Finding | undefined {
  if (curves.length === 0) return undefined;
  return { title: "Cold start", text: curves.map(coldSentence).join(" ") };
}

function coldSentence({ title, forms }: ColdResult): string {
  const first = (form: "wasm" | "ts"): number => forms[form][0]?.ns ?? Number.NaN;
  const [wasm, ts] = [total(forms.wasm), total(forms.ts)];
  return (
    `${title}: the first call takes ${time(first("wasm"))} in WASM and ${time(first("ts"))} in TypeScript, ` +
    `and the first ${forms.wasm.at(-1)?.call} take ${time(wasm)} and ${time(ts)} together.`
  );
}

/** Of all calls of a curve. */
export function total(points: ColdResult["forms"]["wasm"]): number {
  return points.reduce((sum, { call, ns }, index) => sum + ns * (call - (points[index - 1]?.call ?? 0)), 0);
}

function machine({ name, unit, forms }: Results["endToEnd"][number]): Finding {
  const [wasm, ts] = [forms.wasm.median, forms.ts.median];
  const ratio = unit === "s" ? ts / wasm : wasm / ts;
  const numbers = `${digits(wasm)} ${unit} with WASM and ${digits(ts)} ${unit} with TypeScript`;
  const verdict = Math.abs(ratio - 1) <= SAME ? "no difference to speak of" : `${times(ratio)} with WASM`;
  return { title: `Whole machine: ${name}`, text: `${numbers} in the loop: ${verdict}.` };
}

function codeSize({ codeSize: sizes }: Results): Finding | undefined {
  if (sizes.length === 0) return undefined;
  const list = sizes.map(({ path, wasm, ts }) => `${path} ${wasm} bytes of wasm, ${ts} of JavaScript`).join("; ");
  return { title: "Code", text: `${list}. (JavaScript is text, and not minified.)` };
}

/** How much the samples of a case differ among themselves. */
function trust({ cases, host }: Results): Finding | undefined {
  if (cases.length === 0) return undefined;
  const spreads = cases.flatMap(({ forms }) => [forms.wasm, forms.ts].map(({ time: t }) => (t.p75 - t.p25) / t.median));
  const spread = median(spreads);
  const busy = (host.loadAverage[0] ?? 0) > host.cpus;
  return {
    title: "How far to trust it",
    text:
      `Half of the samples of a case lie within ${percent(spread)} of each other, on median.` +
      (busy ? ` Something else was running: the load average was ${host.loadAverage[0]?.toFixed(1)}.` : ""),
  };
}
