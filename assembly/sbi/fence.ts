// SBI RFENCE (chapter 8): fences on other harts. Ranges of more pages than are worth walking flush everything.

import { Hart, Reg } from "../hart/hart";
import { PAGE_MASK, PAGE_SIZE } from "../layout";
import { Tlb } from "../mmu/tlb";
import { SbiError } from "../shared/sbi";
import { HartMask } from "./hart-mask";

const FENCE_I: u32 = 0;
const SFENCE_VMA: u32 = 1;
const SFENCE_VMA_ASID: u32 = 2;
const PAGES_AT_ONCE: u64 = 64;

export class SbiFence {
  static call(hart: Hart, fid: u32): i64 {
    // The hypervisor fences (3..6) are for harts with the H extension.
    if (fid > SFENCE_VMA_ASID) return SbiError.NOT_SUPPORTED;
    const mask = Reg.get(hart, 10);
    const base = Reg.get(hart, 11);
    if (!HartMask.valid(mask, base)) return SbiError.INVALID_PARAM;
    // Code is coherent with stores: fence.i has nothing to do on any hart.
    if (fid == FENCE_I) return SbiError.SUCCESS;
    const start = Reg.get(hart, 12);
    const size = Reg.get(hart, 13);
    for (let i: u32 = 0; i < HartMask.count(); i++) {
      if (!HartMask.has(mask, base, i)) continue;
      const target = HartMask.hart(i);
      if (fid == SFENCE_VMA) SbiFence.all(target, start, size);
      else SbiFence.asid(target, start, size, <u32>Reg.get(hart, 14) & 0xffff);
    }
    return SbiError.SUCCESS;
  }

  private static all(hart: Hart, start: u64, size: u64): void {
    if (SbiFence.isWide(start, size)) return Tlb.flush(hart);
    for (let va = start & PAGE_MASK; va < start + size; va += PAGE_SIZE) Tlb.flushPage(hart, va);
  }

  private static asid(hart: Hart, start: u64, size: u64, asid: u32): void {
    if (SbiFence.isWide(start, size)) return Tlb.flushAsid(hart, asid);
    for (let va = start & PAGE_MASK; va < start + size; va += PAGE_SIZE) Tlb.flushPageAsid(hart, va, asid);
  }

  /** Zero start and size, or size -1, mean the whole address space. */
  private static isWide(start: u64, size: u64): bool {
    return (start == 0 && size == 0) || size > PAGES_AT_ONCE * PAGE_SIZE || start + size < start;
  }
}
