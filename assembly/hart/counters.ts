// Counted time. `icount` counts instructions begun: retired ones and those that trapped. It is what slices, time and
// replay are measured in. mcycle shows it; minstret leaves the trapped ones out.

import { Ip } from "../shared/privileged";
import { CodeCache } from "./code-cache";
import { Hart } from "./hart";
import { MenvcfgBits } from "./menvcfg";

/** Bits of mcountinhibit. */
const CY: u32 = 1;
const IR: u32 = 4;

/** No deadline within a slice. */
export const NEVER: u64 = u64.MAX_VALUE;

export class Counters {
  /** Instructions begun before the one that is executing; exact also inside a device access. */
  static icount(hart: Hart): u64 {
    if (!hart.block) return hart.icount;
    const begun = CodeCache.indexOf(hart.block, hart.op) - CodeCache.count(hart.block);
    return hart.eventCount - <u64>(<i64>hart.left) + <u64>(<i64>begun);
  }

  static time(hart: Hart): u64 {
    return hart.anchorTime + (((Counters.icount(hart) - hart.anchorCount) * <u64>hart.rate) >> 32);
  }

  /** From this instruction on, guest time is `time` and advances `rate` / 2^32 ticks an instruction. */
  static anchor(hart: Hart, time: u64, rate: u32): void {
    hart.anchorCount = Counters.icount(hart);
    hart.anchorTime = time;
    hart.rate = rate;
  }

  /** Sets or clears the timer bits of mip as they are at the current instant (Sstc 2.1.1, Privileged 3.2.1). */
  static updateTimers(hart: Hart): void {
    const now = Counters.time(hart);
    if (now >= hart.mtimecmp) hart.mip |= Ip.MTIP;
    else hart.mip &= ~(<u64>Ip.MTIP);
    if (hart.menvcfg & MenvcfgBits.STCE) {
      if (now >= hart.stimecmp) hart.mip |= Ip.STIP;
      else hart.mip &= ~(<u64>Ip.STIP);
    }
  }

  /** The next tick at which a timer that is not pending yet fires, or NEVER. */
  static deadline(hart: Hart): u64 {
    let next = NEVER;
    if (!(hart.mip & Ip.MTIP)) next = hart.mtimecmp;
    if (hart.menvcfg & MenvcfgBits.STCE && !(hart.mip & Ip.STIP)) next = min(next, hart.stimecmp);
    return next;
  }

  /** The icount at which guest time reaches `tick`, or NEVER when that is far off. */
  static countAt(hart: Hart, tick: u64): u64 {
    if (tick <= hart.anchorTime) return hart.anchorCount;
    const ticks = tick - hart.anchorTime;
    if (ticks >> 31 || hart.rate == 0) return NEVER;
    return hart.anchorCount + ((ticks << 32) + hart.rate - 1) / hart.rate;
  }

  static cycle(hart: Hart): u64 {
    return hart.mcountinhibit & CY ? hart.cycleOffset : Counters.icount(hart) + hart.cycleOffset;
  }

  static instret(hart: Hart): u64 {
    return hart.mcountinhibit & IR ? hart.instretOffset : Counters.retired(hart) + hart.instretOffset;
  }

  /** A write takes the place of the increment of the instruction that writes (Zicntr): the next one reads `value`. */
  static setCycle(hart: Hart, value: u64): void {
    hart.cycleOffset = hart.mcountinhibit & CY ? value : value - (Counters.icount(hart) + 1);
  }

  static setInstret(hart: Hart, value: u64): void {
    hart.instretOffset = hart.mcountinhibit & IR ? value : value - (Counters.retired(hart) + 1);
  }

  /** Offsets hold the whole value while a counter is inhibited. */
  static setInhibit(hart: Hart, value: u32): void {
    const cycle = Counters.cycle(hart);
    const instret = Counters.instret(hart);
    hart.mcountinhibit = value & (CY | IR);
    hart.cycleOffset = value & CY ? cycle : cycle - Counters.icount(hart);
    hart.instretOffset = value & IR ? instret : instret - Counters.retired(hart);
  }

  @inline private static retired(hart: Hart): u64 {
    return Counters.icount(hart) - hart.traps;
  }
}
