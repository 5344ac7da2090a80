import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Symbols } from "../../src/machine/symbols.js";
import { assemble } from "../support/riscv-toolchain.js";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "vkrun-symbols-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

function file(contents: string): string {
  const path = join(folder, "System.map");
  writeFileSync(path, contents);
  return path;
}

describe("symbols", () => {
  it("of a System.map name the address that they begin at and those behind it", async () => {
    const map =
      "ffffffff80002000 T _start\nffffffff80001000 t head\n                 U missing\nffffffff80002040 W next\n";
    const symbols = await Symbols.read(file(map));
    expect(symbols.find(0xffffffff80001000n)).toBe("head");
    expect(symbols.find(0xffffffff8000203en)).toBe("_start+0x3e");
    expect(symbols.find(0xffffffff80002041n)).toBe("next+0x1");
  });

  it("do not name what lies before the first or far behind the last", async () => {
    const symbols = await Symbols.read(file("0000000080000000 T only\n"));
    expect(symbols.find(0x7fff_ffffn)).toBeUndefined();
    expect(symbols.find(0x9000_0000n)).toBeUndefined();
  });

  it("of an ELF file are its functions and labels", async () => {
    using program = await assemble(`
      .section .text.start, "ax"
      .globl _start
      _start: nop
        j inner
      .globl inner
      .type inner, @function
      inner: j inner
    `);
    const symbols = await Symbols.read(program.elfPath);
    expect(symbols.find(0x8000_0000n)).toBe("_start");
    const names = [0n, 2n, 4n, 6n, 8n].map((offset) => symbols.find(0x8000_0000n + offset));
    expect(names).toContain("inner");
  });

  it("cannot be had from a file without any", async () => {
    await expect(Symbols.read(file("nothing\n"))).rejects.toMatchObject({ code: "ERR_VKRUN_SYMBOLS_INVALID" });
    await expect(Symbols.read(join(folder, "none"))).rejects.toMatchObject({ code: "ERR_VKRUN_FILE_READ" });
  });
});
