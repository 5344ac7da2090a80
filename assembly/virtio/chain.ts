// Reads a descriptor chain of a split ring. The driver is not to be believed: every index, address and length is checked, every
// descriptor is read once (a second look might find it changed), and no chain is followed longer than the queue is.

import { Ram } from "../mmu/ram";
import { VirtqDesc, VirtqError, VirtqFeature } from "../shared/virtq";
import { VirtqRecord } from "./record";
import { DESC_ADDR, DESC_FLAGS, DESC_LEN, DESC_NEXT, DESC_SHIFT, Virtq } from "./virtq";

/** The buffers of the chain at hand, as far as they have been read; of use only while it is being walked. */
export class Chain {
  private static buffers: u32 = 0;
  private static readable: u32 = 0;
  private static writable: u32 = 0;
  private static total: u64 = 0;

  static begin(): void {
    Chain.buffers = 0;
    Chain.readable = 0;
    Chain.writable = 0;
    Chain.total = 0;
  }

  /** Adds a buffer to `record`, which has room for q.size segments. */
  static add(q: Virtq, record: VirtqRecord, gpa: u64, length: u32, flags: u32): VirtqError {
    // Empty buffers count against the length of a chain too, or a loop of them would never end.
    if (++Chain.buffers > q.size) return VirtqError.CHAIN_LENGTH;
    if (length == 0) return VirtqError.NONE;
    if (!Ram.contains(gpa, length)) return VirtqError.BUFFER_ADDRESS;
    Chain.total += length;
    if (Chain.total > <u64>u32.MAX_VALUE) return VirtqError.TOTAL_LENGTH;
    if ((flags & VirtqDesc.WRITE) != 0) Chain.writable++;
    else if (Chain.writable != 0) return VirtqError.BUFFER_ORDER;
    else Chain.readable++;
    const segment = VirtqRecord.segment(record, Chain.readable + Chain.writable - 1);
    segment.gpa = gpa;
    segment.address = <u32>Ram.host(gpa);
    segment.length = length;
    return VirtqError.NONE;
  }

  /** The chain is whole: the driver knows it by `head`, and it took `slots` descriptors of a packed ring. */
  static end(record: VirtqRecord, head: u32, slots: u32): void {
    record.head = <u16>head;
    record.readable = <u16>Chain.readable;
    record.writable = <u16>Chain.writable;
    record.slots = <u16>slots;
    record.written = 0;
  }

  /** Whether an indirect table at `gpa` can be read: whole descriptors, in RAM (2.7.5.3.2, 2.8.7). */
  static checkTable(gpa: u64, length: u32): VirtqError {
    if (length == 0 || (length & ((1 << DESC_SHIFT) - 1)) != 0) return VirtqError.INDIRECT_LENGTH;
    return Ram.contains(gpa, length) ? VirtqError.NONE : VirtqError.INDIRECT_ADDRESS;
  }

  /** Fills `record` from the chain of a split ring that starts at descriptor `head`. */
  static walk(q: Virtq, head: u32, record: VirtqRecord): VirtqError {
    let table: usize = q.desc;
    let entries: u32 = q.size;
    let index = head;
    let indirect = false;
    Chain.begin();

    while (true) {
      // index < entries: the whole table of `entries` descriptors lies in RAM.
      const desc = table + ((<usize>index) << DESC_SHIFT);
      const gpa = load<u64>(desc, DESC_ADDR);
      const length = load<u32>(desc, DESC_LEN);
      const flags = <u32>load<u16>(desc, DESC_FLAGS);
      const next = <u32>load<u16>(desc, DESC_NEXT);

      if ((flags & VirtqDesc.INDIRECT) != 0) {
        // A direct part may come before (2.7.5.3.2); WRITE is to be ignored here (same section).
        if ((q.features & VirtqFeature.INDIRECT_DESC) == 0) return VirtqError.INDIRECT_NOT_NEGOTIATED;
        if (indirect) return VirtqError.INDIRECT_NESTED;
        if ((flags & VirtqDesc.NEXT) != 0) return VirtqError.INDIRECT_WITH_NEXT;
        const error = Chain.checkTable(gpa, length);
        if (error != VirtqError.NONE) return error;
        table = Ram.host(gpa);
        entries = length >> DESC_SHIFT;
        index = 0;
        indirect = true;
        continue;
      }

      const error = Chain.add(q, record, gpa, length, flags);
      if (error != VirtqError.NONE) return error;
      if ((flags & VirtqDesc.NEXT) == 0) break;
      if (next >= entries) return VirtqError.NEXT_INDEX;
      index = next;
    }

    Chain.end(record, head, 0);
    return VirtqError.NONE;
  }
}
