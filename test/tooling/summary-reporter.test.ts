import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";

// Inside the tree, so that the fixture's `import "vitest"` resolves.
const fixture = resolve("build/test/summary-reporter");
const reporter = resolve("test/setup/summary-reporter.ts");
const full = resolve("test/setup/full.ts");
const vitest = resolve("node_modules/.bin/vitest");

beforeAll(() => {
  mkdirSync(join(fixture, "build/test"), { recursive: true });
  // An own configuration keeps vitest from finding this tree's.
  writeFileSync(
    join(fixture, "vitest.config.mjs"),
    `export default { test: { reporters: [${JSON.stringify(reporter)}] } };`,
  );
});
afterAll(() => rmSync(fixture, { recursive: true, force: true }));

function summaryOf(source: string, env: NodeJS.ProcessEnv = {}): string[] {
  rmSync(join(fixture, "build/test"), { recursive: true, force: true });
  mkdirSync(join(fixture, "build/test"), { recursive: true });
  writeFileSync(join(fixture, "sample.test.ts"), source);
  spawnSync(vitest, ["run"], { cwd: fixture, env: { ...process.env, ...env } });
  return readFileSync(join(fixture, "build/test/summary.txt"), "utf8").trimEnd().split("\n");
}

it("counts passed, failed and skipped tests on the last line", () => {
  const lines = summaryOf(`
    import { it } from "vitest";
    it("a", () => {}); it("b", () => {}); it.skip("c", () => {}); it("d", () => { throw new Error("no"); });
  `);
  expect(lines.at(-1)).toBe("2 passed, 1 failed, 1 skipped");
});

it("counts a file that cannot be loaded as a failure", () => {
  expect(summaryOf(`throw new Error("at load");`).at(-1)).toBe("0 passed, 1 failed");
});

it("counts an error outside any test as a failure", () => {
  const lines = summaryOf(`
    import { it } from "vitest";
    it("a", () => { setTimeout(() => { throw new Error("late"); }, 0); });
    it("b", async () => { await new Promise((resolve) => setTimeout(resolve, 50)); });
  `);
  expect(lines.at(-1)).toBe("2 passed, 1 failed");
});

const longSuite = `
  import { it } from "vitest";
  import { describeFull } from ${JSON.stringify(full)};
  describeFull("boots everything", "about an hour", () => { it("boots", () => {}); });
`;

it("names the suites that the short run left out", () => {
  const lines = summaryOf(longSuite, { VKRUN_FULL: "0" });
  expect(lines).toContain("  boots everything (about an hour)");
  expect(lines.at(-1)).toBe("0 passed, 0 failed, 1 skipped");
});

it("runs the long suites, and leaves nothing out, under --full", () => {
  expect(summaryOf(longSuite, { VKRUN_FULL: "1" })).toEqual(["", "1 passed, 0 failed"]);
});
