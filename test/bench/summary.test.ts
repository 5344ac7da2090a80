import { expect, it } from "vitest";
import { summary } from "../../src/bench/summary.js";
import { findings, tables } from "../../src/bench/text-report.js";
import { resultsWith } from "./results.js";

const textOf = (results: ReturnType<typeof resultsWith>, title: string): string | undefined =>
  summary(results).find((finding) => finding.title === title)?.text;

it("a group that reaches its bar is said to, and one that does not is said not to", () => {
  const results = resultsWith({ ratio: ({ group }) => (group === "walks" ? 1.5 : 4) });
  expect(textOf(results, "Dirty bitmap: scans")).toMatch(/WASM is 4\.00x as fast .* The bar of 3x is met\./);
  expect(textOf(results, "Page-table walks in batches")).toMatch(/1\.50x as fast .* The bar of 2x is missed: /);
});

it("cases in which TypeScript is faster are named", () => {
  const results = resultsWith({ ratio: ({ title }) => (title === "bitmap: test a page" ? 0.5 : 2) });
  expect(textOf(results, "Where TypeScript wins")).toMatch(/In 1 of \d+ cases .*bitmap: test a page \(2\.00x\)/);
  expect(textOf(resultsWith({ ratio: () => 2 }), "Where TypeScript wins")).toMatch(/In none of the/);
});

it("what was interrupted has a report of what there is", () => {
  const whole = resultsWith({ ratio: () => 2 });
  const part = {
    ...whole,
    complete: false,
    cases: whole.cases.slice(0, 3),
    cold: [],
    endToEnd: [],
    left: ["the rest"],
  };
  expect(tables(part)).toHaveLength(1);
  expect(findings(part)).toContain("Not measured: the rest.");
});

it("older results stand beside the new ones, by the case", () => {
  const older = { ...resultsWith({ ratio: () => 7, node: "v24.1.0" }) };
  const [table] = tables(resultsWith({ ratio: () => 2 }), { ...older, cases: older.cases.slice(1) });
  expect(table?.head).toContain("speed v24.1.0");
  expect(table?.rows[0]).toContain("-");
  expect(table?.rows[1]).toContain("7.00x");
});
