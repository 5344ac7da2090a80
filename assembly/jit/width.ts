// Which results of a block may have any upper half: those that are overwritten in the block before anything reads more of
// them than the lower half, and before the region can be left. Sign-extending them would be for nobody.

import { Alu } from "../hart/alu";
import { BLOCK_HEADER, OP_SIZE } from "../hart/code-cache";
import { HART_SINK } from "../hart/hart";
import { Op } from "../isa/generated/op";
import { Emitter } from "./emitter";
import { Wasm } from "./wasm";

/** u8 for each operation of the block at hand: 1 where the upper half of the result is free. */
const flags: usize = memory.data(128);

const ALL: u32 = 0xffff_ffff;

export class Width {
  private static first: usize = 0;

  /** Looks through `block`, backwards from `terminator`, whose successors may read everything. */
  static survey(block: usize, terminator: usize): void {
    Width.first = block + BLOCK_HEADER;
    memory.fill(flags, 0, 128);
    let demanded = ALL;
    for (let op = terminator - OP_SIZE; op >= Width.first; op -= OP_SIZE) {
      const code = <i32>load<u16>(op);
      if (!Width.isComputation(code)) {
        // It may leave the region, where all registers have to be right.
        demanded = ALL;
        continue;
      }
      const rd = <u32>load<u16>(op, 2);
      if (rd == HART_SINK) continue;
      const free = !((demanded >> (rd >> 3)) & 1);
      if (free) store<u8>(flags + ((op - Width.first) >> 4), 1);
      demanded &= ~(1 << (rd >> 3));
      const reads = Width.upperReads(op, code, free);
      if (reads & 1) demanded |= 1 << Width.register(op, 4);
      if (reads & 2) demanded |= 1 << Width.register(op, 6);
    }
  }

  @inline static isFree(op: usize): bool {
    return load<u8>(flags + ((op - Width.first) >> 4)) != 0;
  }

  /** Makes the i32 on the stack the result of `op`: sign-extended, unless its upper half is free; then what costs nothing. */
  static extend(op: usize): void {
    Emitter.op(Width.isFree(op) ? Wasm.I64_EXTEND_I32_U : Wasm.I64_EXTEND_I32_S);
  }

  /** Makes the i64 on the stack, of which the lower half is right, the result of `op`. */
  static extendLow(op: usize): void {
    if (!Width.isFree(op)) Emitter.op(Wasm.I64_EXTEND32_S);
  }

  /** The register operand at `at` of an operation. */
  @inline private static register(op: usize, at: u32): u32 {
    return <u32>load<u16>(op + at) >> 3;
  }

  @inline private static isComputation(code: i32): bool {
    return code < Op.JAL || (code >= Op.MUL && code < Op.LR_W && (code <= Op.REMUW || Alu.has(code)));
  }

  /** Whose upper half the operation reads: 1 rs1, 2 rs2. `free`: that of its result does not matter. */
  private static upperReads(op: usize, code: i32, free: bool): u32 {
    if (code >= Op.ADDIW && code <= Op.SRAW) return 0;
    if (code >= Op.MULW && code <= Op.REMUW) return 0;
    switch (code) {
      case Op.LUI:
      case Op.AUIPC:
      case Op.CLZW:
      case Op.CTZW:
      case Op.CPOPW:
      case Op.ROLW:
      case Op.RORW:
      case Op.RORIW:
      case Op.SEXT_B:
      case Op.SEXT_H:
      case Op.ZEXT_H:
        return 0;
      case Op.ADDI:
      case Op.ADD:
      case Op.SUB:
      case Op.XORI:
      case Op.ORI:
      case Op.XOR:
      case Op.OR:
      case Op.AND:
      case Op.MUL:
        return free ? 0 : 3;
      case Op.ANDI:
        return free || load<i32>(op, 8) >= 0 ? 0 : 1;
      case Op.SLLI:
        return free || load<i32>(op, 8) >= 32 ? 0 : 1;
      case Op.SLL:
        return free ? 0 : 1;
      case Op.SRL:
      case Op.SRA:
        return 1;
    }
    return 3;
  }
}
