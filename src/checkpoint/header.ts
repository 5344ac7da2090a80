/** The first 4096 bytes of a checkpoint: docs/checkpoint-format.md, "Header". */

import { damaged, newerVersion, notACheckpoint, truncated, unsupported } from "./checkpoint-error.js";
import { ID_BYTES } from "./checkpoint-id.js";
import { crc32c } from "./crc32c.js";

export const FORMAT_VERSION = 1;
export const HEADER_BYTES = 4096;
export const PAGE_BYTES = 4096;
/** Of the writer. A multiple of every host's page size (arm64 knows 16 and 64 KiB), so that RAM can be mapped everywhere. */
export const DATA_OFFSET = 65536;

/** More RAM than a vkernel with 32-bit linear memory can have, so that a header cannot make a reader allocate without bound. */
const MAX_RAM_BYTES = 2 ** 32;
const MAX_MANIFEST_BYTES = 32 << 20;
const MAGIC = new TextEncoder().encode("VKRUNCKP");

/** Bits of `incompatible`: a reader that does not know one cannot read the file. */
export const Feature = {
  /** RAM is compressed frames instead of pages at their places. */
  ZSTD: 1n,
} as const;
const KNOWN_FEATURES = Feature.ZSTD;

/** Where the fields lie. `Extent`s are offset (u64), length (u64) and CRC-32C (u32), and four bytes of zeroes. */
const Field = {
  MAGIC: 0,
  VERSION: 8,
  PAGE_BYTES: 12,
  INCOMPATIBLE: 16,
  COMPATIBLE: 24,
  ID: 32,
  PARENT: 48,
  RAM_BYTES: 64,
  DATA_OFFSET: 72,
  PRESENT: 80,
  ZERO: 104,
  PAGE_CRCS: 128,
  MANIFEST: 152,
  FRAMES: 176,
  CRC: 4092,
} as const;

/** A part of the file, and the CRC of what it holds. */
export interface Extent {
  readonly offset: number;
  readonly length: number;
  readonly crc: number;
}

export interface Header {
  readonly compressed: boolean;
  readonly id: Uint8Array;
  /** All zeroes: none. */
  readonly parent: Uint8Array;
  readonly ramBytes: number;
  readonly dataOffset: number;
  readonly present: Extent;
  readonly zero: Extent;
  readonly pageCrcs: Extent;
  readonly manifest: Extent;
  /** The table of frames; empty unless `compressed`. */
  readonly frames: Extent;
}

export function encodeHeader(header: Header): Uint8Array {
  const bytes = new Uint8Array(HEADER_BYTES);
  const view = new DataView(bytes.buffer);
  bytes.set(MAGIC, Field.MAGIC);
  view.setUint32(Field.VERSION, FORMAT_VERSION, true);
  view.setUint32(Field.PAGE_BYTES, PAGE_BYTES, true);
  view.setBigUint64(Field.INCOMPATIBLE, header.compressed ? Feature.ZSTD : 0n, true);
  bytes.set(header.id, Field.ID);
  bytes.set(header.parent, Field.PARENT);
  view.setBigUint64(Field.RAM_BYTES, BigInt(header.ramBytes), true);
  view.setBigUint64(Field.DATA_OFFSET, BigInt(header.dataOffset), true);
  const putExtent = (at: number, { offset, length, crc }: Extent): void => {
    view.setBigUint64(at, BigInt(offset), true);
    view.setBigUint64(at + 8, BigInt(length), true);
    view.setUint32(at + 16, crc, true);
  };
  putExtent(Field.PRESENT, header.present);
  putExtent(Field.ZERO, header.zero);
  putExtent(Field.PAGE_CRCS, header.pageCrcs);
  putExtent(Field.MANIFEST, header.manifest);
  putExtent(Field.FRAMES, header.frames);
  view.setUint32(Field.CRC, crc32c(bytes.subarray(0, Field.CRC)), true);
  return bytes;
}

/** Checks all that can be checked without the rest of the file. `bytes` are as many of the first 4096 as there are. */
export function decodeHeader(path: string, bytes: Uint8Array): Header {
  if (bytes.length < MAGIC.length || !MAGIC.every((byte, index) => bytes[Field.MAGIC + index] === byte)) {
    throw notACheckpoint(path, "it does not begin with VKRUNCKP");
  }
  if (bytes.length < HEADER_BYTES) throw truncated(path);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  // Every version has magic, version and this checksum in the same places: a flipped bit is no other version.
  if (crc32c(bytes.subarray(0, Field.CRC)) !== view.getUint32(Field.CRC, true)) {
    throw damaged(path, "its header does not fit its checksum");
  }
  const version = view.getUint32(Field.VERSION, true);
  if (version !== FORMAT_VERSION) throw newerVersion(path, version, FORMAT_VERSION);
  const incompatible = view.getBigUint64(Field.INCOMPATIBLE, true);
  const unknown = incompatible & ~KNOWN_FEATURES;
  if (unknown !== 0n) throw unsupported(path, `unknown incompatible features (bits 0x${unknown.toString(16)})`);
  const pageBytes = view.getUint32(Field.PAGE_BYTES, true);
  if (pageBytes !== PAGE_BYTES) throw unsupported(path, `pages of ${pageBytes} bytes`);

  /** Saturates: whatever is too large for a double fails the checks of lengths. */
  const u64 = (at: number): number => Number(view.getBigUint64(at, true));
  const extent = (at: number): Extent => ({
    offset: u64(at),
    length: u64(at + 8),
    crc: view.getUint32(at + 16, true),
  });
  const header: Header = {
    compressed: (incompatible & Feature.ZSTD) !== 0n,
    id: bytes.slice(Field.ID, Field.ID + ID_BYTES),
    parent: bytes.slice(Field.PARENT, Field.PARENT + ID_BYTES),
    ramBytes: u64(Field.RAM_BYTES),
    dataOffset: u64(Field.DATA_OFFSET),
    present: extent(Field.PRESENT),
    zero: extent(Field.ZERO),
    pageCrcs: extent(Field.PAGE_CRCS),
    manifest: extent(Field.MANIFEST),
    frames: extent(Field.FRAMES),
  };
  checkHeader(path, header);
  return header;
}

function checkHeader(path: string, header: Header): void {
  const { ramBytes, dataOffset, present, zero, pageCrcs, manifest, frames, compressed } = header;
  const wrong = (what: string): never => {
    throw damaged(path, `its header has an impossible ${what}`);
  };
  if (ramBytes === 0 || ramBytes % PAGE_BYTES !== 0 || ramBytes > MAX_RAM_BYTES) wrong("amount of RAM");
  if (dataOffset < HEADER_BYTES || dataOffset % PAGE_BYTES !== 0 || dataOffset > 2 ** 32) wrong("place of RAM");
  const pages = ramBytes / PAGE_BYTES;
  const bitmapBytes = Math.ceil(pages / 8);
  if (present.length !== bitmapBytes || zero.length !== bitmapBytes) wrong("length of a bitmap");
  if (pageCrcs.length > pages * 4 || pageCrcs.length % 4 !== 0) wrong("number of checksums of pages");
  if (manifest.length === 0 || manifest.length > MAX_MANIFEST_BYTES) wrong("length of the manifest");
  if (compressed ? frames.length > pages * FRAME_ENTRY_BYTES : frames.length !== 0) wrong("table of frames");
  for (const { offset, length } of [present, zero, pageCrcs, manifest, frames]) {
    if (!Number.isSafeInteger(offset + length)) wrong("place of a table");
  }
}

/** Offset (u64) and length (u32) of each frame; see compressed-ram.ts. */
export const FRAME_ENTRY_BYTES = 16;

/** What the header says that the file has at least. */
export function endOf(header: Header): number {
  const extents = [header.present, header.zero, header.pageCrcs, header.manifest, header.frames];
  const ends = extents.map(({ offset, length }) => offset + length);
  return Math.max(HEADER_BYTES, header.compressed ? 0 : header.dataOffset + header.ramBytes, ...ends);
}

export function hasParent(header: Header): boolean {
  return header.parent.some((byte) => byte !== 0);
}
