import { expect, it } from "vitest";
import { RegionCounters } from "../../src/wasm/region-counters.js";

type Region = (hart: number, left: number, page: bigint) => number;

it("a counted region gets its arguments and gives its answer, and entries and instructions are counted by address", () => {
  const counters = new RegionCounters();
  const seen: unknown[] = [];
  const region: Region = (...args) => {
    seen.push(args);
    return args[1] - 7;
  };
  const other: Region = (_hart, left) => left;
  const names = ["guest 0x80000000", "guest 0x80000100"];
  const [first, second] = counters.wrap([region, other], [0x8000_0000n, 0x8000_0100n], names) as Region[];
  expect(first?.(0x1_0000, 1000, 0xffff_ffff_8000_0000n)).toBe(993);
  expect(first?.(0x1_0000, 993, 5n)).toBe(986);
  expect(second?.(0x1_0000, 3, 5n)).toBe(3);
  expect(seen).toEqual([
    [0x1_0000, 1000, BigInt.asIntN(64, 0xffff_ffff_8000_0000n)],
    [0x1_0000, 993, 5n],
  ]);
  expect(counters.read()).toEqual([
    { address: 0x8000_0000n, entries: 2n, instructions: 14n },
    { address: 0x8000_0100n, entries: 1n, instructions: 0n },
  ]);
});

it("a region that is compiled anew goes on counting, and there is room for any number of them", () => {
  const counters = new RegionCounters();
  const region: Region = (_hart, left) => left - 1;
  const addresses = Array.from({ length: 10_000 }, (_, index) => 0x8000_0000n + 2n * BigInt(index % 9000));
  for (let at = 0; at < addresses.length; at += 20) {
    const some = addresses.slice(at, at + 20);
    const wrapped = counters.wrap(
      some.map(() => region),
      some,
      some.map((address) => `guest ${address}`),
    ) as Region[];
    for (const enter of wrapped) enter(0, 2, 0n);
  }
  const counts = counters.read();
  expect(counts).toHaveLength(9000);
  expect(counts[0]).toEqual({ address: 0x8000_0000n, entries: 2n, instructions: 2n });
  expect(counts[8999]?.entries).toBe(1n);
});

it("V8 knows counted regions by their names", () => {
  const fails = (): number => {
    throw new Error("in a region");
  };
  const [enter] = new RegionCounters().wrap([fails], [0n], ["guest 0xffffffff80001234"]) as Region[];
  let stack = "";
  try {
    enter?.(0, 1, 0n);
  } catch (error) {
    stack = (error as Error).stack ?? "";
  }
  expect(stack).toContain("guest 0xffffffff80001234");
});
