/** The TypeScript twin of assembly/virtio/packed-ring.ts (virtio 1.2, 2.8). */
import { Layout } from "../generated/layout.js";
import { VirtqDesc, VirtqError, VirtqEvent, VirtqFeature, VirtqPacked, VirtqPop } from "../generated/shared/virtq.js";
import type { GuestRam } from "./guest-ram.js";
import type { Chain } from "./virtq-chain.js";
import { breakQueue, half, ofRecord, ringOffset, setHalf, setWord, word } from "./virtq-fields.js";
import { commit, reserve } from "./virtq-records.js";

const { VIRTQ, RECORD } = Layout;

const hasEventIdx = (ram: GuestRam, q: number): boolean =>
  (word(ram, q, VIRTQ.FEATURES) & VirtqFeature.EVENT_IDX) !== 0;

/** AVAIL as the lap has it, USED not (2.8.1). */
function isReady(ram: GuestRam, q: number): boolean {
  const flags = ram.halves[
    ((word(ram, q, VIRTQ.DESC) >>> 0) + 16 * half(ram, q, VIRTQ.NEXT_AVAIL) + 14) >>> 1
  ] as number;
  const lap = half(ram, q, VIRTQ.AVAIL_LAP) !== 0;
  return ((flags & VirtqPacked.AVAIL) !== 0) === lap && ((flags & VirtqPacked.USED) !== 0) !== lap;
}

export function popPacked(ram: GuestRam, chain: Chain, q: number): number {
  if (!isReady(ram, q)) {
    askForNotification(ram, q);
    if (!isReady(ram, q)) return VirtqPop.EMPTY;
  }
  const record = reserve(ram, q);
  if (record === 0) return VirtqPop.FULL;
  const nextAvail = half(ram, q, VIRTQ.NEXT_AVAIL);
  const error = chain.walkPacked(q, nextAvail, record);
  if (error !== VirtqError.NONE) return breakQueue(ram, q, error);
  const size = word(ram, q, VIRTQ.SIZE);
  const slots = ofRecord(ram, record, RECORD.SLOTS);
  const taken = word(ram, q, VIRTQ.SLOTS) + slots;
  if (taken > size) return breakQueue(ram, q, VirtqError.IN_FLIGHT);
  setWord(ram, q, VIRTQ.SLOTS, taken);
  const next = nextAvail + slots;
  setHalf(ram, q, VIRTQ.NEXT_AVAIL, next >= size ? next - size : next);
  if (next >= size) setHalf(ram, q, VIRTQ.AVAIL_LAP, half(ram, q, VIRTQ.AVAIL_LAP) ^ 1);
  commit(ram, q, record);
  setEventFlags(ram, q, VirtqEvent.DISABLE);
  return record;
}

/** As virtqPushBatch: the flags of the first descriptor come last, so that the driver finds all of them or none. */
export function pushPacked(ram: GuestRam, q: number, batch: number, count: number): void {
  if (count === 0) return;
  const { words, halves } = ram;
  const first = (word(ram, q, VIRTQ.DESC) >>> 0) + 16 * half(ram, q, VIRTQ.NEXT_USED);
  let firstFlags = 0;
  for (let index = 0; index < count; index++) {
    const at = (batch >>> 2) + 2 * index;
    const desc = (word(ram, q, VIRTQ.DESC) >>> 0) + 16 * half(ram, q, VIRTQ.NEXT_USED);
    const flags = fill(ram, q, desc, words[at] as number, words[at + 1] as number);
    if (index === 0) firstFlags = flags;
    else halves[(desc + 14) >>> 1] = flags;
  }
  halves[(first + 14) >>> 1] = firstFlags;
}

export function pushPackedOne(ram: GuestRam, q: number, record: number, written: number): void {
  const desc = (word(ram, q, VIRTQ.DESC) >>> 0) + 16 * half(ram, q, VIRTQ.NEXT_USED);
  ram.halves[(desc + 14) >>> 1] = fill(ram, q, desc, record, written);
}

/** Writes all of a used descriptor but its flags, which it answers, and goes on behind it (2.8.3, 2.8.6). */
function fill(ram: GuestRam, q: number, desc: number, record: number, written: number): number {
  ram.writing(desc + 8 - Layout.RAM.OFFSET, 8);
  ram.words[(desc + 8) >>> 2] = written;
  ram.halves[(desc + 12) >>> 1] = ofRecord(ram, record, RECORD.HEAD);
  ram.wrote(ringOffset(ram, q, VIRTQ.DESC) + 16 * half(ram, q, VIRTQ.NEXT_USED) + 8, 8);
  let flags = half(ram, q, VIRTQ.USED_LAP) !== 0 ? VirtqPacked.AVAIL | VirtqPacked.USED : 0;
  if (ofRecord(ram, record, RECORD.WRITTEN) !== 0) flags |= VirtqDesc.WRITE;
  const slots = ofRecord(ram, record, RECORD.SLOTS);
  const size = word(ram, q, VIRTQ.SIZE);
  setWord(ram, q, VIRTQ.SLOTS, word(ram, q, VIRTQ.SLOTS) - slots);
  setWord(ram, q, VIRTQ.UNSIGNALLED, word(ram, q, VIRTQ.UNSIGNALLED) + slots);
  const next = half(ram, q, VIRTQ.NEXT_USED) + slots;
  setHalf(ram, q, VIRTQ.NEXT_USED, next >= size ? next - size : next);
  if (next >= size) setHalf(ram, q, VIRTQ.USED_LAP, half(ram, q, VIRTQ.USED_LAP) ^ 1);
  return flags;
}

/** As virtqInterruptDue (2.8.10, 2.8.14). */
export function packedInterruptDue(ram: GuestRam, q: number): number {
  const passed = word(ram, q, VIRTQ.UNSIGNALLED) >>> 0;
  if (passed === 0) return 0;
  setWord(ram, q, VIRTQ.UNSIGNALLED, 0);
  const avail = (word(ram, q, VIRTQ.AVAIL) >>> 0) >>> 1;
  const flags = (ram.halves[avail + 1] as number) & VirtqEvent.MASK;
  if (flags === VirtqEvent.DISABLE) return 0;
  if (flags !== VirtqEvent.DESC || !hasEventIdx(ram, q)) return 1;
  const event = ram.halves[avail] as number;
  let behind = half(ram, q, VIRTQ.NEXT_USED) - (event & VirtqEvent.OFFSET_MASK);
  if (event >>> VirtqEvent.LAP_SHIFT !== half(ram, q, VIRTQ.USED_LAP)) behind += word(ram, q, VIRTQ.SIZE);
  return behind > 0 && behind <= passed ? 1 : 0;
}

function askForNotification(ram: GuestRam, q: number): void {
  if (!hasEventIdx(ram, q)) {
    setEventFlags(ram, q, VirtqEvent.ENABLE);
    return;
  }
  const event = half(ram, q, VIRTQ.NEXT_AVAIL) | (half(ram, q, VIRTQ.AVAIL_LAP) << VirtqEvent.LAP_SHIFT);
  const at = (word(ram, q, VIRTQ.USED) >>> 0) >>> 1;
  if (ram.halves[at] !== event) {
    ram.writing(ringOffset(ram, q, VIRTQ.USED), 2);
    ram.halves[at] = event;
    ram.wrote(ringOffset(ram, q, VIRTQ.USED), 2);
  }
  setEventFlags(ram, q, VirtqEvent.DESC);
}

function setEventFlags(ram: GuestRam, q: number, flags: number): void {
  if (half(ram, q, VIRTQ.USED_FLAGS) === flags) return;
  setHalf(ram, q, VIRTQ.USED_FLAGS, flags);
  ram.writing(ringOffset(ram, q, VIRTQ.USED) + 2, 2);
  ram.halves[((word(ram, q, VIRTQ.USED) >>> 0) + 2) >>> 1] = flags;
  ram.wrote(ringOffset(ram, q, VIRTQ.USED) + 2, 2);
}
