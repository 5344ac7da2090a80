// Integer computation as wasm.

import { CodeCache, OP_SIZE } from "../hart/code-cache";
import { Op } from "../isa/generated/op";
import { BitManipulation } from "./bit-manipulation";
import { Emitter } from "./emitter";
import { Local } from "./locals";
import { Lower } from "./lower";
import { Multiply } from "./multiply";
import { Rotate } from "./rotate";
import { Wasm } from "./wasm";
import { Width } from "./width";

export class Integer {
  /** The second one of a pair of shifts of which the first left nothing. */
  private static second: usize = 0;

  /** Leaves the result on the stack. May overwrite Local.VA. */
  static compute(op: usize, code: i32): void {
    switch (code) {
      case Op.ADDI:
        if (Lower.rs1(op) == 0) return Emitter.i64(Lower.imm(op));
        if (Lower.imm(op) == 0) return Lower.x(Lower.rs1(op));
        return Integer.immediate(op, Wasm.I64_ADD);
      case Op.ADD:
        return Integer.binary(op, Wasm.I64_ADD);
      case Op.SUB:
        return Integer.binary(op, Wasm.I64_SUB);
      case Op.LUI:
        return Emitter.i64(Lower.imm(op));
      case Op.AUIPC:
        Emitter.get(Local.PAGE);
        Emitter.i64(<i64>CodeCache.offsetOf(op) + Lower.imm(op));
        return Emitter.op(Wasm.I64_ADD);
      case Op.SLTI:
        Integer.immediate(op, Wasm.I64_LT_S);
        return Emitter.op(Wasm.I64_EXTEND_I32_U);
      case Op.SLTIU:
        Integer.immediate(op, Wasm.I64_LT_U);
        return Emitter.op(Wasm.I64_EXTEND_I32_U);
      case Op.XORI:
        return Integer.immediate(op, Wasm.I64_XOR);
      case Op.ORI:
        return Integer.immediate(op, Wasm.I64_OR);
      case Op.ANDI:
        return Integer.immediate(op, Wasm.I64_AND);
      case Op.SLT:
        Integer.binary(op, Wasm.I64_LT_S);
        return Emitter.op(Wasm.I64_EXTEND_I32_U);
      case Op.SLTU:
        Integer.binary(op, Wasm.I64_LT_U);
        return Emitter.op(Wasm.I64_EXTEND_I32_U);
      case Op.XOR:
        if (Rotate.find(op)) return Integer.rotate(op);
        return Integer.binary(op, Wasm.I64_XOR);
      case Op.OR:
        if (Rotate.find(op)) return Integer.rotate(op);
        return Integer.binary(op, Wasm.I64_OR);
      case Op.AND:
        return Integer.binary(op, Wasm.I64_AND);
      case Op.SLLI:
        if (Integer.isFirstOfPair(op)) return Lower.x(Lower.rd(op));
        return Integer.immediate(op, Wasm.I64_SHL);
      case Op.SRLI:
      case Op.SRAI:
        if (op == Integer.second) return Integer.pair(op - OP_SIZE, Lower.imm(op), code == Op.SRAI);
        return Integer.immediate(op, code == Op.SRAI ? Wasm.I64_SHR_S : Wasm.I64_SHR_U);
      case Op.SLL:
        return Integer.binary(op, Wasm.I64_SHL);
      case Op.SRL:
        return Integer.binary(op, Wasm.I64_SHR_U);
      case Op.SRA:
        return Integer.binary(op, Wasm.I64_SHR_S);
      case Op.ADDIW:
        if (Lower.imm(op)) Integer.immediate(op, Wasm.I64_ADD);
        else Lower.x(Lower.rs1(op));
        return Width.extendLow(op);
      case Op.ADDW:
        return Integer.binaryWord(op, Wasm.I64_ADD);
      case Op.SUBW:
        return Integer.binaryWord(op, Wasm.I64_SUB);
      case Op.SLLIW:
        Integer.immediate(op, Wasm.I64_SHL);
        return Width.extendLow(op);
      case Op.SRLIW:
        Lower.x(Lower.rs1(op));
        Emitter.op(Wasm.I32_WRAP_I64);
        Emitter.i32(<i32>Lower.imm(op));
        Emitter.op(Wasm.I32_SHR_U);
        // A bit that was shifted in is no sign; machines clear the upper half for nothing.
        if (Lower.imm(op)) return Emitter.op(Wasm.I64_EXTEND_I32_U);
        return Width.extend(op);
      case Op.SRAIW:
        Lower.x(Lower.rs1(op));
        if (Width.isFree(op)) {
          Emitter.op(Wasm.I32_WRAP_I64);
          Emitter.i32(<i32>Lower.imm(op));
          Emitter.op(Wasm.I32_SHR_S);
          return Emitter.op(Wasm.I64_EXTEND_I32_U);
        }
        Emitter.op(Wasm.I64_EXTEND32_S);
        Emitter.i64(Lower.imm(op));
        return Emitter.op(Wasm.I64_SHR_S);
      case Op.SLLW:
        return Integer.shiftWord(op, Wasm.I32_SHL);
      case Op.SRLW:
        return Integer.shiftWord(op, Wasm.I32_SHR_U);
      case Op.SRAW:
        return Integer.shiftWord(op, Wasm.I32_SHR_S);
      case Op.MUL:
        return Integer.binary(op, Wasm.I64_MUL);
      case Op.MULW:
        return Integer.binaryWord(op, Wasm.I64_MUL);
    }
    if (code < Op.ADD_UW) Multiply.compute(op, code);
    else BitManipulation.compute(op, code);
  }

  /**
   * Whether the shift left at `op` is done by `pair`, together with the shift right behind it: an extension, perhaps scaled,
   * where there is no Zba and Zbb. Nothing can happen between the two, and the second overwrites what the first leaves.
   */
  private static isFirstOfPair(op: usize): bool {
    const next = op + OP_SIZE;
    const code = <i32>load<u16>(next);
    if (code != Op.SRLI && code != Op.SRAI) return false;
    if (Lower.rs1(next) != Lower.rd(op) || Lower.rd(next) != Lower.rd(op)) return false;
    const bits = 64 - Lower.imm(op);
    const masks = code == Op.SRLI && bits < 32;
    const signs = code == Op.SRAI && (bits == 8 || bits == 16);
    if (bits != 32 && !((masks || signs) && Lower.imm(next) == 64 - bits)) return false;
    Integer.second = next;
    return true;
  }

  /** The shift left at `first`, then one right by `right`. */
  private static pair(first: usize, right: i64, signed: bool): void {
    Integer.second = 0;
    const bits = 64 - Lower.imm(first);
    Lower.x(Lower.rs1(first));
    if (bits == 32) {
      if (signed) {
        Emitter.op(Wasm.I64_EXTEND32_S);
      } else {
        Emitter.op(Wasm.I32_WRAP_I64);
        Emitter.op(Wasm.I64_EXTEND_I32_U);
      }
      if (right == 32) return;
      Emitter.i64(abs(right - 32));
      Emitter.op(right < 32 ? Wasm.I64_SHL : signed ? Wasm.I64_SHR_S : Wasm.I64_SHR_U);
    } else if (signed) {
      Emitter.op(bits == 8 ? Wasm.I64_EXTEND8_S : Wasm.I64_EXTEND16_S);
    } else {
      Emitter.i64(((<i64>1) << bits) - 1);
      Emitter.op(Wasm.I64_AND);
    }
  }

  /** The rotation that the instruction at `op` completes. A word's has the sign that its shifted parts give it. */
  private static rotate(op: usize): void {
    Lower.x(Rotate.source);
    if (!Rotate.isWord) {
      Emitter.i64(Rotate.amount);
      return Emitter.op(Wasm.I64_ROTL);
    }
    Emitter.op(Wasm.I32_WRAP_I64);
    Emitter.i32(Rotate.amount);
    Emitter.op(Wasm.I32_ROTL);
    Width.extend(op);
  }

  private static binary(op: usize, code: Wasm): void {
    Lower.x(Lower.rs1(op));
    Lower.x(Lower.rs2(op));
    Emitter.op(code);
  }

  private static immediate(op: usize, code: Wasm): void {
    Lower.x(Lower.rs1(op));
    Emitter.i64(Lower.imm(op));
    Emitter.op(code);
  }

  /** Of the low halves, whose result depends on nothing else: in 64 bits, narrowed once. */
  private static binaryWord(op: usize, code: Wasm): void {
    Integer.binary(op, code);
    Width.extendLow(op);
  }

  private static shiftWord(op: usize, code: Wasm): void {
    Lower.x(Lower.rs1(op));
    Emitter.op(Wasm.I32_WRAP_I64);
    Lower.x(Lower.rs2(op));
    Emitter.op(Wasm.I32_WRAP_I64);
    Emitter.op(code);
    Width.extend(op);
  }
}
