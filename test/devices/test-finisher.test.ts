import { expect, it } from "vitest";
import { type Finish, TestFinisher } from "../../src/devices/test-finisher.js";

function write(...accesses: [offset: number, size: number, value: number][]): Finish[] {
  const seen: Finish[] = [];
  const finisher = new TestFinisher({ onFinish: (finish) => seen.push(finish) });
  for (const [offset, size, value] of accesses) finisher.write(offset, size, value);
  return seen;
}

it("reports pass, fail with its code, and reset", () => {
  expect(write([0, 4, 0x5555], [0, 4, 0x2a_3333], [0, 4, 0xffff_3333], [0, 2, 0x7777])).toEqual([
    { kind: "pass" },
    { kind: "fail", code: 42 },
    { kind: "fail", code: 0xffff },
    { kind: "reset" },
  ]);
});

it("ignores everything else", () => {
  expect(write([0, 4, 0], [0, 4, 0x5556], [4, 4, 0x5555], [0, 1, 0x55])).toEqual([]);
});

it("reads 0, and is a syscon in the device tree", () => {
  const finisher = new TestFinisher({ onFinish: () => {} });
  expect(finisher.read()).toBe(0);
  expect(finisher.deviceTreeNode()).toEqual({
    name: "test",
    compatible: ["sifive,test1", "sifive,test0", "syscon"],
    reg: [0x10_0000, 0x1000],
  });
});
