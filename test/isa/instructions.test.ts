// Every instruction against the real QEMU, on edge values. Both run the same program; a hash a group tells whether
// they agree, and a second, verbose run of a group that differs finds the first result that does.

import { describe, expect, it } from "vitest";
import { differences } from "./programs/compare.js";
import { controlGroups } from "./programs/control-groups.js";
import { floatGroups } from "./programs/float-groups.js";
import { integerGroups } from "./programs/integer-groups.js";
import { memoryGroups } from "./programs/memory-groups.js";
import { groupsBeyondQemu, systemGroups } from "./programs/system-groups.js";

const TIMEOUT_MS = 180_000;

describe("instructions give what QEMU gives", () => {
  it("integer arithmetic, on cross products of edge values", { timeout: TIMEOUT_MS }, async () => {
    expect(await differences(integerGroups)).toEqual([]);
  });

  it("jumps and branches, at every offset bit", { timeout: TIMEOUT_MS }, async () => {
    expect(await differences(controlGroups)).toEqual([]);
  });

  it("loads, stores, reservations and AMOs, misaligned and across pages", { timeout: TIMEOUT_MS }, async () => {
    expect(await differences(memoryGroups)).toEqual([]);
  });

  it("floating point, in every class and rounding mode, with the flags of each operation", {
    timeout: TIMEOUT_MS,
  }, async () => {
    expect(await differences(floatGroups)).toEqual([]);
  });

  it("CSR instructions, environment calls, and words that are no instruction", { timeout: TIMEOUT_MS }, async () => {
    expect(await differences(systemGroups)).toEqual([]);
  });

  it("extensions that QEMU lacks, against their definition in other instructions", {
    timeout: TIMEOUT_MS,
  }, async () => {
    expect(await differences(groupsBeyondQemu)).toEqual([]);
  });
});
