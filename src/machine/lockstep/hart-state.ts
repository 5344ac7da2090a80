/** The part of a hart that its guest can see, as bytes: what two engines have to agree on. */
import { Layout } from "../../generated/layout.js";

export interface Difference {
  readonly what: string;
  readonly expected: bigint;
  readonly got: bigint;
}

const { HART } = Layout;
const REGISTERS = 32;
const REGISTER_BYTES = 8;
/** pmpaddr0..15 and pmp0cfg..pmp15cfg. */
const PMP_BYTES = 16 * 8 + 16;
const CSRS_END = HART.RESET_REASON + 4;

/** [offset, end) within a hart. What lies between and behind is the engine's own: where it is, and what it looks into. */
export const VISIBLE: readonly (readonly [number, number])[] = [
  [0, CSRS_END],
  [HART.X, HART.X + REGISTERS * REGISTER_BYTES],
  [HART.F, HART.F + REGISTERS * REGISTER_BYTES],
  [HART.PMPADDR, HART.PMPADDR + PMP_BYTES],
];

/** Names of fields by offset, those of CSRS_END and below. */
const FIELDS: readonly (readonly [number, string])[] = Object.entries(HART)
  .filter(([name, offset]) => offset < CSRS_END && !["BASE", "STRIDE", "SIZE"].includes(name))
  .map(([name, offset]) => [offset, name.toLowerCase()] as const)
  .sort(([a], [b]) => a - b);

const WORD = 4;

/** Copies what is visible of a hart from one linear memory, or copy of a hart, to another. */
export function copyHart(from: Uint8Array, fromHart: number, to: Uint8Array, toHart: number): void {
  for (const [start, end] of VISIBLE) to.set(from.subarray(fromHart + start, fromHart + end), toHart + start);
}

/** Whether two harts look the same. Called after each piece of a run: word by word, without allocating. */
export function sameHart(expected: Int32Array, got: Int32Array, hart: number): boolean {
  for (const [start, end] of VISIBLE) {
    for (let at = (hart + start) / WORD; at < (hart + end) / WORD; at++) if (expected[at] !== got[at]) return false;
  }
  return true;
}

/** In what two harts differ, `most` of it. */
export function hartDifferences(expected: DataView, got: DataView, hart: number, most: number): Difference[] {
  const found: Difference[] = [];
  for (const [start, end] of VISIBLE) {
    for (let at = start; at < end && found.length < most; at += WORD) {
      if (expected.getUint32(hart + at, true) === got.getUint32(hart + at, true)) continue;
      const { what, from, wide } = fieldAt(at);
      const read = (view: DataView): bigint =>
        wide ? view.getBigUint64(hart + from, true) : BigInt(view.getUint32(hart + from, true));
      found.push({ what, expected: read(expected), got: read(got) });
      if (wide) at = from + WORD;
    }
  }
  return found;
}

function fieldAt(at: number): { what: string; from: number; wide: boolean } {
  const file = ([name, base]: readonly [string, number]) => {
    const index = Math.floor((at - base) / REGISTER_BYTES);
    return { what: `${name}${index}`, from: base + index * REGISTER_BYTES, wide: true };
  };
  if (at >= HART.PMPCFG) return { what: `pmpcfg+${at - HART.PMPCFG}`, from: at, wide: false };
  if (at >= HART.PMPADDR) return file(["pmpaddr", HART.PMPADDR]);
  if (at >= HART.F) return file(["f", HART.F]);
  if (at >= HART.X) return file(["x", HART.X]);
  const index = FIELDS.findLastIndex(([offset]) => offset <= at);
  const [from = 0, name = ""] = FIELDS[index] ?? [];
  const next = FIELDS[index + 1]?.[0] ?? CSRS_END;
  // A field that has no name of its own lies behind one that has.
  if (at - from >= REGISTER_BYTES) return { what: `${name}+${at - from}`, from: at, wide: false };
  return { what: name, from, wide: next - from >= REGISTER_BYTES && from % REGISTER_BYTES === 0 };
}
