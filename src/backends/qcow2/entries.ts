// Entries of L1 and L2 tables, and how they lie in a table (QEMU, docs/interop/qcow2.txt, "Cluster mapping").

import type { Table } from "./table-cache.js";

const COPIED = 0x8000_0000;
const COMPRESSED = 0x4000_0000;
const OFFSET_HIGH = 0x00ff_ffff;
const OFFSET_LOW = 0xffff_fe00;
const ZERO = 1;
/** Bits that are reserved in an uncompressed entry of an L2 table. */
const RESERVED_HIGH = 0x3f00_0000;
const RESERVED_LOW = 0x1fe;

/** An entry of an L2 table: where a cluster of the disk is. */
export type Mapping =
  /** In the backing file, or zero without one. */
  | { readonly kind: "none" }
  /** `offset` 0 when no cluster is kept for it. */
  | { readonly kind: "zero"; readonly offset: number }
  /** `copied`: nobody else refers to it, so that it may be written in place. */
  | { readonly kind: "data"; readonly offset: number; readonly copied: boolean }
  | { readonly kind: "compressed"; readonly offset: number; readonly length: number };

const NONE: Mapping = { kind: "none" };

export function readOffset(view: DataView, index: number): number {
  return (view.getUint32(8 * index) & OFFSET_HIGH) * 2 ** 32 + ((view.getUint32(8 * index + 4) & OFFSET_LOW) >>> 0);
}

/** An offset and, if so, that it has one reference only: as both L1 and L2 tables have it. */
export function writeOffset(view: DataView, index: number, offset: number, copied: boolean, zero = false): void {
  view.setUint32(8 * index, (Math.floor(offset / 2 ** 32) | (copied ? COPIED : 0)) >>> 0);
  view.setUint32(8 * index + 4, (offset % 2 ** 32) + (zero ? ZERO : 0));
}

export function isCopied(view: DataView, index: number): boolean {
  return (view.getUint32(8 * index) & COPIED) !== 0;
}

export function readMapping(table: Table, index: number, clusterBits: number, version: 2 | 3): Mapping {
  const high = table.view.getUint32(8 * index);
  const low = table.view.getUint32(8 * index + 4);
  if (high === 0 && low === 0) return NONE;
  if ((high & COMPRESSED) !== 0) return compressed(table.view.getBigUint64(8 * index), clusterBits);
  const offset = readOffset(table.view, index);
  if (version === 3 && (low & ZERO) !== 0) return { kind: "zero", offset };
  if (offset === 0) return NONE;
  return { kind: "data", offset, copied: (high & COPIED) !== 0 };
}

/** "Compressed Clusters Descriptor": x is where the number of further sectors begins. */
function compressed(entry: bigint, clusterBits: number): Mapping {
  const x = BigInt(62 - (clusterBits - 8));
  const offset = Number(entry & ((1n << x) - 1n));
  const sectors = Number((entry & ((1n << 62n) - 1n)) >> x) + 1;
  return { kind: "compressed", offset, length: sectors * 512 - (offset % 512) };
}

/** Whether an entry has bits that no image of this version may have. */
export function isMalformed(table: Table, index: number, clusterBits: number, version: 2 | 3): boolean {
  const high = table.view.getUint32(8 * index);
  if ((high & COMPRESSED) !== 0) {
    const mapping = compressed(table.view.getBigUint64(8 * index), clusterBits);
    return mapping.kind === "compressed" && !Number.isSafeInteger(mapping.offset + mapping.length);
  }
  const low = table.view.getUint32(8 * index + 4);
  if ((high & RESERVED_HIGH) !== 0 || (low & RESERVED_LOW) !== 0) return true;
  if (version === 2 && (low & ZERO) !== 0) return true;
  const offset = readOffset(table.view, index);
  return offset % 2 ** clusterBits !== 0 || offset > Number.MAX_SAFE_INTEGER;
}
