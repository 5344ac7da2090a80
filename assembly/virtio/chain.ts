// Walks a descriptor chain. The driver is not to be believed: every index, address and length is checked, every
// descriptor is read once (a second look might find it changed), and no chain is followed longer than the queue is.

import { Ram } from "../mmu/ram";
import { VirtqDesc, VirtqError, VirtqFeature } from "../shared/virtq";
import { VirtqRecord } from "./record";
import { DESC_ADDR, DESC_FLAGS, DESC_LEN, DESC_NEXT, DESC_SHIFT, Virtq } from "./virtq";

export class Chain {
  /** Fills `record`, which has room for q.size segments, from the chain that starts at descriptor `head`. */
  static walk(q: Virtq, head: u32, record: VirtqRecord): VirtqError {
    let table: usize = q.desc;
    let entries: u32 = q.size;
    let index = head;
    let indirect = false;
    let buffers: u32 = 0;
    let readable: u32 = 0;
    let writable: u32 = 0;
    let total: u64 = 0;

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
        if (length == 0 || (length & ((1 << DESC_SHIFT) - 1)) != 0) return VirtqError.INDIRECT_LENGTH;
        if (!Ram.contains(gpa, length)) return VirtqError.INDIRECT_ADDRESS;
        table = Ram.host(gpa);
        entries = length >> DESC_SHIFT;
        index = 0;
        indirect = true;
        continue;
      }

      // Empty buffers count against the length of a chain too, or a loop of them would never end.
      if (++buffers > q.size) return VirtqError.CHAIN_LENGTH;
      if (length != 0) {
        if (!Ram.contains(gpa, length)) return VirtqError.BUFFER_ADDRESS;
        total += length;
        if (total > <u64>u32.MAX_VALUE) return VirtqError.TOTAL_LENGTH;
        if ((flags & VirtqDesc.WRITE) != 0) writable++;
        else if (writable != 0) return VirtqError.BUFFER_ORDER;
        else readable++;
        const segment = VirtqRecord.segment(record, readable + writable - 1);
        segment.gpa = gpa;
        segment.address = <u32>Ram.host(gpa);
        segment.length = length;
      }

      if ((flags & VirtqDesc.NEXT) == 0) break;
      if (next >= entries) return VirtqError.NEXT_INDEX;
      index = next;
    }

    record.head = <u16>head;
    record.readable = <u16>readable;
    record.writable = <u16>writable;
    return VirtqError.NONE;
  }
}
