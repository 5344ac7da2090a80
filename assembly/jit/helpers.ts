// What compiled regions call in the core. Exported under the names that src/wasm/regions.ts imports them by.

import { Alu } from "../hart/alu";
import { Fpu } from "../hart/fpu";
import { Hart } from "../hart/hart";
import { Memory } from "../hart/memory";
import { Access } from "../mmu/access";
import { Tlb } from "../mmu/tlb";

/** The TLB entry of [va, va + size), as Tlb.loadEntry has it; 0 when the interpreter has to make the access. */
export function jitFind(hart: Hart, va: u64, size: u32, access: Access): usize {
  const entry = Tlb.loadEntry(hart.dataContext, va);
  const hits = access == Access.STORE ? Tlb.storeHits(entry, va, size) : Tlb.loadHits(entry, va, size);
  return hits || Memory.enter(hart, va, size, access) ? entry : 0;
}

/** sstatus changed what loads and stores may reach: answers the TLB context that they go through from now on. */
export function jitSelect(hart: Hart): usize {
  Tlb.select(hart);
  return hart.dataContext;
}

export function jitAlu(code: i32, rs1: u64, rs2: u64, imm: u64): u64 {
  return Alu.compute(code, rs1, rs2, imm);
}

export function jitFpu(code: i32, a: u64, b: u64, c: u64, rm: u32): u64 {
  return Fpu.compute(code, a, b, c, rm);
}
