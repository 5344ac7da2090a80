// The core-local interruptor (SiFive CLINT): msip, mtimecmp and mtime, for all harts.

import { MAX_HARTS } from "../layout";
import { Ip } from "../shared/privileged";
import { Counters } from "./counters";
import { Hart, Harts, Leave } from "./hart";

const MTIMECMP: u32 = 0x4000;
const MTIME: u32 = 0xbff8;

export class Clint {
  /** Reads 1, 2, 4 or 8 naturally aligned bytes. */
  static read(hart: Hart, offset: u32, size: u32): u64 {
    const register = Clint.register(hart, offset & ~7);
    const shifted = register >> ((<u64>(offset & 7)) << 3);
    return size == 8 ? shifted : shifted & (((<u64>1) << ((<u64>size) << 3)) - 1);
  }

  /** Writes 4 or 8 naturally aligned bytes; narrower writes do nothing. */
  static write(hart: Hart, offset: u32, size: u32, value: u64): void {
    if (size < 4) return;
    if (offset < MTIMECMP) {
      Clint.writeMsip(offset >> 2, value);
      if (size == 8) Clint.writeMsip((offset >> 2) + 1, value >> 32);
    } else {
      const at = offset & ~7;
      const whole = size == 8 ? value : Clint.merge(Clint.register(hart, at), offset, value);
      if (at == MTIME) {
        Counters.anchor(hart, whole, hart.rate);
      } else if (at < MTIME && (at - MTIMECMP) >> 3 < MAX_HARTS) {
        Harts.at((at - MTIMECMP) >> 3).mtimecmp = whole;
      }
    }
    Counters.updateTimers(hart);
    hart.leave |= Leave.NEXT | Leave.EVENT;
  }

  private static register(hart: Hart, offset: u32): u64 {
    if (offset < MTIMECMP) return Clint.msip(offset >> 2) | (Clint.msip((offset >> 2) + 1) << 32);
    if (offset == MTIME) return Counters.time(hart);
    const index = (offset - MTIMECMP) >> 3;
    return offset < MTIME && index < MAX_HARTS ? Harts.at(index).mtimecmp : 0;
  }

  private static msip(index: u32): u64 {
    return index < MAX_HARTS && Harts.at(index).mip & Ip.MSIP ? 1 : 0;
  }

  private static writeMsip(index: u32, value: u64): void {
    if (index >= MAX_HARTS) return;
    const target = Harts.at(index);
    if (value & 1) target.mip |= Ip.MSIP;
    else target.mip &= ~(<u64>Ip.MSIP);
  }

  private static merge(old: u64, offset: u32, value: u64): u64 {
    return offset & 4 ? (old & 0xffff_ffff) | (value << 32) : (old & 0xffff_ffff_0000_0000) | (value & 0xffff_ffff);
  }
}
