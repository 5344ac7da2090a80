// A virtqueue (virtio 1.2, 2.7 and 2.8): where it lies, and the rings' bookkeeping.

import { VIRTQ_BASE, VIRTQ_END } from "../layout";
import { Ram } from "../mmu/ram";
import { MemoryMap } from "../shared/memory-map";
import { VirtqError, VirtqFeature, VirtqLimit } from "../shared/virtq";

/** One device a virtio-mmio slot of the platform. */
export const VIRTQ_DEVICES: u32 = <u32>MemoryMap.VIRTIO_SLOTS;
export const VIRTQ_QUEUES: u32 = 16;
/** What a queue occupies: its state and the records of the requests under way. */
export const VIRTQ_STRIDE: usize = (VIRTQ_END - VIRTQ_BASE) / (VIRTQ_DEVICES * VIRTQ_QUEUES);

export const enum VirtqState {
  STOPPED = 0,
  READY = 1,
  BROKEN = 2,
}

// Sizes and offsets of split rings in guest memory (2.7).
export const DESC_SHIFT: u32 = 4;
export const DESC_ADDR: usize = 0;
export const DESC_LEN: usize = 8;
export const DESC_FLAGS: usize = 12;
export const DESC_NEXT: usize = 14;
/** Available and used ring: flags, idx, ring[]. */
export const RING_FLAGS: usize = 0;
export const RING_IDX: usize = 2;
export const RING_ENTRIES: usize = 4;
export const USED_ELEM_SHIFT: u32 = 3;

// Where packed rings differ (2.8.13, 2.8.14): the id and flags of a descriptor, and the event suppression structures.
export const DESC_ID: usize = 12;
export const PACKED_FLAGS: usize = 14;
export const EVENT_OFF_WRAP: usize = 0;
export const EVENT_FLAGS: usize = 2;
const EVENT_BYTES: u32 = 4;

/*
 * VIRTQ_BASE + (device * VIRTQ_QUEUES + queue) * VIRTQ_STRIDE:
 *
 *   +0               Virtq, this class
 *   +VIRTQ_RECORDS   a ring of VirtqRecords, oldest .. next (record.ts)
 *   +VIRTQ_STRIDE    the next queue
 *
 * `desc`, `avail`, `used` are linear addresses that `start` has checked to lie in RAM with their whole ring;
 * RAM never moves, so nothing behind them needs checking again. The *Gpa fields are what the driver wrote.
 */
@unmanaged
export class Virtq {
  /** Descriptor table, or descriptor ring. */
  descGpa: u64;
  /** Available ring, or driver event suppression. */
  availGpa: u64;
  /** Used ring, or device event suppression. */
  usedGpa: u64;

  desc: usize;
  avail: usize;
  used: usize;

  size: u32;
  features: u32;
  state: u32;
  /** The VirtqError that broke it. */
  error: u32;

  /** Next entry to take of the available ring, and to fill in the used ring; free-running, or an index of a packed ring. */
  nextAvail: u16;
  nextUsed: u16;
  /** nextUsed when the device last asked whether an interrupt is due. */
  signalledUsed: u16;
  /** What used.flags, or the device's event flags, hold; spares guest memory writes that change nothing. */
  usedFlags: u16;

  // Of a packed ring alone.
  /** Wrap counters: 1 in the first lap of a ring, 0 in the second, and so on (2.8.1). */
  availLap: u16;
  usedLap: u16;
  /** Descriptors of the requests under way. */
  slots: u32;
  /** Descriptors used since the device last asked whether an interrupt is due. */
  unsignalled: u32;

  // The record ring: offsets from the Virtq.
  oldest: u32;
  next: u32;
  /** Records between them, including those completed out of order. */
  records: u32;
  /** Records popped and not yet pushed. */
  inFlight: u32;

  /** The state of queue `queue` of device `device`, or 0 if there is no such queue. */
  static at(device: u32, queue: u32): usize {
    if (device >= VIRTQ_DEVICES || queue >= VIRTQ_QUEUES) return 0;
    return VIRTQ_BASE + <usize>(device * VIRTQ_QUEUES + queue) * VIRTQ_STRIDE;
  }

  static reset(q: Virtq): void {
    memory.fill(changetype<usize>(q), 0, offsetof<Virtq>());
  }

  /** Takes the rings that the driver laid out into service, from index 0 on. */
  static start(q: Virtq, size: u32, descGpa: u64, availGpa: u64, usedGpa: u64, features: u32): VirtqError {
    Virtq.reset(q);
    q.size = size;
    q.features = features;
    q.descGpa = descGpa;
    q.availGpa = availGpa;
    q.usedGpa = usedGpa;
    const error = Virtq.locate(q);
    if (error != VirtqError.NONE) return Virtq.fail(q, error);
    q.oldest = q.next = VIRTQ_RECORDS;
    q.availLap = q.usedLap = 1;
    q.state = VirtqState.READY;
    return VirtqError.NONE;
  }

  /** Finds the rings in linear memory, or says what is wrong with their addresses. */
  static locate(q: Virtq): VirtqError {
    const size = q.size;
    if (size == 0 || size > <u32>VirtqLimit.SIZE) return VirtqError.QUEUE_SIZE;
    const error = (q.features & VirtqFeature.PACKED) != 0 ? Virtq.checkPacked(q, size) : Virtq.checkSplit(q, size);
    if (error != VirtqError.NONE) return error;
    q.desc = Ram.host(q.descGpa);
    q.avail = Ram.host(q.availGpa);
    q.used = Ram.host(q.usedGpa);
    return VirtqError.NONE;
  }

  /** Alignment as 2.7 asks. */
  private static checkSplit(q: Virtq, size: u32): VirtqError {
    if ((size & (size - 1)) != 0) return VirtqError.QUEUE_SIZE;
    if ((q.descGpa & 15) != 0 || (q.availGpa & 1) != 0 || (q.usedGpa & 3) != 0) return VirtqError.RING_ALIGNMENT;
    // The trailing 2 bytes are used_event and avail_event, which lie there whether negotiated or not.
    if (
      !Ram.contains(q.descGpa, size << DESC_SHIFT) ||
      !Ram.contains(q.availGpa, RING_ENTRIES + 2 * size + 2) ||
      !Ram.contains(q.usedGpa, RING_ENTRIES + (size << USED_ELEM_SHIFT) + 2)
    ) {
      return VirtqError.RING_ADDRESS;
    }
    return VirtqError.NONE;
  }

  /** Alignment as 2.8.10.1 asks; the size need be no power of two. */
  private static checkPacked(q: Virtq, size: u32): VirtqError {
    if ((q.descGpa & 15) != 0 || (q.availGpa & 3) != 0 || (q.usedGpa & 3) != 0) return VirtqError.RING_ALIGNMENT;
    if (
      !Ram.contains(q.descGpa, size << DESC_SHIFT) ||
      !Ram.contains(q.availGpa, EVENT_BYTES) ||
      !Ram.contains(q.usedGpa, EVENT_BYTES)
    ) {
      return VirtqError.RING_ADDRESS;
    }
    return VirtqError.NONE;
  }

  /** A stopped queue needs no rings; any other has to be one that `start` could have made. */
  static checkRestored(q: Virtq): VirtqError {
    if (q.state > <u32>VirtqState.BROKEN) return VirtqError.RECORD;
    if (q.state != VirtqState.READY) return VirtqError.NONE;
    const error = Virtq.locate(q);
    if (error != VirtqError.NONE || (q.features & VirtqFeature.PACKED) == 0) return error;
    // Indices into a packed ring are used as they are.
    const within = <u32>q.nextAvail < q.size && <u32>q.nextUsed < q.size && q.slots <= q.size;
    return within && q.availLap <= 1 && q.usedLap <= 1 ? VirtqError.NONE : VirtqError.RECORD;
  }

  static fail(q: Virtq, error: VirtqError): VirtqError {
    q.state = VirtqState.BROKEN;
    q.error = error;
    return error;
  }

  /** avail.idx, read after everything that the driver wrote before it (2.7.13.3). Aligned: availGpa is even. */
  @inline static availIdx(q: Virtq): u16 {
    return atomic.load<u16>(q.avail, RING_IDX);
  }

  @inline static hasEventIdx(q: Virtq): bool {
    return (q.features & VirtqFeature.EVENT_IDX) != 0;
  }
}

/** Records start behind the state, on their own alignment. */
export const VIRTQ_RECORDS: u32 = (offsetof<Virtq>() + 127) & ~127;
