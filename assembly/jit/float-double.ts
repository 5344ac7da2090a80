// D as wasm, but for conversions.

import { Op } from "../isa/generated/op";
import { Emitter } from "./emitter";
import { Float } from "./float";
import { FloatRegister } from "./float-register";
import { Local, Locals } from "./locals";
import { Lower } from "./lower";
import { Wasm } from "./wasm";

export class FloatDouble {
  static instruction(op: usize, code: i32): void {
    switch (code) {
      case Op.FADD_D:
        return FloatDouble.sum(op, code, Wasm.F64_ADD);
      case Op.FSUB_D:
        return FloatDouble.sum(op, code, Wasm.F64_SUB);
      case Op.FMUL_D:
        return FloatDouble.product(op, code, Wasm.F64_MUL);
      case Op.FDIV_D:
        return FloatDouble.product(op, code, Wasm.F64_DIV);
      case Op.FSQRT_D:
        return FloatDouble.root(op, code);
      case Op.FMADD_D:
        return FloatDouble.fused(op, code, Wasm.F64X2_RELAXED_MADD, false);
      case Op.FMSUB_D:
        return FloatDouble.fused(op, code, Wasm.F64X2_RELAXED_MADD, true);
      case Op.FNMSUB_D:
        return FloatDouble.fused(op, code, Wasm.F64X2_RELAXED_NMADD, false);
      case Op.FNMADD_D:
        return FloatDouble.fused(op, code, Wasm.F64X2_RELAXED_NMADD, true);
      case Op.FSGNJ_D:
      case Op.FSGNJN_D:
      case Op.FSGNJX_D:
        return FloatDouble.sign(op, code);
      case Op.FMIN_D:
        return FloatDouble.extreme(op, code, Wasm.F64_MIN);
      case Op.FMAX_D:
        return FloatDouble.extreme(op, code, Wasm.F64_MAX);
      case Op.FEQ_D:
        return FloatDouble.compare(op, code, Wasm.F64_EQ);
      case Op.FLT_D:
        return FloatDouble.compare(op, code, Wasm.F64_LT);
      case Op.FLE_D:
        return FloatDouble.compare(op, code, Wasm.F64_LE);
    }
  }

  private static operands(op: usize): void {
    FloatRegister.double(Lower.rs1(op));
    FloatRegister.double(Lower.rs2(op));
  }

  /** Right in the fast case unless infinite or NaN (isa/fp/f64.ts says why). */
  private static sum(op: usize, code: i32, wasm: Wasm): void {
    if (!Float.canBeFast(op, code)) return FloatDouble.slow(op, code);
    FloatDouble.operands(op);
    Emitter.op(wasm);
    Emitter.tee(Local.DOUBLE);
    Emitter.op(Wasm.F64_ABS);
    Emitter.get(Locals.limit());
    Emitter.op(Wasm.F64_LT);
    Emitter.op(Wasm.I32_EQZ);
    FloatDouble.finish(op, code);
  }

  /** Right in the fast case if surely normal. */
  private static product(op: usize, code: i32, wasm: Wasm): void {
    if (!Float.canBeFast(op, code)) return FloatDouble.slow(op, code);
    FloatDouble.operands(op);
    Emitter.op(wasm);
    Emitter.set(Local.DOUBLE);
    FloatDouble.finishNormal(op, code);
  }

  private static root(op: usize, code: i32): void {
    if (!Float.canBeFast(op, code)) return FloatDouble.slow(op, code);
    FloatRegister.double(Lower.rs1(op));
    Emitter.op(Wasm.F64_SQRT);
    Emitter.set(Local.DOUBLE);
    FloatDouble.finishNormal(op, code);
  }

  private static fused(op: usize, code: i32, wasm: Wasm, negated: bool): void {
    if (!Float.canBeFast(op, code) || !Float.fused) return FloatDouble.slow(op, code);
    FloatDouble.vector(Lower.rs1(op), false);
    FloatDouble.vector(Lower.rs2(op), false);
    FloatDouble.vector(Float.rs3(op), negated);
    Emitter.vector(wasm);
    Emitter.vector(Wasm.F64X2_EXTRACT_LANE);
    Emitter.byte(0);
    Emitter.set(Local.DOUBLE);
    FloatDouble.finishNormal(op, code);
  }

  private static vector(register: u32, negated: bool): void {
    FloatRegister.double(register);
    if (negated) Emitter.op(Wasm.F64_NEG);
    Emitter.vector(Wasm.F64X2_SPLAT);
  }

  private static finishNormal(op: usize, code: i32): void {
    Emitter.get(Local.DOUBLE);
    Emitter.op(Wasm.I64_REINTERPRET_F64);
    Emitter.i64(52);
    Emitter.op(Wasm.I64_SHR_U);
    Emitter.op(Wasm.I32_WRAP_I64);
    Emitter.i32(0x7ff);
    Emitter.op(Wasm.I32_AND);
    Emitter.get(Locals.fast());
    Emitter.op(Wasm.I32_ADD);
    Emitter.i32(2);
    Emitter.op(Wasm.I32_SUB);
    Emitter.i32(0x7fd);
    Emitter.op(Wasm.I32_GE_U);
    FloatDouble.finish(op, code);
  }

  /** Sets rd to Local.DOUBLE; where the condition on the stack holds, to the core's answer. */
  private static finish(op: usize, code: i32): void {
    Emitter.ifUnlikely();
    Float.call(op, code);
    Emitter.op(Wasm.F64_REINTERPRET_I64);
    Emitter.set(Local.DOUBLE);
    Emitter.op(Wasm.END);
    Emitter.get(Local.DOUBLE);
    FloatRegister.setDouble(Lower.rd(op));
  }

  private static slow(op: usize, code: i32): void {
    Float.call(op, code);
    FloatRegister.setBits(Lower.rd(op));
  }

  /** Bits, not numbers: wasm's neg, abs and copysign leave NaNs as they are, too. */
  private static sign(op: usize, code: i32): void {
    if (Lower.rs1(op) == Lower.rs2(op)) {
      // fmv.d, fneg.d, fabs.d
      FloatRegister.double(Lower.rs1(op));
      if (code == Op.FSGNJN_D) Emitter.op(Wasm.F64_NEG);
      if (code == Op.FSGNJX_D) Emitter.op(Wasm.F64_ABS);
      return FloatRegister.setDouble(Lower.rd(op));
    }
    if (code == Op.FSGNJX_D) {
      FloatRegister.bits(Lower.rs1(op));
      FloatRegister.bits(Lower.rs2(op));
      Emitter.i64(i64.MIN_VALUE);
      Emitter.op(Wasm.I64_AND);
      Emitter.op(Wasm.I64_XOR);
      return FloatRegister.setBits(Lower.rd(op));
    }
    FloatDouble.operands(op);
    if (code == Op.FSGNJN_D) Emitter.op(Wasm.F64_NEG);
    Emitter.op(Wasm.F64_COPYSIGN);
    FloatRegister.setDouble(Lower.rd(op));
  }

  /** Of ordered operands; wasm, too, has -0 below +0. */
  private static extreme(op: usize, code: i32, wasm: Wasm): void {
    FloatDouble.operands(op);
    Emitter.op(wasm);
    Emitter.set(Local.DOUBLE);
    FloatDouble.isUnordered(op);
    FloatDouble.finish(op, code);
  }

  /** Ordered operands raise nothing. */
  private static compare(op: usize, code: i32, wasm: Wasm): void {
    FloatDouble.operands(op);
    Emitter.op(wasm);
    Emitter.op(Wasm.I64_EXTEND_I32_U);
    Emitter.set(Local.VA);
    FloatDouble.isUnordered(op);
    Emitter.ifUnlikely();
    Float.call(op, code);
    Emitter.set(Local.VA);
    Emitter.op(Wasm.END);
    Emitter.get(Local.VA);
    Lower.setX(Lower.rd(op));
  }

  private static isUnordered(op: usize): void {
    FloatDouble.operands(op);
    Emitter.op(Wasm.F64_LT);
    FloatDouble.operands(op);
    Emitter.op(Wasm.F64_GE);
    Emitter.op(Wasm.I32_OR);
    Emitter.op(Wasm.I32_EQZ);
  }
}
