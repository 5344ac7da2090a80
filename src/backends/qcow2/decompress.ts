// Compressed clusters (QEMU, docs/interop/qcow2.txt, "Compressed clusters"): a raw deflate stream or a zstd frame, with whatever
// follows in its last sector.

import { promisify } from "node:util";
import { inflateRaw } from "node:zlib";
import { decompress as decompressZstd } from "fzstd";
import { boundZstdFrame } from "../zstd-frame.js";
import type { Compression } from "./header.js";

/** The cluster, or undefined when what was stored does not come to one. */
export async function decompressCluster(
  compression: Compression,
  stored: Uint8Array,
  clusterSize: number,
): Promise<Uint8Array | undefined> {
  try {
    const cluster = compression === "zlib" ? await inflate(stored, clusterSize) : unzstd(stored, clusterSize);
    return cluster.length === clusterSize ? cluster : undefined;
  } catch {
    return undefined;
  }
}

async function inflate(stored: Uint8Array, clusterSize: number): Promise<Uint8Array> {
  return promisify(inflateRaw)(stored, { maxOutputLength: clusterSize });
}

function unzstd(stored: Uint8Array, clusterSize: number): Uint8Array {
  const frame = boundZstdFrame(stored, clusterSize);
  if ("reason" in frame) throw new Error(frame.reason);
  // With room for the most that it can come to, fzstd needs no window of its own.
  const cluster = decompressZstd(stored.subarray(0, frame.frameLength), new Uint8Array(frame.size));
  // The bound may be more than there is: a block of the frame that says nothing of its size.
  return cluster.length > clusterSize ? cluster.subarray(0, clusterSize) : cluster;
}
