// Zaamo and Zalrsc. With one writer to memory the plain forms are atomic; the hart's reservation is one doubleword.

import { Op } from "../isa/generated/op";
import { RAM_BASE, RAM_OFFSET } from "../layout";
import { Access } from "../mmu/access";
import { Cause } from "../shared/privileged";
import { Hart, Leave, Reg } from "./hart";
import { Memory } from "./memory";

export class Atomic {
  static execute(hart: Hart, code: i32, op: usize): void {
    const va = Reg.x(hart, load<u16>(op, 4));
    const wide = code >= Op.LR_D;
    const size: u32 = wide ? 8 : 4;
    const loads = code == Op.LR_W || code == Op.LR_D;
    if (va & (size - 1)) {
      Memory.trap(hart, loads ? Cause.LOAD_MISALIGNED : Cause.STORE_MISALIGNED, va);
      return;
    }
    const address = Memory.translate(hart, va, size, loads ? Access.LOAD : Access.STORE);
    if (hart.leave & Leave.TRAP) return;
    if (address == 0) {
      // Devices offer neither reservations nor AMOs (their PMAs: RsrvNone, AMONone).
      Memory.trap(hart, loads ? Cause.LOAD_ACCESS : Cause.STORE_ACCESS, va);
      return;
    }
    if (loads) Atomic.loadReserved(hart, op, address, wide);
    else if (code == Op.SC_W || code == Op.SC_D) Atomic.storeConditional(hart, op, address, wide);
    else if (wide) Atomic.amoD(hart, code, op, address);
    else Atomic.amoW(hart, code, op, address);
  }

  private static loadReserved(hart: Hart, op: usize, address: usize, wide: bool): void {
    hart.reservation = RAM_BASE + <u64>(address - RAM_OFFSET);
    hart.reservationValid = wide ? 8 : 4;
    Reg.setX(hart, load<u16>(op, 2), wide ? load<u64>(address) : <u64>(<i64>load<i32>(address)));
  }

  /** Succeeds on the bytes reserved, or some of them; in any case the reservation is gone (13.2). */
  private static storeConditional(hart: Hart, op: usize, address: usize, wide: bool): void {
    const gpa = RAM_BASE + <u64>(address - RAM_OFFSET);
    const end = gpa + (wide ? 8 : 4);
    const reserved = hart.reservationValid;
    const held = reserved && gpa >= hart.reservation && end <= hart.reservation + reserved;
    hart.reservationValid = 0;
    if (held) {
      const value = Reg.x(hart, load<u16>(op, 6));
      if (wide) store<u64>(address, value);
      else store<u32>(address, <u32>value);
    }
    Reg.setX(hart, load<u16>(op, 2), held ? 0 : 1);
  }

  private static amoW(hart: Hart, code: i32, op: usize, address: usize): void {
    const old = load<i32>(address);
    const operand = <i32>Reg.x(hart, load<u16>(op, 6));
    let value = operand;
    switch (code) {
      case Op.AMOSWAP_W:
        break;
      case Op.AMOADD_W:
        value = old + operand;
        break;
      case Op.AMOXOR_W:
        value = old ^ operand;
        break;
      case Op.AMOAND_W:
        value = old & operand;
        break;
      case Op.AMOOR_W:
        value = old | operand;
        break;
      case Op.AMOMIN_W:
        value = min(old, operand);
        break;
      case Op.AMOMAX_W:
        value = max(old, operand);
        break;
      case Op.AMOMINU_W:
        value = <i32>min(<u32>old, <u32>operand);
        break;
      case Op.AMOMAXU_W:
        value = <i32>max(<u32>old, <u32>operand);
        break;
    }
    store<i32>(address, value);
    Reg.setX(hart, load<u16>(op, 2), <u64>(<i64>old));
  }

  private static amoD(hart: Hart, code: i32, op: usize, address: usize): void {
    const old = load<u64>(address);
    const operand = Reg.x(hart, load<u16>(op, 6));
    let value = operand;
    switch (code) {
      case Op.AMOSWAP_D:
        break;
      case Op.AMOADD_D:
        value = old + operand;
        break;
      case Op.AMOXOR_D:
        value = old ^ operand;
        break;
      case Op.AMOAND_D:
        value = old & operand;
        break;
      case Op.AMOOR_D:
        value = old | operand;
        break;
      case Op.AMOMIN_D:
        value = <u64>min(<i64>old, <i64>operand);
        break;
      case Op.AMOMAX_D:
        value = <u64>max(<i64>old, <i64>operand);
        break;
      case Op.AMOMINU_D:
        value = min(old, operand);
        break;
      case Op.AMOMAXU_D:
        value = max(old, operand);
        break;
    }
    store<u64>(address, value);
    Reg.setX(hart, load<u16>(op, 2), old);
  }
}
