import { expect, it } from "vitest";
import { Tohost } from "../../src/machine/tohost.js";

const ram = new Uint8Array(4096);
const memory = {
  base: 0x8000_0000,
  size: ram.length,
  view: (gpa: number, length: number) => ram.subarray(gpa - 0x8000_0000, gpa - 0x8000_0000 + length),
  wrote: () => {},
  discard: () => {},
};

it("a program ends by an odd word, with the code in the rest", () => {
  const tohost = Tohost.at(0x8000_0ff8n, memory);
  expect(tohost?.check()).toBeUndefined();
  const word = new DataView(ram.buffer, 0xff8);
  for (const [value, code] of [
    [1n, 0],
    [3n, 1],
    [(1337n << 1n) | 1n, 1337],
  ] as const) {
    word.setBigUint64(0, value, true);
    expect(tohost?.check()).toEqual({ kind: "poweroff", code, exact: false });
  }
  // An even one is a request to a host interface that there is not.
  word.setBigUint64(0, 0x8000_0040n, true);
  expect(tohost?.check()).toBeUndefined();
});

it("a symbol outside of RAM is watched by nobody", () => {
  for (const gpa of [0n, 0x7fff_fff8n, 0x8000_0ff9n, 0x8000_1000n, 2n ** 64n - 1n]) {
    expect(Tohost.at(gpa, memory)).toBeUndefined();
  }
});
