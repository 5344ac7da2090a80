// Conversions as wasm.

import { DYNAMIC } from "../hart/fpu";
import { RoundingMode } from "../isa/fp/flags";
import { Op } from "../isa/generated/op";
import { Emitter } from "./emitter";
import { Float } from "./float";
import { FloatRegister } from "./float-register";
import { FloatSingle } from "./float-single";
import { Local, Locals } from "./locals";
import { Lower } from "./lower";
import { Wasm } from "./wasm";

export class FloatConvert {
  static instruction(op: usize, code: i32): void {
    switch (code) {
      case Op.FCVT_D_W:
        return FloatConvert.exactDouble(op, Wasm.F64_CONVERT_I32_S);
      case Op.FCVT_D_WU:
        return FloatConvert.exactDouble(op, Wasm.F64_CONVERT_I32_U);
      case Op.FCVT_D_L:
        return FloatConvert.double(op, code, Wasm.F64_CONVERT_I64_S);
      case Op.FCVT_D_LU:
        return FloatConvert.double(op, code, Wasm.F64_CONVERT_I64_U);
      case Op.FCVT_S_W:
        return FloatConvert.single(op, code, Wasm.F32_CONVERT_I32_S);
      case Op.FCVT_S_WU:
        return FloatConvert.single(op, code, Wasm.F32_CONVERT_I32_U);
      case Op.FCVT_S_L:
        return FloatConvert.single(op, code, Wasm.F32_CONVERT_I64_S);
      case Op.FCVT_S_LU:
        return FloatConvert.single(op, code, Wasm.F32_CONVERT_I64_U);
      case Op.FCVT_D_S:
        return FloatConvert.widen(op, code);
      case Op.FCVT_S_D:
        return FloatConvert.narrow(op, code);
    }
    FloatConvert.integer(op, code);
  }

  /** Every 32-bit integer is a double. */
  private static exactDouble(op: usize, wasm: Wasm): void {
    Lower.x(Lower.rs1(op));
    Emitter.op(Wasm.I32_WRAP_I64);
    Emitter.op(wasm);
    FloatRegister.setDouble(Lower.rd(op));
  }

  private static double(op: usize, code: i32, wasm: Wasm): void {
    if (!Float.canBeFast(op, code)) {
      Float.call(op, code);
      return FloatRegister.setBits(Lower.rd(op));
    }
    Lower.x(Lower.rs1(op));
    Emitter.op(wasm);
    Emitter.set(Local.DOUBLE);
    Emitter.get(Locals.fast());
    Emitter.ifUnlikely();
    Float.call(op, code);
    Emitter.op(Wasm.F64_REINTERPRET_I64);
    Emitter.set(Local.DOUBLE);
    Emitter.op(Wasm.END);
    Emitter.get(Local.DOUBLE);
    FloatRegister.setDouble(Lower.rd(op));
  }

  private static single(op: usize, code: i32, wasm: Wasm): void {
    if (!Float.canBeFast(op, code)) return FloatSingle.slow(op, code);
    Lower.x(Lower.rs1(op));
    if (code < Op.FCVT_S_L) Emitter.op(Wasm.I32_WRAP_I64);
    Emitter.op(wasm);
    Emitter.set(Local.SINGLE);
    Emitter.get(Locals.fast());
    FloatSingle.finish(op, code);
  }

  /** Exact but for NaNs. */
  private static widen(op: usize, code: i32): void {
    FloatRegister.require(op, Lower.rs1(op));
    FloatRegister.single(Lower.rs1(op));
    Emitter.op(Wasm.F64_PROMOTE_F32);
    Emitter.tee(Local.DOUBLE);
    Emitter.get(Local.DOUBLE);
    Emitter.op(Wasm.F64_NE);
    Emitter.ifUnlikely();
    Float.call(op, code);
    Emitter.op(Wasm.F64_REINTERPRET_I64);
    Emitter.set(Local.DOUBLE);
    Emitter.op(Wasm.END);
    Emitter.get(Local.DOUBLE);
    FloatRegister.setDouble(Lower.rd(op));
  }

  /** Right in every mode if nothing was lost, otherwise as arithmetic. */
  private static narrow(op: usize, code: i32): void {
    FloatRegister.double(Lower.rs1(op));
    Emitter.op(Wasm.F32_DEMOTE_F64);
    Emitter.tee(Local.SINGLE);
    Emitter.op(Wasm.F64_PROMOTE_F32);
    FloatRegister.double(Lower.rs1(op));
    Emitter.op(Wasm.F64_NE);
    if (Float.canBeFast(op, code)) {
      FloatSingle.isOutside(2);
      Emitter.op(Wasm.I32_AND);
    }
    FloatSingle.finish(op, code);
  }

  /** Right if in range, and if nothing was lost or that was noted before. */
  private static integer(op: usize, code: i32): void {
    const rm = Float.rm(op, code);
    if (rm == RoundingMode.RMM) {
      Float.call(op, code);
      return Lower.setX(Lower.rd(op));
    }
    if (code < Op.FLD) FloatRegister.require(op, Lower.rs1(op));
    FloatConvert.source(op, code);
    Emitter.op(FloatConvert.rounding(rm));
    Emitter.tee(Local.DOUBLE);
    FloatConvert.source(op, code);
    Emitter.op(Wasm.F64_NE);
    Emitter.get(Locals.fast());
    Emitter.i32(0);
    Emitter.op(Wasm.I32_NE);
    Emitter.op(Wasm.I32_AND);
    FloatConvert.truncate(code);
    Emitter.op(Wasm.I32_OR);
    Emitter.ifUnlikely();
    Float.call(op, code);
    Emitter.set(Local.VA);
    Emitter.op(Wasm.END);
    Emitter.get(Local.VA);
    Lower.setX(Lower.rd(op));
  }

  private static source(op: usize, code: i32): void {
    if (code >= Op.FLD) return FloatRegister.double(Lower.rs1(op));
    FloatRegister.single(Lower.rs1(op));
    Emitter.op(Wasm.F64_PROMOTE_F32);
  }

  /** In the fast case the dynamic mode is RNE; outside it, what is whole already is so in all modes. */
  private static rounding(rm: u32): Wasm {
    if (rm == RoundingMode.RTZ) return Wasm.F64_TRUNC;
    if (rm == RoundingMode.RDN) return Wasm.F64_FLOOR;
    return rm == RoundingMode.RNE || rm == DYNAMIC ? Wasm.F64_NEAREST : Wasm.F64_CEIL;
  }

  /** Local.DOUBLE, which is whole, to Local.VA; leaves on the stack whether it is out of range, or may be. */
  private static truncate(code: i32): void {
    Emitter.get(Local.DOUBLE);
    switch (code) {
      case Op.FCVT_W_S:
      case Op.FCVT_W_D:
        Emitter.saturating(Wasm.I32_TRUNC_SAT_F64_S);
        return FloatConvert.isDifferent(Wasm.F64_CONVERT_I32_S);
      case Op.FCVT_WU_S:
      case Op.FCVT_WU_D:
        Emitter.saturating(Wasm.I32_TRUNC_SAT_F64_U);
        return FloatConvert.isDifferent(Wasm.F64_CONVERT_I32_U);
    }
    Emitter.saturating(Wasm.I64_TRUNC_SAT_F64_S);
    Emitter.set(Local.VA);
    // Between -2^63, or 0, and 2^63: the rest is left to the core.
    Emitter.get(Local.DOUBLE);
    Emitter.op(Wasm.F64_ABS);
    Emitter.f64(9223372036854775808.0);
    Emitter.op(Wasm.F64_LT);
    if (code == Op.FCVT_LU_S || code == Op.FCVT_LU_D) {
      Emitter.get(Local.DOUBLE);
      Emitter.f64(0);
      Emitter.op(Wasm.F64_GE);
      Emitter.op(Wasm.I32_AND);
    }
    Emitter.op(Wasm.I32_EQZ);
  }

  /** The i32 on the stack to Local.VA; whether it is another number than Local.DOUBLE, as what was saturated is. */
  private static isDifferent(back: Wasm): void {
    Emitter.op(Wasm.I64_EXTEND_I32_S);
    Emitter.tee(Local.VA);
    Emitter.op(Wasm.I32_WRAP_I64);
    Emitter.op(back);
    Emitter.get(Local.DOUBLE);
    Emitter.op(Wasm.F64_NE);
  }
}
