// Assembles bare-metal RV64 programs with Debian's cross toolchain (package gcc-riscv64-linux-gnu).

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";

const COMPILER = "riscv64-linux-gnu-gcc";

/** Every extension of the hart that binutils 2.40 knows; what it lacks is emitted as data. */
export const MARCH = "rv64gc_zicsr_zifencei_zihintpause_zba_zbb_zbc_zbs_zicbom_zicboz_zicbop_zawrs_svinval";

/** The program begins at the first byte of DRAM, where QEMU and `vkrun --elf` start the hart. */
const LINKER_SCRIPT = `
ENTRY(_start)
SECTIONS {
  . = 0x80000000;
  .text : { *(.text.start) *(.text .text.*) }
  .rodata : { *(.rodata .rodata.* .srodata .srodata.*) }
  .data : { *(.data .data.* .sdata .sdata.*) }
  .bss : { *(.sbss .sbss.* .bss .bss.* COMMON) }
  /DISCARD/ : { *(.note.*) }
}
`;

/** A linked program in a directory of its own, which goes with it. */
export class BareMetalProgram implements Disposable {
  constructor(
    readonly elfPath: string,
    private readonly directory: string,
  ) {}

  [Symbol.dispose](): void {
    rmSync(this.directory, { recursive: true, force: true });
  }
}

export interface AssembleOptions {
  /** Symbols to define, as if by `.equ name, value` ahead of the source. */
  readonly defines?: Readonly<Record<string, number>>;
  /** Directories for `#include` and `.include`. */
  readonly includes?: readonly string[];
}

/** Assembles and links preprocessed assembly source at 0x8000_0000, entry `_start`. */
export async function assemble(source: string, options: AssembleOptions = {}): Promise<BareMetalProgram> {
  const directory = mkdtempSync(join(tmpdir(), "vkrun-program-"));
  const sourcePath = join(directory, "program.S");
  const elfPath = join(directory, "program.elf");
  writeFileSync(sourcePath, source);
  const scriptPath = join(directory, "program.ld");
  writeFileSync(scriptPath, LINKER_SCRIPT);
  const result = await execa(
    COMPILER,
    [
      "-nostdlib",
      "-nostartfiles",
      "-static",
      "-no-pie",
      "-march=rv64gc",
      // GCC 12 knows fewer extensions than the assembler it calls.
      `-Wa,-march=${MARCH}`,
      "-mabi=lp64d",
      "-mcmodel=medany",
      "-fno-pic",
      `-Wl,-T,${scriptPath}`,
      "-Wl,--no-relax",
      "-Wl,--build-id=none",
      "-Wl,--no-warn-rwx-segments",
      ...Object.entries(options.defines ?? {}).map(([name, value]) => `-Wa,--defsym,${name}=${value}`),
      ...(options.includes ?? []).map((path) => `-I${path}`),
      "-o",
      elfPath,
      sourcePath,
    ],
    { reject: false, timeout: 60_000 },
  );
  if (result.exitCode !== 0) {
    rmSync(directory, { recursive: true, force: true });
    const why =
      result.code === "ENOENT" ? `${COMPILER} is missing: apt-get install gcc-riscv64-linux-gnu` : result.stderr;
    throw new Error(`cannot assemble a test program: ${why}`);
  }
  return new BareMetalProgram(elfPath, directory);
}

export interface Disassembled {
  /** `illegal` when objdump knows no instruction. */
  readonly mnemonic: string;
  readonly operands: string;
}

/** What objdump calls each word, without its aliases. */
export async function disassemble(words: readonly (readonly [number, 16 | 32])[]): Promise<Disassembled[]> {
  const directory = mkdtempSync(join(tmpdir(), "vkrun-words-"));
  try {
    const source = words.map(([word, width]) => `.insn ${width / 8}, 0x${word.toString(16)}`).join("\n");
    writeFileSync(join(directory, "words.s"), `${source}\n`);
    const options = { cwd: directory, timeout: 60_000, maxBuffer: 1 << 28 };
    await execa("riscv64-linux-gnu-as", [`-march=${MARCH}`, "-o", "words.o", "words.s"], options);
    const { stdout } = await execa("riscv64-linux-gnu-objdump", ["-d", "-z", "-M", "no-aliases", "words.o"], options);
    return [...stdout.matchAll(/^\s*[0-9a-f]+:\t[0-9a-f]+\s+\t?(\S+)(?:\t(.*))?$/gm)].map(
      ([, name = "", operands]) => ({
        mnemonic: name.startsWith(".") || /^(?:c\.)?unimp$/.test(name) ? "illegal" : name,
        operands: operands ?? "",
      }),
    );
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
