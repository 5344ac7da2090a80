import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { hasFusedMultiplyAdd } from "../../src/wasm/fused-multiply-add.js";

/** What the processor says of itself: x86 lists the extension, every 64-bit Arm has it. */
function processorHasIt(): boolean {
  if (process.arch === "arm64") return true;
  return process.arch === "x64" && /^flags\s*:.*\bfma\b/m.test(readFileSync("/proc/cpuinfo", "utf8"));
}

describe("the host's fused multiply-add", () => {
  it("is found exactly where the processor has it", () => {
    expect(hasFusedMultiplyAdd()).toBe(processorHasIt());
  });
});
