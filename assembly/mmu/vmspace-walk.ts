// Measures address spaces: walks a vpagetable (Privileged 4.3-4.6, Svnapot) from its root, and counts what it maps. Twice:
// the first time round it finds how many spaces have a page, the second time what is whose part of it. The guest may change its
// tables in between, and it may have built them to be hard to walk: in loops, or with a million ways to the same page. So
// a walk goes on in steps of bounded work, and ends at a bound; it reads guest RAM and writes nothing there.

import { PAGE_SHIFT, RAM_BASE, VMSPACE_PAGES, VMSPACE_PAGES_END, VMSPACE_WALK } from "../layout";
import { Pte } from "../shared/privileged";
import { Ram } from "./ram";

/** Where a step ended. */
export const enum VmspaceStep {
  DONE = 0,
  /** There is more to walk. */
  MORE = 1,
  /** There is more, and there will be no end to it. */
  ENDLESS = 2,
}

const PPN_MASK: u64 = (1 << 44) - 1;
/** N, PBMT and the reserved bits 60:54. */
const PTE_N: u64 = 1 << 63;
const PTE_PBMT: u64 = 3 << 61;
const PTE_RESERVED: u64 = 0x7f << 54;
const ENTRIES: u32 = 512;
/** Marking this many pages of a superpage is as much work as looking at an entry. */
const PAGES_PER_WORK: u32 = 64;
/** Entries and such for one half of a space: tables for 64 GiB of small pages. An honest guest needs a fraction. */
const WORK_MAX: u32 = 1 << 24;

/** Two u16 for each page of RAM: the walk that saw it last, and how many spaces have it. */
const SEEN: usize = VMSPACE_PAGES;
const SPACES: usize = VMSPACE_PAGES + (VMSPACE_PAGES_END - VMSPACE_PAGES) / 2;

/** The walk at hand: where it is, and its sums. At VMSPACE_WALK; `clock` belongs to VmspaceRoots. */
@unmanaged
export class VmspaceWalk {
  clock: u64;
  /** In pages of 4 KiB: mapped, and those of them whose entry has A, and D. */
  mapped: u64;
  accessed: u64;
  dirty: u64;
  /** Pages of RAM, each once; those that other spaces have too; and each divided by how many have it. */
  resident: u64;
  shared: u64;
  proportional: f64;
  /** Pages of page tables. */
  tables: u64;
  /** Names this walk in SEEN. */
  id: u32;
  /** 1: count who has which page; 0: sum up. */
  counts: u32;
  work: u32;
  levels: u32;
  /** The level that is being walked, and for each the table and the next entry; entries end before `end` in the root. */
  level: u32;
  end: u32;
  table0: u64;
  table1: u64;
  table2: u64;
  table3: u64;
  table4: u64;
  next0: u32;
  next1: u32;
  next2: u32;
  next3: u32;
  next4: u32;

  @inline static get at(): VmspaceWalk {
    return changetype<VmspaceWalk>(VMSPACE_WALK);
  }

  /** Forgets who has which page. */
  static clear(): void {
    const bytes = <usize>(Ram.size >> PAGE_SHIFT) * 2;
    memory.fill(SEEN, 0, bytes);
    memory.fill(SPACES, 0, bytes);
  }

  /**
   * Begins at the root of `satp`: entries `first` to `end` of it. `id`, from 1 on, is of no other walk since `clear`. False
   * when there is no table.
   */
  static open(satp: u64, first: u32, end: u32, id: u32, counts: u32): bool {
    const walk = VmspaceWalk.at;
    const clock = walk.clock;
    memory.fill(VMSPACE_WALK, 0, offsetof<VmspaceWalk>());
    walk.clock = clock;
    walk.id = id;
    walk.counts = counts;
    walk.levels = <u32>(satp >> 60) - 5;
    walk.level = walk.levels - 1;
    walk.end = min(end, ENTRIES);
    const root = (satp & PPN_MASK) << PAGE_SHIFT;
    if (walk.levels < 3 || walk.levels > 5 || !Ram.contains(root, ENTRIES * 8)) return false;
    walk.enter(walk.level, root);
    store<u32>(VmspaceWalk.nextOf(walk.level), first);
    return true;
  }

  /** Goes on for `work` entries, or as much work otherwise. */
  static step(work: u32): VmspaceStep {
    const walk = VmspaceWalk.at;
    // Nothing is open: the machine was reset in between.
    if (walk.levels == 0) return VmspaceStep.DONE;
    const pause = walk.work + work;
    while (walk.work < pause) {
      if (walk.work >= WORK_MAX) return VmspaceStep.ENDLESS;
      const level = walk.level;
      const at = VmspaceWalk.nextOf(level);
      const index = load<u32>(at);
      if (index >= (level == walk.levels - 1 ? walk.end : ENTRIES)) {
        if (level == walk.levels - 1) return VmspaceStep.DONE;
        walk.level = level + 1;
        continue;
      }
      store<u32>(at, index + 1);
      walk.work++;
      walk.visit(load<u64>(Ram.host(load<u64>(VmspaceWalk.tableOf(level)) + (index << 3))), level, index);
    }
    return VmspaceStep.MORE;
  }

  private static tableOf(level: u32): usize {
    return VMSPACE_WALK + offsetof<VmspaceWalk>("table0") + ((<usize>level) << 3);
  }

  private static nextOf(level: u32): usize {
    return VMSPACE_WALK + offsetof<VmspaceWalk>("next0") + ((<usize>level) << 2);
  }

  private enter(level: u32, table: u64): void {
    this.level = level;
    this.tables++;
    store<u64>(VmspaceWalk.tableOf(level), table);
    store<u32>(VmspaceWalk.nextOf(level), 0);
  }

  /** One entry. What a hart would take for a page fault maps nothing (walk.ts). */
  private visit(pte: u64, level: u32, index: u32): void {
    if (!(pte & Pte.V) || (pte & (Pte.R | Pte.W)) == Pte.W || pte & PTE_RESERVED) return;
    let ppn = (pte >> 10) & PPN_MASK;
    if (!(pte & (Pte.R | Pte.X))) {
      if (level == 0 || pte & (PTE_N | PTE_PBMT | Pte.D | Pte.A | Pte.U)) return;
      const table = ppn << PAGE_SHIFT;
      if (Ram.contains(table, ENTRIES * 8)) this.enter(level - 1, table);
      return;
    }
    if (pte & PTE_N) {
      if (level != 0 || (ppn & 15) != 8) return;
      ppn = (ppn & ~(<u64>15)) | (index & 15);
    }
    const pages = (<u64>1) << (9 * <u64>level);
    if (ppn & (pages - 1)) return;
    this.mapped += pages;
    if (pte & Pte.A) this.accessed += pages;
    if (pte & Pte.D) this.dirty += pages;
    this.mark(ppn, pages);
  }

  /** Those of the pages that are RAM. */
  private mark(ppn: u64, pages: u64): void {
    const base = RAM_BASE >> PAGE_SHIFT;
    const from = max(ppn, base);
    const to = min(ppn + pages, base + (Ram.size >> PAGE_SHIFT));
    if (from >= to) return;
    this.work += <u32>(to - from) / PAGES_PER_WORK;
    const last = (<usize>(to - base)) << 1;
    for (let page = (<usize>(from - base)) << 1; page < last; page += 2) {
      if (load<u16>(SEEN + page) == <u16>this.id) continue;
      store<u16>(SEEN + page, <u16>this.id);
      const spaces = <u32>load<u16>(SPACES + page);
      if (this.counts) {
        store<u16>(SPACES + page, <u16>(spaces + 1));
      } else {
        this.resident++;
        if (spaces > 1) this.shared++;
        this.proportional += 1 / <f64>max(spaces, 1);
      }
    }
  }
}
