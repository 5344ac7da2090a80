// What the host's devices call. Queues and records are handed around as linear addresses.

import { VirtqError } from "../shared/virtq";
import { VirtqRecord } from "./record";
import { Ring } from "./ring";
import { Virtq } from "./virtq";

/** Queue `queue` of the device in slot `device`; 0 if there is no such queue. */
export function virtqAddress(device: u32, queue: u32): usize {
  return Virtq.at(device, queue);
}

/** Power-on state: stopped, nothing under way. */
export function virtqReset(queue: usize): void {
  Virtq.reset(changetype<Virtq>(queue));
}

/** Puts a queue into service at the driver's addresses. Answers a VirtqError. */
export function virtqStart(queue: usize, size: u32, descGpa: u64, availGpa: u64, usedGpa: u64, features: u32): u32 {
  return Virtq.start(changetype<Virtq>(queue), size, descGpa, availGpa, usedGpa, features);
}

/** The next request's record, or VirtqPop.EMPTY or FULL, or a VirtqError negated. */
export function virtqPop(queue: usize): i32 {
  return Ring.pop(changetype<Virtq>(queue));
}

/**
 * Takes up to `capacity` requests at once. Writes what virtqPop would answer for each to the first u32 of 8 bytes at `batch`, and
 * behind them the answer that was no request, if there was room; answers how many requests.
 */
export function virtqPopBatch(queue: usize, batch: usize, capacity: u32): u32 {
  return Ring.popBatch(changetype<Virtq>(queue), batch, capacity);
}

/** Completes `count` requests in order: at `batch`, 8 bytes each, the u32 record and how many bytes were written. */
export function virtqPushBatch(queue: usize, batch: usize, count: u32): void {
  Ring.pushBatch(changetype<Virtq>(queue), batch, count);
}

/** Completes a request that was popped. */
export function virtqPush(queue: usize, record: usize, written: u32): void {
  Ring.push(changetype<Virtq>(queue), changetype<VirtqRecord>(record), written);
}

/** Whether the driver wants an interrupt for what was pushed since the last call. */
export function virtqInterruptDue(queue: usize): bool {
  return Ring.interruptDue(changetype<Virtq>(queue));
}

/** How many segments the device may read. */
export function virtqReadable(record: usize): u32 {
  return changetype<VirtqRecord>(record).readable;
}

/** How many segments, behind the readable ones, the device may write. */
export function virtqWritable(record: usize): u32 {
  return changetype<VirtqRecord>(record).writable;
}

export function virtqSegmentGpa(record: usize, index: u32): u64 {
  return VirtqRecord.segment(changetype<VirtqRecord>(record), index).gpa;
}

export function virtqSegmentAddress(record: usize, index: u32): usize {
  return VirtqRecord.segment(changetype<VirtqRecord>(record), index).address;
}

export function virtqSegmentLength(record: usize, index: u32): u32 {
  return VirtqRecord.segment(changetype<VirtqRecord>(record), index).length;
}

/** The device is about to write [offset, offset + length) of the writable segments. */
export function virtqWriting(record: usize, offset: u32, length: u32): void {
  VirtqRecord.writing(changetype<VirtqRecord>(record), offset, length);
}

/** The device wrote [offset, offset + length) of the writable segments, beyond what its push will report. */
export function virtqWrote(record: usize, offset: u32, length: u32): void {
  VirtqRecord.wrote(changetype<VirtqRecord>(record), offset, length);
}

/** The `index`th record popped and not yet pushed, oldest first, or 0. */
export function virtqUnderWay(queue: usize, index: u32): usize {
  return VirtqRecord.underWay(changetype<Virtq>(queue), index);
}

/** How many bytes from the queue's address on a checkpoint has to keep. */
export function virtqSavedLength(queue: usize): u32 {
  return VirtqRecord.savedLength(changetype<Virtq>(queue));
}

/** How many bytes a saved queue can have at most. */
export function virtqSavedLimit(): u32 {
  return <u32>Virtq.at(0, 1) - <u32>Virtq.at(0, 0);
}

/** Checks a queue whose bytes came from a checkpoint and finds its rings again. Answers a VirtqError. */
export function virtqRestored(queue: usize): u32 {
  const q = changetype<Virtq>(queue);
  const error = Virtq.checkRestored(q);
  return error != VirtqError.NONE ? error : VirtqRecord.check(q);
}
