// Where the operands of a decoded operation are.

import { Mstatus } from "../shared/privileged";
import { Hart, Reg } from "./hart";

/** The operands of a decoded operation. */
export class Operand {
  @inline static rs1(hart: Hart, op: usize): u64 {
    return Reg.x(hart, load<u16>(op, 4));
  }

  @inline static rs2(hart: Hart, op: usize): u64 {
    return Reg.x(hart, load<u16>(op, 6));
  }

  @inline static imm(op: usize): u64 {
    return <u64>(<i64>load<i32>(op, 8));
  }

  /** The page offset that a jump or branch goes to; beyond the page as an unsigned number when it leaves it. */
  @inline static target(op: usize): u32 {
    return load<u32>(op, 8);
  }

  @inline static address(hart: Hart, op: usize): u64 {
    return Operand.rs1(hart, op) + Operand.imm(op);
  }

  @inline static fpuOn(hart: Hart): bool {
    return (hart.mstatus & Mstatus.FS) != 0;
  }

  /** Writes a floating-point register, which makes the unit's state dirty. */
  @inline static fd(hart: Hart, op: usize, value: u64): void {
    Reg.setF(hart, load<u16>(op, 2), value);
    hart.mstatus |= Mstatus.FS;
  }

  @inline static rd(hart: Hart, op: usize, value: u64): void {
    Reg.setX(hart, load<u16>(op, 2), value);
  }
}
