// The device's side of a packed ring (virtio 1.2, 2.8): one ring of descriptors, which the driver makes available and the
// device overwrites as used, each in its own order. Two bits of a descriptor say which of both it is; their meaning turns
// around with each lap, for which either side has a wrap counter.

import { Ram } from "../mmu/ram";
import { VirtqDesc, VirtqError, VirtqEvent, VirtqFeature, VirtqPacked, VirtqPop } from "../shared/virtq";
import { Chain } from "./chain";
import { VirtqRecord } from "./record";
import { DESC_ADDR, DESC_ID, DESC_LEN, DESC_SHIFT, EVENT_FLAGS, EVENT_OFF_WRAP, PACKED_FLAGS, Virtq } from "./virtq";

export class PackedRing {
  /** As Ring.pop, for a queue that is ready. */
  static pop(q: Virtq): i32 {
    if (!PackedRing.ready(q)) {
      PackedRing.askForNotification(q);
      // The driver may have added one before it could see that we want to be told (2.8.21).
      if (!PackedRing.ready(q)) return VirtqPop.EMPTY;
    }
    const record = VirtqRecord.reserve(q);
    if (record === null) return VirtqPop.FULL;

    const error = PackedRing.walk(q, record);
    if (error != VirtqError.NONE) return -(<i32>Virtq.fail(q, error));
    const slots = <u32>record.slots;
    // A descriptor that has not been used belongs to the device: to make it available again is to offer it twice.
    if (q.slots + slots > q.size) return -(<i32>Virtq.fail(q, VirtqError.IN_FLIGHT));
    q.slots += slots;
    const next = <u32>q.nextAvail + slots;
    if (next >= q.size) {
      q.nextAvail = <u16>(next - q.size);
      q.availLap ^= 1;
    } else q.nextAvail = <u16>next;
    VirtqRecord.commit(q, record);
    PackedRing.declineNotification(q);
    return <i32>changetype<usize>(record);
  }

  /** Writes a used descriptor over those of the request (2.8.6), `written` bytes of it filled. The caller releases the record. */
  static push(q: Virtq, record: VirtqRecord, written: u32): void {
    const desc = q.desc + ((<usize>q.nextUsed) << DESC_SHIFT);
    // The driver's turn comes with the flags, so they come last.
    atomic.store<u16>(desc, PackedRing.fill(q, record, written), PACKED_FLAGS);
    PackedRing.advance(q, record);
  }

  /** As Ring.pushBatch: the flags of the first descriptor come last, so that the driver finds all of them or none. */
  static pushBatch(q: Virtq, batch: usize, count: u32): void {
    if (count == 0) return;
    const first = q.desc + ((<usize>q.nextUsed) << DESC_SHIFT);
    let firstFlags: u16 = 0;
    for (let i: u32 = 0; i < count; i++) {
      const at = batch + ((<usize>i) << 3);
      const record = changetype<VirtqRecord>(<usize>load<u32>(at));
      const desc = q.desc + ((<usize>q.nextUsed) << DESC_SHIFT);
      const flags = PackedRing.fill(q, record, load<u32>(at, 4));
      if (i == 0) firstFlags = flags;
      else store<u16>(desc, flags, PACKED_FLAGS);
      PackedRing.advance(q, record);
    }
    atomic.store<u16>(first, firstFlags, PACKED_FLAGS);
  }

  /** All of the next used descriptor but its flags, which it answers. WRITE says that something was written (2.8.3). */
  @inline private static fill(q: Virtq, record: VirtqRecord, written: u32): u16 {
    // nextUsed < size, and the whole ring lies in RAM.
    const offset = (<usize>q.nextUsed) << DESC_SHIFT;
    const desc = q.desc + offset;
    Ram.writing(q.descGpa + offset + DESC_LEN, (1 << DESC_SHIFT) - <u32>DESC_LEN);
    store<u32>(desc, written, DESC_LEN);
    store<u16>(desc, record.head, DESC_ID);
    Ram.wrote(q.descGpa + offset + DESC_LEN, (1 << DESC_SHIFT) - <u32>DESC_LEN);
    let flags: u32 = q.usedLap != 0 ? <u32>VirtqPacked.AVAIL | <u32>VirtqPacked.USED : 0;
    if (record.written != 0) flags |= VirtqDesc.WRITE;
    return <u16>flags;
  }

  @inline private static advance(q: Virtq, record: VirtqRecord): void {
    const slots = <u32>record.slots;
    q.slots -= slots;
    q.unsignalled += slots;
    const next = <u32>q.nextUsed + slots;
    if (next >= q.size) {
      q.nextUsed = <u16>(next - q.size);
      q.usedLap ^= 1;
    } else q.nextUsed = <u16>next;
  }

  /** As Ring.interruptDue (2.8.10, 2.8.14). */
  static interruptDue(q: Virtq): bool {
    const passed = q.unsignalled;
    if (passed == 0) return false;
    q.unsignalled = 0;
    const flags = <u32>atomic.load<u16>(q.avail, EVENT_FLAGS) & VirtqEvent.MASK;
    if (flags == VirtqEvent.DISABLE) return false;
    if (flags != VirtqEvent.DESC || !Virtq.hasEventIdx(q)) return true;
    // How far the named descriptor lies behind the next one to be used: due when it is among those passed.
    const event = <u32>load<u16>(q.avail, EVENT_OFF_WRAP);
    const lap = event >> <u32>VirtqEvent.LAP_SHIFT;
    let behind = <i32>q.nextUsed - <i32>(event & <u32>VirtqEvent.OFFSET_MASK);
    if (lap != <u32>q.usedLap) behind += <i32>q.size;
    return behind > 0 && <u32>behind <= passed;
  }

  /** Whether the next descriptor is available: AVAIL as the lap has it, USED not (2.8.1). */
  @inline private static ready(q: Virtq): bool {
    const flags = <u32>atomic.load<u16>(q.desc + ((<usize>q.nextAvail) << DESC_SHIFT), PACKED_FLAGS);
    const avail = (flags & VirtqPacked.AVAIL) != 0;
    const used = (flags & VirtqPacked.USED) != 0;
    const lap = q.availLap != 0;
    return avail == lap && used != lap;
  }

  /** Fills `record`, which has room for q.size segments, from the chain at the next available descriptor. */
  private static walk(q: Virtq, record: VirtqRecord): VirtqError {
    let index = <u32>q.nextAvail;
    let slots: u32 = 0;
    Chain.begin();
    while (true) {
      // index < size: it lies in RAM, as the whole ring does.
      const desc = q.desc + ((<usize>index) << DESC_SHIFT);
      const gpa = load<u64>(desc, DESC_ADDR);
      const length = load<u32>(desc, DESC_LEN);
      const id = <u32>load<u16>(desc, DESC_ID);
      const flags = <u32>load<u16>(desc, PACKED_FLAGS);
      slots++;
      if ((flags & VirtqDesc.INDIRECT) != 0) {
        if ((q.features & VirtqFeature.INDIRECT_DESC) == 0) return VirtqError.INDIRECT_NOT_NEGOTIATED;
        // Alone, neither with a next one nor at the end of a list (2.8.19); WRITE is to be ignored (2.8.7).
        if (slots != 1 || (flags & VirtqDesc.NEXT) != 0) return VirtqError.INDIRECT_WITH_NEXT;
        const error = PackedRing.walkTable(q, record, gpa, length);
        if (error != VirtqError.NONE) return error;
        Chain.end(record, id, 1);
        return VirtqError.NONE;
      }
      const error = Chain.add(q, record, gpa, length, flags);
      if (error != VirtqError.NONE) return error;
      if ((flags & VirtqDesc.NEXT) == 0) {
        // The id of a list is in its last descriptor (2.8.6).
        Chain.end(record, id, slots);
        return VirtqError.NONE;
      }
      index = index + 1 == q.size ? 0 : index + 1;
    }
  }

  /** An indirect table is read from end to end; of the flags in it only WRITE counts (2.8.7). */
  private static walkTable(q: Virtq, record: VirtqRecord, gpa: u64, length: u32): VirtqError {
    const error = Chain.checkTable(gpa, length);
    if (error != VirtqError.NONE) return error;
    const end = Ram.host(gpa) + <usize>length;
    for (let desc = Ram.host(gpa); desc != end; desc += 1 << DESC_SHIFT) {
      const flags = <u32>load<u16>(desc, PACKED_FLAGS);
      const error = Chain.add(q, record, load<u64>(desc, DESC_ADDR), load<u32>(desc, DESC_LEN), flags);
      if (error != VirtqError.NONE) return error;
    }
    return VirtqError.NONE;
  }

  private static askForNotification(q: Virtq): void {
    if (!Virtq.hasEventIdx(q)) {
      PackedRing.setEventFlags(q, <u16>VirtqEvent.ENABLE);
      return;
    }
    const event = <u16>(<u32>q.nextAvail | ((<u32>q.availLap) << (<u32>VirtqEvent.LAP_SHIFT)));
    // The place before the flag that says it counts (2.8.10).
    if (load<u16>(q.used, EVENT_OFF_WRAP) != event) {
      Ram.writing(q.usedGpa + EVENT_OFF_WRAP, 2);
      store<u16>(q.used, event, EVENT_OFF_WRAP);
      Ram.wrote(q.usedGpa + EVENT_OFF_WRAP, 2);
    }
    PackedRing.setEventFlags(q, <u16>VirtqEvent.DESC);
  }

  /** While the device has not found the queue empty it needs no notification: it will look again by itself. */
  @inline private static declineNotification(q: Virtq): void {
    PackedRing.setEventFlags(q, <u16>VirtqEvent.DISABLE);
  }

  private static setEventFlags(q: Virtq, flags: u16): void {
    if (q.usedFlags == flags) return;
    q.usedFlags = flags;
    Ram.writing(q.usedGpa + EVENT_FLAGS, 2);
    atomic.store<u16>(q.used, flags, EVENT_FLAGS);
    Ram.wrote(q.usedGpa + EVENT_FLAGS, 2);
  }
}
