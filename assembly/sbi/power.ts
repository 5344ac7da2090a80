// SBI hart state management, system reset and system suspend (chapters 9, 10 and 13).

import { Hart, Leave, Reg } from "../hart/hart";
import { Ram } from "../mmu/ram";
import { Tlb } from "../mmu/tlb";
import { Mstatus, Privilege } from "../shared/privileged";
import { ResetType } from "../shared/run-exit";
import { HsmState, SbiError } from "../shared/sbi";
import { HartMask } from "./hart-mask";

const HART_START: u32 = 0;
const HART_STOP: u32 = 1;
const HART_STATUS: u32 = 2;
const HART_SUSPEND: u32 = 3;

/** Suspend types: the default ones and the platform's; bit 31 says that the hart's registers are lost. */
const RETENTIVE: u32 = 0;
const NON_RETENTIVE: u32 = 0x8000_0000;
const SUSPEND_TO_RAM: u32 = 0;
/** The last of the reset reasons; those above are reserved or other people's. */
const SYSTEM_FAILURE: u32 = 1;

export class SbiPower {
  /** What the last hsm call answers in a1. */
  static value: i64 = 0;

  static hsm(hart: Hart, fid: u32): i64 {
    SbiPower.value = 0;
    const target = Reg.get(hart, 10);
    switch (fid) {
      case HART_START:
        return target < HartMask.count() ? SbiError.ALREADY_AVAILABLE : SbiError.INVALID_PARAM;
      case HART_STOP:
        // The last hart cannot stop: nobody could start it again.
        return SbiError.FAILED;
      case HART_STATUS:
        if (target >= HartMask.count()) return SbiError.INVALID_PARAM;
        SbiPower.value = HsmState.STARTED;
        return SbiError.SUCCESS;
      case HART_SUSPEND:
        return SbiPower.suspend(hart, <u32>target);
    }
    return SbiError.NOT_SUPPORTED;
  }

  static reset(hart: Hart, fid: u32): i64 {
    if (fid != 0) return SbiError.NOT_SUPPORTED;
    const type = <u32>Reg.get(hart, 10);
    const reason = <u32>Reg.get(hart, 11);
    if (type > <u32>ResetType.WARM_REBOOT || reason > SYSTEM_FAILURE) return SbiError.INVALID_PARAM;
    hart.resetType = type;
    hart.resetReason = reason;
    hart.resetRequested = 1;
    return SbiError.SUCCESS;
  }

  /** Sleeps until an interrupt, as wfi does, then starts over at the resume address. */
  static systemSuspend(hart: Hart, fid: u32): i64 {
    if (fid != 0) return SbiError.NOT_SUPPORTED;
    if (<u32>Reg.get(hart, 10) != SUSPEND_TO_RAM) return SbiError.INVALID_PARAM;
    return SbiPower.sleep(hart, true);
  }

  private static suspend(hart: Hart, type: u32): i64 {
    if (type != RETENTIVE && type != NON_RETENTIVE) return SbiError.INVALID_PARAM;
    return SbiPower.sleep(hart, type == NON_RETENTIVE);
  }

  private static sleep(hart: Hart, resumes: bool): i64 {
    if (resumes) {
      const resumePc = Reg.get(hart, 11);
      // An odd address is none that an instruction can have.
      if (resumePc & 1 || !Ram.contains(resumePc, 2)) return SbiError.INVALID_ADDRESS;
      hart.suspended = 1;
      hart.resumePc = resumePc;
      hart.resumeArgument = Reg.get(hart, 12);
    }
    hart.waiting = 1;
    hart.leave |= Leave.EVENT;
    return SbiError.SUCCESS;
  }

  /** The state that a hart resumes in (table 9.2): S mode, no translation, interrupts off. */
  static resume(hart: Hart): void {
    hart.suspended = 0;
    hart.privilege = Privilege.S;
    hart.mstatus &= ~(<u64>Mstatus.SIE);
    hart.satp = 0;
    hart.pc = hart.resumePc;
    Reg.set(hart, 10, hart.index);
    Reg.set(hart, 11, hart.resumeArgument);
    Tlb.satpChanged(hart);
  }
}
