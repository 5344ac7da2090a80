// Traps, interrupts and their registers against the real QEMU.

import { describe, expect, it } from "vitest";
import { differences } from "./programs/compare.js";
import { interruptGroups } from "./programs/interrupt-groups.js";
import { specifiedGroups } from "./programs/specified-groups.js";
import { trapGroups } from "./programs/trap-groups.js";

describe("traps", () => {
  it("are taken, delegated, stacked and returned from as on QEMU", { timeout: 180_000 }, async () => {
    expect(await differences(trapGroups)).toEqual([]);
  });

  it("interrupts are delivered, masked and vectored as on QEMU", { timeout: 180_000 }, async () => {
    expect(await differences(interruptGroups)).toEqual([]);
  });

  it("are as specified where QEMU 7.2 is not, or has no such extension", { timeout: 180_000 }, async () => {
    expect(await differences(specifiedGroups)).toEqual([]);
  });
});
