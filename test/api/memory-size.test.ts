import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseMemorySize } from "../../src/api/memory-size.js";

const MIB = 2 ** 20;

describe("parseMemorySize", () => {
  it.each([
    ["512M", 512],
    ["512m", 512],
    ["512MiB", 512],
    ["512MB", 512],
    ["512", 512],
    ["2G", 2048],
    ["0.5G", 512],
    ["524288K", 512],
    [" 64M ", 64],
    ["3584M", 3584],
    ["3.5G", 3584],
    ["16M", 16],
  ])("reads %j", (text, mebibytes) => {
    expect(parseMemorySize(text)).toBe(mebibytes * MIB);
  });

  it("takes a number for bytes, and gives whole wasm pages", () => {
    expect(parseMemorySize(64 * MIB)).toBe(64 * MIB);
    expect(parseMemorySize(64 * MIB + 1)).toBe(64 * MIB + 65536);
  });

  it.each(["", "M", "lots", "12X", "-5M", "1e9", "0x100M", "1,5G", "512M 3", Number.NaN, -1, Number.POSITIVE_INFINITY])(
    "says that %j is no amount of memory",
    (size) => {
      expect(() => parseMemorySize(size)).toThrow(
        expect.objectContaining({ code: "ERR_VKRUN_MEMORY_SIZE", message: expect.stringContaining("not an amount") }),
      );
    },
  );

  it.each([
    ["15M", "too little"],
    ["0", "too little"],
    [1, "too little"],
    ["3585M", "more than"],
    ["99999999999G", "more than"],
    [2 ** 40, "more than"],
  ])("refuses %j: %s", (size, why) => {
    expect(() => parseMemorySize(size)).toThrow(expect.objectContaining({ message: expect.stringContaining(why) }));
  });

  it("never gives anything but whole pages within the limits, whatever it is asked", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.double(), fc.nat(2 ** 33 - 1)), (size) => {
        let bytes: number;
        try {
          bytes = parseMemorySize(size);
        } catch (error) {
          expect(error).toMatchObject({ code: "ERR_VKRUN_MEMORY_SIZE" });
          return;
        }
        expect(bytes % 65536).toBe(0);
        expect(bytes).toBeGreaterThanOrEqual(16 * MIB);
        expect(bytes).toBeLessThanOrEqual(3584 * MIB);
      }),
    );
  });
});
