import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { compareVersions, satisfies } from "../../src/images/debian-version.js";

describe("compareVersions", () => {
  // From the examples of deb-version(7) and dpkg's behaviour.
  const ascending = [
    "0.9~",
    "1.0~~",
    "1.0~~a",
    "1.0~",
    "1.0",
    "1.0-0+deb1",
    "1.0-1~bpo1",
    "1.0-1",
    "1.0-1+b9",
    "1.0-10",
    "1.0a",
    "1.0+b1",
    "1.0.1",
    "1.9",
    "1.10",
    "20250101123456789012345",
    "20250101123456789012346",
    "1:0.1",
    "2:0.0",
  ];

  it("orders versions as dpkg does", () => {
    const shuffled = [...ascending].reverse().sort(compareVersions);
    expect(shuffled).toEqual(ascending);
  });

  it("takes a missing revision and leading zeros for what they are worth", () => {
    expect(compareVersions("1.0", "1.0-0")).toBe(0);
    expect(compareVersions("1.01", "1.1")).toBe(0);
    expect(compareVersions("0:1.0", "1.0")).toBe(0);
  });

  it("is an order: antisymmetric and transitive", () => {
    const version = fc.stringMatching(/^([0-9]:)?[0-9][0-9a-z.+~]{0,6}(-[0-9a-z.+~]{1,4})?$/);
    fc.assert(
      fc.property(version, version, version, (a, b, c) => {
        expect(Math.sign(compareVersions(a, b))).toBe(-Math.sign(compareVersions(b, a)) + 0);
        const [low, mid, high] = [a, b, c].sort(compareVersions) as [string, string, string];
        expect(compareVersions(low, mid)).toBeLessThanOrEqual(0);
        expect(compareVersions(low, high)).toBeLessThanOrEqual(0);
      }),
    );
  });
});

describe("satisfies", () => {
  it("knows the five operators", () => {
    const holds = (operator: "<<" | "<=" | "=" | ">=" | ">>") =>
      ["1", "2", "3"].filter((v) => satisfies(v, operator, "2"));
    expect(holds("<<")).toEqual(["1"]);
    expect(holds("<=")).toEqual(["1", "2"]);
    expect(holds("=")).toEqual(["2"]);
    expect(holds(">=")).toEqual(["2", "3"]);
    expect(holds(">>")).toEqual(["3"]);
  });
});
