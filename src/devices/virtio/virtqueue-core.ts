/**
 * Virtqueues as the devices see them: the functions of assembly/virtio/exports.ts over the linear memory that holds the
 * guest's RAM. Queues and request records are known by their linear addresses; what the numbers mean is in
 * assembly/shared/virtq.ts.
 */
export interface VirtqueueExports {
  virtqAddress(device: number, queue: number): number;
  virtqReset(queue: number): void;
  /** Answers a VirtqError. */
  virtqStart(queue: number, size: number, desc: bigint, avail: bigint, used: bigint, features: number): number;
  /** A record's address, 0 (nothing available), 1 (no room until a push) or a VirtqError negated. */
  virtqPop(queue: number): number;
  virtqPush(queue: number, record: number, written: number): void;
  /** Pops up to `capacity` times into the first u32 of 8 bytes each at `batch`: see assembly/virtio/exports.ts. */
  virtqPopBatch(queue: number, batch: number, capacity: number): number;
  virtqPushBatch(queue: number, batch: number, count: number): void;
  virtqInterruptDue(queue: number): number;
  virtqReadable(record: number): number;
  virtqWritable(record: number): number;
  virtqSegmentGpa(record: number, index: number): bigint;
  virtqSegmentAddress(record: number, index: number): number;
  virtqSegmentLength(record: number, index: number): number;
  virtqWriting(record: number, offset: number, length: number): void;
  virtqWrote(record: number, offset: number, length: number): void;
  /** The `index`th record popped and not yet pushed, oldest first, or 0. */
  virtqUnderWay(queue: number, index: number): number;
  virtqSavedLength(queue: number): number;
  virtqSavedLimit(): number;
  virtqRestored(queue: number): number;
}

export interface VirtqueueCore extends VirtqueueExports {
  /** The linear memory. It never grows, so views of it stay good. */
  readonly buffer: ArrayBufferLike;
}

/** Ties the queue functions to the memory that they work in. */
export function virtqueueCore(buffer: ArrayBufferLike, exports: VirtqueueExports): VirtqueueCore {
  return {
    buffer,
    virtqAddress: exports.virtqAddress,
    virtqReset: exports.virtqReset,
    virtqStart: exports.virtqStart,
    virtqPop: exports.virtqPop,
    virtqPush: exports.virtqPush,
    virtqPopBatch: exports.virtqPopBatch,
    virtqPushBatch: exports.virtqPushBatch,
    virtqInterruptDue: exports.virtqInterruptDue,
    virtqReadable: exports.virtqReadable,
    virtqWritable: exports.virtqWritable,
    virtqSegmentGpa: exports.virtqSegmentGpa,
    virtqSegmentAddress: exports.virtqSegmentAddress,
    virtqSegmentLength: exports.virtqSegmentLength,
    virtqWriting: exports.virtqWriting,
    virtqWrote: exports.virtqWrote,
    virtqUnderWay: exports.virtqUnderWay,
    virtqSavedLength: exports.virtqSavedLength,
    virtqSavedLimit: exports.virtqSavedLimit,
    virtqRestored: exports.virtqRestored,
  };
}

/** VirtqError by number, for logs. A test holds it against assembly/shared/virtq.ts. */
export const VIRTQ_ERRORS: readonly string[] = [
  "NONE",
  "QUEUE_SIZE",
  "RING_ALIGNMENT",
  "RING_ADDRESS",
  "AVAIL_INDEX",
  "HEAD_INDEX",
  "NEXT_INDEX",
  "CHAIN_LENGTH",
  "BUFFER_ADDRESS",
  "TOTAL_LENGTH",
  "BUFFER_ORDER",
  "INDIRECT_NOT_NEGOTIATED",
  "INDIRECT_NESTED",
  "INDIRECT_WITH_NEXT",
  "INDIRECT_LENGTH",
  "INDIRECT_ADDRESS",
  "IN_FLIGHT",
  "RECORD",
];
