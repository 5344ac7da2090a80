// Small assembly sources as plain code, to be placed anywhere: no linker, no relocations, no compressed instructions.

import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";

export async function assembleFlat(source: string): Promise<Uint8Array> {
  const directory = await mkdtemp(join(tmpdir(), "vkrun-golden-"));
  try {
    const options = { cwd: directory, timeout: 60_000, input: source };
    await execa("riscv64-linux-gnu-as", ["-march=rv64g", "-mno-relax", "-o", "code.o", "-"], options);
    await execa("riscv64-linux-gnu-objcopy", ["-O", "binary", "-j", ".text", "code.o", "code.bin"], { cwd: directory });
    return new Uint8Array(await readFile(join(directory, "code.bin")));
  } finally {
    await rm(directory, { recursive: true });
  }
}
