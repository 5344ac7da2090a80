// Many walks in one call: what the host asks for when it looks through an address space. The answers are those of Walk.run.
//
// Most entries of a page table are what they seem: pointers with nothing but V set, leaves that allow the access and have A (and D)
// set already, or nothing. One comparison each tells them; everything else is left to Walk.run. Neighbours share tables, so the table
// of 4 KiB pages that the last walk ended in is remembered, and that of 2 MiB pages which it went through. Nothing that a walk writes
// can make them wrong, for walks only write leaves, and a leaf is one at whatever level it is read.

import { Hart } from "../hart/hart";
import { PAGE_SHIFT, RAM_BASE, RAM_OFFSET, WALK_ENTRY_BYTES } from "../layout";
import { Mstatus, Privilege, Pte, SatpMode } from "../shared/privileged";
import { Access } from "./access";
import { Ram } from "./ram";
import { PPN_MASK, PTE_N, PTE_PBMT, PTE_RESERVED, Walk, Walked } from "./walk";

/** Bits of a result that say how the walk ended (Walked); the address is below. */
const WALKED_SHIFT: u64 = 56;
const PAGE_FAULT: u64 = (<u64>Walked.PAGE_FAULT) << WALKED_SHIFT;
const RAM_PPN: u64 = RAM_BASE >> PAGE_SHIFT;
/** A pointer to the first page of RAM, with nothing but V set. */
const POINTER: u64 = (RAM_PPN << 10) | Pte.V;
/** Of a leaf, whatever the access. */
const LEAF_MASK: u64 = PTE_N | PTE_PBMT | PTE_RESERVED | (Pte.V | Pte.A);
/** No `va >> 21`, nor `va >> 30`. */
const NOWHERE: u64 = ~0;

export class WalkBatch {
  /** Replaces each of the `count` entries at `batch`, u64 va and u64 result: the result is the gpa, or Walked << 56. */
  static run(hart: Hart, batch: usize, count: u32, access: Access, privilege: u32): void {
    const end = batch + <usize>count * WALK_ENTRY_BYTES;
    const mode = <u32>(hart.satp >> 60);
    const ramPages = <u64>(Ram.size >> PAGE_SHIFT);
    const rootPpn = (hart.satp & PPN_MASK) - RAM_PPN;
    if (!hart.tablesOpen || rootPpn >= ramPages) {
      for (let at = batch; at < end; at += WALK_ENTRY_BYTES) WalkBatch.one(hart, at, access, privilege);
      return;
    }
    const levels: i32 = mode == SatpMode.SV39 ? 3 : mode == SatpMode.SV48 ? 4 : 5;
    const unused = 64 - (12 + 9 * <i64>levels);
    const root = RAM_OFFSET + ((<usize>rootPpn) << PAGE_SHIFT);
    const mask = WalkBatch.mask(hart, access, privilege);
    const wanted = WalkBatch.wanted(access, privilege);

    let near = NOWHERE;
    let nearTable: usize = 0;
    let wide = NOWHERE;
    let wideTable: usize = 0;
    for (let at = batch; at < end; at += WALK_ENTRY_BYTES) {
      const va = load<u64>(at);
      if (va >> 21 == near) {
        const pte = WalkBatch.entry(nearTable, va, 12);
        if ((pte & mask) == wanted) {
          // LEAF_MASK leaves only the PPN of bits 63:10.
          store<u64>(at, ((pte >> 10) << 12) | (va & 0xfff), 8);
        } else WalkBatch.other(hart, at, pte, access, privilege);
        continue;
      }
      let shift: u64 = 21;
      let table = wideTable;
      if (va >> 30 != wide) {
        // The bits above the translated ones must all equal the highest translated one (4.4.1).
        if (<u64>(<i64>(va << unused) >> unused) != va) {
          store<u64>(at, PAGE_FAULT, 8);
          continue;
        }
        shift = 12 + 9 * <u64>(levels - 1);
        table = root;
        while (shift > 21) {
          const page = WalkBatch.pointedTo(WalkBatch.entry(table, va, shift));
          if (page >= ramPages) break;
          table = RAM_OFFSET + ((<usize>page) << PAGE_SHIFT);
          shift -= 9;
        }
        if (shift == 21) {
          wide = va >> 30;
          wideTable = table;
        }
      }
      if (shift == 21) {
        const page = WalkBatch.pointedTo(WalkBatch.entry(table, va, 21));
        if (page < ramPages) {
          table = RAM_OFFSET + ((<usize>page) << PAGE_SHIFT);
          shift = 12;
          near = va >> 21;
          nearTable = table;
        }
      }
      const pte = WalkBatch.entry(table, va, shift);
      const inside = ((<u64>1) << shift) - 1;
      const page = (pte >> 10) << 12;
      // One that a superpage does not begin with is reserved.
      if ((pte & mask) == wanted && (page & inside) == 0) store<u64>(at, page | (va & inside), 8);
      else WalkBatch.other(hart, at, pte, access, privilege);
    }
  }

  /** The entry of `table` that `va` selects: one of 512, in a page that lies in RAM. */
  @inline private static entry(table: usize, va: u64, shift: u64): u64 {
    return load<u64>(table + <usize>(((va >> shift) & 0x1ff) << 3));
  }

  /** The page of RAM that a pointer points to: beyond all of RAM for an entry that is anything else, as its lowest bits come on top. */
  @inline private static pointedTo(pte: u64): u64 {
    return rotr<u64>(pte - POINTER, 10);
  }

  /** The walk ends with `pte`, which is not what most leaves are. */
  private static other(hart: Hart, at: usize, pte: u64, access: Access, privilege: u32): void {
    if ((pte & Pte.V) == 0) store<u64>(at, PAGE_FAULT, 8);
    else WalkBatch.one(hart, at, access, privilege);
  }

  private static one(hart: Hart, at: usize, access: Access, privilege: u32): void {
    const walked = Walk.run(hart, load<u64>(at), access, privilege);
    store<u64>(at, walked == Walked.OK ? Walk.gpa : (<u64>walked) << WALKED_SHIFT, 8);
  }

  /**
   * The bits of a leaf that are the same in all that allow the access, as far as one comparison can tell; and what they are. Leaves
   * with W but not R are reserved: they are not among them, nor what may be both executed and written.
   */
  private static mask(hart: Hart, access: Access, privilege: u32): u64 {
    let mask = LEAF_MASK;
    if (access == Access.FETCH) mask |= Pte.X | Pte.W;
    else if (access == Access.STORE) mask |= Pte.R | Pte.W | Pte.D;
    else mask |= Pte.R;
    if (privilege == Privilege.U || access == Access.FETCH || !(hart.mstatus & Mstatus.SUM)) mask |= Pte.U;
    return mask;
  }

  private static wanted(access: Access, privilege: u32): u64 {
    let wanted: u64 = Pte.V | Pte.A;
    if (access == Access.FETCH) wanted |= Pte.X;
    else if (access == Access.STORE) wanted |= Pte.R | Pte.W | Pte.D;
    else wanted |= Pte.R;
    if (privilege == Privilege.U) wanted |= Pte.U;
    return wanted;
  }
}
