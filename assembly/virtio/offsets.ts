// Where the fields of queues, records and segments lie, for the host. Exported as globals; the TypeScript side is generated from them.

import { VirtqRecord, VirtqSegment } from "./record";
import { Virtq } from "./virtq";

export { VIRTQ_DEVICES, VIRTQ_QUEUES, VIRTQ_RECORDS, VIRTQ_STRIDE } from "./virtq";

export const VIRTQ_DESC_GPA: usize = offsetof<Virtq>("descGpa");
export const VIRTQ_AVAIL_GPA: usize = offsetof<Virtq>("availGpa");
export const VIRTQ_USED_GPA: usize = offsetof<Virtq>("usedGpa");
export const VIRTQ_DESC: usize = offsetof<Virtq>("desc");
export const VIRTQ_AVAIL: usize = offsetof<Virtq>("avail");
export const VIRTQ_USED: usize = offsetof<Virtq>("used");
export const VIRTQ_SIZE: usize = offsetof<Virtq>("size");
export const VIRTQ_FEATURES: usize = offsetof<Virtq>("features");
export const VIRTQ_STATE: usize = offsetof<Virtq>("state");
export const VIRTQ_ERROR: usize = offsetof<Virtq>("error");
export const VIRTQ_NEXT_AVAIL: usize = offsetof<Virtq>("nextAvail");
export const VIRTQ_NEXT_USED: usize = offsetof<Virtq>("nextUsed");
export const VIRTQ_SIGNALLED_USED: usize = offsetof<Virtq>("signalledUsed");
export const VIRTQ_USED_FLAGS: usize = offsetof<Virtq>("usedFlags");
export const VIRTQ_AVAIL_LAP: usize = offsetof<Virtq>("availLap");
export const VIRTQ_USED_LAP: usize = offsetof<Virtq>("usedLap");
export const VIRTQ_SLOTS: usize = offsetof<Virtq>("slots");
export const VIRTQ_UNSIGNALLED: usize = offsetof<Virtq>("unsignalled");
export const VIRTQ_OLDEST: usize = offsetof<Virtq>("oldest");
export const VIRTQ_NEXT: usize = offsetof<Virtq>("next");
export const VIRTQ_LIVE: usize = offsetof<Virtq>("records");
export const VIRTQ_IN_FLIGHT: usize = offsetof<Virtq>("inFlight");
export const VIRTQ_BYTES: usize = offsetof<Virtq>();

export const RECORD_BYTES: usize = offsetof<VirtqRecord>("bytes");
export const RECORD_HEAD: usize = offsetof<VirtqRecord>("head");
export const RECORD_READABLE: usize = offsetof<VirtqRecord>("readable");
export const RECORD_WRITABLE: usize = offsetof<VirtqRecord>("writable");
export const RECORD_STATE: usize = offsetof<VirtqRecord>("state");
export const RECORD_SLOTS: usize = offsetof<VirtqRecord>("slots");
export const RECORD_WRITTEN: usize = offsetof<VirtqRecord>("written");
export const RECORD_HEADER: u32 = VirtqRecord.HEADER;

export const SEGMENT_GPA: usize = offsetof<VirtqSegment>("gpa");
export const SEGMENT_ADDRESS: usize = offsetof<VirtqSegment>("address");
export const SEGMENT_LENGTH: usize = offsetof<VirtqSegment>("length");
export const SEGMENT_BYTES: usize = offsetof<VirtqSegment>();
