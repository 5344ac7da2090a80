// F and D: operands, rounding modes and the state of the unit; the arithmetic is in isa/fp.

import { Convert } from "../isa/fp/convert";
import { F32 } from "../isa/fp/f32";
import { F64 } from "../isa/fp/f64";
import { Op } from "../isa/generated/op";
import { Mstatus } from "../shared/privileged";
import { Hart, Leave, Reg } from "./hart";
import { Memory } from "./memory";
import { System } from "./system";

const SIGN32: u32 = 0x8000_0000;
const SIGN64: u64 = 0x8000_0000_0000_0000;
const DYNAMIC: u32 = 7;
const LAST_MODE: u32 = 4;

export class Fpu {
  /** Executes a floating-point operation; illegal while mstatus.FS is Off, and with a rounding mode that does not exist. */
  static execute(hart: Hart, code: i32, op: usize): void {
    if (!(hart.mstatus & Mstatus.FS)) return System.illegal(hart, op);
    if (code == Op.FLW || code == Op.FLD) return Fpu.load(hart, op, code == Op.FLD);
    if (code == Op.FSW || code == Op.FSD) return Fpu.store(hart, op, code == Op.FSD);
    let rm: u32 = 0;
    if (Fpu.rounds(code)) {
      rm = Fpu.rmField(code, op);
      if (rm == DYNAMIC) rm = hart.frm;
      if (rm > LAST_MODE) return System.illegal(hart, op);
    }
    hart.mstatus |= Mstatus.FS;
    if (code < Op.FLD) Fpu.single(hart, code, op, rm);
    else Fpu.double(hart, code, op, rm);
  }

  private static load(hart: Hart, op: usize, wide: bool): void {
    const va = Reg.x(hart, load<u16>(op, 4)) + <u64>(<i64>load<i32>(op, 8));
    const bits = wide ? Memory.load(hart, va, 8) : F32.box(<u32>Memory.load(hart, va, 4));
    if (hart.leave & Leave.TRAP) return;
    Reg.setF(hart, load<u16>(op, 2), bits);
    hart.mstatus |= Mstatus.FS;
  }

  private static store(hart: Hart, op: usize, wide: bool): void {
    const va = Reg.x(hart, load<u16>(op, 4)) + <u64>(<i64>load<i32>(op, 8));
    Memory.store(hart, va, wide ? 8 : 4, Reg.f(hart, load<u16>(op, 6)));
  }

  @inline private static isFused(code: i32): bool {
    return (code >= Op.FMADD_S && code <= Op.FNMADD_S) || (code >= Op.FMADD_D && code <= Op.FNMADD_D);
  }

  private static rounds(code: i32): bool {
    return (
      (code >= Op.FMADD_S && code <= Op.FSQRT_S) ||
      (code >= Op.FCVT_W_S && code <= Op.FCVT_S_LU) ||
      (code >= Op.FMADD_D && code <= Op.FSQRT_D) ||
      code >= Op.FCVT_W_D
    );
  }

  private static rmField(code: i32, op: usize): u32 {
    return Fpu.isFused(code) ? load<u16>(op, 10) : load<u32>(op, 8);
  }

  @inline private static s(hart: Hart, op: usize, field: usize): u32 {
    return F32.unbox(Reg.f(hart, load<u16>(op + field)));
  }

  @inline private static d(hart: Hart, op: usize, field: usize): u64 {
    return Reg.f(hart, load<u16>(op + field));
  }

  private static single(hart: Hart, code: i32, op: usize, rm: u32): void {
    const rd = <u32>load<u16>(op, 2);
    switch (code) {
      case Op.FMADD_S:
        return Fpu.setS(hart, rd, F32.fma(Fpu.s(hart, op, 4), Fpu.s(hart, op, 6), Fpu.s(hart, op, 8), rm));
      case Op.FMSUB_S:
        return Fpu.setS(hart, rd, F32.fma(Fpu.s(hart, op, 4), Fpu.s(hart, op, 6), Fpu.s(hart, op, 8) ^ SIGN32, rm));
      case Op.FNMSUB_S:
        return Fpu.setS(hart, rd, F32.fma(Fpu.s(hart, op, 4) ^ SIGN32, Fpu.s(hart, op, 6), Fpu.s(hart, op, 8), rm));
      case Op.FNMADD_S:
        return Fpu.setS(
          hart,
          rd,
          F32.fma(Fpu.s(hart, op, 4) ^ SIGN32, Fpu.s(hart, op, 6), Fpu.s(hart, op, 8) ^ SIGN32, rm),
        );
      case Op.FADD_S:
        return Fpu.setS(hart, rd, F32.add(Fpu.s(hart, op, 4), Fpu.s(hart, op, 6), rm));
      case Op.FSUB_S:
        return Fpu.setS(hart, rd, F32.sub(Fpu.s(hart, op, 4), Fpu.s(hart, op, 6), rm));
      case Op.FMUL_S:
        return Fpu.setS(hart, rd, F32.mul(Fpu.s(hart, op, 4), Fpu.s(hart, op, 6), rm));
      case Op.FDIV_S:
        return Fpu.setS(hart, rd, F32.div(Fpu.s(hart, op, 4), Fpu.s(hart, op, 6), rm));
      case Op.FSQRT_S:
        return Fpu.setS(hart, rd, F32.sqrt(Fpu.s(hart, op, 4), rm));
      case Op.FSGNJ_S:
        return Fpu.setS(hart, rd, (Fpu.s(hart, op, 4) & ~SIGN32) | (Fpu.s(hart, op, 6) & SIGN32));
      case Op.FSGNJN_S:
        return Fpu.setS(hart, rd, (Fpu.s(hart, op, 4) & ~SIGN32) | (~Fpu.s(hart, op, 6) & SIGN32));
      case Op.FSGNJX_S:
        return Fpu.setS(hart, rd, Fpu.s(hart, op, 4) ^ (Fpu.s(hart, op, 6) & SIGN32));
      case Op.FMIN_S:
        return Fpu.setS(hart, rd, F32.min(Fpu.s(hart, op, 4), Fpu.s(hart, op, 6)));
      case Op.FMAX_S:
        return Fpu.setS(hart, rd, F32.max(Fpu.s(hart, op, 4), Fpu.s(hart, op, 6)));
      case Op.FEQ_S:
        return Reg.setX(hart, rd, F32.eq(Fpu.s(hart, op, 4), Fpu.s(hart, op, 6)));
      case Op.FLT_S:
        return Reg.setX(hart, rd, F32.lt(Fpu.s(hart, op, 4), Fpu.s(hart, op, 6)));
      case Op.FLE_S:
        return Reg.setX(hart, rd, F32.le(Fpu.s(hart, op, 4), Fpu.s(hart, op, 6)));
      case Op.FCLASS_S:
        return Reg.setX(hart, rd, F32.classify(Fpu.s(hart, op, 4)));
      case Op.FMV_X_W:
        return Reg.setX(hart, rd, <u64>(<i64>(<i32>Fpu.d(hart, op, 4))));
      case Op.FMV_W_X:
        return Fpu.setS(hart, rd, <u32>Reg.x(hart, load<u16>(op, 4)));
      case Op.FCVT_W_S:
        return Reg.setX(hart, rd, Convert.f32ToI32(Fpu.s(hart, op, 4), rm));
      case Op.FCVT_WU_S:
        return Reg.setX(hart, rd, Convert.f32ToU32(Fpu.s(hart, op, 4), rm));
      case Op.FCVT_L_S:
        return Reg.setX(hart, rd, Convert.f32ToI64(Fpu.s(hart, op, 4), rm));
      case Op.FCVT_LU_S:
        return Reg.setX(hart, rd, Convert.f32ToU64(Fpu.s(hart, op, 4), rm));
      case Op.FCVT_S_W:
        return Fpu.setS(hart, rd, Convert.i32ToF32(<i32>Reg.x(hart, load<u16>(op, 4)), rm));
      case Op.FCVT_S_WU:
        return Fpu.setS(hart, rd, Convert.u32ToF32(<u32>Reg.x(hart, load<u16>(op, 4)), rm));
      case Op.FCVT_S_L:
        return Fpu.setS(hart, rd, Convert.i64ToF32(<i64>Reg.x(hart, load<u16>(op, 4)), rm));
      case Op.FCVT_S_LU:
        return Fpu.setS(hart, rd, Convert.u64ToF32(Reg.x(hart, load<u16>(op, 4)), rm));
    }
  }

  private static double(hart: Hart, code: i32, op: usize, rm: u32): void {
    const rd = <u32>load<u16>(op, 2);
    switch (code) {
      case Op.FMADD_D:
        return Reg.setF(hart, rd, F64.fma(Fpu.d(hart, op, 4), Fpu.d(hart, op, 6), Fpu.d(hart, op, 8), rm));
      case Op.FMSUB_D:
        return Reg.setF(hart, rd, F64.fma(Fpu.d(hart, op, 4), Fpu.d(hart, op, 6), Fpu.d(hart, op, 8) ^ SIGN64, rm));
      case Op.FNMSUB_D:
        return Reg.setF(hart, rd, F64.fma(Fpu.d(hart, op, 4) ^ SIGN64, Fpu.d(hart, op, 6), Fpu.d(hart, op, 8), rm));
      case Op.FNMADD_D:
        return Reg.setF(
          hart,
          rd,
          F64.fma(Fpu.d(hart, op, 4) ^ SIGN64, Fpu.d(hart, op, 6), Fpu.d(hart, op, 8) ^ SIGN64, rm),
        );
      case Op.FADD_D:
        return Reg.setF(hart, rd, F64.add(Fpu.d(hart, op, 4), Fpu.d(hart, op, 6), rm));
      case Op.FSUB_D:
        return Reg.setF(hart, rd, F64.sub(Fpu.d(hart, op, 4), Fpu.d(hart, op, 6), rm));
      case Op.FMUL_D:
        return Reg.setF(hart, rd, F64.mul(Fpu.d(hart, op, 4), Fpu.d(hart, op, 6), rm));
      case Op.FDIV_D:
        return Reg.setF(hart, rd, F64.div(Fpu.d(hart, op, 4), Fpu.d(hart, op, 6), rm));
      case Op.FSQRT_D:
        return Reg.setF(hart, rd, F64.sqrt(Fpu.d(hart, op, 4), rm));
      case Op.FSGNJ_D:
        return Reg.setF(hart, rd, (Fpu.d(hart, op, 4) & ~SIGN64) | (Fpu.d(hart, op, 6) & SIGN64));
      case Op.FSGNJN_D:
        return Reg.setF(hart, rd, (Fpu.d(hart, op, 4) & ~SIGN64) | (~Fpu.d(hart, op, 6) & SIGN64));
      case Op.FSGNJX_D:
        return Reg.setF(hart, rd, Fpu.d(hart, op, 4) ^ (Fpu.d(hart, op, 6) & SIGN64));
      case Op.FMIN_D:
        return Reg.setF(hart, rd, F64.min(Fpu.d(hart, op, 4), Fpu.d(hart, op, 6)));
      case Op.FMAX_D:
        return Reg.setF(hart, rd, F64.max(Fpu.d(hart, op, 4), Fpu.d(hart, op, 6)));
      case Op.FEQ_D:
        return Reg.setX(hart, rd, F64.eq(Fpu.d(hart, op, 4), Fpu.d(hart, op, 6)));
      case Op.FLT_D:
        return Reg.setX(hart, rd, F64.lt(Fpu.d(hart, op, 4), Fpu.d(hart, op, 6)));
      case Op.FLE_D:
        return Reg.setX(hart, rd, F64.le(Fpu.d(hart, op, 4), Fpu.d(hart, op, 6)));
      case Op.FCLASS_D:
        return Reg.setX(hart, rd, F64.classify(Fpu.d(hart, op, 4)));
      case Op.FMV_X_D:
        return Reg.setX(hart, rd, Fpu.d(hart, op, 4));
      case Op.FMV_D_X:
        return Reg.setF(hart, rd, Reg.x(hart, load<u16>(op, 4)));
      case Op.FCVT_W_D:
        return Reg.setX(hart, rd, Convert.f64ToI32(Fpu.d(hart, op, 4), rm));
      case Op.FCVT_WU_D:
        return Reg.setX(hart, rd, Convert.f64ToU32(Fpu.d(hart, op, 4), rm));
      case Op.FCVT_L_D:
        return Reg.setX(hart, rd, Convert.f64ToI64(Fpu.d(hart, op, 4), rm));
      case Op.FCVT_LU_D:
        return Reg.setX(hart, rd, Convert.f64ToU64(Fpu.d(hart, op, 4), rm));
      case Op.FCVT_D_W:
        return Reg.setF(hart, rd, Convert.i32ToF64(<i32>Reg.x(hart, load<u16>(op, 4))));
      case Op.FCVT_D_WU:
        return Reg.setF(hart, rd, Convert.u32ToF64(<u32>Reg.x(hart, load<u16>(op, 4))));
      case Op.FCVT_D_L:
        return Reg.setF(hart, rd, Convert.i64ToF64(<i64>Reg.x(hart, load<u16>(op, 4)), rm));
      case Op.FCVT_D_LU:
        return Reg.setF(hart, rd, Convert.u64ToF64(Reg.x(hart, load<u16>(op, 4)), rm));
      case Op.FCVT_S_D:
        return Fpu.setS(hart, rd, Convert.f64ToF32(Fpu.d(hart, op, 4), rm));
      case Op.FCVT_D_S:
        return Reg.setF(hart, rd, Convert.f32ToF64(Fpu.s(hart, op, 4)));
    }
  }

  @inline private static setS(hart: Hart, rd: u32, value: u32): void {
    Reg.setF(hart, rd, F32.box(value));
  }
}
