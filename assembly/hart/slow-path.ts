// The way out of the interpreter's loop: everything that needs more than registers and the TLB.

import { Op } from "../isa/generated/op";
import { PAGE_SIZE } from "../layout";
import { Alu } from "./alu";
import { Atomic } from "./atomic";
import { CodeCache } from "./code-cache";
import { Fpu } from "./fpu";
import { Hart, Leave, Reg } from "./hart";
import { Memory } from "./memory";
import { System } from "./system";

/** Loads and stores that missed the TLB. Both answer `hart.leave`. */
export class SlowAccess {
  static load(hart: Hart, block: usize, op: usize, left: i32, va: u64): u32 {
    Pause.begin(hart, block, op, left);
    const code = <i32>load<u16>(op);
    let value: u64 = 0;
    switch (code) {
      case Op.LB:
        value = <u64>(<i64>(<i8>Memory.load(hart, va, 1)));
        break;
      case Op.LH:
        value = <u64>(<i64>(<i16>Memory.load(hart, va, 2)));
        break;
      case Op.LW:
        value = <u64>(<i64>(<i32>Memory.load(hart, va, 4)));
        break;
      case Op.LBU:
        value = Memory.load(hart, va, 1);
        break;
      case Op.LHU:
        value = Memory.load(hart, va, 2);
        break;
      case Op.LWU:
        value = Memory.load(hart, va, 4);
        break;
      default:
        value = Memory.load(hart, va, 8);
    }
    if (!(hart.leave & Leave.TRAP)) Reg.setX(hart, load<u16>(op, 2), value);
    return Pause.end(hart);
  }

  static store(hart: Hart, block: usize, op: usize, left: i32, va: u64): u32 {
    Pause.begin(hart, block, op, left);
    const code = <i32>load<u16>(op);
    const size: u32 = code == Op.SB ? 1 : code == Op.SH ? 2 : code == Op.SW ? 4 : 8;
    Memory.store(hart, va, size, Reg.x(hart, load<u16>(op, 6)));
    return Pause.end(hart);
  }
}

export class SlowOperation {
  /** Executes any operation that the interpreter's loop does not; answers `hart.leave`. */
  static execute(hart: Hart, code: i32, block: usize, op: usize, left: i32, page: u64): u32 {
    if (Alu.has(code)) {
      Alu.execute(hart, code, op);
      return Leave.NONE;
    }
    Pause.begin(hart, block, op, left);
    if (code >= Op.FLW && code <= Op.FCVT_D_S) Fpu.execute(hart, code, op);
    else if (code >= Op.LR_W && code <= Op.AMOMAXU_D) Atomic.execute(hart, code, op);
    else System.execute(hart, code, op, page + CodeCache.offsetOf(op));
    return Pause.end(hart);
  }

  /** Makes sure that what stands behind a Pseudo.CROSS is the instruction that now reaches into the next page. */
  static cross(hart: Hart, op: usize, page: u64): u32 {
    hart.leave = Leave.NONE;
    const high = Memory.fetchHalf(hart, page + PAGE_SIZE);
    if (hart.leave & Leave.TRAP) return hart.leave;
    if (load<u32>(op, 8) != high) CodeCache.completeCross(hart.codePage, op, high);
    return Leave.NONE;
  }
}

/** Brackets a call out of the loop: in between, Counters.icount knows where the hart is. */
class Pause {
  @inline static begin(hart: Hart, block: usize, op: usize, left: i32): void {
    hart.block = block;
    hart.op = op;
    hart.left = left;
    hart.leave = Leave.NONE;
  }

  @inline static end(hart: Hart): u32 {
    hart.block = 0;
    return hart.leave;
  }
}
