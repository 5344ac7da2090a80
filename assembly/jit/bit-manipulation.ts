// Zba, Zbb, Zbs and Zicond as wasm. Carry-less products (Zbc) are a loop, which stays in the core.

import { Op } from "../isa/generated/op";
import { Emitter } from "./emitter";
import { Local } from "./locals";
import { Helper, Lower } from "./lower";
import { Wasm } from "./wasm";

export class BitManipulation {
  /** Leaves the result on the stack. Overwrites Local.VA. */
  static compute(op: usize, code: i32): void {
    const a = Lower.rs1(op);
    const b = Lower.rs2(op);
    switch (code) {
      case Op.ADD_UW:
        return BitManipulation.shiftAdd(op, 0, true);
      case Op.SH1ADD:
        return BitManipulation.shiftAdd(op, 1, false);
      case Op.SH2ADD:
        return BitManipulation.shiftAdd(op, 2, false);
      case Op.SH3ADD:
        return BitManipulation.shiftAdd(op, 3, false);
      case Op.SH1ADD_UW:
        return BitManipulation.shiftAdd(op, 1, true);
      case Op.SH2ADD_UW:
        return BitManipulation.shiftAdd(op, 2, true);
      case Op.SH3ADD_UW:
        return BitManipulation.shiftAdd(op, 3, true);
      case Op.SLLI_UW:
        BitManipulation.unsignedWord(a);
        Emitter.i64(Lower.imm(op));
        return Emitter.op(Wasm.I64_SHL);
      case Op.ANDN:
        Lower.x(a);
        BitManipulation.not(b);
        return Emitter.op(Wasm.I64_AND);
      case Op.ORN:
        Lower.x(a);
        BitManipulation.not(b);
        return Emitter.op(Wasm.I64_OR);
      case Op.XNOR:
        Lower.x(a);
        BitManipulation.not(b);
        return Emitter.op(Wasm.I64_XOR);
      case Op.CLZ:
        return BitManipulation.unary(a, Wasm.I64_CLZ);
      case Op.CTZ:
        return BitManipulation.unary(a, Wasm.I64_CTZ);
      case Op.CPOP:
        return BitManipulation.unary(a, Wasm.I64_POPCNT);
      case Op.CLZW:
        return BitManipulation.countWord(a, Wasm.I32_CLZ);
      case Op.CTZW:
        return BitManipulation.countWord(a, Wasm.I32_CTZ);
      case Op.CPOPW:
        return BitManipulation.countWord(a, Wasm.I32_POPCNT);
      case Op.MIN:
        return BitManipulation.choose(a, b, Wasm.I64_LT_S);
      case Op.MINU:
        return BitManipulation.choose(a, b, Wasm.I64_LT_U);
      case Op.MAX:
        return BitManipulation.choose(a, b, Wasm.I64_GT_S);
      case Op.MAXU:
        return BitManipulation.choose(a, b, Wasm.I64_GT_U);
      case Op.SEXT_B:
        return BitManipulation.unary(a, Wasm.I64_EXTEND8_S);
      case Op.SEXT_H:
        return BitManipulation.unary(a, Wasm.I64_EXTEND16_S);
      case Op.ZEXT_H:
        Lower.x(a);
        Emitter.i64(0xffff);
        return Emitter.op(Wasm.I64_AND);
      case Op.ROL:
        return BitManipulation.binary(a, b, Wasm.I64_ROTL);
      case Op.ROR:
        return BitManipulation.binary(a, b, Wasm.I64_ROTR);
      case Op.RORI:
        Lower.x(a);
        Emitter.i64(Lower.imm(op));
        return Emitter.op(Wasm.I64_ROTR);
      case Op.ROLW:
        return BitManipulation.rotateWord(a, b, Wasm.I32_ROTL);
      case Op.RORW:
        return BitManipulation.rotateWord(a, b, Wasm.I32_ROTR);
      case Op.RORIW:
        BitManipulation.word(a);
        Emitter.i32(<i32>Lower.imm(op));
        Emitter.op(Wasm.I32_ROTR);
        return Emitter.op(Wasm.I64_EXTEND_I32_S);
      case Op.ORC_B:
        return BitManipulation.combineBytes(a);
      case Op.REV8:
        return BitManipulation.reverseBytes(a);
      case Op.BCLR:
        Lower.x(a);
        BitManipulation.bit(b);
        Emitter.i64(-1);
        Emitter.op(Wasm.I64_XOR);
        return Emitter.op(Wasm.I64_AND);
      case Op.BEXT:
        Lower.x(a);
        Lower.x(b);
        Emitter.op(Wasm.I64_SHR_U);
        Emitter.i64(1);
        return Emitter.op(Wasm.I64_AND);
      case Op.BINV:
        Lower.x(a);
        BitManipulation.bit(b);
        return Emitter.op(Wasm.I64_XOR);
      case Op.BSET:
        Lower.x(a);
        BitManipulation.bit(b);
        return Emitter.op(Wasm.I64_OR);
      case Op.BCLRI:
        return BitManipulation.mask(op, ~((<i64>1) << Lower.imm(op)), Wasm.I64_AND);
      case Op.BEXTI:
        Lower.x(a);
        Emitter.i64(Lower.imm(op));
        Emitter.op(Wasm.I64_SHR_U);
        Emitter.i64(1);
        return Emitter.op(Wasm.I64_AND);
      case Op.BINVI:
        return BitManipulation.mask(op, (<i64>1) << Lower.imm(op), Wasm.I64_XOR);
      case Op.BSETI:
        return BitManipulation.mask(op, (<i64>1) << Lower.imm(op), Wasm.I64_OR);
      case Op.CZERO_EQZ:
        return BitManipulation.zeroIf(a, b, Wasm.I64_EQZ);
      case Op.CZERO_NEZ:
        return BitManipulation.zeroIf(a, b, Wasm.I64_NE);
    }
    Emitter.i32(code);
    Lower.x(a);
    Lower.x(b);
    Emitter.i64(Lower.imm(op));
    Emitter.call(Helper.ALU);
  }

  private static binary(a: u32, b: u32, wasm: Wasm): void {
    Lower.x(a);
    Lower.x(b);
    Emitter.op(wasm);
  }

  private static word(register: u32): void {
    Lower.x(register);
    Emitter.op(Wasm.I32_WRAP_I64);
  }

  private static unsignedWord(register: u32): void {
    BitManipulation.word(register);
    Emitter.op(Wasm.I64_EXTEND_I32_U);
  }

  private static not(register: u32): void {
    Lower.x(register);
    Emitter.i64(-1);
    Emitter.op(Wasm.I64_XOR);
  }

  private static shiftAdd(op: usize, shift: i64, word: bool): void {
    if (word) BitManipulation.unsignedWord(Lower.rs1(op));
    else Lower.x(Lower.rs1(op));
    if (shift) {
      Emitter.i64(shift);
      Emitter.op(Wasm.I64_SHL);
    }
    // zext.w is add.uw with x0.
    if (Lower.rs2(op) == 0) return;
    Lower.x(Lower.rs2(op));
    Emitter.op(Wasm.I64_ADD);
  }

  private static unary(register: u32, wasm: Wasm): void {
    Lower.x(register);
    Emitter.op(wasm);
  }

  private static countWord(register: u32, wasm: Wasm): void {
    BitManipulation.word(register);
    Emitter.op(wasm);
    Emitter.op(Wasm.I64_EXTEND_I32_U);
  }

  private static choose(a: u32, b: u32, wasm: Wasm): void {
    Lower.x(a);
    Lower.x(b);
    BitManipulation.binary(a, b, wasm);
    Emitter.op(Wasm.SELECT);
  }

  private static rotateWord(a: u32, b: u32, wasm: Wasm): void {
    BitManipulation.word(a);
    BitManipulation.word(b);
    Emitter.op(wasm);
    Emitter.op(Wasm.I64_EXTEND_I32_S);
  }

  /** 1 << register. */
  private static bit(register: u32): void {
    Emitter.i64(1);
    Lower.x(register);
    Emitter.op(Wasm.I64_SHL);
  }

  private static mask(op: usize, mask: i64, wasm: Wasm): void {
    Lower.x(Lower.rs1(op));
    Emitter.i64(mask);
    Emitter.op(wasm);
  }

  private static zeroIf(a: u32, b: u32, wasm: Wasm): void {
    Emitter.i64(0);
    Lower.x(a);
    Lower.x(b);
    if (wasm == Wasm.I64_NE) Emitter.i64(0);
    Emitter.op(wasm);
    Emitter.op(Wasm.SELECT);
  }

  /** As Wide.orcb. */
  private static combineBytes(register: u32): void {
    const low: i64 = 0x7f7f_7f7f_7f7f_7f7f;
    Lower.x(register);
    Emitter.i64(low);
    Emitter.op(Wasm.I64_AND);
    Emitter.i64(low);
    Emitter.op(Wasm.I64_ADD);
    Lower.x(register);
    Emitter.op(Wasm.I64_OR);
    Emitter.i64(~low);
    Emitter.op(Wasm.I64_AND);
    Emitter.i64(7);
    Emitter.op(Wasm.I64_SHR_U);
    Emitter.i64(0xff);
    Emitter.op(Wasm.I64_MUL);
  }

  /** Neighbouring bytes change places, then neighbouring pairs, then the halves. */
  private static reverseBytes(register: u32): void {
    Lower.x(register);
    Emitter.set(Local.VA);
    BitManipulation.swapNeighbours(8, 0x00ff_00ff_00ff_00ff);
    Emitter.set(Local.VA);
    BitManipulation.swapNeighbours(16, 0x0000_ffff_0000_ffff);
    Emitter.i64(32);
    Emitter.op(Wasm.I64_ROTL);
  }

  private static swapNeighbours(bits: i64, mask: i64): void {
    Emitter.get(Local.VA);
    Emitter.i64(mask);
    Emitter.op(Wasm.I64_AND);
    Emitter.i64(bits);
    Emitter.op(Wasm.I64_SHL);
    Emitter.get(Local.VA);
    Emitter.i64(bits);
    Emitter.op(Wasm.I64_SHR_U);
    Emitter.i64(mask);
    Emitter.op(Wasm.I64_AND);
    Emitter.op(Wasm.I64_OR);
  }
}
