/** Fields of a queue and of its request records in linear memory (assembly/virtio/virtq.ts, record.ts), by their names. */
import { Layout } from "../generated/layout.js";
import type { GuestRam } from "./guest-ram.js";

const { VIRTQ, RECORD } = Layout;

export const STOPPED = 0;
export const READY = 1;
export const BROKEN = 2;

export const BUSY = 1;
export const DONE = 2;

// A field is its offset, never its name: what V8 does not inline would look the name up each time.

export const word = (ram: GuestRam, q: number, field: number): number => ram.words[(q + field) >>> 2] as number;

export function setWord(ram: GuestRam, q: number, field: number, value: number): void {
  ram.words[(q + field) >>> 2] = value;
}

export const half = (ram: GuestRam, q: number, field: number): number => ram.halves[(q + field) >>> 1] as number;

export function setHalf(ram: GuestRam, q: number, field: number, value: number): void {
  ram.halves[(q + field) >>> 1] = value;
}

export const ofRecord = (ram: GuestRam, record: number, field: number): number =>
  ram.halves[(record + field) >>> 1] as number;

export function setOfRecord(ram: GuestRam, record: number, field: number, value: number): void {
  ram.halves[(record + field) >>> 1] = value;
}

export const bytesOf = (ram: GuestRam, record: number): number => ram.words[(record + RECORD.BYTES) >>> 2] as number;

/** Where in RAM a ring begins that `virtqStart` found to lie there. */
export const ringOffset = (ram: GuestRam, q: number, field: number): number =>
  (word(ram, q, field) >>> 0) - Layout.RAM.OFFSET;

/** The queue is unusable from here on. Answers what virtqPop says of it. */
export function breakQueue(ram: GuestRam, q: number, error: number): number {
  setWord(ram, q, VIRTQ.STATE, BROKEN);
  setWord(ram, q, VIRTQ.ERROR, error);
  return -error;
}
