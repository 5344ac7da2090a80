// F and D as wasm. In the fast case (rounding to nearest, and NX raised before, so that nobody can tell whether it is
// raised again) wasm's own operations give the bits; results that could owe another flag, and everything else, are computed by the core.

import { DYNAMIC, Fpu } from "../hart/fpu";
import { Hart } from "../hart/hart";
import { FpFlag, RoundingMode } from "../isa/fp/flags";
import { HIDDEN64, INFINITY64, SIGN64 } from "../isa/fp/format";
import { Op } from "../isa/generated/op";
import { Access } from "../mmu/access";
import { Mstatus } from "../shared/privileged";
import { Emitter } from "./emitter";
import { Local, Locals } from "./locals";
import { Import, Lower } from "./lower";
import { Wasm } from "./wasm";

const BOX: i64 = 0xffff_ffff_0000_0000;

export class Float {
  /** mstatus.FS was found dirty earlier in this block. */
  static checked: bool = false;

  static instruction(op: usize, code: i32): void {
    Float.checkUnit(op);
    if (Fpu.rounds(code) && Fpu.rm(code, op) == DYNAMIC) Float.checkMode(op);
    switch (code) {
      case Op.FLD:
        Lower.address(op, 8, Access.LOAD);
        Emitter.memory(Wasm.I64_LOAD, 0);
        return Lower.setF(Lower.rd(op));
      case Op.FLW:
        Lower.address(op, 4, Access.LOAD);
        Emitter.memory(Wasm.I64_LOAD32_U, 0);
        return Float.setBoxed(op);
      case Op.FSD:
        Lower.address(op, 8, Access.STORE);
        Lower.f(Lower.rs2(op));
        return Emitter.memory(Wasm.I64_STORE, 0);
      case Op.FSW:
        Lower.address(op, 4, Access.STORE);
        Lower.f(Lower.rs2(op));
        return Emitter.memory(Wasm.I64_STORE32, 0);
      case Op.FMV_X_D:
        Lower.f(Lower.rs1(op));
        return Lower.setX(Lower.rd(op));
      case Op.FMV_D_X:
        Lower.x(Lower.rs1(op));
        return Lower.setF(Lower.rd(op));
      case Op.FMV_X_W:
        Lower.f(Lower.rs1(op));
        Emitter.op(Wasm.I64_EXTEND32_S);
        return Lower.setX(Lower.rd(op));
      case Op.FMV_W_X:
        Lower.x(Lower.rs1(op));
        return Float.setBoxed(op);
      case Op.FSGNJ_D:
        Float.magnitude(op);
        Float.sign(op);
        Emitter.op(Wasm.I64_OR);
        return Lower.setF(Lower.rd(op));
      case Op.FSGNJN_D:
        Float.magnitude(op);
        Float.sign(op);
        Emitter.i64(SIGN64);
        Emitter.op(Wasm.I64_XOR);
        Emitter.op(Wasm.I64_OR);
        return Lower.setF(Lower.rd(op));
      case Op.FSGNJX_D:
        Lower.f(Lower.rs1(op));
        Float.sign(op);
        Emitter.op(Wasm.I64_XOR);
        return Lower.setF(Lower.rd(op));
      case Op.FCVT_D_W:
        Lower.x(Lower.rs1(op));
        Emitter.op(Wasm.I32_WRAP_I64);
        Emitter.op(Wasm.F64_CONVERT_I32_S);
        Emitter.op(Wasm.I64_REINTERPRET_F64);
        return Lower.setF(Lower.rd(op));
      case Op.FEQ_D:
        return Float.compare(op, code, Wasm.F64_EQ);
      case Op.FLT_D:
        return Float.compare(op, code, Wasm.F64_LT);
      case Op.FLE_D:
        return Float.compare(op, code, Wasm.F64_LE);
    }
    Float.arithmetic(op, code);
  }

  /** The unit must be dirty already: the interpreter makes it so, or traps. */
  private static checkUnit(op: usize): void {
    if (Float.checked) return;
    Float.checked = true;
    Emitter.get(Local.HART);
    Emitter.memory(Wasm.I64_LOAD, <u32>offsetof<Hart>("mstatus"));
    Emitter.i64(Mstatus.FS);
    Emitter.op(Wasm.I64_AND);
    Emitter.i64(Mstatus.FS);
    Emitter.op(Wasm.I64_NE);
    Lower.leaveIf(op, 0);
  }

  /** A dynamic rounding mode must exist, exact conversions not excepted: the interpreter traps where it does not. */
  private static checkMode(op: usize): void {
    Emitter.i32(RoundingMode.RMM);
    Emitter.get(Local.HART);
    Emitter.memory(Wasm.I32_LOAD, <u32>offsetof<Hart>("frm"));
    Emitter.op(Wasm.I32_LT_S);
    Lower.leaveIf(op, 0);
  }

  private static setBoxed(op: usize): void {
    Emitter.i64(BOX);
    Emitter.op(Wasm.I64_OR);
    Lower.setF(Lower.rd(op));
  }

  private static magnitude(op: usize): void {
    Lower.f(Lower.rs1(op));
    Emitter.i64(~SIGN64);
    Emitter.op(Wasm.I64_AND);
  }

  private static sign(op: usize): void {
    Lower.f(Lower.rs2(op));
    Emitter.i64(SIGN64);
    Emitter.op(Wasm.I64_AND);
  }

  private static operand(register: u32): void {
    Lower.f(register);
    Emitter.op(Wasm.F64_REINTERPRET_I64);
  }

  /** Ordered operands raise nothing. */
  private static compare(op: usize, code: i32, wasm: Wasm): void {
    Float.isOrdered(Lower.rs1(op));
    Float.isOrdered(Lower.rs2(op));
    Emitter.op(Wasm.I32_AND);
    Emitter.op(Wasm.IF);
    Emitter.op(Wasm.I64);
    Float.operand(Lower.rs1(op));
    Float.operand(Lower.rs2(op));
    Emitter.op(wasm);
    Emitter.op(Wasm.I64_EXTEND_I32_U);
    Emitter.op(Wasm.ELSE);
    Float.call(op, code, RoundingMode.RNE);
    Emitter.op(Wasm.END);
    Lower.setX(Lower.rd(op));
  }

  private static isOrdered(register: u32): void {
    Float.operand(register);
    Float.operand(register);
    Emitter.op(Wasm.F64_EQ);
  }

  private static arithmetic(op: usize, code: i32): void {
    const rm = Fpu.rm(code, op);
    const rounds = Fpu.rounds(code);
    const native = Float.native(code);
    if (native && (rm == DYNAMIC || rm == RoundingMode.RNE)) {
      Float.fast(op, code, native);
      Emitter.op(Wasm.IF);
      Emitter.op(Wasm.I64);
      Emitter.get(Local.VA);
      Emitter.op(Wasm.ELSE);
      Float.call(op, code, rm);
      Emitter.op(Wasm.END);
    } else {
      Float.call(op, code, rounds ? rm : 0);
    }
    if (Fpu.toX(code)) Lower.setX(Lower.rd(op));
    else Lower.setF(Lower.rd(op));
  }

  /** The wasm operation that is the guest's in the fast case, or 0. */
  private static native(code: i32): Wasm {
    switch (code) {
      case Op.FADD_D:
        return Wasm.F64_ADD;
      case Op.FSUB_D:
        return Wasm.F64_SUB;
      case Op.FMUL_D:
        return Wasm.F64_MUL;
      case Op.FDIV_D:
        return Wasm.F64_DIV;
      case Op.FSQRT_D:
        return Wasm.F64_SQRT;
    }
    return 0;
  }

  /** Computes into Local.VA; leaves on the stack whether that is the result (isa/fp/f64.ts says why). */
  private static fast(op: usize, code: i32, native: Wasm): void {
    Float.operand(Lower.rs1(op));
    if (code != Op.FSQRT_D) Float.operand(Lower.rs2(op));
    Emitter.op(native);
    Emitter.op(Wasm.I64_REINTERPRET_F64);
    Emitter.set(Local.VA);
    Emitter.get(Locals.fast());
    if (code == Op.FSQRT_D) {
      // A positive normal operand.
      Lower.f(Lower.rs1(op));
      Emitter.i64(HIDDEN64);
      Emitter.op(Wasm.I64_SUB);
      Emitter.i64(INFINITY64 - HIDDEN64);
    } else {
      // Sums: neither infinite nor NaN. Products and quotients: surely normal besides.
      const lowest: i64 = code == Op.FADD_D || code == Op.FSUB_D ? 0 : 2;
      Emitter.get(Local.VA);
      Emitter.i64(52);
      Emitter.op(Wasm.I64_SHR_U);
      Emitter.i64(0x7ff);
      Emitter.op(Wasm.I64_AND);
      Emitter.i64(lowest);
      Emitter.op(Wasm.I64_SUB);
      Emitter.i64(0x7ff - lowest);
    }
    Emitter.op(Wasm.I64_LT_U);
    Emitter.op(Wasm.I32_AND);
  }

  private static call(op: usize, code: i32, rm: u32): void {
    Emitter.i32(code);
    if (Fpu.fromX(code)) Lower.x(Lower.rs1(op));
    else Lower.f(Lower.rs1(op));
    Lower.f(Lower.rs2(op));
    if (Fpu.isFused(code)) Lower.f(load<u16>(op, 8));
    else Emitter.i64(0);
    if (rm == DYNAMIC) {
      Emitter.get(Local.HART);
      Emitter.memory(Wasm.I32_LOAD, <u32>offsetof<Hart>("frm"));
    } else {
      Emitter.i32(rm);
    }
    Emitter.call(Import.FPU);
  }

  /** In a region's prologue: whether the fast case holds. Only CSR instructions can end it, and none is in a region. */
  static prologue(): void {
    if (!Locals.usesFast) return;
    Emitter.get(Local.HART);
    Emitter.memory(Wasm.I32_LOAD, <u32>offsetof<Hart>("fflags"));
    Emitter.i32(FpFlag.NX);
    Emitter.op(Wasm.I32_AND);
    Emitter.get(Local.HART);
    Emitter.memory(Wasm.I32_LOAD, <u32>offsetof<Hart>("frm"));
    Emitter.op(Wasm.I32_EQZ);
    Emitter.op(Wasm.I32_AND);
    Emitter.set(Local.FAST);
  }
}
