// Virtqueues: what the specification fixes (virtio 1.2, 2.7 and 2.8), and what queue code and devices say to each other.

/** Bits of a descriptor's `flags` (2.7.5, 2.8.3). */
export const enum VirtqDesc {
  NEXT = 1,
  WRITE = 2,
  INDIRECT = 4,
}

/** Further bits of a descriptor's `flags` in a packed ring (2.8.1). */
export const enum VirtqPacked {
  AVAIL = 0x80,
  USED = 0x8000,
}

/** `flags` and `desc` of an event suppression structure of a packed ring (2.8.10, 2.8.14). */
export const enum VirtqEvent {
  ENABLE = 0,
  DISABLE = 1,
  /** Only for the descriptor that `desc` names; with EVENT_IDX alone. */
  DESC = 2,
  MASK = 3,
  OFFSET_MASK = 0x7fff,
  LAP_SHIFT = 15,
}

/** Bit of the available ring's `flags` (2.7.6). */
export const enum VirtqAvail {
  NO_INTERRUPT = 1,
}

/** Bit of the used ring's `flags` (2.7.8). */
export const enum VirtqUsed {
  NO_NOTIFY = 1,
}

/** How a queue was negotiated: the `features` of virtqStart. */
export const enum VirtqFeature {
  INDIRECT_DESC = 1,
  EVENT_IDX = 2,
  PACKED = 4,
}

/** The largest queue (QueueNumMax) that the queue code can hold. */
export const enum VirtqLimit {
  SIZE = 1024,
}

/** What virtqPop answers besides the address of a request record and the negated VirtqError. */
export const enum VirtqPop {
  /** The driver has made nothing more available; its next request will notify. */
  EMPTY = 0,
  /** No room for a further record: pop again once a request has been pushed. */
  FULL = 1,
}

/** How a driver can break its queue. The device answers each with DEVICE_NEEDS_RESET. */
export const enum VirtqError {
  NONE = 0,
  /** Queue size is 0, larger than VirtqLimit.SIZE, or that of a split ring and no power of two. */
  QUEUE_SIZE = 1,
  /** A ring is not aligned: descriptors 16, available 2, used 4 (2.7); event suppression structures 4 (2.8.10.1). */
  RING_ALIGNMENT = 2,
  /** A ring does not lie in RAM. */
  RING_ADDRESS = 3,
  /** avail.idx runs ahead by more than the queue size. */
  AVAIL_INDEX = 4,
  /** The available ring names a descriptor beyond the table. */
  HEAD_INDEX = 5,
  /** `next` points beyond the table. */
  NEXT_INDEX = 6,
  /** More buffers in a chain than the queue has descriptors: too long, or a loop (2.7.5.3.1). */
  CHAIN_LENGTH = 7,
  /** A buffer does not lie in RAM. */
  BUFFER_ADDRESS = 8,
  /** The buffers of a chain come to 2^32 bytes or more (2.7.5.2). */
  TOTAL_LENGTH = 9,
  /** A device-readable buffer follows a device-writable one (2.7.4.2). */
  BUFFER_ORDER = 10,
  /** INDIRECT without VIRTIO_F_INDIRECT_DESC (2.7.5.3.1). */
  INDIRECT_NOT_NEGOTIATED = 11,
  /** An indirect descriptor inside an indirect table (2.7.5.3.1). */
  INDIRECT_NESTED = 12,
  /** INDIRECT and NEXT in one descriptor (2.7.5.3.1), or INDIRECT inside a list of a packed ring (2.8.19). */
  INDIRECT_WITH_NEXT = 13,
  /** An indirect table that is empty or no multiple of 16 bytes (2.7.5.3.2). */
  INDIRECT_LENGTH = 14,
  /** An indirect table outside RAM. */
  INDIRECT_ADDRESS = 15,
  /** More requests, or descriptors of a packed ring, under way than the queue has descriptors: some descriptor was offered twice. */
  IN_FLIGHT = 16,
  /** A saved queue whose records do not fit together (restore only). */
  RECORD = 17,
}
