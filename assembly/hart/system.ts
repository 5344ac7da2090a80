// Instructions that change the machine rather than compute: Zicsr, traps and returns, fences, cache blocks, waiting.

import { Op } from "../isa/generated/op";
import { Access } from "../mmu/access";
import { Tlb } from "../mmu/tlb";
import { Sbi } from "../sbi/sbi";
import { Cause, Mstatus, Privilege } from "../shared/privileged";
import { CodeCache, LAST_HALFWORD, OP_SIZE } from "./code-cache";
import { Csrs } from "./csr";
import { Hart, Leave, Reg } from "./hart";
import { Memory } from "./memory";
import { MenvcfgBits } from "./menvcfg";
import { Trap } from "./trap";

/** Zicbom and Zicboz work on naturally aligned blocks of this many bytes. */
const CACHE_BLOCK: u32 = 64;

export class System {
  /** Executes the operation at `op`, which lies at `pc`; `hart.leave` says how to go on. */
  static execute(hart: Hart, code: i32, op: usize, pc: u64): void {
    switch (code) {
      case Op.FENCE:
        return;
      case Op.FENCE_I:
      case Op.WRS_NTO:
      case Op.WRS_STO:
        // Code is coherent with stores; and a reservation wait may end at once.
        hart.leave = Leave.NEXT;
        return;
      case Op.CSRRW:
        return System.csr(hart, op, true, Reg.x(hart, load<u16>(op, 4)));
      case Op.CSRRWI:
        return System.csr(hart, op, true, load<u16>(op, 4));
      case Op.CSRRS:
      case Op.CSRRC:
        return System.csr(hart, op, load<u16>(op, 4) != 0, Reg.x(hart, load<u16>(op, 4)));
      case Op.CSRRSI:
      case Op.CSRRCI:
        return System.csr(hart, op, load<u16>(op, 4) != 0, load<u16>(op, 4));
      case Op.ECALL:
        return System.ecall(hart, pc);
      case Op.EBREAK:
        Memory.trap(hart, Cause.BREAKPOINT, pc);
        return;
      case Op.SRET:
        if (hart.privilege == Privilege.U || (hart.privilege == Privilege.S && hart.mstatus & Mstatus.TSR)) break;
        Trap.sret(hart);
        hart.leave = hart.mip & hart.mie ? Leave.JUMP | Leave.EVENT : Leave.JUMP;
        return;
      case Op.MRET:
        if (hart.privilege != Privilege.M) break;
        Trap.mret(hart);
        hart.leave = Leave.JUMP | Leave.EVENT;
        return;
      case Op.WFI:
        if (hart.privilege == Privilege.U || (hart.privilege == Privilege.S && hart.mstatus & Mstatus.TW)) break;
        hart.waiting = 1;
        hart.leave = Leave.NEXT | Leave.EVENT;
        return;
      case Op.SFENCE_VMA:
      case Op.SINVAL_VMA:
        if (hart.privilege == Privilege.U || (hart.privilege == Privilege.S && hart.mstatus & Mstatus.TVM)) break;
        System.sfence(hart, load<u16>(op, 4), load<u16>(op, 6));
        hart.leave = Leave.NEXT;
        return;
      case Op.SFENCE_W_INVAL:
      case Op.SFENCE_INVAL_IR:
        if (hart.privilege == Privilege.U) break;
        hart.leave = Leave.NEXT;
        return;
      case Op.CBO_INVAL:
        if (!System.cacheBlockEnabled(hart, MenvcfgBits.CBIE)) break;
        return System.cacheBlock(hart, Reg.x(hart, load<u16>(op, 4)));
      case Op.CBO_CLEAN:
      case Op.CBO_FLUSH:
        if (!System.cacheBlockEnabled(hart, MenvcfgBits.CBCFE)) break;
        return System.cacheBlock(hart, Reg.x(hart, load<u16>(op, 4)));
      case Op.CBO_ZERO:
        if (!System.cacheBlockEnabled(hart, MenvcfgBits.CBZE)) break;
        return System.zeroBlock(hart, Reg.x(hart, load<u16>(op, 4)));
    }
    System.illegal(hart, op);
  }

  /** An illegal instruction: tval holds its bits, read again from memory (16-bit ones zero-extended). */
  static illegal(hart: Hart, op: usize): void {
    Memory.trap(hart, Cause.ILLEGAL, System.bits(hart, op));
  }

  private static bits(hart: Hart, op: usize): u64 {
    const offset = CodeCache.offsetOf(op);
    const at = CodeCache.ramOf(hart.codePage) + offset;
    const low = <u32>load<u16>(at);
    if ((low & 3) != 3) return low;
    if (offset != LAST_HALFWORD) return load<u32>(at);
    // Its second half was put beside it when it was fetched.
    return low | (load<u32>(op - OP_SIZE, 8) << 16);
  }

  private static csr(hart: Hart, op: usize, writes: bool, operand: u64): void {
    const csr = load<u32>(op, 8);
    const code = <i32>load<u16>(op);
    if (!Csrs.accessible(hart, csr, writes) || !Csrs.read(hart, csr)) return System.illegal(hart, op);
    const old = Csrs.value;
    if (writes) {
      let value = operand;
      if (code == Op.CSRRS || code == Op.CSRRSI) value = Csrs.forModify(hart, csr, old) | operand;
      else if (code == Op.CSRRC || code == Op.CSRRCI) value = Csrs.forModify(hart, csr, old) & ~operand;
      Csrs.write(hart, csr, value);
    }
    Reg.setX(hart, load<u16>(op, 2), old);
  }

  private static ecall(hart: Hart, pc: u64): void {
    if (hart.privilege == Privilege.S && hart.sbi) {
      hart.pc = pc + 4;
      hart.leave = Leave.JUMP | Leave.EVENT;
      Sbi.call(hart);
      return;
    }
    Memory.trap(hart, Cause.ECALL_U + hart.privilege, 0);
  }

  private static sfence(hart: Hart, rs1: u32, rs2: u32): void {
    const va = Reg.x(hart, rs1);
    const asid = <u32>Reg.x(hart, rs2) & 0xffff;
    if (rs1 == 0 && rs2 == 0) Tlb.flush(hart);
    else if (rs1 == 0) Tlb.flushAsid(hart, asid);
    else if (rs2 == 0) Tlb.flushPage(hart, va);
    else Tlb.flushPageAsid(hart, va, asid);
  }

  /** Whether envcfg lets this mode use a cache-block instruction (CMO 2.5). */
  private static cacheBlockEnabled(hart: Hart, field: u64): bool {
    if (hart.privilege != Privilege.M && !(hart.menvcfg & field)) return false;
    return hart.privilege != Privilege.U || (hart.senvcfg & field) != 0;
  }

  /**
   * Memory has no caches before it, so there is nothing to clean, flush or invalidate; but the block must be accessible: to loads
   * or to stores. A fault is a store fault with the address as given.
   */
  private static cacheBlock(hart: Hart, va: u64): void {
    const block = va & ~(<u64>(CACHE_BLOCK - 1));
    if (Memory.translate(hart, block, CACHE_BLOCK, Access.LOAD)) return;
    if (hart.leave & Leave.TRAP) {
      hart.leave = Leave.NONE;
      if (Memory.translate(hart, block, CACHE_BLOCK, Access.STORE)) return;
    }
    // Devices and vacant addresses have no blocks.
    if (hart.leave & Leave.TRAP) hart.trapValue = va;
    else Memory.trap(hart, Cause.STORE_ACCESS, va);
  }

  private static zeroBlock(hart: Hart, va: u64): void {
    const block = va & ~(<u64>(CACHE_BLOCK - 1));
    const address = Memory.translate(hart, block, CACHE_BLOCK, Access.STORE);
    if (address) {
      memory.fill(address, 0, CACHE_BLOCK);
    } else if (hart.leave & Leave.TRAP) {
      hart.trapValue = va;
    } else {
      Memory.trap(hart, Cause.STORE_ACCESS, va);
    }
  }
}
