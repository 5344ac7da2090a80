// The device's side of a split ring (virtio 1.2, 2.7), with notification suppression in both directions.

import { Ram } from "../mmu/ram";
import { VirtqAvail, VirtqError, VirtqPop, VirtqUsed } from "../shared/virtq";
import { Chain } from "./chain";
import { VirtqRecord } from "./record";
import { RING_ENTRIES, RING_FLAGS, RING_IDX, USED_ELEM_SHIFT, Virtq } from "./virtq";

export class SplitRing {
  /** As Ring.pop, for a queue that is ready. */
  static pop(q: Virtq): i32 {
    let ready = SplitRing.ready(q);
    if (ready == 0) {
      SplitRing.askForNotification(q);
      // The driver may have added one before it could see that we want to be told (2.7.13.4.1).
      ready = SplitRing.ready(q);
      if (ready == 0) return VirtqPop.EMPTY;
    }
    if (ready > q.size) return -(<i32>Virtq.fail(q, VirtqError.AVAIL_INDEX));
    if (q.inFlight >= q.size) return -(<i32>Virtq.fail(q, VirtqError.IN_FLIGHT));
    const record = VirtqRecord.reserve(q);
    if (record === null) return VirtqPop.FULL;

    const slot = <usize>(<u32>q.nextAvail & (q.size - 1));
    const head = <u32>load<u16>(q.avail + (slot << 1), RING_ENTRIES);
    if (head >= q.size) return -(<i32>Virtq.fail(q, VirtqError.HEAD_INDEX));
    const error = Chain.walk(q, head, record);
    if (error != VirtqError.NONE) return -(<i32>Virtq.fail(q, error));
    q.nextAvail++;
    VirtqRecord.commit(q, record);
    SplitRing.declineNotification(q);
    return <i32>changetype<usize>(record);
  }

  /** Puts a request into the used ring, `written` bytes of it filled (2.7.8). Its record stays the caller's to release. */
  static push(q: Virtq, record: VirtqRecord, written: u32): void {
    const head = record.head;
    // used.ring[slot]: slot < size, and the whole ring lies in RAM.
    const offset = RING_ENTRIES + ((<usize>q.nextUsed & (q.size - 1)) << USED_ELEM_SHIFT);
    Ram.writing(q.usedGpa + offset, 8);
    store<u32>(q.used + offset, head);
    store<u32>(q.used + offset, written, 4);
    Ram.wrote(q.usedGpa + offset, 8);
    q.nextUsed++;
    Ram.writing(q.usedGpa + RING_IDX, 2);
    atomic.store<u16>(q.used, q.nextUsed, RING_IDX);
    Ram.wrote(q.usedGpa + RING_IDX, 2);
  }

  /** As Ring.pushBatch: entries in order, then the index once. */
  static pushBatch(q: Virtq, batch: usize, count: u32): void {
    if (count == 0) return;
    const mask = q.size - 1;
    const first = <u32>q.nextUsed;
    SplitRing.touchEntries(q, first & mask, count, false);
    for (let i: u32 = 0; i < count; i++) {
      const at = batch + ((<usize>i) << 3);
      const head = changetype<VirtqRecord>(<usize>load<u32>(at)).head;
      // used.ring[slot]: slot < size, and the whole ring lies in RAM.
      const element = q.used + ((<usize>((first + i) & mask)) << USED_ELEM_SHIFT);
      store<u32>(element, head, RING_ENTRIES);
      store<u32>(element, load<u32>(at, 4), RING_ENTRIES + 4);
    }
    SplitRing.touchEntries(q, first & mask, count, true);
    q.nextUsed = <u16>(first + count);
    Ram.writing(q.usedGpa + RING_IDX, 2);
    atomic.store<u16>(q.used, q.nextUsed, RING_IDX);
    Ram.wrote(q.usedGpa + RING_IDX, 2);
  }

  /** `count` entries of the used ring from `slot` on are about to be written, or were; those beyond its end are its first. */
  private static touchEntries(q: Virtq, slot: u32, count: u32, after: bool): void {
    const entries = q.usedGpa + RING_ENTRIES;
    const tail = min(count, q.size - slot);
    SplitRing.touch(entries + ((<u64>slot) << USED_ELEM_SHIFT), tail << USED_ELEM_SHIFT, after);
    SplitRing.touch(entries, (count - tail) << USED_ELEM_SHIFT, after);
  }

  @inline private static touch(gpa: u64, length: u32, after: bool): void {
    if (after) Ram.wrote(gpa, length);
    else Ram.writing(gpa, length);
  }

  /** As Ring.interruptDue (2.7.7.2, 2.7.10). */
  static interruptDue(q: Virtq): bool {
    const now = q.nextUsed;
    const before = q.signalledUsed;
    if (now == before) return false;
    q.signalledUsed = now;
    if (!Virtq.hasEventIdx(q)) return (<u32>atomic.load<u16>(q.avail, RING_FLAGS) & VirtqAvail.NO_INTERRUPT) == 0;
    // used_event lies behind the available ring; an interrupt is due when that entry is among the new ones.
    const usedEvent = atomic.load<u16>(q.avail + ((<usize>q.size) << 1), RING_ENTRIES);
    return <u16>(now - usedEvent - 1) < <u16>(now - before);
  }

  @inline private static ready(q: Virtq): u32 {
    return <u32>(<u16>(Virtq.availIdx(q) - q.nextAvail));
  }

  private static askForNotification(q: Virtq): void {
    if (Virtq.hasEventIdx(q)) {
      const offset = RING_ENTRIES + ((<usize>q.size) << USED_ELEM_SHIFT);
      if (load<u16>(q.used + offset) == q.nextAvail) return;
      Ram.writing(q.usedGpa + offset, 2);
      atomic.store<u16>(q.used + offset, q.nextAvail);
      Ram.wrote(q.usedGpa + offset, 2);
    } else SplitRing.setUsedFlags(q, 0);
  }

  /**
   * While the device has not found the queue empty it needs no notification: it will look again by itself. With event_idx
   * there is nothing to do, avail_event stays behind what the driver adds.
   */
  private static declineNotification(q: Virtq): void {
    if (!Virtq.hasEventIdx(q)) SplitRing.setUsedFlags(q, <u16>VirtqUsed.NO_NOTIFY);
  }

  private static setUsedFlags(q: Virtq, flags: u16): void {
    if (q.usedFlags == flags) return;
    q.usedFlags = flags;
    Ram.writing(q.usedGpa + RING_FLAGS, 2);
    atomic.store<u16>(q.used, flags, RING_FLAGS);
    Ram.wrote(q.usedGpa + RING_FLAGS, 2);
  }
}
