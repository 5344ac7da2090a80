// A queue's requests, whichever form its ring has.

import { VirtqFeature, VirtqPop } from "../shared/virtq";
import { PackedRing } from "./packed-ring";
import { VirtqRecord } from "./record";
import { SplitRing } from "./split-ring";
import { Virtq, VirtqState } from "./virtq";

export class Ring {
  /** The next request's record, or VirtqPop.EMPTY or FULL, or a VirtqError negated. */
  static pop(q: Virtq): i32 {
    if (q.state == VirtqState.BROKEN) return -(<i32>q.error);
    if (q.state != VirtqState.READY) return VirtqPop.EMPTY;
    return Ring.isPacked(q) ? PackedRing.pop(q) : SplitRing.pop(q);
  }

  /** Gives a request back: the device wrote the first `written` bytes of its writable segments. */
  static push(q: Virtq, record: VirtqRecord, written: u32): void {
    VirtqRecord.wrote(record, 0, written);
    if (q.state == VirtqState.READY) {
      if (Ring.isPacked(q)) PackedRing.push(q, record, written);
      else SplitRing.push(q, record, written);
    }
    VirtqRecord.release(q, record);
  }

  /** As `pop`, up to `capacity` times: see virtqPopBatch. */
  static popBatch(q: Virtq, batch: usize, capacity: u32): u32 {
    for (let count: u32 = 0; count < capacity; count++) {
      const answer = Ring.pop(q);
      store<u32>(batch + ((<usize>count) << 3), answer);
      if (<u32>answer <= <u32>VirtqPop.FULL || answer < 0) return count;
    }
    return capacity;
  }

  /** As `push`, `count` times. The driver sees all of them at once: an index, or a first descriptor, that moves when the rest is there. */
  static pushBatch(q: Virtq, batch: usize, count: u32): void {
    const end = batch + ((<usize>count) << 3);
    for (let at = batch; at < end; at += 8) VirtqRecord.wrote(Ring.record(at), 0, load<u32>(at, 4));
    if (q.state == VirtqState.READY) {
      if (Ring.isPacked(q)) PackedRing.pushBatch(q, batch, count);
      else SplitRing.pushBatch(q, batch, count);
    }
    for (let at = batch; at < end; at += 8) VirtqRecord.release(q, Ring.record(at));
  }

  @inline private static record(at: usize): VirtqRecord {
    return changetype<VirtqRecord>(<usize>load<u32>(at));
  }

  /** Whether what was pushed since the last call is worth an interrupt to the driver. */
  static interruptDue(q: Virtq): bool {
    if (q.state != VirtqState.READY) return false;
    return Ring.isPacked(q) ? PackedRing.interruptDue(q) : SplitRing.interruptDue(q);
  }

  @inline private static isPacked(q: Virtq): bool {
    return (q.features & VirtqFeature.PACKED) != 0;
  }
}
