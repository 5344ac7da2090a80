// SBI debug console, DBCN (chapter 12). The buffer is guest-physical memory.

import { Hart, Reg } from "../hart/hart";
import { consoleRead, consoleWrite } from "../host";
import { PAGE_SIZE } from "../layout";
import { Ram } from "../mmu/ram";
import { SbiError } from "../shared/sbi";

const WRITE: u32 = 0;
const READ: u32 = 1;
const WRITE_BYTE: u32 = 2;

export class SbiConsole {
  /** What the last call answers in a1. */
  static value: i64 = 0;

  static call(hart: Hart, fid: u32): i64 {
    SbiConsole.value = 0;
    if (fid == WRITE_BYTE) {
      const byte = changetype<usize>(hart) + offsetof<Hart>("resumeArgument");
      const kept = load<u8>(byte);
      store<u8>(byte, <u8>Reg.get(hart, 10));
      consoleWrite(<u32>byte, 1);
      store<u8>(byte, kept);
      return SbiError.SUCCESS;
    }
    if (fid != WRITE && fid != READ) return SbiError.NOT_SUPPORTED;
    const length = Reg.get(hart, 10);
    const gpa = Reg.get(hart, 11);
    // a2 is the upper half of the address, of which RV64 has no need.
    if (Reg.get(hart, 12) != 0 || !Ram.contains(gpa, length)) return SbiError.INVALID_PARAM;
    // Any number of bytes may be taken: a page bounds the time that one call holds the hart.
    const part = <u32>min(length, PAGE_SIZE);
    if (part == 0) return SbiError.SUCCESS;
    if (fid == WRITE) {
      consoleWrite(<u32>Ram.host(gpa), part);
      SbiConsole.value = part;
    } else {
      Ram.writing(gpa, part);
      const got = consoleRead(<u32>Ram.host(gpa), part);
      Ram.wrote(gpa, got);
      SbiConsole.value = got;
    }
    return SbiError.SUCCESS;
  }
}
