// Taking traps and returning from them (Privileged 3.1.6-3.1.9, 3.3.2, 4.1.1).

import { Tlb } from "../mmu/tlb";
import { Ip, Mstatus, Privilege } from "../shared/privileged";
import { Hart } from "./hart";

const INTERRUPT_FLAG: u64 = 1 << 63;

export class Trap {
  /** Takes the exception that a slow path left in the hart, raised by the instruction at `pc`. */
  static exception(hart: Hart, pc: u64): void {
    hart.traps++;
    const cause = hart.trapCause;
    const delegated = hart.privilege != Privilege.M && ((hart.medeleg >> cause) & 1) != 0;
    Trap.enter(hart, pc, cause, hart.trapValue, delegated, false);
  }

  /** The interrupts that would be taken now, as a mask; 0 when none. */
  static pending(hart: Hart): u64 {
    const ready = hart.mip & hart.mie;
    if (!ready) return 0;
    const privilege = hart.privilege;
    if (privilege != Privilege.M || hart.mstatus & Mstatus.MIE) {
      const machine = ready & ~hart.mideleg;
      if (machine) return machine;
    }
    if (privilege == Privilege.U || (privilege == Privilege.S && hart.mstatus & Mstatus.SIE))
      return ready & hart.mideleg;
    return 0;
  }

  /** Takes the most urgent interrupt of `mask` (3.1.9: MEI, MSI, MTI, SEI, SSI, STI), between two instructions. */
  static interrupt(hart: Hart, mask: u64): void {
    let code: u32 = 5;
    if (mask & Ip.MEIP) code = 11;
    else if (mask & Ip.MSIP) code = 3;
    else if (mask & Ip.MTIP) code = 7;
    else if (mask & Ip.SEIP) code = 9;
    else if (mask & Ip.SSIP) code = 1;
    Trap.enter(hart, hart.pc, code, 0, ((hart.mideleg >> code) & 1) != 0, true);
  }

  private static enter(hart: Hart, pc: u64, code: u32, value: u64, toS: bool, interrupt: bool): void {
    const status = hart.mstatus;
    const cause = interrupt ? <u64>code | INTERRUPT_FLAG : <u64>code;
    let vector: u64;
    if (toS) {
      hart.sepc = pc;
      hart.scause = cause;
      hart.stval = value;
      let next = status & ~(<u64>(Mstatus.SPIE | Mstatus.SIE | Mstatus.SPP));
      if (status & Mstatus.SIE) next |= Mstatus.SPIE;
      if (hart.privilege == Privilege.S) next |= Mstatus.SPP;
      hart.mstatus = next;
      hart.privilege = Privilege.S;
      vector = hart.stvec;
    } else {
      hart.mepc = pc;
      hart.mcause = cause;
      hart.mtval = value;
      let next = status & ~(<u64>(Mstatus.MPIE | Mstatus.MIE | Mstatus.MPP));
      if (status & Mstatus.MIE) next |= Mstatus.MPIE;
      hart.mstatus = next | ((<u64>hart.privilege) << Mstatus.MPP_SHIFT);
      hart.privilege = Privilege.M;
      vector = hart.mtvec;
    }
    hart.pc = (vector & ~(<u64>3)) + (interrupt && vector & 1 ? (<u64>code) << 2 : 0);
    Tlb.select(hart);
  }

  static sret(hart: Hart): void {
    const status = hart.mstatus;
    let next = (status | Mstatus.SPIE) & ~(<u64>(Mstatus.SIE | Mstatus.SPP | Mstatus.MPRV));
    if (status & Mstatus.SPIE) next |= Mstatus.SIE;
    hart.mstatus = next;
    hart.privilege = status & Mstatus.SPP ? Privilege.S : Privilege.U;
    hart.pc = hart.sepc;
    Tlb.select(hart);
  }

  static mret(hart: Hart): void {
    const status = hart.mstatus;
    const privilege = <u32>(status >> Mstatus.MPP_SHIFT) & 3;
    let next = (status | Mstatus.MPIE) & ~(<u64>(Mstatus.MIE | Mstatus.MPP));
    if (status & Mstatus.MPIE) next |= Mstatus.MIE;
    if (privilege != Privilege.M) next &= ~(<u64>Mstatus.MPRV);
    hart.mstatus = next;
    hart.privilege = privilege;
    hart.pc = hart.mepc;
    Tlb.select(hart);
  }
}
