// AMO, LR and SC as wasm, as hart/atomic.ts has them. With one writer to memory plain loads and stores are atomic.

import { Hart } from "../hart/hart";
import { Op } from "../isa/generated/op";
import { RAM_BASE, RAM_OFFSET } from "../layout";
import { Access } from "../mmu/access";
import { Emitter } from "./emitter";
import { Local } from "./locals";
import { Lower } from "./lower";
import { Wasm } from "./wasm";

export class Atomics {
  /** Overwrites Local.ENTRY and Local.VA. */
  static instruction(op: usize, code: i32): void {
    const wide = code >= Op.LR_D;
    const size: i32 = wide ? 8 : 4;
    // What is not aligned traps, and a device has no atomics: the interpreter's affair.
    Lower.x(Lower.rs1(op));
    Emitter.op(Wasm.I32_WRAP_I64);
    Emitter.i32(size - 1);
    Emitter.op(Wasm.I32_AND);
    Lower.leaveIf(op, 0);
    const loads = code == Op.LR_W || code == Op.LR_D;
    Lower.address(op, size, loads ? Access.LOAD : Access.STORE);
    Lower.addOffset();
    Emitter.set(Local.ENTRY);
    if (loads) Atomics.loadReserved(op, size);
    else if (code == Op.SC_W || code == Op.SC_D) Atomics.storeConditional(op, size);
    else Atomics.modify(op, wide ? code - (Op.AMOSWAP_D - Op.AMOSWAP_W) : code, size);
  }

  private static loadReserved(op: usize, size: i32): void {
    Emitter.get(Local.HART);
    Atomics.gpa();
    Emitter.memory(Wasm.I64_STORE, <u32>offsetof<Hart>("reservation"));
    Atomics.setReserved(size);
    Atomics.load(size);
    Lower.setX(Lower.rd(op));
  }

  /** Succeeds where [gpa, + size) is in the reservation, which is gone in any case. */
  private static storeConditional(op: usize, size: i32): void {
    Atomics.gpa();
    Emitter.get(Local.HART);
    Emitter.memory(Wasm.I64_LOAD, <u32>offsetof<Hart>("reservation"));
    Emitter.op(Wasm.I64_SUB);
    Emitter.tee(Local.VA);
    Atomics.reserved();
    Emitter.op(Wasm.I64_LT_U);
    Emitter.get(Local.VA);
    Emitter.i64(size);
    Emitter.op(Wasm.I64_ADD);
    Atomics.reserved();
    Emitter.op(Wasm.I64_LE_U);
    Emitter.op(Wasm.I32_AND);
    Atomics.setReserved(0);
    Emitter.op(Wasm.IF);
    Emitter.op(Wasm.I64);
    Emitter.get(Local.ENTRY);
    Lower.x(Lower.rs2(op));
    Atomics.store(size);
    Emitter.i64(0);
    Emitter.op(Wasm.ELSE);
    Emitter.i64(1);
    Emitter.op(Wasm.END);
    Lower.setX(Lower.rd(op));
  }

  /** `code` is the AMO's for words. */
  private static modify(op: usize, code: i32, size: i32): void {
    Atomics.load(size);
    Emitter.set(Local.VA);
    Emitter.get(Local.ENTRY);
    switch (code) {
      case Op.AMOSWAP_W:
        Lower.x(Lower.rs2(op));
        break;
      case Op.AMOADD_W:
        Atomics.combine(op, Wasm.I64_ADD);
        break;
      case Op.AMOXOR_W:
        Atomics.combine(op, Wasm.I64_XOR);
        break;
      case Op.AMOAND_W:
        Atomics.combine(op, Wasm.I64_AND);
        break;
      case Op.AMOOR_W:
        Atomics.combine(op, Wasm.I64_OR);
        break;
      case Op.AMOMIN_W:
        Atomics.choose(op, Wasm.I64_LT_S, size);
        break;
      case Op.AMOMAX_W:
        Atomics.choose(op, Wasm.I64_GT_S, size);
        break;
      case Op.AMOMINU_W:
        Atomics.choose(op, Wasm.I64_LT_U, size);
        break;
      case Op.AMOMAXU_W:
        Atomics.choose(op, Wasm.I64_GT_U, size);
        break;
    }
    Atomics.store(size);
    Emitter.get(Local.VA);
    Lower.setX(Lower.rd(op));
  }

  private static combine(op: usize, wasm: Wasm): void {
    Emitter.get(Local.VA);
    Lower.x(Lower.rs2(op));
    Emitter.op(wasm);
  }

  /** Sign extension keeps the order of unsigned words, too. */
  private static choose(op: usize, wasm: Wasm, size: i32): void {
    Emitter.get(Local.VA);
    Atomics.operand(op, size);
    Emitter.get(Local.VA);
    Atomics.operand(op, size);
    Emitter.op(wasm);
    Emitter.op(Wasm.SELECT);
  }

  private static operand(op: usize, size: i32): void {
    Lower.x(Lower.rs2(op));
    if (size == 4) Emitter.op(Wasm.I64_EXTEND32_S);
  }

  private static load(size: i32): void {
    Emitter.get(Local.ENTRY);
    Emitter.memory(size == 4 ? Wasm.I64_LOAD32_S : Wasm.I64_LOAD, 0);
  }

  private static store(size: i32): void {
    Emitter.memory(size == 4 ? Wasm.I64_STORE32 : Wasm.I64_STORE, 0);
  }

  private static gpa(): void {
    Emitter.get(Local.ENTRY);
    Emitter.op(Wasm.I64_EXTEND_I32_U);
    Emitter.i64(<i64>RAM_BASE - <i64>RAM_OFFSET);
    Emitter.op(Wasm.I64_ADD);
  }

  private static reserved(): void {
    Emitter.get(Local.HART);
    Emitter.memory(Wasm.I64_LOAD32_U, <u32>offsetof<Hart>("reservationValid"));
  }

  private static setReserved(bytes: i32): void {
    Emitter.get(Local.HART);
    Emitter.i32(bytes);
    Emitter.memory(Wasm.I32_STORE, <u32>offsetof<Hart>("reservationValid"));
  }
}
