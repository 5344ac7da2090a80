/** In what the states of two checkpoints differ, field by field. The format knows no more of them than that they are CBOR. */
import type { Manifest } from "./manifest.js";

/** What JSON can say. Whole numbers beyond 2^53 are text, "0x..."; bytes are hexadecimal digits. */
export type PlainValue =
  | null
  | boolean
  | number
  | string
  | readonly PlainValue[]
  | { readonly [key: string]: PlainValue };

export interface FieldDifference {
  /** Such as "devices.vda.queues[0].num"; of bytes "hart.x@16", the eight from there on. */
  readonly field: string;
  /** Undefined: it has no such field. */
  readonly one: PlainValue | undefined;
  readonly other: PlainValue | undefined;
}

const SECTIONS = ["name", "config", "hart", "clock", "console", "entropy", "devices", "disks"] as const;
/** Two files that have nothing in common are not listed to the end. */
const MAX_DIFFERENCES = 10_000;
const WORD = 8;

export function differingFields(one: Manifest, other: Manifest): FieldDifference[] {
  const found: FieldDifference[] = [];
  for (const key of SECTIONS) compare(key, one[key], other[key], found);
  return found;
}

/** `value` comes out of a file: anything that CBOR can hold. */
export function plain(value: unknown): PlainValue {
  if (value instanceof Uint8Array) return Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString("hex");
  if (Array.isArray(value)) return value.map(plain);
  switch (typeof value) {
    case "bigint":
      return value < 0n ? `-0x${(-value).toString(16)}` : `0x${value.toString(16)}`;
    case "boolean":
    case "number":
    case "string":
      return value;
    case "object":
      if (value === null) return null;
      return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, plain(inner)]));
    default:
      return null;
  }
}

function compare(field: string, one: unknown, other: unknown, found: FieldDifference[]): void {
  if (found.length >= MAX_DIFFERENCES || Object.is(one, other)) return;
  if (one instanceof Uint8Array && other instanceof Uint8Array && one.length === other.length) {
    for (let at = 0; at < one.length && found.length < MAX_DIFFERENCES; at += WORD) {
      const [left, right] = [one.subarray(at, at + WORD), other.subarray(at, at + WORD)];
      if (Buffer.compare(left, right) !== 0) note(`${field}@${at}`, left, right, found);
    }
  } else if (Array.isArray(one) && Array.isArray(other)) {
    for (let index = 0; index < Math.max(one.length, other.length); index++) {
      compare(`${field}[${index}]`, one[index], other[index], found);
    }
  } else if (isMap(one) && isMap(other)) {
    for (const key of new Set([...Object.keys(one), ...Object.keys(other)])) {
      compare(`${field}.${key}`, own(one, key), own(other, key), found);
    }
  } else note(field, one, other, found);
}

function note(field: string, one: unknown, other: unknown, found: FieldDifference[]): void {
  const said = (value: unknown): PlainValue | undefined => (value === undefined ? undefined : plain(value));
  found.push({ field, one: said(one), other: said(other) });
}

function own(map: Record<string, unknown>, key: string): unknown {
  return Object.hasOwn(map, key) ? map[key] : undefined;
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array);
}
