/** The TypeScript twin of assembly/virtio/record.ts: the ring of request records. */
import { Layout } from "../generated/layout.js";
import { VirtqError } from "../generated/shared/virtq.js";
import type { GuestRam } from "./guest-ram.js";
import { BUSY, bytesOf, DONE, ofRecord, setOfRecord, setWord, word } from "./virtq-fields.js";

const { VIRTQ, RECORD, SEGMENT } = Layout;
const FIRST = VIRTQ.RECORDS;
const END = VIRTQ.STRIDE;

/** Room for the longest chain, or 0. */
export function reserve(ram: GuestRam, q: number): number {
  const need = RECORD.HEADER + word(ram, q, VIRTQ.SIZE) * SEGMENT.BYTES;
  const live = word(ram, q, VIRTQ.LIVE);
  if (live === 0) {
    setWord(ram, q, VIRTQ.OLDEST, FIRST);
    setWord(ram, q, VIRTQ.NEXT, FIRST);
  }
  const next = word(ram, q, VIRTQ.NEXT);
  const oldest = word(ram, q, VIRTQ.OLDEST);
  if (next < oldest || (next === oldest && live !== 0)) return oldest - next >= need ? q + next : 0;
  if (END - next >= need) return q + next;
  if (oldest - FIRST < need) return 0;
  ram.words[(q + next + RECORD.BYTES) >>> 2] = END - next;
  setOfRecord(ram, q + next, RECORD.STATE, DONE);
  setWord(ram, q, VIRTQ.LIVE, live + 1);
  setWord(ram, q, VIRTQ.NEXT, FIRST);
  return q + FIRST;
}

export function commit(ram: GuestRam, q: number, record: number): void {
  const segments = ofRecord(ram, record, RECORD.READABLE) + ofRecord(ram, record, RECORD.WRITABLE);
  const bytes = RECORD.HEADER + segments * SEGMENT.BYTES;
  ram.words[(record + RECORD.BYTES) >>> 2] = bytes;
  setOfRecord(ram, record, RECORD.STATE, BUSY);
  const next = word(ram, q, VIRTQ.NEXT) + bytes;
  setWord(ram, q, VIRTQ.NEXT, next === END ? FIRST : next);
  setWord(ram, q, VIRTQ.LIVE, word(ram, q, VIRTQ.LIVE) + 1);
  setWord(ram, q, VIRTQ.IN_FLIGHT, word(ram, q, VIRTQ.IN_FLIGHT) + 1);
}

export function release(ram: GuestRam, q: number, record: number): void {
  setOfRecord(ram, record, RECORD.STATE, DONE);
  setWord(ram, q, VIRTQ.IN_FLIGHT, word(ram, q, VIRTQ.IN_FLIGHT) - 1);
  let live = word(ram, q, VIRTQ.LIVE);
  let oldest = word(ram, q, VIRTQ.OLDEST);
  while (live !== 0 && ofRecord(ram, q + oldest, RECORD.STATE) === DONE) {
    oldest += bytesOf(ram, q + oldest);
    if (oldest === END) oldest = FIRST;
    live--;
  }
  setWord(ram, q, VIRTQ.OLDEST, oldest);
  setWord(ram, q, VIRTQ.LIVE, live);
}

/** The device is about to write [offset, offset + length) of the writable segments. */
export function writing(ram: GuestRam, record: number, offset: number, length: number): void {
  touch(ram, record, offset, length, false);
}

/** The device wrote them. */
export function wrote(ram: GuestRam, record: number, offset: number, length: number): void {
  if (length !== 0) setOfRecord(ram, record, RECORD.WRITTEN, 1);
  touch(ram, record, offset, length, true);
}

function touch(ram: GuestRam, record: number, offset: number, length: number, after: boolean): void {
  const { words } = ram;
  let index = ofRecord(ram, record, RECORD.READABLE);
  const count = index + ofRecord(ram, record, RECORD.WRITABLE);
  for (let skip = offset, left = length; index < count && left !== 0; index++) {
    const segment = record + RECORD.HEADER + index * SEGMENT.BYTES;
    const size = (words[(segment + SEGMENT.LENGTH) >>> 2] as number) >>> 0;
    if (skip >= size) {
      skip -= size;
      continue;
    }
    const piece = size - skip < left ? size - skip : left;
    const at = ((words[(segment + SEGMENT.ADDRESS) >>> 2] as number) >>> 0) - Layout.RAM.OFFSET + skip;
    if (after) ram.wrote(at, piece);
    else ram.writing(at, piece);
    left -= piece;
    skip = 0;
  }
}

/** The `index`th record under way, oldest first, or 0. */
export function underWay(ram: GuestRam, q: number, index: number): number {
  let offset = word(ram, q, VIRTQ.OLDEST);
  let before = index;
  for (let left = word(ram, q, VIRTQ.LIVE); left !== 0; left--) {
    if (ofRecord(ram, q + offset, RECORD.STATE) === BUSY && before-- === 0) return q + offset;
    offset += bytesOf(ram, q + offset);
    if (offset === END) offset = FIRST;
  }
  return 0;
}

export function savedLength(ram: GuestRam, q: number): number {
  if (word(ram, q, VIRTQ.LIVE) === 0) return FIRST;
  return word(ram, q, VIRTQ.OLDEST) < word(ram, q, VIRTQ.NEXT) ? word(ram, q, VIRTQ.NEXT) : END;
}

/** Whether restored records fill oldest .. next exactly and their segments lie in RAM. */
export function checkRecords(ram: GuestRam, q: number): number {
  let offset = word(ram, q, VIRTQ.OLDEST) >>> 0;
  let room = END - FIRST;
  let busy = 0;
  let slots = 0;
  for (let left = word(ram, q, VIRTQ.LIVE) >>> 0; left !== 0; left--) {
    if (offset < FIRST || offset > END - RECORD.HEADER || (offset & 15) !== 0) return VirtqError.RECORD;
    const bytes = bytesOf(ram, q + offset) >>> 0;
    if (bytes < RECORD.HEADER || bytes > room || bytes > END - offset) return VirtqError.RECORD;
    const state = ofRecord(ram, q + offset, RECORD.STATE);
    if (state === BUSY) {
      if (!segmentsAreRam(ram, q + offset, bytes)) return VirtqError.RECORD;
      busy++;
      slots += ofRecord(ram, q + offset, RECORD.SLOTS);
    } else if (state !== DONE) return VirtqError.RECORD;
    room -= bytes;
    offset += bytes;
    if (offset === END) offset = FIRST;
  }
  const fits =
    busy === word(ram, q, VIRTQ.IN_FLIGHT) >>> 0 &&
    slots === word(ram, q, VIRTQ.SLOTS) >>> 0 &&
    offset === word(ram, q, VIRTQ.NEXT) >>> 0;
  return fits ? VirtqError.NONE : VirtqError.RECORD;
}

function segmentsAreRam(ram: GuestRam, record: number, bytes: number): boolean {
  const count = ofRecord(ram, record, RECORD.READABLE) + ofRecord(ram, record, RECORD.WRITABLE);
  if (bytes !== RECORD.HEADER + count * SEGMENT.BYTES) return false;
  for (let index = 0; index < count; index++) {
    const at = (record + RECORD.HEADER + index * SEGMENT.BYTES) >>> 2;
    const length = (ram.words[at + (SEGMENT.LENGTH >>> 2)] as number) >>> 0;
    if (length === 0) return false;
    const offset = ram.offsetOf(ram.words[at] as number, ram.words[at + 1] as number, length);
    if (offset < 0 || (ram.words[at + (SEGMENT.ADDRESS >>> 2)] as number) >>> 0 !== offset + Layout.RAM.OFFSET)
      return false;
  }
  return true;
}
