// Random programs against the real QEMU. The seeds are fixed: a failure names one, and fails again.

import { describe, expect, it } from "vitest";
import { describeFull } from "../setup/full.js";
import { differences } from "./programs/compare.js";
import { randomPrograms } from "./programs/random-program.js";

describe("random programs", () => {
  it("end in the state that QEMU ends in: 150 programs of mixed instructions", { timeout: 300_000 }, async () => {
    expect(await differences(() => randomPrograms(1, 150))).toEqual([]);
  });

  it("end in the state that QEMU ends in: 5 long ones", { timeout: 300_000 }, async () => {
    expect(await differences(() => randomPrograms(10_001, 5, 3000))).toEqual([]);
  });

  it("end in the state that QEMU ends in: 60 programs in S mode, with their memory translated", {
    timeout: 300_000,
  }, async () => {
    expect(await differences(() => randomPrograms(20_001, 60, 300, "paged"))).toEqual([]);
  });
});

describeFull("random programs, many", "about 5 minutes", () => {
  it.each([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])(
    "end in the state that QEMU ends in: round %i",
    { timeout: 300_000 },
    async (round) => {
      expect(await differences(() => randomPrograms(round * 100_000, 150, 400))).toEqual([]);
      expect(await differences(() => randomPrograms(round * 100_000 + 1000, 100, 400, "paged"))).toEqual([]);
    },
  );
});
