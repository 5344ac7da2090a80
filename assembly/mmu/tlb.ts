// The software TLB. There is one *context* (a set of load, store and fetch tables) for each recent combination of
// address space and mode, so that a context switch changes a pointer and empties nothing.
//
//   context:  +0       load table    1024 entries
//             +0x4000  store table   1024 entries
//             +0x8000  fetch table   1024 entries
//             +0xc000  TlbContext
//   entry:    +0  u64  tag: virtual page address; ~0 when empty
//             +8  u32  addend: linear address = low half of the virtual address + addend
//                      (fetch: the CodePage)
//             +12 u32  linear page address, its low bits the level of the PTE it came from (0: 4 KiB .. 4)
//
// A hit is `tag == (va + size - 1 & PAGE_MASK)` on the entry that va selects: an access that crosses into the next page
// selects the entry of its first page and compares with the address of its second, so it never hits.
// Accesses that need a look each time (devices, pages cut by PMP regions) are never entered.

import { Hart } from "../hart/hart";
import { HART_RECENT_CONTEXTS } from "../hart/hart-offsets";
import { PAGE_MASK, PAGE_SHIFT, TLB_BASE, TLB_CONTEXT_SIZE, TLB_CONTEXTS, WRITABLE_MAP } from "../layout";
import { Mstatus, Privilege, SatpMode } from "../shared/privileged";
import { Pmp } from "./pmp";
import { Ram } from "./ram";

export const STORE_TABLE: usize = 0x4000;
export const FETCH_TABLE: usize = 0x8000;
const TABLES_END: usize = 0xc000;
const ENTRY: usize = 16;
const EMPTY: u8 = 0xff;
const LEVEL_MASK: u32 = 7;

/** What an address is translated under. (space >> 4) + (space & 3) is below 16 and different for each. */
export const enum Space {
  /** No translation, as M mode sees memory (PMP applies differently). */
  PHYSICAL_M = 1,
  /** satp.MODE = Bare, S or U mode. */
  PHYSICAL = 2,
  /** Translated; add S, SUM and MXR. */
  VIRTUAL = 64,
  S = 16,
  SUM = 32,
  MXR = 128,
}

@unmanaged
class TlbContext {
  /** satp, or only its mode where all entries are global (see Tlb.select). */
  satp: u64;
  space: u32;
  /** Emptied before its next use. */
  stale: u32;
  used: u64;
  /** Entries from non-global mappings were made since it was last emptied. */
  local: u32;
  /** First and last address of what superpages map that entries were made from since it was last emptied; first > last: none. */
  largeFirst: u64;
  largeLast: u64;
}

export class Tlb {
  /** The tag of an empty entry: no address of a page. */
  static readonly NOWHERE: u64 = u64.MAX_VALUE;

  @inline static loadEntry(context: usize, va: u64): usize {
    return context + (<u32>(va >> 8) & 0x3ff0);
  }

  @inline static loadHits(entry: usize, va: u64, size: u64): bool {
    return load<u64>(entry) == ((va + (size - 1)) & PAGE_MASK);
  }

  @inline static loadAddress(entry: usize, va: u64): usize {
    return <u32>va + load<u32>(entry, 8);
  }

  @inline static storeHits(entry: usize, va: u64, size: u64): bool {
    return load<u64>(entry, STORE_TABLE) == ((va + (size - 1)) & PAGE_MASK);
  }

  @inline static storeAddress(entry: usize, va: u64): usize {
    return <u32>va + load<u32>(entry, STORE_TABLE + 8);
  }

  @inline static fetchEntry(context: usize, va: u64): usize {
    return context + (<u32>(va >> 8) & 0x3ff0);
  }

  @inline static fetchHits(entry: usize, vaPage: u64): bool {
    return load<u64>(entry, FETCH_TABLE) == vaPage;
  }

  @inline static fetchCodePage(entry: usize): usize {
    return load<u32>(entry, FETCH_TABLE + 8);
  }

  static enterLoad(context: usize, va: u64, page: usize, level: u32, global: bool): void {
    Tlb.enter(Tlb.loadEntry(context, va), va, <u32>page - <u32>(va & PAGE_MASK), page, level);
    Tlb.note(context, va, level, global);
  }

  static enterStore(context: usize, va: u64, page: usize, level: u32, global: bool): void {
    Tlb.enter(Tlb.loadEntry(context, va) + STORE_TABLE, va, <u32>page - <u32>(va & PAGE_MASK), page, level);
    Tlb.note(context, va, level, global);
  }

  static enterFetch(context: usize, va: u64, codePage: usize, page: usize, level: u32, global: bool): void {
    Tlb.enter(Tlb.fetchEntry(context, va) + FETCH_TABLE, va, <u32>codePage, page, level);
    Tlb.note(context, va, level, global);
  }

  @inline private static enter(entry: usize, va: u64, addend: u32, page: usize, level: u32): void {
    store<u64>(entry, va & PAGE_MASK);
    store<u32>(entry, addend, 8);
    store<u32>(entry, <u32>page | level, 12);
  }

  @inline private static note(context: usize, va: u64, level: u32, global: bool): void {
    const header = Tlb.header(context);
    if (!global) header.local = 1;
    if (level == 0) return;
    const inside = ((<u64>1) << (12 + 9 * <u64>level)) - 1;
    header.largeFirst = min(header.largeFirst, va & ~inside);
    header.largeLast = max(header.largeLast, va | inside);
  }

  /** Chooses the contexts that fetches, and loads and stores, of this hart go through from now on. */
  static select(hart: Hart): void {
    const privilege = hart.privilege;
    hart.fetchContext = Tlb.contextFor(hart, privilege);
    let dataPrivilege = privilege;
    if (privilege == Privilege.M && hart.mstatus & Mstatus.MPRV) {
      dataPrivilege = <u32>(hart.mstatus >> Mstatus.MPP_SHIFT) & 3;
    }
    hart.dataContext = Tlb.contextFor(hart, dataPrivilege);
    const bare = dataPrivilege == Privilege.M || hart.satp >> 60 == SatpMode.BARE;
    hart.window = bare && Pmp.opensRam(hart, dataPrivilege) ? <u64>Ram.size - 7 : 0;
  }

  private static contextFor(hart: Hart, privilege: u32): usize {
    if (privilege == Privilege.M) return Tlb.find(hart, 0, Space.PHYSICAL_M);
    const mode = hart.satp >> 60;
    if (mode == SatpMode.BARE) return Tlb.find(hart, 0, Space.PHYSICAL);
    let space: u32 = Space.VIRTUAL;
    if (hart.mstatus & Mstatus.MXR) space |= Space.MXR;
    if (privilege == Privilege.U) return Tlb.find(hart, hart.satp, space);
    space |= Space.S;
    if (hart.mstatus & Mstatus.SUM) return Tlb.find(hart, hart.satp, space | Space.SUM);
    // Without SUM a kernel reaches only its own pages, which are global: one context serves all address spaces,
    // for as long as no non-global mapping got into it (satpChanged looks).
    return Tlb.find(hart, mode << 60, space);
  }

  /** The context for `satp` and `space`. A change of mode mostly wants the one it had before: looked at first. */
  private static find(hart: Hart, satp: u64, space: u32): usize {
    const slot = changetype<usize>(hart) + ((space >> 4) + (space & 3)) * 4;
    const recent = <usize>load<u32>(slot, HART_RECENT_CONTEXTS);
    if (recent) {
      const header = Tlb.header(recent);
      if (header.space == space && header.satp == satp && !header.stale) {
        header.used = ++hart.contextClock;
        return recent;
      }
    }
    const found = Tlb.search(hart, satp, space);
    store<u32>(slot, <u32>found, HART_RECENT_CONTEXTS);
    return found;
  }

  private static search(hart: Hart, satp: u64, space: u32): usize {
    const first = Tlb.first(hart);
    let oldest = first;
    let oldestUse = u64.MAX_VALUE;
    const clock = ++hart.contextClock;
    for (let i: u32 = 0, context = first; i < TLB_CONTEXTS; i++, context += TLB_CONTEXT_SIZE) {
      const header = Tlb.header(context);
      if (header.space == space && header.satp == satp) {
        header.used = clock;
        if (header.stale) Tlb.empty(context);
        return context;
      }
      if (header.used < oldestUse) {
        oldestUse = header.used;
        oldest = context;
      }
    }
    const header = Tlb.header(oldest);
    header.satp = satp;
    header.space = space;
    header.used = clock;
    Tlb.empty(oldest);
    return oldest;
  }

  /** After a write of satp: contexts shared by address spaces must hold nothing that belongs to one of them. */
  static satpChanged(hart: Hart): void {
    for (let i: u32 = 0, context = Tlb.first(hart); i < TLB_CONTEXTS; i++, context += TLB_CONTEXT_SIZE) {
      const header = Tlb.header(context);
      if (Tlb.isShared(header) && header.local) header.stale = 1;
    }
    Tlb.select(hart);
  }

  /** sfence.vma x0, x0, and every change of PMP or of what PTE bits mean. */
  static flush(hart: Hart): void {
    for (let i: u32 = 0, context = Tlb.first(hart); i < TLB_CONTEXTS; i++, context += TLB_CONTEXT_SIZE) {
      Tlb.header(context).stale = 1;
    }
    hart.tablesOpen = Pmp.opensRam(hart, Privilege.S) ? 1 : 0;
    Tlb.select(hart);
  }

  /** sfence.vma x0, asid: global mappings may stay. */
  static flushAsid(hart: Hart, asid: u32): void {
    for (let i: u32 = 0, context = Tlb.first(hart); i < TLB_CONTEXTS; i++, context += TLB_CONTEXT_SIZE) {
      if (Tlb.concerns(Tlb.header(context), asid)) Tlb.header(context).stale = 1;
    }
    Tlb.select(hart);
  }

  /** sfence.vma va, x0. */
  static flushPage(hart: Hart, va: u64): void {
    for (let i: u32 = 0, context = Tlb.first(hart); i < TLB_CONTEXTS; i++, context += TLB_CONTEXT_SIZE) {
      Tlb.removePage(context, va);
    }
  }

  /** sfence.vma va, asid. */
  static flushPageAsid(hart: Hart, va: u64, asid: u32): void {
    for (let i: u32 = 0, context = Tlb.first(hart); i < TLB_CONTEXTS; i++, context += TLB_CONTEXT_SIZE) {
      if (Tlb.concerns(Tlb.header(context), asid)) Tlb.removePage(context, va);
    }
  }

  /** Takes the page at linear address `page` out of all store tables, so that the next store to it is noticed. */
  static removeStores(hart: Hart, page: usize): void {
    for (let i: u32 = 0, context = Tlb.first(hart); i < TLB_CONTEXTS; i++, context += TLB_CONTEXT_SIZE) {
      const header = Tlb.header(context);
      if (header.space == 0 || header.stale) continue;
      const end = context + FETCH_TABLE;
      for (let entry = context + STORE_TABLE; entry < end; entry += ENTRY) {
        if ((load<u32>(entry, 12) & ~LEVEL_MASK) == <u32>page) store<u64>(entry, ~0);
      }
    }
  }

  /** Forgets all CodePages. */
  static removeFetches(hart: Hart): void {
    for (let i: u32 = 0, context = Tlb.first(hart); i < TLB_CONTEXTS; i++, context += TLB_CONTEXT_SIZE) {
      memory.fill(context + FETCH_TABLE, EMPTY, TABLES_END - FETCH_TABLE);
    }
  }

  /** For reports: a virtual page that `codePage` is fetched from, in the current context if it is; NOWHERE if in none. */
  static fetchedFrom(hart: Hart, codePage: usize): u64 {
    let found = Tlb.NOWHERE;
    for (let i: u32 = 0, context = Tlb.first(hart); i < TLB_CONTEXTS; i++, context += TLB_CONTEXT_SIZE) {
      if (Tlb.header(context).stale) continue;
      for (let entry = context; entry < context + (TABLES_END - FETCH_TABLE); entry += ENTRY) {
        const page = load<u64>(entry, FETCH_TABLE);
        if (Tlb.fetchCodePage(entry) != codePage || page == Tlb.NOWHERE) continue;
        if (context == hart.fetchContext) return page;
        found = page;
      }
    }
    return found;
  }

  /** Empties all store tables: the next store to each page takes the slow path, which keeps the dirty bitmap. */
  static removeAllStores(hart: Hart): void {
    memory.fill(WRITABLE_MAP, 0, Ram.size >> PAGE_SHIFT);
    for (let i: u32 = 0, context = Tlb.first(hart); i < TLB_CONTEXTS; i++, context += TLB_CONTEXT_SIZE) {
      memory.fill(context + STORE_TABLE, EMPTY, FETCH_TABLE - STORE_TABLE);
    }
  }

  @inline private static first(hart: Hart): usize {
    return TLB_BASE + <usize>hart.index * (<usize>TLB_CONTEXTS * TLB_CONTEXT_SIZE);
  }

  @inline private static header(context: usize): TlbContext {
    return changetype<TlbContext>(context + TABLES_END);
  }

  @inline private static isShared(header: TlbContext): bool {
    return (header.space & (Space.VIRTUAL | Space.S | Space.SUM)) == (Space.VIRTUAL | Space.S);
  }

  /** Whether `context` may hold non-global entries of `asid`. */
  private static concerns(header: TlbContext, asid: u32): bool {
    if (!(header.space & Space.VIRTUAL) || !header.local) return false;
    return Tlb.isShared(header) || (<u32>(header.satp >> 44) & 0xffff) == asid;
  }

  private static removePage(context: usize, va: u64): void {
    const header = Tlb.header(context);
    if (!(header.space & Space.VIRTUAL) || header.stale) return;
    const vaPage = va & PAGE_MASK;
    const entry = Tlb.loadEntry(context, va);
    if (load<u64>(entry) == vaPage) store<u64>(entry, ~0);
    if (load<u64>(entry, STORE_TABLE) == vaPage) store<u64>(entry, ~0, STORE_TABLE);
    const fetch = Tlb.fetchEntry(context, va);
    if (load<u64>(fetch, FETCH_TABLE) == vaPage) store<u64>(fetch, ~0, FETCH_TABLE);
    if (va >= header.largeFirst && va <= header.largeLast) Tlb.removeLarge(context, va);
  }

  /** A superpage is entered in pieces of 4 KiB; a fence for one of its addresses takes all of them. */
  private static removeLarge(context: usize, va: u64): void {
    const end = context + TABLES_END;
    for (let entry = context; entry < end; entry += ENTRY) {
      const level = load<u32>(entry, 12) & LEVEL_MASK;
      if (level == 0) continue;
      const shift = 12 + 9 * <u64>level;
      if (load<u64>(entry) >> shift == va >> shift) store<u64>(entry, ~0);
    }
  }

  private static empty(context: usize): void {
    memory.fill(context, EMPTY, TABLES_END);
    const header = Tlb.header(context);
    header.stale = 0;
    header.local = 0;
    header.largeFirst = u64.MAX_VALUE;
    header.largeLast = 0;
  }
}
