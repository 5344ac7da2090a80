// The built-in Supervisor Binary Interface (SBI 2.0): what a kernel that starts straight in S mode calls instead of firmware.
// a7 names the extension, a6 the function, a0..a5 are arguments; a0 answers the error, a1 the value (chapter 3).

import { Counters } from "../hart/counters";
import { Hart, Reg } from "../hart/hart";
import { Ip } from "../shared/privileged";
import { SbiError, SbiExtension, SbiVersion } from "../shared/sbi";
import { SbiConsole } from "./console";
import { SbiFence } from "./fence";
import { HartMask } from "./hart-mask";
import { SbiPower } from "./power";

export class Sbi {
  static call(hart: Hart): void {
    const id = <u32>Reg.get(hart, 17);
    const fid = <u32>Reg.get(hart, 16);
    let value: i64 = 0;
    let error: i64 = SbiError.SUCCESS;
    switch (<i32>id) {
      case SbiExtension.BASE:
        if (fid > 6) error = SbiError.NOT_SUPPORTED;
        else value = Sbi.base(fid, <u32>Reg.get(hart, 10));
        break;
      case SbiExtension.TIME:
        error = fid == 0 ? Sbi.setTimer(hart, Reg.get(hart, 10)) : SbiError.NOT_SUPPORTED;
        break;
      case SbiExtension.IPI:
        error = fid == 0 ? Sbi.sendIpi(Reg.get(hart, 10), Reg.get(hart, 11)) : SbiError.NOT_SUPPORTED;
        break;
      case SbiExtension.RFENCE:
        error = SbiFence.call(hart, fid);
        break;
      case SbiExtension.HSM:
        error = SbiPower.hsm(hart, fid);
        value = SbiPower.value;
        break;
      case SbiExtension.SRST:
        error = SbiPower.reset(hart, fid);
        break;
      case SbiExtension.SUSP:
        error = SbiPower.systemSuspend(hart, fid);
        break;
      case SbiExtension.DBCN:
        error = SbiConsole.call(hart, fid);
        value = SbiConsole.value;
        break;
      default:
        error = SbiError.NOT_SUPPORTED;
    }
    Reg.set(hart, 10, error);
    Reg.set(hart, 11, error == SbiError.SUCCESS ? value : 0);
  }

  /** Chapter 4. The machine ids are those of the CSRs, all 0. */
  private static base(fid: u32, extension: u32): i64 {
    switch (fid) {
      case 0:
        return SbiVersion.SPECIFICATION;
      case 1:
        return SbiVersion.IMPLEMENTATION_ID;
      case 2:
        return SbiVersion.IMPLEMENTATION;
      case 3:
        return Sbi.probe(extension) ? 1 : 0;
    }
    return 0;
  }

  private static probe(extension: u32): bool {
    return (
      extension == SbiExtension.BASE ||
      extension == SbiExtension.TIME ||
      extension == SbiExtension.IPI ||
      extension == SbiExtension.RFENCE ||
      extension == SbiExtension.HSM ||
      extension == SbiExtension.SRST ||
      extension == SbiExtension.SUSP ||
      extension == SbiExtension.DBCN
    );
  }

  /** Chapter 6. The same comparator as Sstc's: a new deadline clears the pending interrupt. */
  private static setTimer(hart: Hart, deadline: u64): i64 {
    hart.stimecmp = deadline;
    Counters.updateTimers(hart);
    return SbiError.SUCCESS;
  }

  private static sendIpi(mask: u64, base: u64): i64 {
    if (!HartMask.valid(mask, base)) return SbiError.INVALID_PARAM;
    for (let i: u32 = 0; i < HartMask.count(); i++) {
      if (HartMask.has(mask, base, i)) HartMask.hart(i).mip |= Ip.SSIP;
    }
    return SbiError.SUCCESS;
  }
}
