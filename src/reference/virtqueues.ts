/** The TypeScript twin of assembly/virtio/exports.ts: queues in the same linear memory, in the same form, to the bit. */
import type { VirtqueueExports } from "../devices/virtio/virtqueue-core.js";
import { Layout } from "../generated/layout.js";
import { VirtqError, VirtqFeature, VirtqLimit, VirtqPop } from "../generated/shared/virtq.js";
import type { GuestRam } from "./guest-ram.js";
import { packedInterruptDue, popPacked, pushPacked, pushPackedOne } from "./packed-ring.js";
import { popSplit, pushSplit, pushSplitOne, splitInterruptDue } from "./split-ring.js";
import { Chain } from "./virtq-chain.js";
import { BROKEN, breakQueue, half, ofRecord, READY, STOPPED, setHalf, setWord, word } from "./virtq-fields.js";
import { checkRecords, release, savedLength, underWay, writing, wrote } from "./virtq-records.js";

const { VIRTQ, RECORD, SEGMENT } = Layout;

export function referenceVirtqueues(ram: GuestRam): VirtqueueExports {
  const chain = new Chain(ram);
  const isPacked = (q: number): boolean => (word(ram, q, VIRTQ.FEATURES) & VirtqFeature.PACKED) !== 0;

  const pop = (q: number): number => {
    const state = word(ram, q, VIRTQ.STATE);
    if (state === BROKEN) return -word(ram, q, VIRTQ.ERROR);
    if (state !== READY) return VirtqPop.EMPTY;
    return isPacked(q) ? popPacked(ram, chain, q) : popSplit(ram, chain, q);
  };
  const segment = (record: number, index: number): number => record + RECORD.HEADER + index * SEGMENT.BYTES;

  return {
    virtqAddress: (device, queue) =>
      device >>> 0 >= VIRTQ.DEVICES || queue >>> 0 >= VIRTQ.QUEUES
        ? 0
        : VIRTQ.BASE + (device * VIRTQ.QUEUES + queue) * VIRTQ.STRIDE,
    virtqReset: (q) => reset(ram, q),
    virtqStart: (q, size, desc, avail, used, features) => {
      reset(ram, q);
      setWord(ram, q, VIRTQ.SIZE, size);
      setWord(ram, q, VIRTQ.FEATURES, features);
      ram.view.setBigUint64(q + VIRTQ.DESC_GPA, BigInt.asUintN(64, desc), true);
      ram.view.setBigUint64(q + VIRTQ.AVAIL_GPA, BigInt.asUintN(64, avail), true);
      ram.view.setBigUint64(q + VIRTQ.USED_GPA, BigInt.asUintN(64, used), true);
      const error = locate(ram, q);
      if (error !== VirtqError.NONE) return -breakQueue(ram, q, error);
      setWord(ram, q, VIRTQ.OLDEST, VIRTQ.RECORDS);
      setWord(ram, q, VIRTQ.NEXT, VIRTQ.RECORDS);
      setHalf(ram, q, VIRTQ.AVAIL_LAP, 1);
      setHalf(ram, q, VIRTQ.USED_LAP, 1);
      setWord(ram, q, VIRTQ.STATE, READY);
      return VirtqError.NONE;
    },
    virtqPop: pop,
    virtqPopBatch: (q, batch, capacity) => {
      const at = batch >>> 2;
      for (let count = 0; count < capacity; count++) {
        const answer = pop(q);
        ram.words[at + 2 * count] = answer;
        if (answer <= VirtqPop.FULL) return count;
      }
      return capacity;
    },
    virtqPush: (q, record, written) => {
      wrote(ram, record, 0, written);
      if (word(ram, q, VIRTQ.STATE) === READY) {
        if (isPacked(q)) pushPackedOne(ram, q, record, written);
        else pushSplitOne(ram, q, record, written);
      }
      release(ram, q, record);
    },
    virtqPushBatch: (q, batch, count) => {
      const { words } = ram;
      const at = batch >>> 2;
      for (let index = 0; index < count; index++) {
        wrote(ram, words[at + 2 * index] as number, 0, (words[at + 2 * index + 1] as number) >>> 0);
      }
      if (count > 0 && word(ram, q, VIRTQ.STATE) === READY) {
        if (isPacked(q)) pushPacked(ram, q, batch, count);
        else pushSplit(ram, q, batch, count);
      }
      for (let index = 0; index < count; index++) release(ram, q, words[at + 2 * index] as number);
    },
    virtqInterruptDue: (q) => {
      if (word(ram, q, VIRTQ.STATE) !== READY) return 0;
      return isPacked(q) ? packedInterruptDue(ram, q) : splitInterruptDue(ram, q);
    },
    virtqReadable: (record) => ofRecord(ram, record, RECORD.READABLE),
    virtqWritable: (record) => ofRecord(ram, record, RECORD.WRITABLE),
    virtqSegmentGpa: (record, index) => ram.view.getBigInt64(segment(record, index) + SEGMENT.GPA, true),
    virtqSegmentAddress: (record, index) => ram.words[(segment(record, index) + SEGMENT.ADDRESS) >>> 2] as number,
    virtqSegmentLength: (record, index) => ram.words[(segment(record, index) + SEGMENT.LENGTH) >>> 2] as number,
    virtqWriting: (record, offset, length) => writing(ram, record, offset, length),
    virtqWrote: (record, offset, length) => wrote(ram, record, offset, length),
    virtqUnderWay: (q, index) => underWay(ram, q, index),
    virtqSavedLength: (q) => savedLength(ram, q),
    virtqSavedLimit: () => VIRTQ.STRIDE,
    virtqRestored: (q) => {
      const error = checkRestored(ram, q);
      return error !== VirtqError.NONE ? error : checkRecords(ram, q);
    },
  };
}

function reset(ram: GuestRam, q: number): void {
  ram.bytes.fill(0, q, q + VIRTQ.BYTES);
}

/** Finds the rings in RAM, or says what is wrong with their addresses (2.7, 2.8.10.1). */
function locate(ram: GuestRam, q: number): number {
  const size = word(ram, q, VIRTQ.SIZE) >>> 0;
  if (size === 0 || size > VirtqLimit.SIZE) return VirtqError.QUEUE_SIZE;
  const packed = (word(ram, q, VIRTQ.FEATURES) & VirtqFeature.PACKED) !== 0;
  if (!packed && (size & (size - 1)) !== 0) return VirtqError.QUEUE_SIZE;
  const gpa = (field: number, length: number): number =>
    ram.offsetOf(word(ram, q, field), word(ram, q, field + 4), length);
  const unaligned = packed ? 3 : 1;
  if ((word(ram, q, VIRTQ.DESC_GPA) & 15) !== 0) return VirtqError.RING_ALIGNMENT;
  if ((word(ram, q, VIRTQ.AVAIL_GPA) & unaligned) !== 0 || (word(ram, q, VIRTQ.USED_GPA) & 3) !== 0)
    return VirtqError.RING_ALIGNMENT;
  const desc = gpa(VIRTQ.DESC_GPA, 16 * size);
  const avail = gpa(VIRTQ.AVAIL_GPA, packed ? 4 : 6 + 2 * size);
  const used = gpa(VIRTQ.USED_GPA, packed ? 4 : 6 + 8 * size);
  if (desc < 0 || avail < 0 || used < 0) return VirtqError.RING_ADDRESS;
  setWord(ram, q, VIRTQ.DESC, desc + Layout.RAM.OFFSET);
  setWord(ram, q, VIRTQ.AVAIL, avail + Layout.RAM.OFFSET);
  setWord(ram, q, VIRTQ.USED, used + Layout.RAM.OFFSET);
  return VirtqError.NONE;
}

function checkRestored(ram: GuestRam, q: number): number {
  const state = word(ram, q, VIRTQ.STATE) >>> 0;
  if (state > BROKEN) return VirtqError.RECORD;
  if (state === STOPPED || state === BROKEN) return VirtqError.NONE;
  const error = locate(ram, q);
  if (error !== VirtqError.NONE || (word(ram, q, VIRTQ.FEATURES) & VirtqFeature.PACKED) === 0) return error;
  const size = word(ram, q, VIRTQ.SIZE) >>> 0;
  const fits =
    half(ram, q, VIRTQ.NEXT_AVAIL) < size &&
    half(ram, q, VIRTQ.NEXT_USED) < size &&
    word(ram, q, VIRTQ.SLOTS) >>> 0 <= size &&
    half(ram, q, VIRTQ.AVAIL_LAP) <= 1 &&
    half(ram, q, VIRTQ.USED_LAP) <= 1;
  return fits ? VirtqError.NONE : VirtqError.RECORD;
}
