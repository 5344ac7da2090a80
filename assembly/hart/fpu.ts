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
export const DYNAMIC: u32 = 7;
const LAST_MODE: u32 = 4;

export class Fpu {
  /** Executes a floating-point operation; illegal while mstatus.FS is Off, and with a rounding mode that does not exist. */
  static execute(hart: Hart, code: i32, op: usize): void {
    if (!(hart.mstatus & Mstatus.FS)) return System.illegal(hart, op);
    if (code == Op.FLW || code == Op.FLD) return Fpu.load(hart, op, code == Op.FLD);
    if (code == Op.FSW || code == Op.FSD) return Fpu.store(hart, op, code == Op.FSD);
    const fused = Fpu.isFused(code);
    let rm: u32 = 0;
    if (Fpu.rounds(code)) {
      rm = Fpu.rm(code, op);
      if (rm == DYNAMIC) rm = hart.frm;
      if (rm > LAST_MODE) return System.illegal(hart, op);
    }
    const rs1: u32 = load<u16>(op, 4);
    const a = Fpu.fromX(code) ? Reg.x(hart, rs1) : Reg.f(hart, rs1);
    const b = Reg.f(hart, load<u16>(op, 6));
    const c = fused ? Reg.f(hart, load<u16>(op, 8)) : 0;
    const value = Fpu.compute(code, a, b, c, rm);
    if (Fpu.toX(code)) Reg.setX(hart, load<u16>(op, 2), value);
    else Reg.setF(hart, load<u16>(op, 2), value);
    hart.mstatus |= Mstatus.FS;
  }

  /** The result of an operation on raw register values; flags accrue in Fp.flags. `rm` is a mode that exists. */
  static compute(code: i32, a: u64, b: u64, c: u64, rm: u32): u64 {
    return code < Op.FLD ? Fpu.single(code, a, b, c, rm) : Fpu.double(code, a, b, c, rm);
  }

  /** Whether rs1 is an x register. */
  static fromX(code: i32): bool {
    return (
      code == Op.FMV_W_X ||
      code == Op.FMV_D_X ||
      (code >= Op.FCVT_S_W && code <= Op.FCVT_S_LU) ||
      (code >= Op.FCVT_D_W && code <= Op.FCVT_D_LU)
    );
  }

  /** Whether rd is an x register. */
  static toX(code: i32): bool {
    return (
      (code >= Op.FEQ_S && code <= Op.FMV_X_W) ||
      (code >= Op.FCVT_W_S && code <= Op.FCVT_LU_S) ||
      (code >= Op.FEQ_D && code <= Op.FMV_X_D) ||
      (code >= Op.FCVT_W_D && code <= Op.FCVT_LU_D)
    );
  }

  static isFused(code: i32): bool {
    return (code >= Op.FMADD_S && code <= Op.FNMADD_S) || (code >= Op.FMADD_D && code <= Op.FNMADD_D);
  }

  /** The rounding mode in the instruction. */
  static rm(code: i32, op: usize): u32 {
    return Fpu.isFused(code) ? load<u16>(op, 10) : load<u32>(op, 8);
  }

  /** Whether the operation has a rounding mode. */
  static rounds(code: i32): bool {
    return (
      (code >= Op.FMADD_S && code <= Op.FSQRT_S) ||
      (code >= Op.FCVT_W_S && code <= Op.FCVT_S_LU) ||
      (code >= Op.FMADD_D && code <= Op.FSQRT_D) ||
      code >= Op.FCVT_W_D
    );
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

  private static single(code: i32, ra: u64, rb: u64, rc: u64, rm: u32): u64 {
    const a = F32.unbox(ra);
    const b = F32.unbox(rb);
    const c = F32.unbox(rc);
    switch (code) {
      case Op.FMADD_S:
        return F32.box(F32.fma(a, b, c, rm));
      case Op.FMSUB_S:
        return F32.box(F32.fma(a, b, c ^ SIGN32, rm));
      case Op.FNMSUB_S:
        return F32.box(F32.fma(a ^ SIGN32, b, c, rm));
      case Op.FNMADD_S:
        return F32.box(F32.fma(a ^ SIGN32, b, c ^ SIGN32, rm));
      case Op.FADD_S:
        return F32.box(F32.add(a, b, rm));
      case Op.FSUB_S:
        return F32.box(F32.sub(a, b, rm));
      case Op.FMUL_S:
        return F32.box(F32.mul(a, b, rm));
      case Op.FDIV_S:
        return F32.box(F32.div(a, b, rm));
      case Op.FSQRT_S:
        return F32.box(F32.sqrt(a, rm));
      case Op.FSGNJ_S:
        return F32.box((a & ~SIGN32) | (b & SIGN32));
      case Op.FSGNJN_S:
        return F32.box((a & ~SIGN32) | (~b & SIGN32));
      case Op.FSGNJX_S:
        return F32.box(a ^ (b & SIGN32));
      case Op.FMIN_S:
        return F32.box(F32.min(a, b));
      case Op.FMAX_S:
        return F32.box(F32.max(a, b));
      case Op.FEQ_S:
        return F32.eq(a, b);
      case Op.FLT_S:
        return F32.lt(a, b);
      case Op.FLE_S:
        return F32.le(a, b);
      case Op.FCLASS_S:
        return F32.classify(a);
      case Op.FMV_X_W:
        return <u64>(<i64>(<i32>ra));
      case Op.FMV_W_X:
        return F32.box(<u32>ra);
      case Op.FCVT_W_S:
        return Convert.f32ToI32(a, rm);
      case Op.FCVT_WU_S:
        return Convert.f32ToU32(a, rm);
      case Op.FCVT_L_S:
        return Convert.f32ToI64(a, rm);
      case Op.FCVT_LU_S:
        return Convert.f32ToU64(a, rm);
      case Op.FCVT_S_W:
        return F32.box(Convert.i32ToF32(<i32>ra, rm));
      case Op.FCVT_S_WU:
        return F32.box(Convert.u32ToF32(<u32>ra, rm));
      case Op.FCVT_S_L:
        return F32.box(Convert.i64ToF32(<i64>ra, rm));
      case Op.FCVT_S_LU:
        return F32.box(Convert.u64ToF32(ra, rm));
    }
    return 0;
  }

  private static double(code: i32, a: u64, b: u64, c: u64, rm: u32): u64 {
    switch (code) {
      case Op.FMADD_D:
        return F64.fma(a, b, c, rm);
      case Op.FMSUB_D:
        return F64.fma(a, b, c ^ SIGN64, rm);
      case Op.FNMSUB_D:
        return F64.fma(a ^ SIGN64, b, c, rm);
      case Op.FNMADD_D:
        return F64.fma(a ^ SIGN64, b, c ^ SIGN64, rm);
      case Op.FADD_D:
        return F64.add(a, b, rm);
      case Op.FSUB_D:
        return F64.sub(a, b, rm);
      case Op.FMUL_D:
        return F64.mul(a, b, rm);
      case Op.FDIV_D:
        return F64.div(a, b, rm);
      case Op.FSQRT_D:
        return F64.sqrt(a, rm);
      case Op.FSGNJ_D:
        return (a & ~SIGN64) | (b & SIGN64);
      case Op.FSGNJN_D:
        return (a & ~SIGN64) | (~b & SIGN64);
      case Op.FSGNJX_D:
        return a ^ (b & SIGN64);
      case Op.FMIN_D:
        return F64.min(a, b);
      case Op.FMAX_D:
        return F64.max(a, b);
      case Op.FEQ_D:
        return F64.eq(a, b);
      case Op.FLT_D:
        return F64.lt(a, b);
      case Op.FLE_D:
        return F64.le(a, b);
      case Op.FCLASS_D:
        return F64.classify(a);
      case Op.FMV_X_D:
        return a;
      case Op.FMV_D_X:
        return a;
      case Op.FCVT_W_D:
        return Convert.f64ToI32(a, rm);
      case Op.FCVT_WU_D:
        return Convert.f64ToU32(a, rm);
      case Op.FCVT_L_D:
        return Convert.f64ToI64(a, rm);
      case Op.FCVT_LU_D:
        return Convert.f64ToU64(a, rm);
      case Op.FCVT_D_W:
        return Convert.i32ToF64(<i32>a);
      case Op.FCVT_D_WU:
        return Convert.u32ToF64(<u32>a);
      case Op.FCVT_D_L:
        return Convert.i64ToF64(<i64>a, rm);
      case Op.FCVT_D_LU:
        return Convert.u64ToF64(a, rm);
      case Op.FCVT_S_D:
        return F32.box(Convert.f64ToF32(a, rm));
      case Op.FCVT_D_S:
        return Convert.f32ToF64(F32.unbox(a));
    }
    return 0;
  }
}
