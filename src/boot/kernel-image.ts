/**
 * Tells what a kernel file is and unwraps it to what goes into memory: a RISC-V Image
 * (Linux Documentation/arch/riscv/boot-image-header.rst), an ELF, or U-Boot as a raw binary; each of them possibly
 * inside gzip, zstd or an EFI zboot image (drivers/firmware/efi/libstub/zboot-header.S).
 */
import { VkrunError } from "../errors.js";
import { type ByteSource, bytesSource, readAll, readHead } from "./byte-source.js";
import { compressionOf, decompress } from "./decompress.js";
import { type Elf, isElf, readElf } from "./elf.js";

export type KernelImage =
  | {
      readonly format: "image";
      readonly source: ByteSource;
      /** Where it wants to lie, from a 2 MiB boundary at the start of RAM. */
      readonly textOffset: number;
      /** Memory that it takes, .bss included. */
      readonly memorySize: number;
      readonly description: string;
    }
  | { readonly format: "elf"; readonly elf: Elf; readonly description: string }
  | { readonly format: "raw"; readonly source: ByteSource; readonly description: string };

/** Bytes of the file that tell its format. */
const HEAD_SIZE = 4096;
/** A zboot image holds a gzip or zstd stream, that an Image. Nothing nests deeper. */
const MAX_WRAPPERS = 3;
/** U-Boot's version string lies near the end of its code. */
const UBOOT_SPAN = 4 * 1024 * 1024;

const IMAGE_HEADER_SIZE = 64;
/** "RSC\x05" at offset 56, and what arm64 has in its place. */
const MAGIC2_RISCV = 0x05435352;
const MAGIC2_ARM64 = 0x644d5241;
/** A kernel without image_size (before 4.6's header) is given this much for its .bss. */
const ASSUMED_BSS = 16 * 1024 * 1024;

const PE_MACHINES: Readonly<Record<number, string>> = {
  332: "x86 (32 bit)",
  448: "Arm (32 bit)",
  450: "Arm (32 bit)",
  20530: "32-bit RISC-V",
  25188: "LoongArch",
  34404: "x86-64",
  43620: "arm64",
};
const PE_MACHINE_RISCV64 = 0x5064;

export interface KernelOptions {
  /** Largest size in memory. */
  readonly limit: number;
  /** Accept a file of no known format as it is: the next stage of a firmware need not be Linux. */
  readonly allowRaw: boolean;
}

export async function readKernel(file: ByteSource, options: KernelOptions): Promise<KernelImage> {
  const wrappers: string[] = [];
  let source = file;
  for (let depth = 0; depth <= MAX_WRAPPERS; depth++) {
    if (source.size > options.limit) throw tooBig(file, options.limit);
    const head = await readHead(source, HEAD_SIZE);
    const inner = (await unwrapZboot(source, head, options.limit)) ?? (await unwrapStream(source, head, options.limit));
    if (!inner) return describe(await identify(source, head, options), wrappers);
    wrappers.push(inner.wrapper);
    source = bytesSource(file.name, inner.bytes);
  }
  throw unknownFormat(file, "it is compressed again and again");
}

const describe = (kernel: KernelImage, wrappers: readonly string[]): KernelImage => ({
  ...kernel,
  description: [kernel.description, ...[...wrappers].reverse()].join(" in "),
});

interface Unwrapped {
  readonly wrapper: string;
  readonly bytes: Uint8Array;
}

async function unwrapStream(source: ByteSource, head: Uint8Array, limit: number): Promise<Unwrapped | undefined> {
  const compression = compressionOf(head);
  if (!compression) return undefined;
  return { wrapper: compression, bytes: await decompress(source.name, compression, await readAll(source), limit) };
}

/** "MZ\0\0" "zimg", then offset and size of the payload; at 24 the name of its compression. */
async function unwrapZboot(source: ByteSource, head: Uint8Array, limit: number): Promise<Unwrapped | undefined> {
  if (head.length < IMAGE_HEADER_SIZE || latin1(head, 0, 2) !== "MZ" || latin1(head, 4, 8) !== "zimg") return undefined;
  rejectForeignPe(source, head);
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  const offset = view.getUint32(8, true);
  const size = view.getUint32(12, true);
  const stated = latin1(head, 24, 56).replace(/\0.*$/s, "");
  // Kernel builds name the level, too: "zstd22".
  const compression = stated.startsWith("zstd") ? "zstd" : stated;
  if (offset + size > source.size) throw unknownFormat(source, "its EFI zboot payload lies beyond its end");
  const payload = new Uint8Array(size);
  await source.read(offset, payload);
  // All but gzip, which has it itself, are followed by the size of the contents.
  const trailer = new Uint8Array(4);
  const hasTrailer = compression !== "gzip" && offset + size + 4 <= source.size;
  if (hasTrailer) await source.read(offset + size, trailer);
  const exactSize = hasTrailer ? new DataView(trailer.buffer).getUint32(0, true) : undefined;
  const bytes = await decompress(source.name, compression, payload, limit, exactSize);
  return { wrapper: `EFI zboot (${compression})`, bytes };
}

async function identify(source: ByteSource, head: Uint8Array, { allowRaw }: KernelOptions): Promise<KernelImage> {
  if (isElf(head)) return { format: "elf", elf: await readElf(source), description: "ELF" };
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  if (head.length >= IMAGE_HEADER_SIZE) {
    if (view.getUint32(56, true) === MAGIC2_RISCV) return riscvImage(source, head);
    const machine = foreignMachine(head);
    if (machine) throw wrongArchitecture(source, machine);
    rejectForeignPe(source, head);
  }
  if (await isUBoot(source)) return { format: "raw", source, description: "U-Boot" };
  if (allowRaw) return { format: "raw", source, description: "raw binary" };
  throw unknownFormat(source, notAKernel(head));
}

function riscvImage(source: ByteSource, head: Uint8Array): KernelImage {
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  const textOffset = Number(view.getBigUint64(8, true));
  const imageSize = Number(view.getBigUint64(16, true));
  if ((view.getBigUint64(24, true) & 1n) !== 0n) throw wrongArchitecture(source, "big-endian RISC-V");
  rejectForeignPe(source, head);
  if (!Number.isSafeInteger(textOffset + imageSize)) throw unknownFormat(source, "its Image header has absurd sizes");
  const stated = peFileSize(head);
  if (stated > source.size) {
    throw unknownFormat(source, `it is cut short: ${source.size} of ${stated} bytes`);
  }
  const memorySize = Math.max(source.size, imageSize || source.size + ASSUMED_BSS);
  return { format: "image", source, textOffset, memorySize, description: "RISC-V Image" };
}

/** End of the last section of an EFI-stub kernel; 0 for a file without a PE header. */
function peFileSize(head: Uint8Array): number {
  const pe = peHeader(head);
  if (!pe) return 0;
  const { view, offset } = pe;
  const sections = view.getUint16(offset + 6, true);
  let section = offset + 24 + view.getUint16(offset + 20, true);
  let end = 0;
  for (let index = 0; index < sections && section + 40 <= view.byteLength; index++, section += 40) {
    end = Math.max(end, view.getUint32(section + 16, true) + view.getUint32(section + 20, true));
  }
  return end;
}

function peHeader(head: Uint8Array): { view: DataView; offset: number } | undefined {
  if (head.length < IMAGE_HEADER_SIZE || latin1(head, 0, 2) !== "MZ") return undefined;
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  const offset = view.getUint32(0x3c, true);
  if (offset + 24 > head.length || latin1(head, offset, offset + 4) !== "PE\0\0") return undefined;
  return { view, offset };
}

function rejectForeignPe(source: ByteSource, head: Uint8Array): void {
  const pe = peHeader(head);
  const machine = pe?.view.getUint16(pe.offset + 4, true);
  if (machine === undefined || machine === PE_MACHINE_RISCV64) return;
  throw wrongArchitecture(source, PE_MACHINES[machine] ?? `PE machine 0x${machine.toString(16)}`);
}

/** Kernels whose headers are not ELF or PE. `head` holds at least an Image header. */
function foreignMachine(head: Uint8Array): string | undefined {
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  if (view.getUint32(56, true) === MAGIC2_ARM64) return "arm64";
  // Linux Documentation/arch/x86/boot.rst: boot_flag and "HdrS".
  if (head.length >= 0x206 && view.getUint16(0x1fe, true) === 0xaa55 && latin1(head, 0x202, 0x206) === "HdrS") {
    return "x86";
  }
  if (view.getUint32(0x24, true) === 0x016f2818) return "Arm (32 bit)";
  return undefined;
}

/** By its version string, "U-Boot 2025.01 (...)". */
export async function isUBoot(source: ByteSource): Promise<boolean> {
  const bytes = await readHead(source, UBOOT_SPAN);
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("latin1");
  return /U-Boot (?:SPL )?20\d\d\.\d\d/.test(text);
}

function notAKernel(head: Uint8Array): string {
  if (latin1(head, 0, 4) === "\x27\x05\x19\x56") return "it is a U-Boot legacy image (uImage)";
  if (latin1(head, 0, 4) === "\xd0\x0d\xfe\xed") return "it is a flattened device tree or a FIT image";
  if (latin1(head, 0, 2) === "#!") return "it is a script";
  if (latin1(head, 0, 6) === "070701") return "it is a cpio archive, which goes with --initrd";
  return "it is neither a RISC-V Image nor an ELF file";
}

const latin1 = (bytes: Uint8Array, start: number, end: number): string =>
  String.fromCharCode(...bytes.subarray(start, end));

const wrongArchitecture = (source: ByteSource, machine: string): VkrunError =>
  new VkrunError("ERR_VKRUN_KERNEL_ARCH", `The kernel ${source.name} is for ${machine}; vkrun runs 64-bit RISC-V.`, {
    hint: "Use a riscv64 kernel or disk image.",
  });

const unknownFormat = (source: ByteSource, reason: string): VkrunError =>
  new VkrunError("ERR_VKRUN_KERNEL_INVALID", `The kernel ${source.name} cannot be used: ${reason}.`, {
    hint: "vkrun starts RISC-V Linux Images (plain, EFI stub, EFI zboot, gzip, zstd), ELF files and U-Boot.",
  });

const tooBig = (source: ByteSource, limit: number): VkrunError =>
  new VkrunError(
    "ERR_VKRUN_MEMORY_TOO_SMALL",
    `The kernel ${source.name} is ${source.size} bytes long; the guest has ${Math.floor(limit / 2 ** 20)} MiB of memory.`,
    { hint: "Give the guest more memory with -m, or check that this is a kernel." },
  );
