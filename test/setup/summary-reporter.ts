import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import type { Reporter, TestModule, TestRunEndReason } from "vitest/node";
import { leftOutPath } from "./full.js";

function leftOut(): string[] {
  try {
    return [...new Set(readFileSync(leftOutPath, "utf8").trim().split("\n"))].sort();
  } catch {
    return [];
  }
}

/**
 * Writes build/test/summary.txt, which `./build.sh test` prints last: what was left out, then "N passed, N failed" and,
 * when there are any, ", N skipped". A file that could not be loaded and an error outside any test count as failures.
 */
export default class SummaryReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly unknown[], reason: TestRunEndReason): void {
    const count = { passed: 0, failed: unhandledErrors.length, skipped: 0, pending: 0 };
    for (const module of modules) {
      for (const test of module.children.allTests()) count[test.result().state]++;
      const suites = [module, ...module.children.allSuites()];
      count.failed += suites.filter((suite) => suite.errors().length > 0).length;
    }
    // A test that never ended, and an interrupted run, are no success either.
    count.failed += count.pending;
    if (reason !== "passed" && count.failed === 0) count.failed = 1;

    const lines = leftOut().map((suite) => `  ${suite}`);
    if (lines.length > 0) lines.unshift("", "LEFT OUT of this short run; ./build.sh test --full has:");
    lines.push(
      "",
      `${count.passed} passed, ${count.failed} failed${count.skipped > 0 ? `, ${count.skipped} skipped` : ""}`,
    );
    mkdirSync("build/test", { recursive: true });
    writeFileSync("build/test/summary.txt", `${lines.join("\n")}\n`);
  }
}
