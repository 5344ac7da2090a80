/** Guest RAM as a whole: its hash, and making it all zeroes again. Most of it is zeroes that were never touched. */
import { createHash } from "node:crypto";
import { native, nativeUnavailable } from "../native.js";
import type { Core } from "../wasm/core.js";

const PIECE = 4096;

/**
 * SHA-256 over the pages that are not zero, each preceded by its offset, and over the length: equal for equal
 * contents, and quick for a guest that has touched little.
 */
export function hashRam(ram: Uint8Array): string {
  const hash = createHash("sha256");
  const offsetBytes = Buffer.alloc(8);
  offsetBytes.writeBigUInt64LE(BigInt(ram.length));
  hash.update(offsetBytes);
  const words = new Int32Array(ram.buffer, ram.byteOffset, ram.length / 4);
  // Hashing reads memory that no other thread writes, but that is shared: Node wants a copy of such.
  const page = Buffer.alloc(PIECE);
  for (let offset = 0; offset < ram.length; offset += PIECE) {
    if (isZero(words, offset / 4, PIECE / 4)) continue;
    offsetBytes.writeBigUInt64LE(BigInt(offset));
    hash.update(offsetBytes);
    page.set(ram.subarray(offset, offset + PIECE));
    hash.update(page);
  }
  return hash.digest("hex");
}

/** Makes all of `bytes` zero, as it was when it was allocated. Whole pages of the host go back to it. */
export function clearMemory(bytes: Uint8Array): void {
  const addon = nativeUnavailable() === undefined ? native() : undefined;
  // Memories begin on a page of the host, whatever size its pages have.
  const page = addon?.pageSize ?? PIECE;
  const start = bytes.byteOffset;
  const from = Math.min(Math.ceil(start / page) * page - start, bytes.length);
  const to = Math.max(Math.floor((start + bytes.length) / page) * page - start, from);
  bytes.fill(0, 0, from).fill(0, to);
  if (to === from) return;
  const pages = bytes.subarray(from, to);
  if (addon !== undefined) addon.discardMemory({ bytes: pages });
  else fillPages(pages);
}

/** From here on a part of a file that is mapped is of no interest: mapping something else in its place costs less than zeroes. */
const REMAPPED = 256 << 10;

/** As `clearMemory`, where a file is mapped: what is given back would be the file's again. */
export function clearMapped(bytes: Uint8Array): void {
  const { pageSize } = native();
  const aligned = bytes.byteOffset % pageSize === 0 && bytes.length % pageSize === 0;
  if (!aligned || bytes.length < REMAPPED) bytes.fill(0);
  else native().mapAnonymous({ bytes });
}

/** Reading an untouched page costs no memory, writing would. */
function fillPages(bytes: Uint8Array): void {
  const words = new Int32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
  for (let offset = 0; offset < words.length; offset += PIECE / 4) {
    if (!isZero(words, offset, PIECE / 4)) words.fill(0, offset, offset + PIECE / 4);
  }
}

export function residentBytes(core: Core): number | undefined {
  return nativeUnavailable() === undefined ? native().residentBytes({ bytes: core.ram }) : undefined;
}

function isZero(words: Int32Array, from: number, length: number): boolean {
  for (let i = from; i < from + length; i++) if (words[i] !== 0) return false;
  return true;
}
