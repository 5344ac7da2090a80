// The header of a qcow2 image (QEMU, docs/interop/qcow2.txt, "Header" and "Header extensions"): what it says, checked.

import { VkrunError } from "../../errors.js";

export const QCOW2_MAGIC = 0x5146_49fb;
const V2_LENGTH = 72;
const V3_LENGTH = 104;
/** As QEMU: L1 tables are read into memory as a whole. */
const MAX_L1_BYTES = 32 << 20;
const MAX_REFTABLE_BYTES = 8 << 20;
const MAX_BACKING_NAME = 1023;
const MAX_EXTENSIONS = 64;

export const HeaderField = {
  REFCOUNT_TABLE_OFFSET: 48,
  INCOMPATIBLE: 72,
  AUTOCLEAR: 88,
} as const;

export const Incompatible = { DIRTY: 1, CORRUPT: 2, EXTERNAL_DATA: 4, COMPRESSION_TYPE: 8, EXTENDED_L2: 16 } as const;
const KNOWN_INCOMPATIBLE: Readonly<Record<number, string>> = {
  0: "dirty bit",
  1: "corrupt bit",
  2: "external data file",
  3: "compression type",
  4: "extended L2 entries",
};
const SUPPORTED = Incompatible.DIRTY | Incompatible.CORRUPT | Incompatible.COMPRESSION_TYPE;

const Extension = { END: 0, BACKING_FORMAT: 0xe279_2aca, FEATURE_NAMES: 0x6803_f857, BITMAPS: 0x2385_2875 } as const;
const FEATURE_NAME_LENGTH = 48;

export type Compression = "zlib" | "zstd";

export interface Qcow2Header {
  readonly version: 2 | 3;
  /** The disk's size in bytes, of whole sectors. */
  readonly size: number;
  readonly clusterBits: number;
  readonly l1Offset: number;
  readonly l1Entries: number;
  readonly refcountTableOffset: number;
  readonly refcountTableClusters: number;
  readonly refcountOrder: number;
  readonly snapshots: number;
  readonly dirty: boolean;
  readonly corrupt: boolean;
  readonly autoclear: bigint;
  readonly bitmaps: boolean;
  readonly compression: Compression;
  readonly backingFile: string | undefined;
  readonly backingFormat: string | undefined;
}

/** `head` is the beginning of the file, as much as there is of its first cluster (at most 2 MiB). */
export function parseHeader(path: string, head: Uint8Array): Qcow2Header {
  const view = new DataView(head.buffer, head.byteOffset, head.length);
  try {
    return parse(path, view);
  } catch (error) {
    // A length or offset in there leads out of what there is.
    if (error instanceof RangeError) throw corrupt(path, "its header is cut short", error);
    throw error;
  }
}

function parse(path: string, view: DataView): Qcow2Header {
  if (view.getUint32(0) !== QCOW2_MAGIC) throw corrupt(path, "it has no qcow2 header");
  const version = view.getUint32(4);
  if (version !== 2 && version !== 3) {
    throw unsupported(path, `qcow2 version ${version}`, "Convert it: qemu-img convert -O qcow2 IMAGE NEW.");
  }
  if (view.getUint32(32) !== 0) {
    throw new VkrunError("ERR_VKRUN_IMAGE_ENCRYPTED", `the disk image ${path} is encrypted`, {
      hint: "vkrun has no way to be given the key. Decrypt it with qemu-img convert.",
    });
  }
  const clusterBits = view.getUint32(20);
  if (clusterBits < 9 || clusterBits > 21) throw corrupt(path, `its clusters have 2^${clusterBits} bytes`);
  const headerLength = version === 2 ? V2_LENGTH : view.getUint32(100);
  if (version === 3 && (headerLength < V3_LENGTH || headerLength > 2 ** clusterBits)) {
    throw corrupt(path, `its header has a length of ${headerLength}`);
  }
  const extensions = readExtensions(path, view, headerLength);
  const incompatible = version === 2 ? 0n : view.getBigUint64(HeaderField.INCOMPATIBLE);
  refuseUnknown(path, incompatible, extensions.featureNames);
  const refcountOrder = version === 2 ? 4 : view.getUint32(96);
  if (refcountOrder > 6) throw corrupt(path, `its reference counts have 2^${refcountOrder} bits`);
  const header = {
    version: version as 2 | 3,
    size: Math.floor(offsetAt(path, view, 24, "size") / 512) * 512,
    clusterBits,
    l1Entries: view.getUint32(36),
    l1Offset: offsetAt(path, view, 40, "L1 table"),
    refcountTableOffset: offsetAt(path, view, HeaderField.REFCOUNT_TABLE_OFFSET, "refcount table"),
    refcountTableClusters: view.getUint32(56),
    refcountOrder,
    snapshots: view.getUint32(60),
    dirty: (incompatible & BigInt(Incompatible.DIRTY)) !== 0n,
    corrupt: (incompatible & BigInt(Incompatible.CORRUPT)) !== 0n,
    autoclear: version === 2 ? 0n : view.getBigUint64(HeaderField.AUTOCLEAR),
    bitmaps: extensions.bitmaps,
    compression: compressionAt(path, view, headerLength, incompatible),
    backingFile: backingName(path, view),
    backingFormat: extensions.backingFormat,
  };
  checkTables(path, header);
  return header;
}

function checkTables(path: string, header: Qcow2Header): void {
  const { size, clusterBits, l1Entries, l1Offset, refcountTableClusters, refcountTableOffset } = header;
  const clusterSize = 2 ** clusterBits;
  if (size === 0) {
    throw new VkrunError("ERR_VKRUN_IMAGE_INVALID", `the disk in the image ${path} has a size of 0`, {
      hint: "Make it larger: qemu-img resize IMAGE SIZE.",
    });
  }
  const needed = Math.ceil(size / clusterSize / (clusterSize / 8));
  if (l1Entries * 8 > MAX_L1_BYTES) throw corrupt(path, "its L1 table is too large");
  if (l1Entries < needed) throw corrupt(path, "its L1 table is too small for the size of the disk");
  if (l1Offset === 0 || l1Offset % clusterSize !== 0) throw corrupt(path, "its L1 table is misplaced");
  if (refcountTableOffset === 0 || refcountTableOffset % clusterSize !== 0) {
    throw corrupt(path, "its refcount table is misplaced");
  }
  if (refcountTableClusters === 0 || refcountTableClusters * clusterSize > MAX_REFTABLE_BYTES) {
    throw corrupt(path, "its refcount table has an impossible size");
  }
}

function compressionAt(path: string, view: DataView, headerLength: number, incompatible: bigint): Compression {
  const stated = (incompatible & BigInt(Incompatible.COMPRESSION_TYPE)) !== 0n;
  const type = headerLength > V3_LENGTH ? view.getUint8(V3_LENGTH) : 0;
  if (stated !== (type !== 0)) throw corrupt(path, "it contradicts itself on its compression");
  if (type > 1) throw unsupported(path, `compression type ${type}`, "zlib and zstd are known.");
  return type === 1 ? "zstd" : "zlib";
}

function backingName(path: string, view: DataView): string | undefined {
  const offset = offsetAt(path, view, 8, "backing file's name");
  const length = view.getUint32(16);
  if (offset === 0) return undefined;
  if (length === 0 || length > MAX_BACKING_NAME)
    throw corrupt(path, `the name of its backing file has ${length} bytes`);
  return text(view, offset, length);
}

interface Extensions {
  backingFormat: string | undefined;
  bitmaps: boolean;
  /** "type:bit" to name; type 0 is incompatible. */
  featureNames: Map<string, string>;
}

function readExtensions(path: string, view: DataView, start: number): Extensions {
  const found: Extensions = { backingFormat: undefined, bitmaps: false, featureNames: new Map() };
  let at = start;
  for (let count = 0; ; count++) {
    if (count === MAX_EXTENSIONS) throw corrupt(path, "its header extensions have no end");
    // Version 2 images need not have any: whatever lies there then is no extension.
    if (at + 8 > view.byteLength) return found;
    const type = view.getUint32(at);
    const length = view.getUint32(at + 4);
    if (type === Extension.END) return found;
    at += 8;
    if (length > view.byteLength - at) throw corrupt(path, "a header extension is longer than the header");
    if (type === Extension.BACKING_FORMAT) found.backingFormat = text(view, at, length);
    else if (type === Extension.BITMAPS) found.bitmaps = true;
    else if (type === Extension.FEATURE_NAMES) {
      for (let row = at; row + FEATURE_NAME_LENGTH <= at + length; row += FEATURE_NAME_LENGTH) {
        const name = text(view, row + 2, FEATURE_NAME_LENGTH - 2).replace(/\0.*$/s, "");
        found.featureNames.set(`${view.getUint8(row)}:${view.getUint8(row + 1)}`, name);
      }
    }
    at += Math.ceil(length / 8) * 8;
  }
}

function refuseUnknown(path: string, incompatible: bigint, names: ReadonlyMap<string, string>): void {
  const unknown: string[] = [];
  for (let bit = 0; bit < 64; bit++) {
    if (((incompatible & ~BigInt(SUPPORTED)) >> BigInt(bit)) & 1n) {
      unknown.push(`"${KNOWN_INCOMPATIBLE[bit] ?? names.get(`0:${bit}`) ?? `bit ${bit}`}"`);
    }
  }
  if (unknown.length === 0) return;
  const what = `the qcow2 feature${unknown.length > 1 ? "s" : ""} ${unknown.join(", ")}`;
  throw unsupported(path, what, "Convert it without: qemu-img convert -O qcow2 IMAGE NEW.");
}

function offsetAt(path: string, view: DataView, at: number, what: string): number {
  const value = view.getBigUint64(at);
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw corrupt(path, `its ${what} is beyond what a file can hold`);
  return Number(value);
}

function text(view: DataView, at: number, length: number): string {
  if (at + length > view.byteLength) throw new RangeError("text behind the end of the header");
  return Buffer.from(view.buffer, view.byteOffset + at, length).toString("utf8");
}

function unsupported(path: string, what: string, hint: string): VkrunError {
  return new VkrunError(
    "ERR_VKRUN_IMAGE_UNSUPPORTED",
    `the disk image ${path} uses ${what}, which vkrun does not know`,
    {
      hint,
    },
  );
}

/** The image contradicts itself or the format. */
export function corrupt(path: string, why: string, cause?: unknown): VkrunError {
  return new VkrunError("ERR_VKRUN_IMAGE_CORRUPT", `the disk image ${path} is corrupt: ${why}`, {
    hint: "See what qemu-img check says of it.",
    cause,
  });
}
