/**
 * ELF64 executables for RISC-V: kernels (vmlinux), firmware and bare-metal programs. System V ABI chapters 4 and 5.
 * Offsets and sizes come from the file, so each is checked against it before use.
 */
import { VkrunError } from "../errors.js";
import type { ByteSource } from "./byte-source.js";

const MAGIC = 0x464c457f;
const ELFCLASS64 = 2;
const ELFDATA2LSB = 1;
const EM_RISCV = 243;
const ET_EXEC = 2;
const ET_DYN = 3;
const PT_LOAD = 1;
const SHT_SYMTAB = 2;

const HEADER_SIZE = 64;
const PROGRAM_HEADER_SIZE = 56;
const SECTION_HEADER_SIZE = 64;
const SYMBOL_SIZE = 24;
/** vmlinux has about ten; a program has a handful. */
const MAX_PROGRAM_HEADERS = 256;
/** vmlinux with all symbols has a table of 10 MiB. */
const MAX_SYMBOL_BYTES = 64 * 1024 * 1024;

const MACHINES: Readonly<Record<number, string>> = {
  3: "x86 (32 bit)",
  8: "MIPS",
  20: "PowerPC (32 bit)",
  21: "PowerPC",
  22: "s390",
  40: "Arm (32 bit)",
  62: "x86-64",
  183: "arm64",
  243: "RISC-V",
  258: "LoongArch",
};

export interface ElfSegment {
  readonly physical: bigint;
  readonly virtual: bigint;
  readonly offset: number;
  readonly fileSize: number;
  readonly memorySize: number;
}

export interface Elf {
  readonly source: ByteSource;
  readonly entry: bigint;
  /** PT_LOAD segments with any memory, in the order of their physical addresses. */
  readonly segments: readonly ElfSegment[];
}

export const isElf = (head: Uint8Array): boolean =>
  head.length >= 4 && new DataView(head.buffer, head.byteOffset).getUint32(0, true) === MAGIC;

/** Name of the machine that an ELF header is for; undefined when it is 64-bit little-endian RISC-V. */
function foreignElfMachine(head: Uint8Array): string | undefined {
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  if (view.byteLength < HEADER_SIZE) return undefined;
  const littleEndian = view.getUint8(5) === ELFDATA2LSB;
  const machine = view.getUint16(18, littleEndian);
  if (machine !== EM_RISCV) return MACHINES[machine] ?? `ELF machine ${machine}`;
  if (view.getUint8(4) !== ELFCLASS64) return "32-bit RISC-V";
  return littleEndian ? undefined : "big-endian RISC-V";
}

const invalid = (name: string, reason: string): VkrunError =>
  new VkrunError("ERR_VKRUN_ELF_INVALID", `The ELF file ${name} cannot be loaded: ${reason}.`, {
    hint: "It may be cut short; it has to be a linked, statically addressed 64-bit RISC-V executable.",
  });

async function readView(source: ByteSource, offset: number, length: number, what: string): Promise<DataView> {
  if (!(offset >= 0 && offset + length <= source.size))
    throw invalid(source.name, `${what} beyond the end of the file`);
  const bytes = new Uint8Array(length);
  await source.read(offset, bytes);
  return new DataView(bytes.buffer);
}

export async function readElf(source: ByteSource): Promise<Elf> {
  const header = await readView(source, 0, HEADER_SIZE, "header");
  const machine = foreignElfMachine(new Uint8Array(header.buffer));
  if (machine) {
    throw new VkrunError(
      "ERR_VKRUN_KERNEL_ARCH",
      `${source.name} is an ELF file for ${machine}; vkrun runs 64-bit RISC-V.`,
      {
        hint: "Use a riscv64 build of it.",
      },
    );
  }
  const type = header.getUint16(16, true);
  if (type !== ET_EXEC && type !== ET_DYN) throw invalid(source.name, "it is not an executable (an object file?)");
  const count = header.getUint16(56, true);
  const entrySize = header.getUint16(54, true);
  if (count > MAX_PROGRAM_HEADERS || (count > 0 && entrySize < PROGRAM_HEADER_SIZE)) {
    throw invalid(source.name, `${count} program headers of ${entrySize} bytes`);
  }
  const table = await readView(source, Number(header.getBigUint64(32, true)), count * entrySize, "program headers lie");
  const segments: ElfSegment[] = [];
  for (let index = 0; index < count; index++) {
    const offset = index * entrySize;
    if (table.getUint32(offset, true) !== PT_LOAD) continue;
    const segment = {
      offset: Number(table.getBigUint64(offset + 8, true)),
      virtual: table.getBigUint64(offset + 16, true),
      physical: table.getBigUint64(offset + 24, true),
      fileSize: Number(table.getBigUint64(offset + 32, true)),
      memorySize: Number(table.getBigUint64(offset + 40, true)),
    };
    if (segment.memorySize === 0) continue;
    if (segment.fileSize > segment.memorySize)
      throw invalid(source.name, "a segment is larger in the file than in memory");
    if (segment.offset + segment.fileSize > source.size)
      throw invalid(source.name, "a segment lies beyond the end of the file");
    segments.push(segment);
  }
  if (segments.length === 0) throw invalid(source.name, "it has nothing to load");
  segments.sort((a, b) => (a.physical < b.physical ? -1 : Number(a.physical > b.physical)));
  return { source, entry: header.getBigUint64(24, true), segments };
}

export interface ElfSymbol {
  readonly name: string;
  readonly value: bigint;
}

const STT_FUNC = 2;
const STT_NOTYPE = 0;

/** Values of those of `names` that .symtab has. A stripped program has none of them. */
export async function readElfSymbols(elf: Elf, names: ReadonlySet<string>): Promise<Map<string, bigint>> {
  const found = new Map<string, bigint>();
  const tables = await readSymbolSections(elf);
  if (tables !== undefined) collectSymbols(tables.symbols, tables.strings, names, found);
  return found;
}

/** All that .symtab knows of code: functions, and labels of assembly. */
export async function readElfSymbolTable(elf: Elf): Promise<ElfSymbol[]> {
  const found: ElfSymbol[] = [];
  const tables = await readSymbolSections(elf);
  if (tables === undefined) return found;
  const { symbols, strings } = tables;
  const text = Buffer.from(strings.buffer, strings.byteOffset, strings.byteLength);
  for (let offset = 0; offset + SYMBOL_SIZE <= symbols.byteLength; offset += SYMBOL_SIZE) {
    const type = symbols.getUint8(offset + 4) & 15;
    const start = symbols.getUint32(offset, true);
    if ((type !== STT_FUNC && type !== STT_NOTYPE) || symbols.getUint16(offset + 6, true) === 0) continue;
    const end = text.indexOf(0, start);
    // "$x" and the like mark where code begins (RISC-V ELF psABI, "Mapping Symbol").
    if (start >= text.length || end <= start || text[start] === DOLLAR) continue;
    found.push({ name: text.toString("latin1", start, end), value: symbols.getBigUint64(offset + 8, true) });
  }
  return found;
}

const DOLLAR = 0x24;

async function readSymbolSections({ source }: Elf): Promise<{ symbols: DataView; strings: Uint8Array } | undefined> {
  const header = await readView(source, 0, HEADER_SIZE, "header");
  const tableOffset = Number(header.getBigUint64(40, true));
  const entrySize = header.getUint16(58, true);
  const count = header.getUint16(60, true);
  if (tableOffset === 0 || count === 0) return undefined;
  if (entrySize < SECTION_HEADER_SIZE) throw invalid(source.name, `section headers of ${entrySize} bytes`);
  const sections = await readView(source, tableOffset, count * entrySize, "section headers lie");

  for (let index = 0; index < count; index++) {
    const section = index * entrySize;
    if (sections.getUint32(section + 4, true) !== SHT_SYMTAB) continue;
    const link = sections.getUint32(section + 40, true);
    if (link >= count) throw invalid(source.name, "its symbols have no string table");
    const symbols = await readSection(source, sections, section, "symbol table");
    const strings = await readSection(source, sections, link * entrySize, "string table");
    return { symbols, strings: new Uint8Array(strings.buffer) };
  }
  return undefined;
}

async function readSection(source: ByteSource, sections: DataView, section: number, what: string): Promise<DataView> {
  const size = Number(sections.getBigUint64(section + 32, true));
  if (size > MAX_SYMBOL_BYTES) throw invalid(source.name, `${what} of ${size} bytes`);
  return readView(source, Number(sections.getBigUint64(section + 24, true)), size, `${what} lies`);
}

function collectSymbols(
  symbols: DataView,
  strings: Uint8Array,
  names: ReadonlySet<string>,
  found: Map<string, bigint>,
): void {
  const longest = Math.max(...[...names].map((name) => name.length));
  for (let offset = 0; offset + SYMBOL_SIZE <= symbols.byteLength; offset += SYMBOL_SIZE) {
    const start = symbols.getUint32(offset, true);
    const candidate = strings.subarray(start, start + longest + 1);
    const end = candidate.indexOf(0);
    const sectionIndex = symbols.getUint16(offset + 6, true);
    if (end <= 0 || sectionIndex === 0) continue;
    const name = String.fromCharCode(...candidate.subarray(0, end));
    if (names.has(name)) found.set(name, symbols.getBigUint64(offset + 8, true));
  }
}
