// Many walks in one call: what the host asks for when it looks through an address space. The answers are those of Walk.run.
//
// Most entries of a page table are what they seem: pointers with nothing but V set, leaves that allow the access and have A (and D)
// set already. One comparison each tells them; everything else is left to Walk.run. The table that the last walk ended in is
// remembered: neighbours share it. Nothing that a walk writes can make it wrong, for walks only write leaves, and a leaf is one at
// whatever level it is read.

import { Hart } from "../hart/hart";
import { PAGE_SHIFT, RAM_BASE, RAM_OFFSET, WALK_ENTRY_BYTES } from "../layout";
import { Mstatus, Privilege, Pte, SatpMode } from "../shared/privileged";
import { Access } from "./access";
import { Ram } from "./ram";
import { PPN_MASK, PTE_N, PTE_PBMT, PTE_RESERVED, Walk, Walked } from "./walk";

/** Bits of a result that say how the walk ended (Walked); the address is below. */
const WALKED_SHIFT: u64 = 56;
const RAM_PPN: u64 = RAM_BASE >> PAGE_SHIFT;
/** What has to be clear in a pointer to the next table, and V, which has to be set. */
const POINTER_MASK: u64 = PTE_N | PTE_PBMT | PTE_RESERVED | (Pte.V | Pte.R | Pte.W | Pte.X | Pte.U | Pte.A | Pte.D);
/** Of a leaf, whatever the access. */
const LEAF_MASK: u64 = PTE_N | PTE_PBMT | PTE_RESERVED | (Pte.V | Pte.A);
/** No `va >> 21`. */
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
    for (let at = batch; at < end; at += WALK_ENTRY_BYTES) {
      const va = load<u64>(at);
      let table = nearTable;
      let level = 0;
      let shift: u64 = 12;
      if (va >> 21 != near) {
        // The bits above the translated ones must all equal the highest translated one (4.4.1).
        if (<u64>(<i64>(va << unused) >> unused) != va) {
          store<u64>(at, (<u64>Walked.PAGE_FAULT) << WALKED_SHIFT, 8);
          continue;
        }
        table = root;
        level = levels - 1;
        shift = 12 + 9 * <u64>level;
        while (level > 0) {
          // 512 entries of a page that lies in RAM.
          const pte = load<u64>(table + <usize>(((va >> shift) & 0x1ff) << 3));
          const offset = ((pte >> 10) & PPN_MASK) - RAM_PPN;
          if ((pte & POINTER_MASK) != <u64>Pte.V || offset >= ramPages) break;
          table = RAM_OFFSET + ((<usize>offset) << PAGE_SHIFT);
          level--;
          shift -= 9;
        }
        if (level == 0) {
          near = va >> 21;
          nearTable = table;
        }
      }
      const pte = load<u64>(table + <usize>(((va >> shift) & 0x1ff) << 3));
      const inside = ((<u64>1) << shift) - 1;
      // LEAF_MASK leaves only the PPN of bits 63:10. One that a superpage does not begin with is reserved, as is W without R.
      const page = (pte >> 10) << 12;
      if ((pte & mask) == wanted && (page & inside) == 0 && (pte & (Pte.R | Pte.W)) != Pte.W) {
        store<u64>(at, page | (va & inside), 8);
      } else {
        WalkBatch.one(hart, at, access, privilege);
      }
    }
  }

  private static one(hart: Hart, at: usize, access: Access, privilege: u32): void {
    const walked = Walk.run(hart, load<u64>(at), access, privilege);
    store<u64>(at, walked == Walked.OK ? Walk.gpa : (<u64>walked) << WALKED_SHIFT, 8);
  }

  /** The bits of a leaf that are the same in all that allow the access, as far as one comparison can tell; and what they are. */
  private static mask(hart: Hart, access: Access, privilege: u32): u64 {
    let mask = LEAF_MASK;
    if (access == Access.FETCH) mask |= Pte.X;
    else if (access == Access.STORE) mask |= Pte.W | Pte.D;
    else mask |= Pte.R;
    if (privilege == Privilege.U || access == Access.FETCH || !(hart.mstatus & Mstatus.SUM)) mask |= Pte.U;
    return mask;
  }

  private static wanted(access: Access, privilege: u32): u64 {
    let wanted: u64 = Pte.V | Pte.A;
    if (access == Access.FETCH) wanted |= Pte.X;
    else if (access == Access.STORE) wanted |= Pte.W | Pte.D;
    else wanted |= Pte.R;
    if (privilege == Privilege.U) wanted |= Pte.U;
    return wanted;
  }
}
