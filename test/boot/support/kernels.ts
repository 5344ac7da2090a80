/** Small stand-ins for kernels: the headers are real, the code is not. */

export interface ImageOptions {
  readonly size?: number;
  readonly textOffset?: number;
  readonly imageSize?: number;
  readonly flags?: number;
}

/** A RISC-V Image without EFI stub. Its body is a pattern, so that a misplaced byte shows. */
export function riscvImage(options: ImageOptions = {}): Uint8Array {
  const { size = 8192, textOffset = 0x200000, imageSize = 0x100000, flags = 0 } = options;
  const bytes = new Uint8Array(size).map((_, index) => (index * 7) & 0xff);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, 0x0000006f, true);
  view.setUint32(4, 0, true);
  view.setBigUint64(8, BigInt(textOffset), true);
  view.setBigUint64(16, BigInt(imageSize), true);
  view.setBigUint64(24, BigInt(flags), true);
  view.setUint32(32, 2, true);
  bytes.set(Buffer.from("RISCV\0\0\0RSC\x05", "latin1"), 48);
  view.setUint32(60, 0, true);
  return bytes;
}

/** The same with the PE header of the EFI stub for `machine`, one section that reaches to the end of the file. */
export function efiStubImage(machine: number, options: ImageOptions = {}): Uint8Array {
  const bytes = riscvImage(options);
  const view = new DataView(bytes.buffer);
  const pe = 64;
  bytes.set(Buffer.from("MZ", "latin1"), 0);
  view.setUint32(60, pe, true);
  bytes.set(Buffer.from("PE\0\0", "latin1"), pe);
  view.setUint16(pe + 4, machine, true);
  view.setUint16(pe + 6, 1, true);
  view.setUint16(pe + 20, 160, true);
  const section = pe + 24 + 160;
  view.setUint32(section + 16, bytes.length - 4096, true);
  view.setUint32(section + 20, 4096, true);
  return bytes;
}

/** drivers/firmware/efi/libstub/zboot-header.S around a payload. */
export function zbootImage(
  machine: number,
  compression: string,
  payload: Uint8Array,
  contentSize?: number,
): Uint8Array {
  const offset = 1024;
  const bytes = new Uint8Array(offset + payload.length + 4);
  const view = new DataView(bytes.buffer);
  bytes.set(Buffer.from("MZ\0\0zimg", "latin1"), 0);
  view.setUint32(8, offset, true);
  view.setUint32(12, payload.length, true);
  bytes.set(Buffer.from(compression, "latin1"), 24);
  view.setUint32(60, 64, true);
  bytes.set(Buffer.from("PE\0\0", "latin1"), 64);
  view.setUint16(68, machine, true);
  bytes.set(payload, offset);
  view.setUint32(offset + payload.length, contentSize ?? 0, true);
  return bytes;
}

export interface ElfSegmentSpec {
  readonly physical: bigint;
  readonly virtual?: bigint;
  readonly bytes: Uint8Array;
  readonly memorySize?: number;
}

export interface ElfSpec {
  readonly machine?: number;
  readonly entry: bigint;
  readonly segments: readonly ElfSegmentSpec[];
  readonly symbols?: Readonly<Record<string, bigint>>;
}

/** An ELF64 executable: header, program headers, segments, then .symtab and .strtab if there are symbols. */
export function elfFile({ machine = 243, entry, segments, symbols }: ElfSpec): Uint8Array {
  const names = Object.keys(symbols ?? {});
  const strings = Buffer.from(`\0${names.map((name) => `${name}\0`).join("")}`, "latin1");
  const dataAt = 64 + 56 * segments.length;
  const dataSize = segments.reduce((sum, { bytes }) => sum + bytes.length, 0);
  const symbolsAt = dataAt + dataSize;
  const symbolsSize = 24 * (names.length + 1);
  const stringsAt = symbolsAt + symbolsSize;
  const sectionsAt = stringsAt + strings.length;
  const file = new Uint8Array(symbols ? sectionsAt + 3 * 64 : symbolsAt);
  const view = new DataView(file.buffer);
  view.setUint32(0, 0x464c457f, true);
  file.set([2, 1, 1], 4);
  view.setUint16(16, 2, true);
  view.setUint16(18, machine, true);
  view.setUint32(20, 1, true);
  view.setBigUint64(24, entry, true);
  view.setBigUint64(32, 64n, true);
  view.setUint16(52, 64, true);
  view.setUint16(54, 56, true);
  view.setUint16(56, segments.length, true);
  let at = dataAt;
  for (const [index, { physical, virtual = physical, bytes, memorySize = bytes.length }] of segments.entries()) {
    const header = 64 + index * 56;
    view.setUint32(header, 1, true);
    view.setBigUint64(header + 8, BigInt(at), true);
    view.setBigUint64(header + 16, virtual, true);
    view.setBigUint64(header + 24, physical, true);
    view.setBigUint64(header + 32, BigInt(bytes.length), true);
    view.setBigUint64(header + 40, BigInt(memorySize), true);
    file.set(bytes, at);
    at += bytes.length;
  }
  if (!symbols) return file;
  for (const [index, name] of names.entries()) {
    const symbol = symbolsAt + 24 * (index + 1);
    view.setUint32(symbol, strings.indexOf(`\0${name}\0`) + 1, true);
    view.setUint16(symbol + 6, 1, true);
    view.setBigUint64(symbol + 8, symbols[name] as bigint, true);
  }
  file.set(strings, stringsAt);
  view.setBigUint64(40, BigInt(sectionsAt), true);
  view.setUint16(58, 64, true);
  view.setUint16(60, 3, true);
  const section = (index: number, type: number, offset: number, size: number, link: number): void => {
    view.setUint32(sectionsAt + index * 64 + 4, type, true);
    view.setBigUint64(sectionsAt + index * 64 + 24, BigInt(offset), true);
    view.setBigUint64(sectionsAt + index * 64 + 32, BigInt(size), true);
    view.setUint32(sectionsAt + index * 64 + 40, link, true);
  };
  section(1, 2, symbolsAt, symbolsSize, 2);
  section(2, 3, stringsAt, strings.length, 0);
  return file;
}
