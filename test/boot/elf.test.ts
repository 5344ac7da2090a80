import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { afterAll, describe, expect, it } from "vitest";
import { bytesSource } from "../../src/boot/byte-source.js";
import { readElf, readElfSymbols } from "../../src/boot/elf.js";
import { TestDirectory } from "./support/disk-images.js";
import { elfFile } from "./support/kernels.js";

const directory = new TestDirectory();
afterAll(() => directory[Symbol.dispose]());

const parse = (bytes: Uint8Array) => readElf(bytesSource("program", bytes));
const code = new Uint8Array([1, 2, 3, 4]);

describe("an ELF executable", () => {
  it("is read as gcc and ld make it", async () => {
    const source = directory.file(
      "p.S",
      '.globl _start, tohost\n.text\n_start: j _start\n.data\n.word 7\n.section .tohost,"aw",@progbits\n.align 6\ntohost: .dword 0\n.bss\n.skip 4096\n',
    );
    const output = `${directory.path}/p.elf`;
    execFileSync("riscv64-linux-gnu-gcc", [
      "-nostdlib",
      "-static",
      "-Wl,--build-id=none,-Ttext=0x80000000,--section-start=.tohost=0x80010000",
      "-o",
      output,
      source,
    ]);
    const elf = await parse(new Uint8Array(readFileSync(output)));
    expect(elf.entry).toBe(0x8000_0000n);
    expect(elf.segments[0]).toMatchObject({ physical: expect.any(BigInt), fileSize: expect.any(Number) });
    const symbols = await readElfSymbols(elf, new Set(["tohost", "fromhost"]));
    expect([...symbols]).toEqual([["tohost", 0x8001_0000n]]);
  });

  it("gives its segments in the order of their addresses, without empty ones", async () => {
    const elf = await parse(
      elfFile({
        entry: 0x8000_0000n,
        segments: [
          { physical: 0x8000_2000n, bytes: code, memorySize: 64 },
          { physical: 0x8000_3000n, bytes: new Uint8Array(0), memorySize: 0 },
          { physical: 0x8000_0000n, bytes: code },
        ],
      }),
    );
    expect(elf.segments.map(({ physical, fileSize, memorySize }) => [physical, fileSize, memorySize])).toEqual([
      [0x8000_0000n, 4, 4],
      [0x8000_2000n, 4, 64],
    ]);
  });

  it("has no symbols when it is stripped", async () => {
    const elf = await parse(elfFile({ entry: 0x8000_0000n, segments: [{ physical: 0x8000_0000n, bytes: code }] }));
    expect((await readElfSymbols(elf, new Set(["tohost"]))).size).toBe(0);
  });

  const whole = elfFile({
    entry: 0x8000_0000n,
    segments: [{ physical: 0x8000_0000n, bytes: code }],
    symbols: { tohost: 1n },
  });
  const patched = (patch: (view: DataView) => void): Uint8Array => {
    const bytes = whole.slice();
    patch(new DataView(bytes.buffer));
    return bytes;
  };

  it.each([
    ["a header that is cut short", whole.subarray(0, 40)],
    ["program headers beyond the end", patched((view) => view.setBigUint64(32, 1n << 60n, true))],
    ["far too many program headers", patched((view) => view.setUint16(56, 60000, true))],
    ["program headers that are too small", patched((view) => view.setUint16(54, 8, true))],
    ["a segment beyond the end", patched((view) => view.setBigUint64(64 + 32, 1n << 40n, true))],
    ["a segment larger in the file than in memory", patched((view) => view.setBigUint64(64 + 40, 1n, true))],
    ["no segment at all", patched((view) => view.setUint32(64, 4, true))],
    ["the type of an object file", patched((view) => view.setUint16(16, 1, true))],
  ])("is refused with %s", async (_, bytes) => {
    await expect(parse(bytes)).rejects.toMatchObject({ code: "ERR_VKRUN_ELF_INVALID", hint: expect.any(String) });
  });

  it.each([
    ["section headers beyond the end", patched((view) => view.setBigUint64(40, 1n << 50n, true))],
    ["a string table that does not exist", patched((view) => view.setUint32(whole.length - 128 + 40, 99, true))],
    ["a symbol table of absurd size", patched((view) => view.setBigUint64(whole.length - 128 + 32, 1n << 60n, true))],
  ])("is refused for its symbols with %s", async (_, bytes) => {
    const elf = await parse(bytes);
    await expect(readElfSymbols(elf, new Set(["tohost"]))).rejects.toMatchObject({ code: "ERR_VKRUN_ELF_INVALID" });
  });
});
