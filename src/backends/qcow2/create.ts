// A new qcow2 image that holds nothing yet and stands on another one (QEMU, docs/interop/qcow2.txt).

import { open } from "node:fs/promises";
import { QCOW2_MAGIC } from "./header.js";

const CLUSTER_BITS = 16;
const CLUSTER = 2 ** CLUSTER_BITS;
const HEADER_LENGTH = 104;
/** Counts of 16 bits. */
const REFCOUNT_ORDER = 4;
const BACKING_FORMAT = 0xe279_2aca;

export interface NewOverlay {
  /** Where it is made; nothing may be there. */
  readonly path: string;
  /** Of the disk, in bytes. */
  readonly size: number;
  /** As it is to stand in the image: relative to it, or absolute. */
  readonly backingFile: string;
  readonly backingFormat: "raw" | "qcow2";
}

/** On stable storage when it resolves. */
export async function createOverlay({ path, size, backingFile, backingFormat }: NewOverlay): Promise<void> {
  const l1Entries = Math.ceil(size / (CLUSTER * (CLUSTER / 8)));
  const l1Clusters = Math.ceil((8 * l1Entries) / CLUSTER);
  // Header, refcount table, refcount block, L1 table: the first clusters, in this order.
  const clusters = 3 + l1Clusters;
  const bytes = new Uint8Array(3 * CLUSTER);
  const view = new DataView(bytes.buffer);
  const name = Buffer.from(backingFile);
  const format = Buffer.from(backingFormat);
  const nameOffset = HEADER_LENGTH + 8 + Math.ceil(format.length / 8) * 8 + 8;
  view.setUint32(0, QCOW2_MAGIC);
  view.setUint32(4, 3);
  view.setBigUint64(8, BigInt(nameOffset));
  view.setUint32(16, name.length);
  view.setUint32(20, CLUSTER_BITS);
  view.setBigUint64(24, BigInt(size));
  view.setUint32(36, l1Entries);
  view.setBigUint64(40, BigInt(3 * CLUSTER));
  view.setBigUint64(48, BigInt(CLUSTER));
  view.setUint32(56, 1);
  view.setUint32(96, REFCOUNT_ORDER);
  view.setUint32(100, HEADER_LENGTH);
  view.setUint32(HEADER_LENGTH, BACKING_FORMAT);
  view.setUint32(HEADER_LENGTH + 4, format.length);
  bytes.set(format, HEADER_LENGTH + 8);
  bytes.set(name, nameOffset);
  view.setBigUint64(CLUSTER, BigInt(2 * CLUSTER));
  for (let cluster = 0; cluster < clusters; cluster++) view.setUint16(2 * CLUSTER + 2 * cluster, 1);
  await using file = await open(path, "wx");
  await file.write(bytes, 0, bytes.length, 0);
  await file.truncate(clusters * CLUSTER);
  await file.sync();
}
