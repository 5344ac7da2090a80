import { afterEach, expect, test, vi } from "vitest";
import { compare, printHeader, printMean, printRow } from "../../bench/comparison.mjs";
import { parseOptions, pick } from "../../bench/options.mjs";

afterEach(() => {
  vi.restoreAllMocks();
});

test("speed is vkrun's relative to QEMU's: half the time is twice the speed", () => {
  const row = compare("sort", { QEMU: [4, 9, 3], vkrun: [2, 1, 7] });
  expect(row).toMatchObject({ name: "sort", speed: 2, qemu: { median: 4, min: 3, max: 9 }, vkrun: { median: 2 } });
});

test("takes the cost of an empty run off each machine before comparing", () => {
  const row = compare("sieve", { QEMU: [1.5], vkrun: [2.5] }, { QEMU: 0.5, vkrun: 2 });
  expect(row.qemu.median).toBe(1);
  expect(row.vkrun.median).toBe(0.5);
  expect(row.speed).toBe(2);
});

test("prints a row below its header, and the geometric mean of the speeds", () => {
  const lines: string[] = [];
  vi.spyOn(console, "log").mockImplementation((line: string) => void lines.push(line));
  const rows = [compare("fast", { QEMU: [4], vkrun: [1] }), compare("slow", { QEMU: [1], vkrun: [1] })];
  printHeader("kernel");
  for (const row of rows) printRow(row, "a note");
  expect(printMean(rows)).toBeCloseTo(2);
  expect(lines[1]).toMatch(/^fast +4\.000 \(4\.000\.\.4\.000\) +1\.000 \(1\.000\.\.1\.000\) +4\.00 {2}a note$/);
  expect(lines.at(-1)).toContain("2.00 times the speed of QEMU");
});

test("runs every suite five times unless told otherwise", () => {
  expect(parseOptions([], ["cpu", "boot"])).toEqual({ suites: ["cpu", "boot"], runs: 5, only: [], jit: "on" });
  const options = parseOptions(["boot", "--runs", "2", "--only", "tiny", "--jit", "off"], ["cpu", "boot"]);
  expect(options).toEqual({ suites: ["boot"], runs: 2, only: ["tiny"], jit: "off" });
});

test.each([
  [["--runs", "0"], "whole number"],
  [["--runs", "some"], "whole number"],
  [["--jit", "perhaps"], "on or off"],
  [["gpu"], "there is no suite gpu; there are cpu, boot"],
])("rejects %j", (args, message) => {
  expect(() => parseOptions(args, ["cpu", "boot"])).toThrow(message);
});

test("picks rows in their own order, all of them when none is asked for, and names one that is not there", () => {
  expect(pick("kernel", ["a", "b", "c"], ["c", "a"])).toEqual(["a", "c"]);
  expect(pick("kernel", ["a", "b"], [])).toEqual(["a", "b"]);
  expect(() => pick("kernel", ["a", "b"], ["b", "x"])).toThrow("there is no kernel x; there are a, b");
});
