// What compiled regions call in the core. Exported under the names that src/wasm/regions.ts imports them by.

import { Alu } from "../hart/alu";
import { Atomic } from "../hart/atomic";
import { Fpu } from "../hart/fpu";
import { Hart, Reg } from "../hart/hart";
import { Memory } from "../hart/memory";
import { Op } from "../isa/generated/op";
import { Access } from "../mmu/access";

/** Has the TLB know [va, va + size); false when the interpreter has to make the access. */
export function jitFill(hart: Hart, va: u64, size: u32, access: Access): bool {
  return Memory.enter(hart, va, size, access);
}

export function jitAlu(code: i32, rs1: u64, rs2: u64, imm: u64): u64 {
  return Alu.compute(code, rs1, rs2, imm);
}

export function jitFpu(code: i32, a: u64, b: u64, c: u64, rm: u32): u64 {
  return Fpu.compute(code, a, b, c, rm);
}

/** Executes the decoded operation at `op`, an AMO, LR or SC, on registers in memory; false when the interpreter has to. */
export function jitAtomic(hart: Hart, op: usize): bool {
  const code = <i32>load<u16>(op);
  const va = Reg.x(hart, load<u16>(op, 4));
  const size: u32 = code >= Op.LR_D ? 8 : 4;
  const access = code == Op.LR_W || code == Op.LR_D ? Access.LOAD : Access.STORE;
  if (va & (size - 1) || !Memory.enter(hart, va, size, access)) return false;
  Atomic.execute(hart, code, op);
  return true;
}
