// What the Privileged Architecture says about translation and protection, as plainly as it can be put: BigInt, one step
// of the text at a time, no care for speed. The measure of assembly/mmu.

import { Privilege } from "../../src/generated/shared/privileged.js";

export const LOAD = 0;
export const STORE = 1;
export const FETCH = 2;
export type Access = typeof LOAD | typeof STORE | typeof FETCH;

export const SUM = 1n << 18n;
export const MXR = 1n << 19n;
export const ADUE = 1n << 61n;
export const PBMTE = 1n << 62n;

// Physical memory protection (3.7)

export interface PmpEntry {
  /** pmpcfg: R W X in bits 0 to 2, A in bits 4:3, L in bit 7. */
  readonly cfg: number;
  /** pmpaddr: address bits 55:2. */
  readonly address: bigint;
}

/** First byte and the byte behind the last of each entry's region; an entry that is off has none. */
export function pmpRegion(entries: readonly PmpEntry[], i: number): readonly [bigint, bigint] | null {
  const { cfg, address } = entries[i] as PmpEntry;
  switch ((cfg >> 3) & 3) {
    case 1:
      return [i === 0 ? 0n : (entries[i - 1] as PmpEntry).address * 4n, address * 4n];
    case 2:
      return [address * 4n, address * 4n + 4n];
    case 3: {
      // yyyy...0111: as many trailing ones as the region is powers of two larger than 8 bytes.
      let ones = 0n;
      while (ones < 54n && ((address >> ones) & 1n) === 1n) ones++;
      const size = 8n << ones;
      const base = ((address >> ones) << ones) * 4n;
      return [base, base + size];
    }
    default:
      return null;
  }
}

export function pmpAllows(
  entries: readonly PmpEntry[],
  gpa: bigint,
  size: bigint,
  access: Access,
  privilege: Privilege,
): boolean {
  for (let i = 0; i < entries.length; i++) {
    const region = pmpRegion(entries, i);
    if (region === null) continue;
    let matching = 0n;
    for (let byte = gpa; byte < gpa + size; byte++) if (byte >= region[0] && byte < region[1]) matching++;
    if (matching === 0n) continue;
    if (matching < size) return false;
    const { cfg } = entries[i] as PmpEntry;
    if (privilege === Privilege.M && (cfg & 0x80) === 0) return true;
    return ((cfg >> access) & 1) === 1;
  }
  return privilege === Privilege.M;
}

// Translation (12.3.2 of the 1.13 text: "Virtual Address Translation Process")

export interface TranslationState {
  readonly satp: bigint;
  readonly mstatus: bigint;
  readonly menvcfg: bigint;
  readonly pmp: readonly PmpEntry[];
}

export interface TableMemory {
  isRam(gpa: bigint, size: bigint): boolean;
  read64(gpa: bigint): bigint;
}

export type Translation =
  | { readonly kind: "ok"; readonly gpa: bigint; readonly update: PteUpdate | null }
  | { readonly kind: "page-fault" }
  | { readonly kind: "access-fault" };

export interface PteUpdate {
  readonly gpa: bigint;
  readonly value: bigint;
}

const PAGE_FAULT: Translation = { kind: "page-fault" };
const ACCESS_FAULT: Translation = { kind: "access-fault" };
const bit = (value: bigint, index: number): boolean => ((value >> BigInt(index)) & 1n) === 1n;
const bits = (value: bigint, high: number, low: number): bigint =>
  (value >> BigInt(low)) & ((1n << BigInt(high - low + 1)) - 1n);

export function translate(
  memory: TableMemory,
  state: TranslationState,
  va: bigint,
  access: Access,
  privilege: Privilege.U | Privilege.S,
): Translation {
  const mode = bits(state.satp, 63, 60);
  const levels = { 8: 3, 9: 4, 10: 5 }[Number(mode)];
  if (levels === undefined) throw new Error(`satp.MODE ${mode} does not translate`);
  const vaBits = 12 + 9 * levels;
  if (BigInt.asUintN(64, BigInt.asIntN(vaBits, va)) !== va) return PAGE_FAULT;

  // Step 1
  let a = bits(state.satp, 43, 0) * 4096n;
  for (let i = levels - 1; i >= 0; i--) {
    // Step 2
    const pteGpa = a + bits(va, 20 + 9 * i, 12 + 9 * i) * 8n;
    if (!memory.isRam(pteGpa, 8n) || !pmpAllows(state.pmp, pteGpa, 8n, LOAD, Privilege.S)) return ACCESS_FAULT;
    const pte = memory.read64(pteGpa);
    const [v, r, w, x, u] = [bit(pte, 0), bit(pte, 1), bit(pte, 2), bit(pte, 3), bit(pte, 4)];
    // Step 3
    if (!v || (!r && w) || bits(pte, 60, 54) !== 0n) return PAGE_FAULT;
    // Step 4
    if (!r && !x) {
      if (bit(pte, 6) || bit(pte, 7) || u || bits(pte, 63, 61) !== 0n) return PAGE_FAULT;
      a = bits(pte, 53, 10) * 4096n;
      continue;
    }
    return leaf(state, { pteGpa, pte, level: i }, va, access, privilege);
  }
  return PAGE_FAULT;
}

interface Leaf {
  readonly pteGpa: bigint;
  readonly pte: bigint;
  readonly level: number;
}

function leaf(
  state: TranslationState,
  { pteGpa, pte, level }: Leaf,
  va: bigint,
  access: Access,
  privilege: Privilege.U | Privilege.S,
): Translation {
  const ppn = bits(pte, 53, 10);
  // Svpbmt: reserved without menvcfg.PBMTE, and 3 is reserved with it.
  const pbmt = bits(pte, 62, 61);
  if (pbmt === 3n || (pbmt !== 0n && (state.menvcfg & PBMTE) === 0n)) return PAGE_FAULT;
  // Svnapot: 64 KiB pages of 4 KiB ones, ppn[3:0] = 1000; everything else is reserved.
  const napot = bit(pte, 63);
  if (napot && (level !== 0 || bits(ppn, 3, 0) !== 0b1000n)) return PAGE_FAULT;
  // Misaligned superpages
  if (level > 0 && bits(ppn, 9 * level - 1, 0) !== 0n) return PAGE_FAULT;
  if (!permitted(state, pte, access, privilege)) return PAGE_FAULT;
  // A and D
  let updated = pte | (1n << 6n);
  if (access === STORE) updated |= 1n << 7n;
  let update: PteUpdate | null = null;
  if (updated !== pte) {
    if ((state.menvcfg & ADUE) === 0n) return PAGE_FAULT;
    if (!pmpAllows(state.pmp, pteGpa, 8n, STORE, Privilege.S)) return ACCESS_FAULT;
    update = { gpa: pteGpa, value: updated };
  }
  const untranslated = napot ? 16 : 12 + 9 * level;
  const base = napot ? (ppn >> 4n) << 16n : ppn << 12n;
  return { kind: "ok", gpa: base + bits(va, untranslated - 1, 0), update };
}

function permitted(
  state: TranslationState,
  pte: bigint,
  access: Access,
  privilege: Privilege.U | Privilege.S,
): boolean {
  const user = bit(pte, 4);
  if (privilege === Privilege.U && !user) return false;
  if (privilege === Privilege.S && user && (access === FETCH || (state.mstatus & SUM) === 0n)) return false;
  if (access === FETCH) return bit(pte, 3);
  if (access === STORE) return bit(pte, 2);
  return bit(pte, 1) || (bit(pte, 3) && (state.mstatus & MXR) !== 0n);
}
