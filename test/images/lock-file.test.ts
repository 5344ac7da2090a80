import { describe, expect, it } from "vitest";
import { formatLockFile, parseLockFile, readLockFile } from "../../src/images/lock-file.js";
import { readRecipe, recipeNames } from "../../src/images/recipe.js";

const ENTRY = { package: "k", version: "1", path: "pool/main/k/k_1_riscv64.deb", size: 1, sha256: "0".repeat(64) };
const LOCK = {
  lockVersion: 1,
  suite: "trixie",
  architecture: "riscv64",
  index: { sha256: "0".repeat(64), signed: true },
  kernel: "k",
  packages: [ENTRY],
} as const;

describe("parseLockFile", () => {
  it("reads what was written", () => {
    expect(parseLockFile(formatLockFile(LOCK), "a.lock.json")).toEqual(LOCK);
  });

  it.each([
    ["text that is no JSON", "{"],
    ["another version", JSON.stringify({ ...LOCK, lockVersion: 2 })],
    ["no object", "null"],
    ["no list of packages", JSON.stringify({ ...LOCK, packages: {} })],
    ["a package without a hash", JSON.stringify({ ...LOCK, packages: [{ ...ENTRY, sha256: "0".repeat(63) }] })],
    ["a package without a size", JSON.stringify({ ...LOCK, packages: [{ ...ENTRY, size: 0 }] })],
    ["a path out of the pool", JSON.stringify({ ...LOCK, packages: [{ ...ENTRY, path: "pool/../../x.deb" }] })],
    ["a path on another host", JSON.stringify({ ...LOCK, packages: [{ ...ENTRY, path: "//evil/x.deb" }] })],
    ["a kernel that is not listed", JSON.stringify({ ...LOCK, kernel: "other" })],
  ])("refuses %s", (_what, text) => {
    expect(() => parseLockFile(text, "a.lock.json")).toThrowError(
      expect.objectContaining({ code: "ERR_VKRUN_LOCK_INVALID" }),
    );
  });
});

describe("the recipes that ship with vkrun", () => {
  it("have lock files for the suite and architecture that they ask for", async () => {
    const names = await recipeNames();
    expect(names).toEqual(["debian", "tiny"]);
    for (const name of names) {
      const { suite, architecture, packages } = await readRecipe(name);
      const lock = await readLockFile(name);
      expect(lock).toMatchObject({ suite, architecture });
      expect(lock.packages.map((entry) => entry.package)).toEqual(expect.arrayContaining([...packages]));
    }
  });
});
