/** Fields of a queue and of its request records in linear memory (assembly/virtio/virtq.ts, record.ts), by their names. */
import { Layout } from "../generated/layout.js";
import type { GuestRam } from "./guest-ram.js";

const { VIRTQ, RECORD } = Layout;

export const STOPPED = 0;
export const READY = 1;
export const BROKEN = 2;

export const BUSY = 1;
export const DONE = 2;

type Field = Exclude<keyof typeof VIRTQ, "BASE" | "END">;
type RecordField = keyof typeof RECORD;

export const word = (ram: GuestRam, q: number, field: Field): number => ram.words[(q + VIRTQ[field]) >>> 2] as number;

export function setWord(ram: GuestRam, q: number, field: Field, value: number): void {
  ram.words[(q + VIRTQ[field]) >>> 2] = value;
}

export const half = (ram: GuestRam, q: number, field: Field): number => ram.halves[(q + VIRTQ[field]) >>> 1] as number;

export function setHalf(ram: GuestRam, q: number, field: Field, value: number): void {
  ram.halves[(q + VIRTQ[field]) >>> 1] = value;
}

export const ofRecord = (ram: GuestRam, record: number, field: RecordField): number =>
  ram.halves[(record + RECORD[field]) >>> 1] as number;

export function setOfRecord(ram: GuestRam, record: number, field: RecordField, value: number): void {
  ram.halves[(record + RECORD[field]) >>> 1] = value;
}

export const bytesOf = (ram: GuestRam, record: number): number => ram.words[(record + RECORD.BYTES) >>> 2] as number;

/** Where in RAM a ring begins that `virtqStart` found to lie there. */
export const ringOffset = (ram: GuestRam, q: number, field: "DESC" | "AVAIL" | "USED"): number =>
  (word(ram, q, field) >>> 0) - Layout.RAM.OFFSET;

/** The queue is unusable from here on. Answers what virtqPop says of it. */
export function breakQueue(ram: GuestRam, q: number, error: number): number {
  setWord(ram, q, "STATE", BROKEN);
  setWord(ram, q, "ERROR", error);
  return -error;
}
