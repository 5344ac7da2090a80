// The children that measure: each case once or twice, in both forms.

import { describe, expect, it } from "vitest";
import { CASES } from "../../src/bench/cases/index.js";
import type { CaseResult } from "../../src/bench/results.js";

// In dist/, as the children run from there.
const { measureCases, measureCold } = (await import(
  new URL("../../dist/bench/hot-paths.js", import.meta.url).href
)) as typeof import("../../src/bench/hot-paths.js");
const { codeSizes } = (await import(
  new URL("../../dist/bench/code-size.js", import.meta.url).href
)) as typeof import("../../src/bench/code-size.js");

const EFFORT = { warmUpMs: 0, rounds: 1, sampleMs: 0, coldRuns: 1, coldCalls: 10, boots: 0, throughput: false };

describe("the comparison of the hot paths", () => {
  it("measures every case in both forms, which find the same", { timeout: 120_000 }, async () => {
    const results: CaseResult[] = [];
    const { signal } = new AbortController();
    for await (const one of measureCases(EFFORT, { signal, onProgress: () => undefined })) results.push(one);
    expect(results.map(({ id }) => id)).toEqual(CASES.map(({ id }) => id));
    for (const { forms, ratio } of results) {
      expect(forms.wasm.time.median).toBeGreaterThan(0);
      expect(forms.ts.time.samples).toBeGreaterThan(0);
      expect(ratio).toBe(forms.ts.time.median / forms.wasm.time.median);
    }
  });

  it("looks at the first calls in processes of their own", { timeout: 60_000 }, async () => {
    const { signal } = new AbortController();
    const parts: string[] = [];
    const cold = await measureCold(EFFORT, { signal, onProgress: ({ part }) => parts.push(part) });
    expect(cold).toHaveLength(3);
    for (const { forms } of cold) expect(forms.wasm.map(({ call }) => call)).toEqual([1, 2, 3, 5, 8, 10]);
    expect(parts).toEqual(["first calls", "first calls"]);
  });

  it("ends when it is told to", async () => {
    const controller = new AbortController();
    const found: string[] = [];
    for await (const { id } of measureCases(EFFORT, { signal: controller.signal, onProgress: () => undefined })) {
      found.push(id);
      if (found.length === 2) controller.abort();
    }
    expect(found).toHaveLength(2);
  });

  it("knows how much code each form is", async () => {
    const sizes = await codeSizes();
    expect(sizes.map(({ path }) => path)).toEqual(["dirty bitmap", "walks", "virtqueues"]);
    for (const { wasm, ts } of sizes) {
      expect(wasm).toBeGreaterThan(1000);
      expect(ts).toBeGreaterThan(wasm);
    }
  });
});
