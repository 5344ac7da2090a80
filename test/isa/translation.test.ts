// Address translation and physical memory protection against the real QEMU.

import { describe, expect, it } from "vitest";
import { differences } from "./programs/compare.js";
import { mappingGroups } from "./programs/mapping-groups.js";
import { protectionGroups } from "./programs/pmp-groups.js";
import { reservedGroups, svadeGroup, translationGroups } from "./programs/translation-groups.js";

describe("address translation", () => {
  it("permits, faults and sets A and D as on QEMU, in Sv39, Sv48 and Sv57", { timeout: 180_000 }, async () => {
    expect(await differences(translationGroups)).toEqual([]);
  });

  it("follows changes of mappings and of code behind the narrowest fence", { timeout: 180_000 }, async () => {
    expect(await differences(mappingGroups)).toEqual([]);
  });

  it("faults on reserved encodings as on QEMU", { timeout: 180_000 }, async () => {
    expect(await differences(reservedGroups, { cpu: "svnapot=false,svpbmt=false" })).toEqual([]);
  });

  it("faults on missing A and D bits when hardware is not to set them", { timeout: 60_000 }, async () => {
    expect(await differences((target) => [svadeGroup(target)])).toEqual([]);
  });
});

describe("physical memory protection", () => {
  it("matches, permits and locks as on QEMU", { timeout: 180_000 }, async () => {
    expect(await differences(protectionGroups)).toEqual([]);
  });
});
