/**
 * The TypeScript twin of assembly/virtio/split-ring.ts (virtio 1.2, 2.7). The guest's driver runs on this very thread, so the order
 * of plain reads and writes is the order that it sees.
 */
import { Layout } from "../generated/layout.js";
import { VirtqAvail, VirtqError, VirtqFeature, VirtqPop, VirtqUsed } from "../generated/shared/virtq.js";
import type { GuestRam } from "./guest-ram.js";
import type { Chain } from "./virtq-chain.js";
import { breakQueue, half, ofRecord, ringOffset, setHalf, word } from "./virtq-fields.js";
import { commit, reserve } from "./virtq-records.js";

const { VIRTQ, RECORD } = Layout;

const ENTRIES = 4;

const hasEventIdx = (ram: GuestRam, q: number): boolean =>
  (word(ram, q, VIRTQ.FEATURES) & VirtqFeature.EVENT_IDX) !== 0;

const availIdx = (ram: GuestRam, q: number): number =>
  ram.halves[((word(ram, q, VIRTQ.AVAIL) >>> 0) + 2) >>> 1] as number;

export function popSplit(ram: GuestRam, chain: Chain, q: number): number {
  const nextAvail = half(ram, q, VIRTQ.NEXT_AVAIL);
  let ready = (availIdx(ram, q) - nextAvail) & 0xffff;
  if (ready === 0) {
    askForNotification(ram, q, nextAvail);
    ready = (availIdx(ram, q) - nextAvail) & 0xffff;
    if (ready === 0) return VirtqPop.EMPTY;
  }
  const size = word(ram, q, VIRTQ.SIZE);
  if (ready > size) return breakQueue(ram, q, VirtqError.AVAIL_INDEX);
  if (word(ram, q, VIRTQ.IN_FLIGHT) >= size) return breakQueue(ram, q, VirtqError.IN_FLIGHT);
  const record = reserve(ram, q);
  if (record === 0) return VirtqPop.FULL;
  const slot = nextAvail & (size - 1);
  const head = ram.halves[((word(ram, q, VIRTQ.AVAIL) >>> 0) + ENTRIES + 2 * slot) >>> 1] as number;
  if (head >= size) return breakQueue(ram, q, VirtqError.HEAD_INDEX);
  const error = chain.walk(q, head, record);
  if (error !== VirtqError.NONE) return breakQueue(ram, q, error);
  setHalf(ram, q, VIRTQ.NEXT_AVAIL, nextAvail + 1);
  commit(ram, q, record);
  if (!hasEventIdx(ram, q)) setUsedFlags(ram, q, VirtqUsed.NO_NOTIFY);
  return record;
}

/** `count` requests at `batch`, (record, written) each; the index moves once. */
export function pushSplit(ram: GuestRam, q: number, batch: number, count: number): void {
  const { words } = ram;
  const first = half(ram, q, VIRTQ.NEXT_USED);
  touchEntries(ram, q, first, count, false);
  for (let index = 0; index < count; index++) {
    const at = (batch >>> 2) + 2 * index;
    writeEntry(ram, q, first + index, words[at] as number, words[at + 1] as number);
  }
  publish(ram, q, first, count);
}

export function pushSplitOne(ram: GuestRam, q: number, record: number, written: number): void {
  const first = half(ram, q, VIRTQ.NEXT_USED);
  touchEntries(ram, q, first, 1, false);
  writeEntry(ram, q, first, record, written);
  publish(ram, q, first, 1);
}

function writeEntry(ram: GuestRam, q: number, index: number, record: number, written: number): void {
  const slot = index & (word(ram, q, VIRTQ.SIZE) - 1);
  const element = ((word(ram, q, VIRTQ.USED) >>> 0) + ENTRIES + 8 * slot) >>> 2;
  ram.words[element] = ofRecord(ram, record, RECORD.HEAD);
  ram.words[element + 1] = written;
}

/** The driver sees the entries when the index moves. */
function publish(ram: GuestRam, q: number, first: number, count: number): void {
  touchEntries(ram, q, first, count, true);
  const used = ringOffset(ram, q, VIRTQ.USED);
  setHalf(ram, q, VIRTQ.NEXT_USED, first + count);
  ram.writing(used + 2, 2);
  ram.halves[((word(ram, q, VIRTQ.USED) >>> 0) + 2) >>> 1] = first + count;
  ram.wrote(used + 2, 2);
}

/** `count` entries from index `first` on are about to be written, or were; those beyond the end of the ring are its first. */
function touchEntries(ram: GuestRam, q: number, first: number, count: number, after: boolean): void {
  const size = word(ram, q, VIRTQ.SIZE);
  const entries = ringOffset(ram, q, VIRTQ.USED) + ENTRIES;
  const slot = first & (size - 1);
  const tail = count < size - slot ? count : size - slot;
  if (after) {
    ram.wrote(entries + 8 * slot, 8 * tail);
    ram.wrote(entries, 8 * (count - tail));
  } else {
    ram.writing(entries + 8 * slot, 8 * tail);
    ram.writing(entries, 8 * (count - tail));
  }
}

/** As virtqInterruptDue (2.7.7.2, 2.7.10). */
export function splitInterruptDue(ram: GuestRam, q: number): number {
  const now = half(ram, q, VIRTQ.NEXT_USED);
  const before = half(ram, q, VIRTQ.SIGNALLED_USED);
  if (now === before) return 0;
  setHalf(ram, q, VIRTQ.SIGNALLED_USED, now);
  const avail = (word(ram, q, VIRTQ.AVAIL) >>> 0) >>> 1;
  if (!hasEventIdx(ram, q)) return ((ram.halves[avail] as number) & VirtqAvail.NO_INTERRUPT) === 0 ? 1 : 0;
  const event = ram.halves[avail + (ENTRIES >>> 1) + word(ram, q, VIRTQ.SIZE)] as number;
  return ((now - event - 1) & 0xffff) < ((now - before) & 0xffff) ? 1 : 0;
}

function askForNotification(ram: GuestRam, q: number, nextAvail: number): void {
  if (!hasEventIdx(ram, q)) {
    setUsedFlags(ram, q, 0);
    return;
  }
  const event = ENTRIES + 8 * word(ram, q, VIRTQ.SIZE);
  const at = ((word(ram, q, VIRTQ.USED) >>> 0) + event) >>> 1;
  if (ram.halves[at] === nextAvail) return;
  ram.writing(ringOffset(ram, q, VIRTQ.USED) + event, 2);
  ram.halves[at] = nextAvail;
  ram.wrote(ringOffset(ram, q, VIRTQ.USED) + event, 2);
}

function setUsedFlags(ram: GuestRam, q: number, flags: number): void {
  if (half(ram, q, VIRTQ.USED_FLAGS) === flags) return;
  setHalf(ram, q, VIRTQ.USED_FLAGS, flags);
  ram.writing(ringOffset(ram, q, VIRTQ.USED), 2);
  ram.halves[(word(ram, q, VIRTQ.USED) >>> 0) >>> 1] = flags;
  ram.wrote(ringOffset(ram, q, VIRTQ.USED), 2);
}
