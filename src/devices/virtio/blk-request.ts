// Requests of virtio-blk, understood (virtio 1.2, 5.2.6): what is asked for, or which status says that it cannot be had.
// Nothing here touches a disk.

import { MAX_RANGE_SECTORS, MAX_RANGES, SECTOR } from "./blk-config.js";
import type { VirtqRequest } from "./virtq-request.js";

const enum BlkType {
  IN = 0,
  OUT = 1,
  FLUSH = 4,
  GET_ID = 8,
  DISCARD = 11,
  WRITE_ZEROES = 13,
}

export const enum BlkStatus {
  OK = 0,
  IOERR = 1,
  UNSUPP = 2,
}

/** struct virtio_blk_req: type, reserved, sector; then data; then a byte of status. */
export const HEADER_LENGTH = 16;
export const STATUS_LENGTH = 1;
/** struct virtio_blk_discard_write_zeroes: sector, num_sectors, flags. */
const RANGE_LENGTH = 16;
const UNMAP = 1;

export interface BlkRange {
  readonly offset: number;
  readonly length: number;
  readonly unmap: boolean;
}

export type BlkOperation =
  | { readonly kind: "read" | "write"; readonly offset: number; readonly length: number }
  | { readonly kind: "discard" | "write-zeroes"; readonly ranges: readonly BlkRange[] }
  | { readonly kind: "flush" | "get-id" }
  /** There is nothing to do but to say so. */
  | { readonly kind: "answer"; readonly status: BlkStatus };

/** What decides whether a request can be had. */
export interface BlkLimits {
  readonly size: number;
  readonly readOnly: boolean;
  readonly discard: boolean;
  readonly writeZeroes: boolean;
}

const answer = (status: BlkStatus): BlkOperation => ({ kind: "answer", status });

/** Undefined for a request that has no place for an answer, or no question. */
export function parseBlkRequest(request: VirtqRequest, limits: BlkLimits): BlkOperation | undefined {
  const header = new Uint8Array(HEADER_LENGTH);
  if (request.read(0, header) < HEADER_LENGTH || request.writableLength < STATUS_LENGTH) return undefined;
  const fields = new DataView(header.buffer);
  const type = fields.getUint32(0, true);
  switch (type) {
    case BlkType.IN:
      return transfer("read", fields, request.writableLength - STATUS_LENGTH, limits);
    case BlkType.OUT:
      return transfer("write", fields, request.readableLength - HEADER_LENGTH, limits);
    case BlkType.FLUSH:
      return { kind: "flush" };
    case BlkType.GET_ID:
      return { kind: "get-id" };
    case BlkType.DISCARD:
      return limits.discard ? ranges("discard", request, limits) : answer(BlkStatus.UNSUPP);
    case BlkType.WRITE_ZEROES:
      return limits.writeZeroes ? ranges("write-zeroes", request, limits) : answer(BlkStatus.UNSUPP);
    default:
      return answer(BlkStatus.UNSUPP);
  }
}

function transfer(kind: "read" | "write", header: DataView, length: number, limits: BlkLimits): BlkOperation {
  const sector = header.getBigUint64(8, true);
  const end = sector * BigInt(SECTOR) + BigInt(length);
  if (length % SECTOR !== 0 || end > BigInt(limits.size)) return answer(BlkStatus.IOERR);
  if (kind === "write" && limits.readOnly) return answer(BlkStatus.IOERR);
  if (length === 0) return answer(BlkStatus.OK);
  return { kind, offset: Number(sector) * SECTOR, length };
}

function ranges(kind: "discard" | "write-zeroes", request: VirtqRequest, { size }: BlkLimits): BlkOperation {
  const length = request.readableLength - HEADER_LENGTH;
  if (length === 0 || length % RANGE_LENGTH !== 0 || length > MAX_RANGES * RANGE_LENGTH) return answer(BlkStatus.IOERR);
  const bytes = new Uint8Array(length);
  request.read(HEADER_LENGTH, bytes);
  const fields = new DataView(bytes.buffer);
  const parsed: BlkRange[] = [];
  for (let at = 0; at < length; at += RANGE_LENGTH) {
    const sector = fields.getBigUint64(at, true);
    const sectors = fields.getUint32(at + 8, true);
    const flags = fields.getUint32(at + 12, true);
    // "unmap" is what a discard is; set there, and any other flag anywhere, is unknown (5.2.6.2).
    if ((flags & ~UNMAP) !== 0 || (kind === "discard" && flags !== 0)) return answer(BlkStatus.UNSUPP);
    if (sectors > MAX_RANGE_SECTORS || (sector + BigInt(sectors)) * BigInt(SECTOR) > BigInt(size)) {
      return answer(BlkStatus.IOERR);
    }
    if (sectors === 0) continue;
    parsed.push({ offset: Number(sector) * SECTOR, length: sectors * SECTOR, unmap: (flags & UNMAP) !== 0 });
  }
  return { kind, ranges: parsed };
}
