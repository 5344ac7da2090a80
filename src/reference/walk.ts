/**
 * The TypeScript twin of assembly/mmu/walk.ts: Sv39, Sv48 and Sv57 (Privileged 4.4-4.6) with Svnapot, Svpbmt, Svade and Svadu.
 * 64-bit values are two 32-bit halves throughout; BigInt would cost an allocation each.
 */
import { Layout } from "../generated/layout.js";
import { Mstatus, Privilege, Pte, SatpMode } from "../generated/shared/privileged.js";
import type { GuestRam } from "./guest-ram.js";
import { pmpAllowsEntry } from "./pmp.js";

const LOAD = 0;
const STORE = 1;
const FETCH = 2;

const OK = 0;
const PAGE_FAULT = 1;
const ACCESS_FAULT = 2;

// Upper halves: of a PTE, and of menvcfg.
const PPN_HIGH = 0x003f_ffff;
const RESERVED_HIGH = 0x1fc0_0000;
const PBMT_HIGH = 0x6000_0000;
const N_HIGH = 0x8000_0000;
const ADUE_HIGH = 1 << 29;
const PBMTE_HIGH = 1 << 30;

const RAM_PPN = Layout.RAM.BASE / Layout.PAGE.SIZE;
/** Lower half of a pointer to the first page of RAM, with nothing but V set. */
const POINTER = (RAM_PPN << 10) | Pte.V;
const LEAF_HIGH = RESERVED_HIGH | PBMT_HIGH | N_HIGH;
const LEAVE_NEXT = 4;

export class ReferenceWalk {
  /** What the last walk that ended OK found. */
  gpaLow = 0;
  gpaHigh = 0;
  level = 0;
  global = 0;
  readonly #ram: GuestRam;
  readonly #pages: number;

  constructor(ram: GuestRam) {
    this.#ram = ram;
    this.#pages = ram.size >>> Layout.PAGE.SHIFT;
  }

  /** As Walk.run; the answer is Walked. */
  run(hart: number, vaLow: number, vaHigh: number, access: number, privilege: number): number {
    const { words } = this.#ram;
    const satp = (hart + Layout.HART.SATP) >>> 2;
    const satpHigh = words[satp + 1] as number;
    const mode = satpHigh >>> 28;
    if (!isCanonical(mode, vaHigh)) return PAGE_FAULT;
    const menvcfgHigh = words[(hart + Layout.HART.MENVCFG + 4) >>> 2] as number;
    const isOpen = words[(hart + Layout.HART.TABLES_OPEN) >>> 2] !== 0;
    let ppnHigh = satpHigh & 0xfff;
    // The ppn of RAM fits 22 bits: any other bit set, and it is none.
    let ppn = (words[satp] as number) >>> 0;
    let global = 0;
    for (let level = levelsOf(mode) - 1; level >= 0; level--) {
      const page = ppn - RAM_PPN;
      if (ppnHigh !== 0 || page < 0 || page >= this.#pages) return ACCESS_FAULT;
      const offset = page * Layout.PAGE.SIZE + (vpn(vaLow, vaHigh, level) << 3);
      if (!isOpen && !this.#allows(hart, offset, false)) return ACCESS_FAULT;
      const at = (Layout.RAM.OFFSET + offset) >>> 2;
      const low = words[at] as number;
      const high = words[at + 1] as number;
      if ((low & Pte.V) === 0 || (low & (Pte.R | Pte.W)) === Pte.W || (high & RESERVED_HIGH) !== 0) return PAGE_FAULT;
      if ((low & Pte.G) !== 0) global = 1;
      if ((low & (Pte.R | Pte.X)) === 0) {
        if ((low & (Pte.D | Pte.A | Pte.U)) !== 0 || (high & (N_HIGH | PBMT_HIGH)) !== 0) return PAGE_FAULT;
        ppn = low >>> 10;
        ppnHigh = high & PPN_HIGH;
        continue;
      }
      if (!this.#permits(hart, low, access, privilege)) return PAGE_FAULT;
      if (!isAligned(low, high, level)) return PAGE_FAULT;
      const pbmt = high & PBMT_HIGH;
      if (pbmt !== 0 && (pbmt === PBMT_HIGH || (menvcfgHigh & PBMTE_HIGH) === 0)) return PAGE_FAULT;
      const isNapot = (high & N_HIGH) !== 0;
      if (isNapot && (level !== 0 || ((low >>> 10) & 15) !== 8)) return PAGE_FAULT;

      const wanted = access === STORE ? Pte.A | Pte.D : Pte.A;
      if ((low & wanted) !== wanted) {
        if ((menvcfgHigh & ADUE_HIGH) === 0) return PAGE_FAULT;
        if (!isOpen && !this.#allows(hart, offset, true)) return ACCESS_FAULT;
        this.#ram.writing(offset, 8);
        words[at] = low | wanted;
        this.#updated(hart, offset);
      }
      // A superpage is aligned, so its offset can be put in with an OR.
      let gpaLow = ((low & ~0x3ff) << 2) | insideLow(vaLow, level);
      if (isNapot) gpaLow = (gpaLow & ~0xf000) | (vaLow & 0xf000);
      this.gpaLow = gpaLow;
      this.gpaHigh = ((high & PPN_HIGH) << 2) | (low >>> 30) | insideHigh(vaHigh, level);
      this.level = isNapot ? 1 : level;
      this.global = global;
      return OK;
    }
    return PAGE_FAULT;
  }

  /** As walkBatch of assembly/index.ts: the fast path for what most entries are, and the table of the last walk remembered. */
  walkBatch(hart: number, batch: number, count: number, access: number, privilege: number): void {
    const { words } = this.#ram;
    const pages = this.#pages;
    const satp = (hart + Layout.HART.SATP) >>> 2;
    const satpHigh = words[satp + 1] as number;
    const mode = satpHigh >>> 28;
    const rootPage = ((words[satp] as number) >>> 0) - RAM_PPN;
    const isOpen = words[(hart + Layout.HART.TABLES_OPEN) >>> 2] !== 0;
    const end = (batch >>> 2) + 4 * count;
    if (!isOpen || (satpHigh & 0xfff) !== 0 || rootPage < 0 || rootPage >= pages) {
      for (let at = batch >>> 2; at < end; at += 4) this.#one(hart, at, access, privilege);
      return;
    }
    const top = levelsOf(mode) - 1;
    const root = (Layout.RAM.OFFSET >>> 2) + (rootPage << 10);
    const isSum = ((words[(hart + Layout.HART.MSTATUS) >>> 2] as number) & Mstatus.SUM) !== 0;
    // Leaves with W but not R are reserved: they are not what is compared with, nor what may be both executed and written.
    const right = access === FETCH ? Pte.X : access === STORE ? Pte.R | Pte.W | Pte.D : Pte.R;
    const wanted = Pte.V | Pte.A | right | (privilege === Privilege.U ? Pte.U : 0);
    const hasUser = privilege === Privilege.U || access === FETCH || !isSum;
    const mask = wanted | (hasUser ? Pte.U : 0) | (access === FETCH ? Pte.W : 0);
    // Tables that neighbours share: of 4 KiB pages, and of 2 MiB pages. At address 0 of linear memory is none.
    let nearLow = 0;
    let nearHigh = 0;
    let nearTable = 0;
    let wideLow = 0;
    let wideHigh = 0;
    let wideTable = 0;
    for (let at = batch >>> 2; at < end; at += 4) {
      const vaLow = words[at] as number;
      const vaHigh = words[at + 1] as number;
      if (nearTable !== 0 && vaLow >>> 21 === nearLow && vaHigh === nearHigh) {
        const entry = nearTable + (((vaLow >>> 12) & 0x1ff) << 1);
        const low = words[entry] as number;
        const high = words[entry + 1] as number;
        if ((low & mask) === wanted && (high & LEAF_HIGH) === 0) {
          words[at + 2] = ((low & ~0x3ff) << 2) | (vaLow & 0xfff);
          words[at + 3] = (high << 2) | (low >>> 30);
        } else this.#other(hart, at, low, access, privilege);
        continue;
      }
      let level = 1;
      let table = wideTable;
      if (wideTable === 0 || vaLow >>> 30 !== wideLow || vaHigh !== wideHigh) {
        if (!isCanonical(mode, vaHigh)) {
          words[at + 2] = 0;
          words[at + 3] = PAGE_FAULT << 24;
          continue;
        }
        table = root;
        for (level = top; level > 1; level--) {
          const entry = table + (vpn(vaLow, vaHigh, level) << 1);
          const page = pointedTo(words[entry] as number);
          if (page >= pages || words[entry + 1] !== 0) break;
          table = (Layout.RAM.OFFSET >>> 2) + (page << 10);
        }
        if (level === 1) {
          wideLow = vaLow >>> 30;
          wideHigh = vaHigh;
          wideTable = table;
        }
      }
      if (level === 1) {
        const entry = table + (((vaLow >>> 21) & 0x1ff) << 1);
        const page = pointedTo(words[entry] as number);
        if (page < pages && words[entry + 1] === 0) {
          table = (Layout.RAM.OFFSET >>> 2) + (page << 10);
          level = 0;
          nearLow = vaLow >>> 21;
          nearHigh = vaHigh;
          nearTable = table;
        }
      }
      const entry = table + (vpn(vaLow, vaHigh, level) << 1);
      const low = words[entry] as number;
      const high = words[entry + 1] as number;
      if ((low & mask) === wanted && (high & LEAF_HIGH) === 0 && isAligned(low, high, level)) {
        words[at + 2] = ((low & ~0x3ff) << 2) | insideLow(vaLow, level);
        words[at + 3] = (high << 2) | (low >>> 30) | insideHigh(vaHigh, level);
      } else this.#other(hart, at, low, access, privilege);
    }
  }

  /** The walk ends with an entry whose lower half is `low`, and which is not what most leaves are. */
  #other(hart: number, at: number, low: number, access: number, privilege: number): void {
    if ((low & Pte.V) !== 0) {
      this.#one(hart, at, access, privilege);
      return;
    }
    this.#ram.words[at + 2] = 0;
    this.#ram.words[at + 3] = PAGE_FAULT << 24;
  }

  #one(hart: number, at: number, access: number, privilege: number): void {
    const { words } = this.#ram;
    const walked = this.run(hart, words[at] as number, words[at + 1] as number, access, privilege);
    words[at + 2] = walked === OK ? this.gpaLow : 0;
    words[at + 3] = walked === OK ? this.gpaHigh : walked << 24;
  }

  #permits(hart: number, low: number, access: number, privilege: number): boolean {
    const mstatus = this.#ram.words[(hart + Layout.HART.MSTATUS) >>> 2] as number;
    if (privilege === Privilege.U) {
      if ((low & Pte.U) === 0) return false;
    } else if ((low & Pte.U) !== 0 && (access === FETCH || (mstatus & Mstatus.SUM) === 0)) return false;
    if (access === FETCH) return (low & Pte.X) !== 0;
    if (access === STORE) return (low & Pte.W) !== 0;
    return access === LOAD && ((low & Pte.R) !== 0 || ((mstatus & Mstatus.MXR) !== 0 && (low & Pte.X) !== 0));
  }

  #allows(hart: number, offset: number, stores: boolean): boolean {
    return pmpAllowsEntry(this.#ram.view, hart, BigInt(Layout.RAM.BASE + offset), stores);
  }

  /** The walk wrote the entry at `offset` of RAM. */
  #updated(hart: number, offset: number): void {
    const { words } = this.#ram;
    const codePage = words[(Layout.CODE.PAGE_INDEX >>> 2) + (offset >>> 12)] as number;
    // The table may lie in the very page that is being executed.
    if (codePage !== 0 && words[(codePage + Layout.CODE.PAGE_LIVE) >>> 2] !== 0) {
      const leave = (hart + Layout.HART.LEAVE) >>> 2;
      words[leave] = (words[leave] as number) | LEAVE_NEXT;
    }
    this.#ram.wrote(offset, 8);
  }
}

function levelsOf(mode: number): number {
  return mode === SatpMode.SV39 ? 3 : mode === SatpMode.SV48 ? 4 : 5;
}

/** The bits above the translated ones must all equal the highest translated one (4.4.1). */
function isCanonical(mode: number, vaHigh: number): boolean {
  const sign = vaHigh >> (mode === SatpMode.SV39 ? 6 : mode === SatpMode.SV48 ? 15 : 24);
  return sign === 0 || sign === -1;
}

function vpn(vaLow: number, vaHigh: number, level: number): number {
  if (level === 0) return (vaLow >>> 12) & 0x1ff;
  if (level === 1) return (vaLow >>> 21) & 0x1ff;
  if (level === 2) return ((vaHigh << 2) | (vaLow >>> 30)) & 0x1ff;
  return (vaHigh >>> (level === 3 ? 7 : 16)) & 0x1ff;
}

/**
 * The page of RAM that a pointer points to, from its lower half: beyond all of RAM for an entry that is anything else, as its lowest
 * bits come on top. The PPN of RAM fits 22 bits.
 */
function pointedTo(low: number): number {
  const difference = low - POINTER;
  return ((difference >>> 10) | (difference << 22)) >>> 0;
}

/** Whether the page number of a leaf begins a (super)page of its level. */
function isAligned(low: number, high: number, level: number): boolean {
  if (level <= 2) return ((low >>> 10) & ((1 << (9 * level)) - 1)) === 0;
  return low >>> 10 === 0 && (high & (level === 3 ? 0x1f : 0x3fff)) === 0;
}

function insideLow(vaLow: number, level: number): number {
  return level >= 3 ? vaLow : vaLow & ((1 << (12 + 9 * level)) - 1);
}

function insideHigh(vaHigh: number, level: number): number {
  if (level < 3) return 0;
  return vaHigh & (level === 3 ? 0x7f : 0xffff);
}
