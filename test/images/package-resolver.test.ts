import { describe, expect, it } from "vitest";
import { resolvePackages } from "../../src/images/package-resolver.js";
import { parsePackagesIndex } from "../../src/images/packages-index.js";
import { RECIPE } from "./support/fake-archive.js";

/** A line per package: `name [field: value; field: value]`. */
function index(...lines: string[]) {
  const text = lines.map((line) => {
    const [name, fields = ""] = line.split(" | ", 2).length === 2 ? line.split(/ \| (.*)/s) : [line];
    const given = fields.split(";").map((field) => field.trim());
    const version = given.some((field) => field.startsWith("Version:")) ? [] : ["Version: 1"];
    return [
      `Package: ${name}`,
      ...version,
      ...given,
      `Filename: pool/${name}.deb`,
      "Size: 1",
      `SHA256: ${"0".repeat(64)}`,
    ]
      .filter((field) => field !== "")
      .join("\n");
  });
  return parsePackagesIndex(text.join("\n\n"));
}

const KERNEL = "linux-image-1-test";

function resolved(recipe: Partial<typeof RECIPE>, ...lines: string[]): string[] {
  const whole = { ...RECIPE, packages: ["wanted"], dependencies: true, ...recipe };
  return resolvePackages(whole, index(KERNEL, ...lines)).packages.map((entry) => entry.package);
}

describe("resolvePackages", () => {
  it("adds what is depended on before what depends on it", () => {
    const names = resolved({}, "wanted | Depends: b, a", "a | Pre-Depends: c", "b", "c");
    expect(names).toEqual(["b", "c", "a", "wanted", KERNEL]);
  });

  it("adds essential and required packages, and nothing that is merely recommended", () => {
    const lines = ["wanted | Recommends: nice", "nice", "core | Essential: yes", "must | Priority: required", "other"];
    expect(resolved({}, ...lines)).toEqual(["core", "must", "wanted", KERNEL]);
  });

  it("begins with the packages that are to be configured first", () => {
    const names = resolved({ configureFirst: ["base"] }, "a | Essential: yes", "base", "wanted");
    expect(names).toEqual(["base", "a", "wanted", KERNEL]);
  });

  it("prefers an alternative that is there anyway to the first one", () => {
    const names = resolved({ packages: ["wanted", "second"] }, "wanted | Depends: first | second", "first", "second");
    expect(names).not.toContain("first");
  });

  it("takes a provider where no package has the name, but for a versioned need only one with that version", () => {
    expect(resolved({}, "wanted | Depends: mail", "exim | Provides: mail")).toContain("exim");
    const versioned = "wanted | Depends: mail (>= 2)";
    expect(() => resolved({}, versioned, "exim | Provides: mail")).toThrow("mail (>= 2)");
    expect(resolved({}, versioned, "exim | Provides: mail", "postfix | Provides: mail (= 3)")).toContain("postfix");
  });

  it("passes over a package that is too old", () => {
    const lines = ["wanted | Depends: lib (>= 2) | lib2", "lib | Version: 1.9", "lib2"];
    expect(resolved({}, ...lines)).toEqual(["lib2", "wanted", KERNEL]);
  });

  it("takes the newest of a package's versions", () => {
    const whole = { ...RECIPE, packages: ["wanted"] };
    const lines = ["wanted | Version: 1.10", "wanted | Version: 1.9"];
    expect(resolvePackages(whole, index(KERNEL, ...lines)).packages[0]?.version).toBe("1.10");
  });

  it("orders a cycle without going round in it", () => {
    expect(resolved({}, "wanted | Depends: a", "a | Depends: b", "b | Depends: a")).toEqual([
      "b",
      "a",
      "wanted",
      KERNEL,
    ]);
  });

  it("leaves out what has a stand-in", () => {
    const standIns = [{ name: "own", provides: "initramfs", description: "" }];
    expect(resolved({ standIns }, "wanted | Depends: big | initramfs", "big")).not.toContain("initramfs");
    expect(resolved({ standIns }, "wanted | Depends: initramfs")).toEqual(["wanted", KERNEL]);
  });

  it("follows a metapackage to the kernel that it stands for", () => {
    const recipe = { ...RECIPE, kernelPackage: "linux-image-riscv64", packages: [] };
    const meta = "linux-image-riscv64 | Depends: linux-image-6.12-riscv64 (= 1)";
    const { kernel, packages } = resolvePackages(recipe, index(meta, "linux-image-6.12-riscv64"));
    expect(kernel).toBe("linux-image-6.12-riscv64");
    expect(packages.map((entry) => entry.package)).toEqual([kernel]);
  });

  it("names what the archive lacks, and who needs it", () => {
    expect(() => resolved({}, "wanted | Depends: gone (>= 2) | lost")).toThrow(/wanted needs gone \(>= 2\) \| lost/);
  });
});
