import { execFileSync } from "node:child_process";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { compareKernelVersions, compareVersions } from "../../src/boot/debian-version.js";

describe("Debian versions", () => {
  it("sorts kernels as an administrator would", () => {
    const versions = [
      "6.1.0-9-riscv64",
      "6.12.9-riscv64",
      "6.12.48+deb13-riscv64",
      "6.1.0-18-riscv64",
      "6.12.0-rc3-riscv64",
      "6.12.0-riscv64",
    ];
    expect(versions.sort(compareKernelVersions)).toEqual([
      "6.1.0-9-riscv64",
      "6.1.0-18-riscv64",
      "6.12.0-rc3-riscv64",
      "6.12.0-riscv64",
      "6.12.9-riscv64",
      "6.12.48+deb13-riscv64",
    ]);
  });

  it("agrees with dpkg", () => {
    // No hyphens or colons: those split epoch and revision, which names of kernels do not have.
    const version = fc.stringMatching(/^[0-9][0-9a-zA-Z.+~]{0,8}$/);
    fc.assert(
      fc.property(version, version, (a, b) => {
        const operator = compareVersions(a, b) < 0 ? "lt" : compareVersions(a, b) > 0 ? "gt" : "eq";
        execFileSync("dpkg", ["--compare-versions", a, operator, b]);
      }),
      { numRuns: 60, seed: 7 },
    );
  });

  it("is an order: what is smaller one way is larger the other", () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (a, b) => {
        expect(Math.sign(compareVersions(a, b)) + Math.sign(compareVersions(b, a))).toBe(0);
      }),
    );
  });
});
