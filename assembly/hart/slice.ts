// A slice: what a hart does between two looks at the host. Interrupts and timers take effect at exact counts.

import { Fp } from "../isa/fp/flags";
import { Jit } from "../jit/jit";
import { Pmp } from "../mmu/pmp";
import { Tlb } from "../mmu/tlb";
import { SbiPower } from "../sbi/power";
import { Ip } from "../shared/privileged";
import { RunExit } from "../shared/run-exit";
import { Counters, NEVER } from "./counters";
import { Csrs } from "./csr";
import { Hart, Reg } from "./hart";
import { HART_SIZE } from "./hart-offsets";
import { Interpreter } from "./interpreter";
import { MenvcfgBits } from "./menvcfg";
import { Trap } from "./trap";

/** The largest count that the interpreter's 32-bit budget takes. */
const LONGEST: u64 = 1 << 30;
/** Exceptions below M mode that a kernel without firmware takes itself: all but its own ecall. */
const DELEGATED: u64 = 0xb1ff;

export class Slice {
  /** Runs at most `instructions` counted instructions, exactly that many unless something else ends the slice. */
  static run(hart: Hart, instructions: u32): RunExit {
    Fp.flags = hart.fflags;
    const exit = Slice.loop(hart, hart.icount + instructions);
    Csrs.fflags(hart);
    Jit.settle();
    return exit;
  }

  private static loop(hart: Hart, end: u64): RunExit {
    while (true) {
      Counters.updateTimers(hart);
      if (hart.waiting) {
        // wfi resumes for any enabled interrupt, deliverable or not (3.3.3).
        if (!(hart.mip & hart.mie)) return RunExit.Idle;
        hart.waiting = 0;
        if (hart.suspended) SbiPower.resume(hart);
      }
      const pending = Trap.pending(hart);
      if (pending) Trap.interrupt(hart, pending);

      const now = hart.icount;
      if (now >= end) return RunExit.Budget;
      let until = min(end, now + LONGEST);
      const deadline = Counters.deadline(hart);
      if (deadline != NEVER) until = min(until, max(Counters.countAt(hart, deadline), now + 1));
      if (hart.fetchAlone) until = now + 1;
      hart.fetchAlone = 0;
      hart.eventCount = until;
      hart.left = <i32>(until - now);
      Interpreter.run(hart);
      hart.icount = hart.eventCount - <u64>(<i64>hart.left);

      if (hart.resetRequested) {
        hart.resetRequested = 0;
        return RunExit.Reset;
      }
      if (hart.stopRequested) {
        hart.stopRequested = 0;
        return RunExit.HostStop;
      }
    }
  }

  /** Power-on state, then `pc` in `privilege`. With `sbi`, the state that firmware leaves to a kernel. */
  static reset(hart: Hart, pc: u64, privilege: u32, a0: u64, a1: u64, sbi: u32): void {
    const index = hart.index;
    const contextClock = hart.contextClock;
    memory.fill(changetype<usize>(hart), 0, HART_SIZE);
    hart.index = index;
    hart.contextClock = contextClock;
    hart.pc = pc & ~(<u64>1);
    hart.privilege = privilege;
    hart.mtimecmp = NEVER;
    hart.stimecmp = NEVER;
    Reg.set(hart, 10, a0);
    Reg.set(hart, 11, a1);
    Fp.flags = 0;
    hart.sbi = sbi;
    if (sbi) Slice.asFirmwareLeavesIt(hart);
    Tlb.flush(hart);
  }

  private static asFirmwareLeavesIt(hart: Hart): void {
    hart.medeleg = DELEGATED;
    hart.mideleg = Ip.S_MASK;
    hart.mcounteren = u32.MAX_VALUE;
    // CY, TM and IR for user mode: without an SBI PMU, Linux leaves what it finds, and its vDSO reads time.
    hart.scounteren = 7;
    hart.menvcfg =
      MenvcfgBits.CBCFE |
      MenvcfgBits.CBZE |
      MenvcfgBits.ADUE |
      MenvcfgBits.PBMTE |
      MenvcfgBits.STCE |
      (1 << MenvcfgBits.CBIE_SHIFT);
    Pmp.allowAll(hart);
  }
}
