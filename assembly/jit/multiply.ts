// The M extension as wasm: high products out of 32-bit ones, and division with RISC-V's answers where wasm traps.

import { Op } from "../isa/generated/op";
import { Emitter } from "./emitter";
import { Local } from "./locals";
import { Lower } from "./lower";
import { Wasm } from "./wasm";

export class Multiply {
  /** Leaves the result on the stack. Overwrites Local.VA. */
  static compute(op: usize, code: i32): void {
    switch (code) {
      case Op.MULH:
        return Multiply.high(op, true, true);
      case Op.MULHSU:
        return Multiply.high(op, true, false);
      case Op.MULHU:
        return Multiply.high(op, false, false);
      case Op.DIV:
        return Multiply.signed(op, Wasm.I64_DIV_S, true);
      case Op.REM:
        return Multiply.signed(op, Wasm.I64_REM_S, false);
      case Op.DIVU:
        return Multiply.unsigned(op, Wasm.I64_DIV_U, true);
      case Op.REMU:
        return Multiply.unsigned(op, Wasm.I64_REM_U, false);
      case Op.DIVW:
        return Multiply.signedWord(op, Wasm.I32_DIV_S, true);
      case Op.REMW:
        return Multiply.signedWord(op, Wasm.I32_REM_S, false);
      case Op.DIVUW:
        return Multiply.unsignedWord(op, Wasm.I32_DIV_U, true);
      case Op.REMUW:
        return Multiply.unsignedWord(op, Wasm.I32_REM_U, false);
    }
  }

  /**
   * Warren, "Hacker's Delight", 8-2: with a = a1 * 2^32 + a0 and b likewise,
   *   middle = a1 * b0 + (a0 * b0 >> 32),  other = a0 * b1 + (middle mod 2^32),  high = a1 * b1 + (middle >> 32) + (other >> 32)
   * where a1 and b1 are signed as their operands are, and each sum as its product.
   */
  private static high(op: usize, signedA: bool, signedB: bool): void {
    const a = Lower.rs1(op);
    const b = Lower.rs2(op);
    Multiply.upper(a, signedA);
    Multiply.upper(b, signedB);
    Emitter.op(Wasm.I64_MUL);

    Multiply.upper(a, signedA);
    Multiply.lower(b);
    Emitter.op(Wasm.I64_MUL);
    Multiply.lower(a);
    Multiply.lower(b);
    Emitter.op(Wasm.I64_MUL);
    Multiply.shiftDown(false);
    Emitter.op(Wasm.I64_ADD);
    Emitter.tee(Local.VA);
    Multiply.shiftDown(signedA);
    Emitter.op(Wasm.I64_ADD);

    Multiply.lower(a);
    Multiply.upper(b, signedB);
    Emitter.op(Wasm.I64_MUL);
    Emitter.get(Local.VA);
    Multiply.keepLower();
    Emitter.op(Wasm.I64_ADD);
    Multiply.shiftDown(signedB);
    Emitter.op(Wasm.I64_ADD);
  }

  private static upper(register: u32, signed: bool): void {
    Lower.x(register);
    Multiply.shiftDown(signed);
  }

  private static lower(register: u32): void {
    Lower.x(register);
    Multiply.keepLower();
  }

  private static word(register: u32): void {
    Lower.x(register);
    Emitter.op(Wasm.I32_WRAP_I64);
  }

  private static keepLower(): void {
    Emitter.op(Wasm.I32_WRAP_I64);
    Emitter.op(Wasm.I64_EXTEND_I32_U);
  }

  private static shiftDown(signed: bool): void {
    Emitter.i64(32);
    Emitter.op(signed ? Wasm.I64_SHR_S : Wasm.I64_SHR_U);
  }

  // By 0 and, where it could overflow, by -1: see isa/wide.ts for the answers. One comparison finds both.

  private static signed(op: usize, wasm: Wasm, quotient: bool): void {
    const a = Lower.rs1(op);
    const b = Lower.rs2(op);
    Lower.x(b);
    Emitter.i64(1);
    Emitter.op(Wasm.I64_ADD);
    Emitter.i64(1);
    Emitter.op(Wasm.I64_GT_U);
    Emitter.op(Wasm.IF);
    Emitter.op(Wasm.I64);
    Lower.x(a);
    Lower.x(b);
    Emitter.op(wasm);
    Emitter.op(Wasm.ELSE);
    Multiply.exception(a, b, quotient);
    Emitter.op(Wasm.END);
  }

  /** What division of `a` by `b` gives, 0 or -1. */
  private static exception(a: u32, b: u32, quotient: bool): void {
    if (quotient) {
      // -a by -1, -1 by 0.
      Emitter.i64(0);
      Lower.x(a);
      Emitter.op(Wasm.I64_SUB);
      Emitter.i64(-1);
    } else {
      Emitter.i64(0);
      Lower.x(a);
    }
    Lower.x(b);
    Emitter.op(Wasm.I32_WRAP_I64);
    Emitter.op(Wasm.SELECT);
  }

  private static unsigned(op: usize, wasm: Wasm, quotient: bool): void {
    const a = Lower.rs1(op);
    const b = Lower.rs2(op);
    Lower.x(b);
    Emitter.op(Wasm.I64_EQZ);
    Emitter.op(Wasm.IF);
    Emitter.op(Wasm.I64);
    if (quotient) Emitter.i64(-1);
    else Lower.x(a);
    Emitter.op(Wasm.ELSE);
    Lower.x(a);
    Lower.x(b);
    Emitter.op(wasm);
    Emitter.op(Wasm.END);
  }

  private static signedWord(op: usize, wasm: Wasm, quotient: bool): void {
    const a = Lower.rs1(op);
    const b = Lower.rs2(op);
    Multiply.word(b);
    Emitter.i32(1);
    Emitter.op(Wasm.I32_ADD);
    Emitter.i32(1);
    Emitter.op(Wasm.I32_GT_U);
    Emitter.op(Wasm.IF);
    Emitter.op(Wasm.I64);
    Multiply.word(a);
    Multiply.word(b);
    Emitter.op(wasm);
    Emitter.op(Wasm.I64_EXTEND_I32_S);
    Emitter.op(Wasm.ELSE);
    Multiply.exception(a, b, quotient);
    Emitter.op(Wasm.I64_EXTEND32_S);
    Emitter.op(Wasm.END);
  }

  private static unsignedWord(op: usize, wasm: Wasm, quotient: bool): void {
    const a = Lower.rs1(op);
    const b = Lower.rs2(op);
    Multiply.word(b);
    Emitter.op(Wasm.I32_EQZ);
    Emitter.op(Wasm.IF);
    Emitter.op(Wasm.I64);
    if (quotient) {
      Emitter.i64(-1);
    } else {
      Lower.x(a);
      Emitter.op(Wasm.I64_EXTEND32_S);
    }
    Emitter.op(Wasm.ELSE);
    Multiply.word(a);
    Multiply.word(b);
    Emitter.op(wasm);
    Emitter.op(Wasm.I64_EXTEND_I32_S);
    Emitter.op(Wasm.END);
  }
}
