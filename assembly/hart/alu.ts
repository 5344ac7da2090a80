// Operations that only compute, but too rarely to stand in the interpreter's loop: high products, division, and the bit
// manipulation extensions, which distributions built for plain RV64GC do not use.

import { Op } from "../isa/generated/op";
import { Wide } from "../isa/wide";
import { Hart } from "./hart";
import { Operand } from "./operand";

export class Alu {
  @inline static has(code: i32): bool {
    return code >= Op.MULH && code <= Op.CZERO_NEZ;
  }

  static execute(hart: Hart, code: i32, op: usize): void {
    const value = Alu.compute(code, Operand.rs1(hart, op), Operand.rs2(hart, op), Operand.imm(op));
    Operand.rd(hart, op, value);
  }

  static compute(code: i32, rs1: u64, rs2: u64, imm: u64): u64 {
    switch (code) {
      case Op.MULH:
        return Wide.mulh(rs1, rs2);
      case Op.MULHSU:
        return Wide.mulhsu(rs1, rs2);
      case Op.MULHU:
        return Wide.mulhu(rs1, rs2);
      case Op.DIV:
        return Wide.div(rs1, rs2);
      case Op.DIVU:
        return Wide.divu(rs1, rs2);
      case Op.REM:
        return Wide.rem(rs1, rs2);
      case Op.REMU:
        return Wide.remu(rs1, rs2);
      case Op.DIVW:
        return <i64>Wide.divw(<i32>rs1, <i32>rs2);
      case Op.DIVUW:
        return <i64>Wide.divuw(<u32>rs1, <u32>rs2);
      case Op.REMW:
        return <i64>Wide.remw(<i32>rs1, <i32>rs2);
      case Op.REMUW:
        return <i64>Wide.remuw(<u32>rs1, <u32>rs2);
      case Op.ADD_UW:
        return <u64>(<u32>rs1) + rs2;
      case Op.SH1ADD:
        return (rs1 << 1) + rs2;
      case Op.SH2ADD:
        return (rs1 << 2) + rs2;
      case Op.SH3ADD:
        return (rs1 << 3) + rs2;
      case Op.SH1ADD_UW:
        return ((<u64>(<u32>rs1)) << 1) + rs2;
      case Op.SH2ADD_UW:
        return ((<u64>(<u32>rs1)) << 2) + rs2;
      case Op.SH3ADD_UW:
        return ((<u64>(<u32>rs1)) << 3) + rs2;
      case Op.SLLI_UW:
        return (<u64>(<u32>rs1)) << imm;
      case Op.ANDN:
        return rs1 & ~rs2;
      case Op.ORN:
        return rs1 | ~rs2;
      case Op.XNOR:
        return ~(rs1 ^ rs2);
      case Op.CLZ:
        return clz(rs1);
      case Op.CTZ:
        return ctz(rs1);
      case Op.CPOP:
        return popcnt(rs1);
      case Op.CLZW:
        return <u64>clz(<u32>rs1);
      case Op.CTZW:
        return <u64>ctz(<u32>rs1);
      case Op.CPOPW:
        return <u64>popcnt(<u32>rs1);
      case Op.MIN:
        return min(<i64>rs1, <i64>rs2);
      case Op.MINU:
        return min(rs1, rs2);
      case Op.MAX:
        return max(<i64>rs1, <i64>rs2);
      case Op.MAXU:
        return max(rs1, rs2);
      case Op.SEXT_B:
        return <i64>(<i8>rs1);
      case Op.SEXT_H:
        return <i64>(<i16>rs1);
      case Op.ZEXT_H:
        return rs1 & 0xffff;
      case Op.ROL:
        return rotl(rs1, rs2);
      case Op.ROR:
        return rotr(rs1, rs2);
      case Op.RORI:
        return rotr(rs1, imm);
      case Op.ROLW:
        return <i64>(<i32>rotl(<u32>rs1, <u32>rs2));
      case Op.RORW:
        return <i64>(<i32>rotr(<u32>rs1, <u32>rs2));
      case Op.RORIW:
        return <i64>(<i32>rotr(<u32>rs1, <u32>imm));
      case Op.ORC_B:
        return Wide.orcb(rs1);
      case Op.REV8:
        return Wide.rev8(rs1);
      case Op.CLMUL:
        return Wide.clmul(rs1, rs2);
      case Op.CLMULR:
        return Wide.clmulr(rs1, rs2);
      case Op.CLMULH:
        return Wide.clmulh(rs1, rs2);
      case Op.BCLR:
        return rs1 & ~((<u64>1) << rs2);
      case Op.BEXT:
        return (rs1 >> rs2) & 1;
      case Op.BINV:
        return rs1 ^ ((<u64>1) << rs2);
      case Op.BSET:
        return rs1 | ((<u64>1) << rs2);
      case Op.BCLRI:
        return rs1 & ~((<u64>1) << imm);
      case Op.BEXTI:
        return (rs1 >> imm) & 1;
      case Op.BINVI:
        return rs1 ^ ((<u64>1) << imm);
      case Op.BSETI:
        return rs1 | ((<u64>1) << imm);
      case Op.CZERO_EQZ:
        return rs2 == 0 ? 0 : rs1;
      case Op.CZERO_NEZ:
        return rs2 != 0 ? 0 : rs1;
    }
    return 0;
  }
}
