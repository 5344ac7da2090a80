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

  /** Whether what was pushed since the last call is worth an interrupt to the driver. */
  static interruptDue(q: Virtq): bool {
    if (q.state != VirtqState.READY) return false;
    return Ring.isPacked(q) ? PackedRing.interruptDue(q) : SplitRing.interruptDue(q);
  }

  @inline private static isPacked(q: Virtq): bool {
    return (q.features & VirtqFeature.PACKED) != 0;
  }
}
