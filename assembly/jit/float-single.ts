// F as wasm, but for conversions. Operands must be boxed singles, or the interpreter executes the instruction.

import { Op } from "../isa/generated/op";
import { Emitter } from "./emitter";
import { Float } from "./float";
import { FloatRegister } from "./float-register";
import { Local, Locals } from "./locals";
import { Lower } from "./lower";
import { Wasm } from "./wasm";

const SIGN: i64 = 0x8000_0000;

export class FloatSingle {
  static instruction(op: usize, code: i32): void {
    FloatRegister.require(op, Lower.rs1(op));
    if (code != Op.FSQRT_S) FloatRegister.require(op, Lower.rs2(op));
    switch (code) {
      case Op.FADD_S:
        return FloatSingle.arithmetic(op, code, Wasm.F32_ADD, 0);
      case Op.FSUB_S:
        return FloatSingle.arithmetic(op, code, Wasm.F32_SUB, 0);
      case Op.FMUL_S:
        return FloatSingle.arithmetic(op, code, Wasm.F32_MUL, 2);
      case Op.FDIV_S:
        return FloatSingle.arithmetic(op, code, Wasm.F32_DIV, 2);
      case Op.FSQRT_S:
        return FloatSingle.arithmetic(op, code, Wasm.F32_SQRT, 2);
      case Op.FMADD_S:
        return FloatSingle.fused(op, code, false, false);
      case Op.FMSUB_S:
        return FloatSingle.fused(op, code, false, true);
      case Op.FNMSUB_S:
        return FloatSingle.fused(op, code, true, false);
      case Op.FNMADD_S:
        return FloatSingle.fused(op, code, true, true);
      case Op.FSGNJ_S:
      case Op.FSGNJN_S:
      case Op.FSGNJX_S:
        return FloatSingle.sign(op, code);
      case Op.FMIN_S:
        return FloatSingle.extreme(op, code, Wasm.F32_MIN);
      case Op.FMAX_S:
        return FloatSingle.extreme(op, code, Wasm.F32_MAX);
      case Op.FEQ_S:
        return FloatSingle.compare(op, code, Wasm.F32_EQ);
      case Op.FLT_S:
        return FloatSingle.compare(op, code, Wasm.F32_LT);
      case Op.FLE_S:
        return FloatSingle.compare(op, code, Wasm.F32_LE);
    }
  }

  private static operands(op: usize): void {
    FloatRegister.single(Lower.rs1(op));
    FloatRegister.single(Lower.rs2(op));
  }

  /** As in FloatDouble: sums are right if finite, the others if surely normal, with an exponent field of 2 or more. */
  private static arithmetic(op: usize, code: i32, wasm: Wasm, lowest: i32): void {
    if (!Float.canBeFast(op, code)) return FloatSingle.slow(op, code);
    FloatRegister.single(Lower.rs1(op));
    if (code != Op.FSQRT_S) FloatRegister.single(Lower.rs2(op));
    Emitter.op(wasm);
    Emitter.set(Local.SINGLE);
    FloatSingle.isOutside(lowest);
    FloatSingle.finish(op, code);
  }

  /** As F32.fma: the product is exact as a double, and the sum must not lie halfway between two singles. */
  private static fused(op: usize, code: i32, product: bool, addend: bool): void {
    FloatRegister.require(op, Float.rs3(op));
    if (!Float.canBeFast(op, code)) return FloatSingle.slow(op, code);
    FloatSingle.wide(Lower.rs1(op), product);
    FloatSingle.wide(Lower.rs2(op), false);
    Emitter.op(Wasm.F64_MUL);
    FloatSingle.wide(Float.rs3(op), addend);
    Emitter.op(Wasm.F64_ADD);
    Emitter.tee(Local.DOUBLE);
    Emitter.op(Wasm.F32_DEMOTE_F64);
    Emitter.set(Local.SINGLE);
    FloatSingle.isOutside(2);
    Emitter.get(Local.DOUBLE);
    Emitter.op(Wasm.I64_REINTERPRET_F64);
    Emitter.op(Wasm.I32_WRAP_I64);
    Emitter.i32(0x1fff_ffff);
    Emitter.op(Wasm.I32_AND);
    Emitter.i32(0x1000_0000);
    Emitter.op(Wasm.I32_EQ);
    Emitter.op(Wasm.I32_OR);
    FloatSingle.finish(op, code);
  }

  private static wide(register: u32, negated: bool): void {
    FloatRegister.single(register);
    Emitter.op(Wasm.F64_PROMOTE_F32);
    if (negated) Emitter.op(Wasm.F64_NEG);
  }

  /** Whether the case is not fast, or the exponent field of Local.SINGLE below `lowest` or that of infinity. */
  static isOutside(lowest: i32): void {
    Emitter.get(Local.SINGLE);
    Emitter.op(Wasm.I32_REINTERPRET_F32);
    Emitter.i32(23);
    Emitter.op(Wasm.I32_SHR_U);
    Emitter.i32(0xff);
    Emitter.op(Wasm.I32_AND);
    Emitter.get(Locals.fast());
    Emitter.op(Wasm.I32_ADD);
    Emitter.i32(lowest);
    Emitter.op(Wasm.I32_SUB);
    Emitter.i32(0xff - lowest);
    Emitter.op(Wasm.I32_GE_U);
  }

  /** Sets rd to Local.SINGLE; where the condition on the stack holds, to the core's answer. */
  static finish(op: usize, code: i32): void {
    Emitter.ifUnlikely();
    Float.call(op, code);
    Emitter.op(Wasm.I32_WRAP_I64);
    Emitter.op(Wasm.F32_REINTERPRET_I32);
    Emitter.set(Local.SINGLE);
    Emitter.op(Wasm.END);
    FloatRegister.setSingle(Lower.rd(op));
  }

  static slow(op: usize, code: i32): void {
    Float.call(op, code);
    FloatRegister.setBoxedBits(Lower.rd(op));
  }

  private static sign(op: usize, code: i32): void {
    FloatRegister.bits(Lower.rs1(op));
    if (Lower.rs1(op) == Lower.rs2(op)) {
      // fmv.s, fneg.s, fabs.s
      if (code != Op.FSGNJ_S) {
        Emitter.i64(code == Op.FSGNJN_S ? SIGN : ~SIGN);
        Emitter.op(code == Op.FSGNJN_S ? Wasm.I64_XOR : Wasm.I64_AND);
      }
      return FloatRegister.setBoxedBits(Lower.rd(op));
    }
    if (code != Op.FSGNJX_S) {
      Emitter.i64(~SIGN);
      Emitter.op(Wasm.I64_AND);
    }
    FloatRegister.bits(Lower.rs2(op));
    Emitter.i64(SIGN);
    Emitter.op(Wasm.I64_AND);
    if (code == Op.FSGNJN_S) {
      Emitter.i64(SIGN);
      Emitter.op(Wasm.I64_XOR);
    }
    Emitter.op(code == Op.FSGNJX_S ? Wasm.I64_XOR : Wasm.I64_OR);
    FloatRegister.setBoxedBits(Lower.rd(op));
  }

  private static extreme(op: usize, code: i32, wasm: Wasm): void {
    FloatSingle.operands(op);
    Emitter.op(wasm);
    Emitter.set(Local.SINGLE);
    FloatSingle.isUnordered(op);
    FloatSingle.finish(op, code);
  }

  private static compare(op: usize, code: i32, wasm: Wasm): void {
    FloatSingle.operands(op);
    Emitter.op(wasm);
    Emitter.op(Wasm.I64_EXTEND_I32_U);
    Emitter.set(Local.VA);
    FloatSingle.isUnordered(op);
    Emitter.ifUnlikely();
    Float.call(op, code);
    Emitter.set(Local.VA);
    Emitter.op(Wasm.END);
    Emitter.get(Local.VA);
    Lower.setX(Lower.rd(op));
  }

  private static isUnordered(op: usize): void {
    FloatSingle.operands(op);
    Emitter.op(Wasm.F32_LT);
    FloatSingle.operands(op);
    Emitter.op(Wasm.F32_GE);
    Emitter.op(Wasm.I32_OR);
    Emitter.op(Wasm.I32_EQZ);
  }
}
