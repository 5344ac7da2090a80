// The report in a browser.

import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, expect, it } from "vitest";
import { CASES } from "../../src/bench/cases/index.js";
import { htmlReport } from "../../src/bench/html/page.js";
import { ChromiumPage } from "../support/chromium.js";
import { resultsWith } from "./results.js";

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "vkrun-report-"));
});

afterAll(async () => {
  await rm(folder, { recursive: true });
});

async function open(html: string): Promise<ChromiumPage> {
  const path = join(folder, "report.html");
  await writeFile(path, html);
  return ChromiumPage.open(pathToFileURL(path).href);
}

/** Of each section: its plots, and the marks in them that take room on the page. */
const DRAWN = `Object.fromEntries([...document.querySelectorAll("section")].map((section) => [section.id, {
  plots: [...section.querySelectorAll("svg")].filter((svg) => svg.getBoundingClientRect().height > 50).length,
  marks: [...section.querySelectorAll("svg circle, svg rect, svg path")].filter((mark) => mark.getBBox().width > 0).length,
}]))`;

it("a browser draws every plot of the report, loads nothing and has nothing to complain of", {
  timeout: 180_000,
}, async () => {
  const results = resultsWith({ ratio: () => 3 });
  const older = resultsWith({ ratio: () => 2, node: "v24.1.0" });
  await using page = await open(htmlReport(results, older));
  const drawn = (await page.evaluate(DRAWN)) as Record<string, { plots: number; marks: number }>;
  expect(drawn).toMatchObject({
    overview: { plots: 1 },
    cases: { plots: 5 },
    sizes: { plots: 2 },
    cold: { plots: 3 },
    machines: { plots: 1 },
  });
  // A dot a case, and one for the older result beside it.
  expect(drawn["cases"]?.marks).toBeGreaterThanOrEqual(2 * CASES.length);
  for (const section of ["overview", "sizes", "cold", "machines"]) expect(drawn[section]?.marks).toBeGreaterThan(1);
  expect(await page.evaluate("document.body.innerText")).toContain("WASM is 3.00x as fast as TypeScript");
  expect(await page.evaluate("document.querySelectorAll('script, img, link[href^=http]').length")).toBe(0);
  expect(page.complaints).toEqual([]);
});

it("what a file of older results calls its cases is text in the report, whatever it says", () => {
  const hostile = resultsWith({ ratio: () => 1, node: "<script>alert(1)</script>", title: "<img src=x>" });
  const html = htmlReport(hostile, hostile);
  expect(html).not.toMatch(/<script|<img/);
});
