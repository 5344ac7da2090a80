// The vpagetable walk: Sv39, Sv48 and Sv57 (Privileged 4.4-4.6) with Svnapot, Svpbmt, Svade and Svadu.

import { CodeCache } from "../hart/code-cache";
import { Hart, Leave } from "../hart/hart";
import { MenvcfgBits } from "../hart/menvcfg";
import { hostWalk } from "../host";
import { PAGE_OFFSET_MASK, PAGE_SHIFT, RAM_BASE, WALK_FOUND } from "../layout";
import { Mstatus, Privilege, Pte, SatpMode } from "../shared/privileged";
import { Access } from "./access";
import { Pmp } from "./pmp";
import { Ram } from "./ram";

/** How a walk ended. */
export const enum Walked {
  OK = 0,
  PAGE_FAULT = 1,
  ACCESS_FAULT = 2,
}

export const PPN_MASK: u64 = (1 << 44) - 1;
export const PTE_PBMT: u64 = 3 << 61;
export const PTE_N: u64 = 1 << 63;
/** Bits 60:54: reserved, must be zero. */
export const PTE_RESERVED: u64 = 0x7f << 54;

export class Walk {
  /** The results of the last walk that ended OK: the physical address, the level of the leaf (NAPOT counts as 1), and its G bit. */
  static gpa: u64 = 0;
  static level: u32 = 0;
  static global: bool = false;
  /** The host makes the hart's walks (`--hot-path ts`). */
  static hosted: bool = false;

  /** As `run`, by whoever makes the hart's walks. */
  static forHart(hart: Hart, va: u64, access: Access, privilege: u32): Walked {
    if (!Walk.hosted) return Walk.run(hart, va, access, privilege);
    const walked = <Walked>hostWalk(hart, <u32>va, <u32>(va >> 32), access, privilege);
    if (walked == Walked.OK) {
      Walk.gpa = load<u64>(WALK_FOUND);
      Walk.level = load<u32>(WALK_FOUND, 8);
      Walk.global = load<u32>(WALK_FOUND, 12) != 0;
    }
    return walked;
  }

  /**
   * Translates `va` for `access` in `privilege` (U or S, satp.MODE not Bare), setting A and D in the table as hardware does
   * when menvcfg.ADUE is set, and faulting on them when it is not.
   */
  static run(hart: Hart, va: u64, access: Access, privilege: u32): Walked {
    const mode = <u32>(hart.satp >> 60);
    const levels: i32 = mode == SatpMode.SV39 ? 3 : mode == SatpMode.SV48 ? 4 : 5;
    // The bits above the translated ones must all equal the highest translated one (4.4.1).
    const unused = 64 - (12 + 9 * <i64>levels);
    if (<u64>(<i64>(va << unused) >> unused) != va) return Walked.PAGE_FAULT;

    const menvcfg = hart.menvcfg;
    const open = hart.tablesOpen != 0;
    let table = (hart.satp & PPN_MASK) << 12;
    let global = false;
    for (let level = levels - 1; level >= 0; level--) {
      const shift = 12 + 9 * <u64>level;
      const pteGpa = table + (((va >> shift) & 0x1ff) << 3);
      if (!Ram.contains(pteGpa, 8)) return Walked.ACCESS_FAULT;
      if (!open && !Pmp.allows(hart, pteGpa, 8, Access.LOAD, Privilege.S)) return Walked.ACCESS_FAULT;
      const pteHost = Ram.host(pteGpa);
      const pte = load<u64>(pteHost);
      if (!(pte & Pte.V) || (pte & (Pte.R | Pte.W)) == Pte.W || pte & PTE_RESERVED) return Walked.PAGE_FAULT;
      if (pte & Pte.G) global = true;

      if (!(pte & (Pte.R | Pte.X))) {
        // A pointer to the next level: D, A, U, PBMT and N are reserved.
        if (pte & (PTE_N | PTE_PBMT | Pte.D | Pte.A | Pte.U)) return Walked.PAGE_FAULT;
        table = ((pte >> 10) & PPN_MASK) << 12;
        continue;
      }

      if (!Walk.permits(hart, pte, access, privilege)) return Walked.PAGE_FAULT;
      let ppn = (pte >> 10) & PPN_MASK;
      const superpageMask = ((<u64>1) << (9 * <u64>level)) - 1;
      if (ppn & superpageMask) return Walked.PAGE_FAULT;
      const pbmt = (pte & PTE_PBMT) >> 61;
      if (pbmt && (pbmt == 3 || !(menvcfg & MenvcfgBits.PBMTE))) return Walked.PAGE_FAULT;
      let reach: u32 = level;
      let pageMask = superpageMask;
      if (pte & PTE_N) {
        // Svnapot: only 64 KiB at the lowest level is defined, encoded as ppn[3:0] = 1000.
        if (level != 0 || (ppn & 15) != 8) return Walked.PAGE_FAULT;
        ppn &= ~(<u64>15);
        pageMask = 15;
        reach = 1;
      }

      const wanted = <u64>(access == Access.STORE ? Pte.A | Pte.D : Pte.A);
      if ((pte & wanted) != wanted) {
        if (!(menvcfg & MenvcfgBits.ADUE)) return Walked.PAGE_FAULT;
        if (!open && !Pmp.allows(hart, pteGpa, 8, Access.STORE, Privilege.S)) return Walked.ACCESS_FAULT;
        Ram.writing(pteGpa, 8);
        store<u64>(pteHost, pte | wanted);
        // The table may lie in the very page that is being executed.
        if (CodeCache.hasCode(<u32>((pteGpa - RAM_BASE) >> PAGE_SHIFT))) hart.leave |= Leave.NEXT;
        Ram.wrote(pteGpa, 8);
      }

      Walk.gpa = ((ppn | ((va >> 12) & pageMask)) << 12) | (va & PAGE_OFFSET_MASK);
      Walk.level = reach;
      Walk.global = global;
      return Walked.OK;
    }
    return Walked.PAGE_FAULT;
  }

  private static permits(hart: Hart, pte: u64, access: Access, privilege: u32): bool {
    if (privilege == Privilege.U) {
      if (!(pte & Pte.U)) return false;
    } else if (pte & Pte.U) {
      if (access == Access.FETCH || !(hart.mstatus & Mstatus.SUM)) return false;
    }
    if (access == Access.FETCH) return (pte & Pte.X) != 0;
    if (access == Access.STORE) return (pte & Pte.W) != 0;
    return (pte & Pte.R) != 0 || (hart.mstatus & Mstatus.MXR && pte & Pte.X) != 0;
  }
}
