// Request records: what a popped descriptor chain comes down to once everything about it has been checked.

import { RAM_BASE, RAM_OFFSET } from "../layout";
import { Ram } from "../mmu/ram";
import { VirtqError } from "../shared/virtq";
import { VIRTQ_RECORDS, VIRTQ_STRIDE, Virtq } from "./virtq";

export const enum RecordState {
  /** Popped; the device works on it. */
  BUSY = 1,
  /** Pushed, or padding at the end of the ring; reclaimed when everything older is. */
  DONE = 2,
}

/** A buffer of a request: a range of RAM. */
@unmanaged
export class VirtqSegment {
  gpa: u64;
  /** The same in linear memory. */
  address: u32;
  /** Never 0: empty buffers are left out. */
  length: u32;
}

/*
 * A record, and behind it its segments in chain order: `readable` ones that the device may only read, then
 * `writable` ones that it may only write.
 *
 *   +----------+------+----------+----------+-------+-------+---------+-----------------+----------------+---
 *   | bytes 32 | head | readable | writable | state | slots | written | VirtqSegment 0  | VirtqSegment 1 | ...
 *   |          | 16   | 16       | 16       | 16    | 16    | 16      | gpa addr length |                |
 *   +----------+------+----------+----------+-------+-------+---------+-----------------+----------------+---
 *   0          4      6          8          10      12      14        16                32
 *
 * Records lie in a ring that is filled at `Virtq.next` and freed at `Virtq.oldest`. Requests complete in any order; one
 * that is not the oldest is only marked. Room is set aside for the longest chain before a chain is walked: when there is
 * none the device waits for a completion, which bounds what a guest can have under way.
 */
@unmanaged
export class VirtqRecord {
  /** Of the record with its segments. */
  bytes: u32;
  /** What the driver knows the request by: the first descriptor, or the buffer id of a packed ring. */
  head: u16;
  readable: u16;
  writable: u16;
  state: u16;
  /** Descriptors that it took of a packed ring. */
  slots: u16;
  /** 1: the device wrote some of it. */
  written: u16;

  static readonly HEADER: u32 = 16;
  static readonly SEGMENT_SHIFT: u32 = 4;

  @inline static segment(record: VirtqRecord, index: u32): VirtqSegment {
    return changetype<VirtqSegment>(
      changetype<usize>(record) + VirtqRecord.HEADER + ((<usize>index) << VirtqRecord.SEGMENT_SHIFT),
    );
  }

  /** Room for a record of up to q.size segments, or null. The record is not part of the ring until `commit`. */
  static reserve(q: Virtq): VirtqRecord | null {
    const need = VirtqRecord.HEADER + (q.size << VirtqRecord.SEGMENT_SHIFT);
    const end = <u32>VIRTQ_STRIDE;
    if (q.records == 0) q.oldest = q.next = VIRTQ_RECORDS;
    const wrapped = q.next < q.oldest || (q.next == q.oldest && q.records != 0);
    if (wrapped) return q.oldest - q.next >= need ? VirtqRecord.atOffset(q, q.next) : null;
    if (end - q.next >= need) return VirtqRecord.atOffset(q, q.next);
    if (q.oldest - VIRTQ_RECORDS < need) return null;
    // What is left at the end becomes a record of nothing; it cannot be empty, for `commit` wraps then.
    const rest = VirtqRecord.atOffset(q, q.next);
    rest.bytes = end - q.next;
    rest.state = <u16>RecordState.DONE;
    q.records++;
    q.next = VIRTQ_RECORDS;
    return VirtqRecord.atOffset(q, q.next);
  }

  static commit(q: Virtq, record: VirtqRecord): void {
    record.bytes = VirtqRecord.HEADER + ((<u32>record.readable + <u32>record.writable) << VirtqRecord.SEGMENT_SHIFT);
    record.state = <u16>RecordState.BUSY;
    q.next += record.bytes;
    if (q.next == <u32>VIRTQ_STRIDE) q.next = VIRTQ_RECORDS;
    q.records++;
    q.inFlight++;
  }

  static release(q: Virtq, record: VirtqRecord): void {
    record.state = <u16>RecordState.DONE;
    q.inFlight--;
    while (q.records != 0) {
      const oldest = VirtqRecord.atOffset(q, q.oldest);
      if (oldest.state != RecordState.DONE) return;
      q.oldest += oldest.bytes;
      if (q.oldest == <u32>VIRTQ_STRIDE) q.oldest = VIRTQ_RECORDS;
      q.records--;
    }
  }

  /** The device is about to write [offset, offset + length) of the writable segments taken as one buffer. */
  static writing(record: VirtqRecord, offset: u32, length: u32): void {
    VirtqRecord.touch(record, offset, length, false);
  }

  /** Tells the MMU that the device wrote [offset, offset + length) of the writable segments taken as one buffer. */
  static wrote(record: VirtqRecord, offset: u32, length: u32): void {
    if (length != 0) record.written = 1;
    VirtqRecord.touch(record, offset, length, true);
  }

  private static touch(record: VirtqRecord, offset: u32, length: u32, after: bool): void {
    const count = <u32>record.readable + <u32>record.writable;
    for (let index = <u32>record.readable; index < count && length != 0; index++) {
      const segment = VirtqRecord.segment(record, index);
      if (offset >= segment.length) {
        offset -= segment.length;
        continue;
      }
      const piece = min(segment.length - offset, length);
      if (after) Ram.wrote(segment.gpa + offset, piece);
      else Ram.writing(segment.gpa + offset, piece);
      length -= piece;
      offset = 0;
    }
  }

  /** The `index`th record that is BUSY, oldest first, or 0. */
  static underWay(q: Virtq, index: u32): usize {
    let offset = q.oldest;
    for (let left = q.records; left != 0; left--) {
      const record = VirtqRecord.atOffset(q, offset);
      if (record.state == <u16>RecordState.BUSY && index-- == 0) return changetype<usize>(record);
      offset += record.bytes;
      if (offset == <u32>VIRTQ_STRIDE) offset = VIRTQ_RECORDS;
    }
    return 0;
  }

  /** Length of the state and all live records, from the Virtq on: what a checkpoint has to keep. */
  static savedLength(q: Virtq): u32 {
    if (q.records == 0) return VIRTQ_RECORDS;
    return q.oldest < q.next ? q.next : <u32>VIRTQ_STRIDE;
  }

  /** Whether restored records can be trusted: they fill oldest .. next exactly and their segments lie in RAM. */
  static check(q: Virtq): VirtqError {
    let offset = q.oldest;
    let busy: u32 = 0;
    let slots: u32 = 0;
    let room = <u32>VIRTQ_STRIDE - VIRTQ_RECORDS;
    for (let left = q.records; left != 0; left--) {
      if (offset < VIRTQ_RECORDS || offset > <u32>VIRTQ_STRIDE - VirtqRecord.HEADER || (offset & 15) != 0) {
        return VirtqError.RECORD;
      }
      const record = VirtqRecord.atOffset(q, offset);
      if (record.bytes < VirtqRecord.HEADER || record.bytes > room || record.bytes > <u32>VIRTQ_STRIDE - offset) {
        return VirtqError.RECORD;
      }
      if (record.state == RecordState.BUSY) {
        if (!VirtqRecord.checkSegments(record)) return VirtqError.RECORD;
        busy++;
        slots += record.slots;
      } else if (record.state != RecordState.DONE) return VirtqError.RECORD;
      room -= record.bytes;
      offset += record.bytes;
      if (offset == <u32>VIRTQ_STRIDE) offset = VIRTQ_RECORDS;
    }
    return busy == q.inFlight && slots == q.slots && offset == q.next ? VirtqError.NONE : VirtqError.RECORD;
  }

  private static checkSegments(record: VirtqRecord): bool {
    const count = <u32>record.readable + <u32>record.writable;
    if (record.bytes != VirtqRecord.HEADER + (count << VirtqRecord.SEGMENT_SHIFT)) return false;
    for (let index: u32 = 0; index < count; index++) {
      const segment = VirtqRecord.segment(record, index);
      if (segment.length == 0 || !Ram.contains(segment.gpa, segment.length)) return false;
      if (<u64>segment.address != segment.gpa - RAM_BASE + RAM_OFFSET) return false;
    }
    return true;
  }

  @inline private static atOffset(q: Virtq, offset: u32): VirtqRecord {
    return changetype<VirtqRecord>(changetype<usize>(q) + offset);
  }
}
