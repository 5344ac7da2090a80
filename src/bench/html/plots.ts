/** The report's plots: drawn here, as SVG, so that the page needs no script and no network. */
import * as Plot from "@observablehq/plot";
import { parseHTML } from "linkedom";
import { type GroupResult, groupResults } from "../groups.js";
import type { CaseResult, ColdResult, EndToEndResult, Results } from "../results.js";
import { digits, ram, time, times } from "../units.js";

/** Results under the name that plots have for them. */
export interface Named {
  readonly name: string;
  readonly results: Results;
}

export const COLORS = { wasm: "#2f6f9f", ts: "#c2701c", older: "#8a8f98", bar: "#b03a3a" } as const;
const WIDTH = 860;
const ROW = 19;
const ORIGIN = 1;

/** linkedom's documents have all that Plot asks of one; their types are not those of a browser. */
type PlotOptions = NonNullable<Parameters<typeof Plot.plot>[0]>;

function svg(options: PlotOptions): string {
  const { document } = parseHTML("<!doctype html><html><body></body></html>");
  const element = Plot.plot({
    document: document as unknown as NonNullable<PlotOptions["document"]>,
    width: WIDTH,
    ...options,
  });
  element.setAttribute("xmlns", "http://www.w3.org/2000/svg");
  element.setAttribute("role", "img");
  return element.outerHTML;
}

const label = ({ title, ramMiB }: CaseResult): string => (ramMiB === 0 ? title : `${title}, ${ram(ramMiB)}`);

/** A dot for each case: how many times as fast as TypeScript WASM is, and how far the middle half of samples lets it be. */
export function speeds({ group, cases }: GroupResult, all: readonly Named[]): string {
  const wanted = new Set(cases.map(({ id }) => id));
  const dots = all.flatMap(({ name, results }, index) =>
    results.cases
      .filter(({ id }) => wanted.has(id))
      .map((one) => {
        const { wasm, ts } = one.forms;
        return {
          ...{ name, index, label: label(one), ratio: one.ratio },
          low: ts.time.p25 / wasm.time.p75,
          high: ts.time.p75 / wasm.time.p25,
          tip: `${label(one)} (${name}): WASM ${time(wasm.time.median)}, TypeScript ${time(ts.time.median)} a ${one.unit}`,
        };
      }),
  );
  const fill = ({ index }: { index: number }): string => (index === 0 ? COLORS.wasm : COLORS.older);
  return svg({
    height: 54 + ROW * cases.length,
    marginLeft: 290,
    marginRight: 60,
    x: { type: "log", label: "Speed of WASM, TypeScript = 1", grid: true, tickFormat: (d: number) => `${d}` },
    y: { label: null, domain: cases.map(label) },
    marks: [
      Plot.ruleX([ORIGIN], { stroke: "#666" }),
      ...(group.bar === undefined ? [] : [Plot.ruleX([group.bar], { stroke: COLORS.bar, strokeDasharray: "4 3" })]),
      Plot.ruleY(dots, { x1: "low", x2: "high", y: "label", stroke: fill, strokeOpacity: 0.45, strokeWidth: 3 }),
      Plot.dot(dots, { x: "ratio", y: "label", fill, r: 4, title: "tip" }),
      Plot.text(
        dots.filter(({ index }) => index === 0),
        { x: "high", y: "label", text: ({ ratio }) => times(ratio), textAnchor: "start", dx: 8, fontSize: 10 },
      ),
    ],
  });
}

/** Scans by the size of RAM, one frame for each shape of the bitmap. */
export function scans({ cases }: Results, operation: "runs" | "count"): string {
  const points = cases
    .filter(({ group, title }) => group === "bitmap-scans" && title.startsWith(`${operation}: `))
    .flatMap((one) =>
      (["wasm", "ts"] as const).map((form) => ({
        ...{ form, shape: one.title.slice(operation.length + 2), ramMiB: one.ramMiB },
        us: one.forms[form].time.median / 1000,
      })),
    );
  const stroke = ({ form }: { form: "wasm" | "ts" }): string => COLORS[form];
  const common = { x: "ramMiB", y: "us", fx: "shape", z: "form", stroke } as const;
  const sizes = [...new Set(points.map(({ ramMiB }) => ramMiB))].sort((a, b) => a - b);
  return svg({
    height: 250,
    marginLeft: 56,
    marginBottom: 40,
    fx: { label: null, domain: [...new Set(points.map(({ shape }) => shape))] },
    x: {
      type: "log",
      label: "RAM",
      ticks: sizes,
      tickFormat: (mebibytes: number) => ram(mebibytes).replace(" MiB", "M").replace(" GiB", "G"),
    },
    y: { type: "log", label: "us a scan", grid: true, tickFormat: (d: number) => `${d}` },
    marks: [Plot.line(points, common), Plot.dot(points, { ...common, fill: stroke, r: 3 })],
  });
}

/** What a call costs in a process that is just beginning. */
export function warmUp({ title, forms }: ColdResult): string {
  const points = (["wasm", "ts"] as const).flatMap((form) =>
    forms[form].map(({ call, ns }) => ({ form, call, us: ns / 1000 })),
  );
  const stroke = ({ form }: { form: "wasm" | "ts" }): string => COLORS[form];
  return svg({
    height: 240,
    width: WIDTH / 2 - 10,
    marginLeft: 60,
    marginTop: 34,
    x: { type: "log", label: "calls so far", tickFormat: (d: number) => `${d}` },
    y: { type: "log", label: "us a call", grid: true, tickFormat: (d: number) => `${d}` },
    marks: [
      Plot.line(points, { x: "call", y: "us", z: "form", stroke, strokeWidth: 2 }),
      Plot.text([title], { frameAnchor: "top", dy: -22, fontWeight: "bold" }),
    ],
  });
}

/** Bars of two, with their spread. */
export function endToEnd({ name, unit, forms }: EndToEndResult): string {
  const bars = (["wasm", "ts"] as const).map((form) => ({
    ...{ form, label: form === "wasm" ? "WASM" : "TypeScript", value: forms[form].median },
    ...{ low: forms[form].p25, high: forms[form].p75 },
  }));
  return svg({
    height: 120,
    marginLeft: 90,
    marginRight: 60,
    x: { label: `${name}, ${unit}`, grid: true, zero: true },
    y: { label: null, domain: bars.map(({ label }) => label) },
    marks: [
      Plot.barX(bars, { x: "value", y: "label", fill: ({ form }) => COLORS[form as "wasm" | "ts"] }),
      Plot.ruleY(bars, { x1: "low", x2: "high", y: "label", strokeWidth: 2 }),
      Plot.text(bars, { x: "high", y: "label", text: ({ value }) => digits(value), textAnchor: "start", dx: 6 }),
      Plot.ruleX([0]),
    ],
  });
}

/** Groups at a glance: the geometric mean of each, and its bar. */
export function overview(all: readonly Named[]): string {
  const means = all.flatMap(({ name, results }, index) =>
    groupResults(results).map(({ group, mean }) => ({ name, index, title: group.title, mean, bar: group.bar })),
  );
  const titles = [...new Set(means.map(({ title }) => title))];
  const bars = means.filter(({ bar, index }) => bar !== undefined && index === 0);
  const height = all.length > 1 ? 2 : 1;
  return svg({
    height: 60 + 30 * titles.length * height,
    marginLeft: 220,
    marginRight: 70,
    x: { label: "Speed of WASM, TypeScript = 1 (geometric mean)", grid: true, zero: true },
    y: { label: null, domain: all.map(({ name }) => name), axis: all.length > 1 ? "right" : null },
    fy: { label: null, domain: titles, padding: 0.25 },
    marginTop: 10,
    marks: [
      Plot.axisFy({ anchor: "left", label: null, textAnchor: "end", dx: -8 }),
      Plot.barX(means, {
        ...{ x: "mean", y: "name", fy: "title" },
        fill: ({ index }: { index: number }) => (index === 0 ? COLORS.wasm : COLORS.older),
      }),
      Plot.text(means, {
        ...{ x: "mean", y: "name", fy: "title", text: ({ mean }: { mean: number }) => times(mean) },
        ...{ textAnchor: "start", dx: 6 },
      }),
      Plot.tickX(bars, { x: "bar", fy: "title", stroke: COLORS.bar, strokeWidth: 2, strokeDasharray: "4 3" }),
      Plot.ruleX([ORIGIN], { stroke: "#666" }),
    ],
  });
}
