import { expect, it } from "vitest";
import { clearMemory, hashRam } from "../../src/machine/ram-contents.js";
import { native, nativeUnavailable } from "../../src/native.js";

const shared = (pages: number) =>
  new Uint8Array(new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true }).buffer);

it("equal memory has equal hashes, and any byte counts", () => {
  const one = shared(4);
  const other = shared(4);
  one[70_000] = 1;
  expect(hashRam(one)).not.toBe(hashRam(other));
  other[70_000] = 1;
  expect(hashRam(one)).toBe(hashRam(other));
  other[70_000] = 2;
  expect(hashRam(one)).not.toBe(hashRam(other));
});

it("equal pages elsewhere are not equal memory, nor is more of the same", () => {
  const one = shared(4);
  const other = shared(4);
  one[4096] = 7;
  other[8192] = 7;
  expect(hashRam(one)).not.toBe(hashRam(other));
  expect(hashRam(shared(4))).not.toBe(hashRam(shared(5)));
});

it("cleared memory reads as zeroes", () => {
  const memory = shared(8);
  memory.fill(0xa5, 1, 300_000);
  clearMemory(memory);
  expect(hashRam(memory)).toBe(hashRam(shared(8)));
});

it.runIf(nativeUnavailable() === undefined)("cleared memory is given back to the host", () => {
  const memory = shared(64);
  memory.fill(1);
  expect(native().residentBytes({ bytes: memory })).toBe(memory.length);
  clearMemory(memory);
  expect(native().residentBytes({ bytes: memory })).toBe(0);
});
