// Zicsr as wasm, for what a supervisor reads and writes whenever it is entered, left, or must not be interrupted: the trap
// registers, sstatus, and time. All other CSRs are the interpreter's affair, and so is whatever would trap.

import { SSTATUS_WRITABLE, UXL } from "../hart/csr";
import { HART_SINK, Hart } from "../hart/hart";
import { Op } from "../isa/generated/op";
import { Csr, Mstatus } from "../shared/privileged";
import { Emitter } from "./emitter";
import { Float } from "./float";
import { Local } from "./locals";
import { Helper, Lower } from "./lower";
import { MAX_POINTERS } from "./pointers";
import { Wasm } from "./wasm";

/** Bits of sstatus that decide what loads and stores may reach. */
const REACH: u64 = Mstatus.SUM | Mstatus.MXR;
/** Of mcounteren and scounteren. */
const TM: i32 = 2;

export class CsrAccess {
  /** The mode was found to be S or M earlier in this block. */
  static checked: bool = false;

  /** False where the interpreter has to execute the operation. Overwrites Local.VA and Local.PC. */
  static instruction(op: usize, code: i32): bool {
    switch (load<i32>(op, 8)) {
      case Csr.SSCRATCH:
        return CsrAccess.plain(op, code, <u32>offsetof<Hart>("sscratch"), ~0);
      case Csr.SEPC:
        return CsrAccess.plain(op, code, <u32>offsetof<Hart>("sepc"), ~1);
      case Csr.SCAUSE:
        return CsrAccess.plain(op, code, <u32>offsetof<Hart>("scause"), ~0);
      case Csr.STVAL:
        return CsrAccess.plain(op, code, <u32>offsetof<Hart>("stval"), ~0);
      case Csr.SSTATUS:
        return CsrAccess.status(op, code);
      case Csr.TIME:
        return !CsrAccess.writes(op, code) && CsrAccess.time(op);
    }
    return false;
  }

  /** Whether it writes the CSR: csrrs and csrrc of x0 or 0 do not. */
  private static writes(op: usize, code: i32): bool {
    return CsrAccess.replaces(code) || load<u16>(op, 4) != 0;
  }

  @inline private static replaces(code: i32): bool {
    return code == Op.CSRRW || code == Op.CSRRWI;
  }

  @inline private static clears(code: i32): bool {
    return code == Op.CSRRC || code == Op.CSRRCI;
  }

  @inline private static isImmediate(code: i32): bool {
    return code >= Op.CSRRWI;
  }

  /** Leaves the value that is written, set or cleared on the stack. */
  private static operand(op: usize, code: i32): void {
    if (CsrAccess.isImmediate(code)) Emitter.i64(load<u16>(op, 4));
    else Lower.x(Lower.rs1(op));
  }

  /** User mode has no business here. */
  private static checkMode(op: usize): void {
    if (CsrAccess.checked) return;
    CsrAccess.checked = true;
    CsrAccess.load32(<u32>offsetof<Hart>("privilege"));
    Emitter.op(Wasm.I32_EQZ);
    Lower.leaveIf(op, 0);
  }

  /** A register that is nothing but 64 bits, of which `mask` can be written. */
  private static plain(op: usize, code: i32, field: u32, mask: i64): bool {
    CsrAccess.checkMode(op);
    const rd = Lower.rd(op);
    if (rd != HART_SINK || !CsrAccess.replaces(code)) {
      CsrAccess.load64(field);
      Emitter.set(Local.VA);
    }
    if (CsrAccess.writes(op, code)) {
      Emitter.get(Local.HART);
      if (!CsrAccess.replaces(code)) Emitter.get(Local.VA);
      CsrAccess.operand(op, code);
      if (CsrAccess.clears(code)) {
        Emitter.i64(-1);
        Emitter.op(Wasm.I64_XOR);
        Emitter.op(Wasm.I64_AND);
      } else if (!CsrAccess.replaces(code)) {
        Emitter.op(Wasm.I64_OR);
      }
      if (mask != ~0) {
        Emitter.i64(mask);
        Emitter.op(Wasm.I64_AND);
      }
      Emitter.memory(Wasm.I64_STORE, field);
    }
    if (rd != HART_SINK) {
      Emitter.get(Local.VA);
      Lower.setX(rd);
    }
    return true;
  }

  private static status(op: usize, code: i32): bool {
    CsrAccess.checkMode(op);
    CsrAccess.load64(<u32>offsetof<Hart>("mstatus"));
    Emitter.set(Local.VA);
    if (CsrAccess.writes(op, code)) CsrAccess.changeStatus(op, code);
    const rd = Lower.rd(op);
    if (rd == HART_SINK) return true;
    Emitter.get(Local.VA);
    Emitter.i64(SSTATUS_WRITABLE);
    Emitter.op(Wasm.I64_AND);
    Emitter.i64(UXL);
    Emitter.op(Wasm.I64_OR);
    // SD: FS is dirty.
    Emitter.get(Local.VA);
    Emitter.i64(Mstatus.FS);
    Emitter.op(Wasm.I64_AND);
    Emitter.i64(Mstatus.FS);
    Emitter.op(Wasm.I64_EQ);
    Emitter.op(Wasm.I64_EXTEND_I32_U);
    Emitter.i64(63);
    Emitter.op(Wasm.I64_SHL);
    Emitter.op(Wasm.I64_OR);
    Lower.setX(rd);
    return true;
  }

  /** Local.VA is mstatus, and stays what it was before. */
  private static changeStatus(op: usize, code: i32): void {
    // The bits that change.
    Emitter.get(Local.VA);
    if (!CsrAccess.replaces(code) && !CsrAccess.clears(code)) {
      Emitter.i64(-1);
      Emitter.op(Wasm.I64_XOR);
    }
    CsrAccess.operand(op, code);
    Emitter.op(CsrAccess.replaces(code) ? Wasm.I64_XOR : Wasm.I64_AND);
    Emitter.i64(SSTATUS_WRITABLE);
    Emitter.op(Wasm.I64_AND);
    Emitter.set(Local.PC);
    if (!CsrAccess.clears(code)) CsrAccess.leaveIfInterrupted(op);
    Emitter.get(Local.HART);
    Emitter.get(Local.VA);
    Emitter.get(Local.PC);
    Emitter.op(Wasm.I64_XOR);
    Emitter.memory(Wasm.I64_STORE, <u32>offsetof<Hart>("mstatus"));
    // All others are beyond the five bits of an immediate.
    if (CsrAccess.isImmediate(code)) return;
    if (CsrAccess.replaces(code) || CsrAccess.clears(code)) {
      // Perhaps floating point is off now: the interpreter will see.
      Emitter.i32(0);
      Emitter.set(Local.FLOAT);
      Float.checked = false;
    }
    Emitter.get(Local.PC);
    Emitter.i64(REACH);
    Emitter.op(Wasm.I64_AND);
    Emitter.op(Wasm.I64_EQZ);
    Emitter.op(Wasm.I32_EQZ);
    Emitter.op(Wasm.IF);
    Emitter.op(Wasm.VOID);
    Emitter.get(Local.HART);
    Emitter.call(Helper.SELECT);
    Emitter.set(Local.CONTEXT);
    for (let i: u32 = 0; i < MAX_POINTERS; i++) {
      // No tag is odd.
      Emitter.i64(1);
      Emitter.set(Local.TAG + i);
    }
    Emitter.op(Wasm.END);
  }

  /** An interrupt that waits for SIE is taken right behind the instruction: the slice loop's affair. */
  private static leaveIfInterrupted(op: usize): void {
    CsrAccess.load64(<u32>offsetof<Hart>("mip"));
    CsrAccess.load64(<u32>offsetof<Hart>("mie"));
    Emitter.op(Wasm.I64_AND);
    Emitter.i64(0);
    Emitter.op(Wasm.I64_NE);
    Emitter.get(Local.PC);
    Emitter.i64(Mstatus.SIE);
    Emitter.op(Wasm.I64_AND);
    Emitter.i64(0);
    Emitter.op(Wasm.I64_NE);
    Emitter.op(Wasm.I32_AND);
    Lower.leaveIf(op, 0);
  }

  /** As Counters.time and Csrs.counterEnabled have it; where mcounteren forbids it, the interpreter asks whether the mode is M. */
  private static time(op: usize): bool {
    if (Lower.rd(op) == HART_SINK) return false;
    CsrAccess.load32(<u32>offsetof<Hart>("mcounteren"));
    CsrAccess.load32(<u32>offsetof<Hart>("scounteren"));
    CsrAccess.load32(<u32>offsetof<Hart>("privilege"));
    Emitter.op(Wasm.I32_EQZ);
    Emitter.i32(1);
    Emitter.op(Wasm.I32_SUB);
    Emitter.op(Wasm.I32_OR);
    Emitter.op(Wasm.I32_AND);
    Emitter.i32(TM);
    Emitter.op(Wasm.I32_AND);
    Emitter.op(Wasm.I32_EQZ);
    Lower.leaveIf(op, 0);
    CsrAccess.load64(<u32>offsetof<Hart>("eventCount"));
    Emitter.get(Local.LEFT);
    Emitter.i32(Lower.remaining);
    Emitter.op(Wasm.I32_ADD);
    Emitter.op(Wasm.I64_EXTEND_I32_S);
    Emitter.op(Wasm.I64_SUB);
    CsrAccess.load64(<u32>offsetof<Hart>("anchorCount"));
    Emitter.op(Wasm.I64_SUB);
    Emitter.get(Local.HART);
    Emitter.memory(Wasm.I64_LOAD32_U, <u32>offsetof<Hart>("rate"));
    Emitter.op(Wasm.I64_MUL);
    Emitter.i64(32);
    Emitter.op(Wasm.I64_SHR_U);
    CsrAccess.load64(<u32>offsetof<Hart>("anchorTime"));
    Emitter.op(Wasm.I64_ADD);
    Lower.setX(Lower.rd(op));
    return true;
  }

  private static load64(field: u32): void {
    Emitter.get(Local.HART);
    Emitter.memory(Wasm.I64_LOAD, field);
  }

  private static load32(field: u32): void {
    Emitter.get(Local.HART);
    Emitter.memory(Wasm.I32_LOAD, field);
  }
}
