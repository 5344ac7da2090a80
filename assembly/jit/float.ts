// F and D as wasm. In the fast case (rounding to nearest, and NX raised before, so that nobody can tell whether it is
// raised again) wasm's own operations give the bits; results that could owe another flag, and everything else, are computed by the core.

import { BLOCK_HEADER, CodeCache, OP_SIZE } from "../hart/code-cache";
import { DYNAMIC, Fpu } from "../hart/fpu";
import { Hart } from "../hart/hart";
import { FpFlag, RoundingMode } from "../isa/fp/flags";
import { Op } from "../isa/generated/op";
import { Access } from "../mmu/access";
import { Mstatus } from "../shared/privileged";
import { Emitter } from "./emitter";
import { FloatConvert } from "./float-convert";
import { FloatDouble } from "./float-double";
import { FloatRegister } from "./float-register";
import { FloatSingle } from "./float-single";
import { Local, Locals } from "./locals";
import { Helper, Lower } from "./lower";
import { Region } from "./region";
import { Wasm } from "./wasm";

export class Float {
  /** That the unit can be used was found earlier in this block. */
  static checked: bool = false;
  /** The host has fused multiply-add (see setFused). */
  static fused: bool = false;

  static instruction(op: usize, code: i32): void {
    Float.checkUnit(op);
    switch (code) {
      case Op.FLD:
        Lower.address(op, 8, Access.LOAD);
        if (Locals.holdsBits(Lower.rd(op))) {
          Lower.access(Wasm.I64_LOAD);
          return FloatRegister.setBits(Lower.rd(op));
        }
        Lower.access(Wasm.F64_LOAD);
        return FloatRegister.setDouble(Lower.rd(op));
      case Op.FLW:
        Lower.address(op, 4, Access.LOAD);
        Lower.access(Wasm.I64_LOAD32_U);
        return FloatRegister.setBoxed(Lower.rd(op));
      case Op.FSD:
        Lower.address(op, 8, Access.STORE);
        if (Locals.holdsBits(Lower.rs2(op))) {
          FloatRegister.bits(Lower.rs2(op));
          return Lower.access(Wasm.I64_STORE);
        }
        FloatRegister.double(Lower.rs2(op));
        return Lower.access(Wasm.F64_STORE);
      case Op.FSW:
        Lower.address(op, 4, Access.STORE);
        FloatRegister.bits(Lower.rs2(op));
        return Lower.access(Wasm.I64_STORE32);
      case Op.FMV_X_D:
        FloatRegister.bits(Lower.rs1(op));
        return Lower.setX(Lower.rd(op));
      case Op.FMV_D_X:
        Lower.x(Lower.rs1(op));
        return FloatRegister.setBits(Lower.rd(op));
      case Op.FMV_X_W:
        FloatRegister.bits(Lower.rs1(op));
        Emitter.op(Wasm.I64_EXTEND32_S);
        return Lower.setX(Lower.rd(op));
      case Op.FMV_W_X:
        Lower.x(Lower.rs1(op));
        Emitter.op(Wasm.I32_WRAP_I64);
        Emitter.op(Wasm.I64_EXTEND_I32_U);
        return FloatRegister.setBoxed(Lower.rd(op));
      case Op.FCLASS_S:
      case Op.FCLASS_D:
        Float.call(op, code);
        return Lower.setX(Lower.rd(op));
    }
    if (code >= Op.FCVT_W_D || (code >= Op.FCVT_W_S && code <= Op.FCVT_S_LU)) FloatConvert.instruction(op, code);
    else if (code < Op.FLD) FloatSingle.instruction(op, code);
    else FloatDouble.instruction(op, code);
  }

  /** The rounding mode of an instruction; that of one without is RNE. */
  static rm(op: usize, code: i32): u32 {
    return Fpu.rounds(code) ? Fpu.rm(code, op) : RoundingMode.RNE;
  }

  /** Whether the fast case is that of an instruction's rounding mode. */
  static canBeFast(op: usize, code: i32): bool {
    const rm = Float.rm(op, code);
    return rm == DYNAMIC || rm == RoundingMode.RNE;
  }

  /** mstatus.FS must be dirty already, and frm a mode: the interpreter makes it so, or traps. */
  private static checkUnit(op: usize): void {
    if (Float.checked) return;
    Float.checked = true;
    FloatRegister.begin();
    Emitter.get(Locals.float());
    Emitter.op(Wasm.I32_EQZ);
    Lower.leaveIf(op, 0);
  }

  /** Leaves the core's answer on the stack. */
  static call(op: usize, code: i32): void {
    Emitter.i32(code);
    if (Fpu.fromX(code)) Lower.x(Lower.rs1(op));
    else FloatRegister.bits(Lower.rs1(op));
    if (Float.hasSecond(code)) FloatRegister.bits(Lower.rs2(op));
    else Emitter.i64(0);
    if (Fpu.isFused(code)) FloatRegister.bits(Float.rs3(op));
    else Emitter.i64(0);
    const rm = Float.rm(op, code);
    if (rm == DYNAMIC) {
      Emitter.get(Local.HART);
      Emitter.memory(Wasm.I32_LOAD, <u32>offsetof<Hart>("frm"));
    } else {
      Emitter.i32(rm);
    }
    Emitter.call(Helper.FPU);
  }

  @inline static rs3(op: usize): u32 {
    return load<u16>(op, 8);
  }

  private static hasSecond(code: i32): bool {
    if (Fpu.isFused(code)) return true;
    if (code < Op.FLD) {
      return (code >= Op.FADD_S && code <= Op.FDIV_S) || (code >= Op.FSGNJ_S && code <= Op.FLE_S);
    }
    return (code >= Op.FADD_D && code <= Op.FDIV_D) || (code >= Op.FSGNJ_D && code <= Op.FLE_D);
  }

  /** Finds the registers that single-precision instructions of the region name. */
  static survey(): void {
    for (let i = 0; i < Region.count; i++) {
      const block = Region.node(i).block;
      const end = block + BLOCK_HEADER + <usize>CodeCache.count(block) * OP_SIZE;
      for (let op = block + BLOCK_HEADER; op < end; op += OP_SIZE) Float.noteSingles(op, <i32>load<u16>(op));
    }
  }

  private static noteSingles(op: usize, code: i32): void {
    const inFirst = (code >= Op.FMADD_S && code <= Op.FCVT_LU_S && code != Op.FMV_W_X) || code == Op.FCVT_D_S;
    const inSecond = code == Op.FSW || (code < Op.FLD && code > Op.FSW && Float.hasSecond(code));
    const inResult = (code >= Op.FLW && code < Op.FLD && code != Op.FSW && !Fpu.toX(code)) || code == Op.FCVT_S_D;
    if (inFirst) Float.noteSingle(Lower.rs1(op));
    if (inSecond) Float.noteSingle(Lower.rs2(op));
    if (code < Op.FLD && Fpu.isFused(code)) Float.noteSingle(Float.rs3(op));
    if (inResult) Float.noteSingle(Lower.rd(op));
  }

  private static noteSingle(register: u32): void {
    Locals.singles |= (<u32>1) << (register >> 3);
  }

  /**
   * In a region's prologue: what holds in all of it. Only CSR instructions can end the fast case, the first floating-point
   * instruction makes the unit dirty, and none of these is in a region.
   */
  static prologue(): void {
    if (Locals.usesFloat) {
      Float.loadField(<u32>offsetof<Hart>("mstatus"), Wasm.I64_LOAD);
      Emitter.i64(Mstatus.FS);
      Emitter.op(Wasm.I64_AND);
      Emitter.i64(Mstatus.FS);
      Emitter.op(Wasm.I64_EQ);
      Float.loadField(<u32>offsetof<Hart>("frm"), Wasm.I32_LOAD);
      Emitter.i32(RoundingMode.RMM);
      Emitter.op(Wasm.I32_LE_U);
      Emitter.op(Wasm.I32_AND);
      Emitter.set(Local.FLOAT);
    }
    if (Locals.usesFast) {
      Emitter.i32(0);
      Emitter.i32(Float.SLOW);
      Float.isFast();
      Emitter.op(Wasm.SELECT);
      Emitter.set(Local.FAST);
    }
    if (Locals.usesLimit) {
      Emitter.f64(Infinity);
      Emitter.f64(0);
      Float.isFast();
      Emitter.op(Wasm.SELECT);
      Emitter.set(Local.LIMIT);
    }
  }

  private static isFast(): void {
    Float.loadField(<u32>offsetof<Hart>("fflags"), Wasm.I32_LOAD);
    Emitter.i32(FpFlag.NX);
    Emitter.op(Wasm.I32_AND);
    Float.loadField(<u32>offsetof<Hart>("frm"), Wasm.I32_LOAD);
    Emitter.op(Wasm.I32_EQZ);
    Emitter.op(Wasm.I32_AND);
  }

  private static loadField(offset: u32, wasm: Wasm): void {
    Emitter.get(Local.HART);
    Emitter.memory(wasm, offset);
  }

  /** Added to an exponent field, takes it out of every range. */
  static readonly SLOW: i32 = 0x800;
}
