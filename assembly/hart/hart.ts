// The state of one hart, in linear memory. Everything that a checkpoint must carry of a hart is in here,
// apart from TLBs and decoded code, which can be dropped at any time without the guest noticing.

import { HART_BASE, HART_STRIDE } from "../layout";
import { HART_F, HART_X } from "./hart-offsets";

/** Why the interpreter has to look up from a block, as bits in `Hart.leave`. */
export const enum Leave {
  NONE = 0,
  /** An exception: cause and tval are in the hart; the instruction did not retire. */
  TRAP = 1,
  /** The instruction retired; go on at Hart.pc, in whatever mode now holds. */
  JUMP = 2,
  /** The instruction retired; go on behind it, but look blocks up anew. */
  NEXT = 4,
  /** Besides: interrupts, deadlines or the host want to be looked at. */
  EVENT = 8,
}

/*
 * HART_BASE + index * HART_STRIDE:
 *
 *   +0       the fields of this class
 *   +HART_X  x0..x31 and a sink that writes to x0 go to
 *   +HART_F  f0..f31, f32 values NaN-boxed
 *   +HART_PMPADDR  pmpaddr0..15, +HART_PMPCFG  pmp0cfg..pmp15cfg, a byte each
 */
@unmanaged
export class Hart {
  pc: u64;
  /** Instructions begun up to `eventCount - left` (see Counter); exact while no block is executing. */
  icount: u64;
  index: u32;
  privilege: u32;
  /** 1 while in WFI. */
  waiting: u32;
  /** 1: ecall from S mode is answered by the built-in SBI instead of trapping to M. */
  sbi: u32;

  mstatus: u64;
  medeleg: u64;
  mideleg: u64;
  mie: u64;
  /** All pending bits as the hart sees them. */
  mip: u64;
  /** SEIP as software wrote it and as the interrupt controller drives it; mip.SEIP is their OR (3.1.9). */
  seipSoftware: u32;
  seipWire: u32;
  mtvec: u64;
  mscratch: u64;
  mepc: u64;
  mcause: u64;
  mtval: u64;
  menvcfg: u64;
  stvec: u64;
  sscratch: u64;
  sepc: u64;
  scause: u64;
  stval: u64;
  satp: u64;
  senvcfg: u64;
  stimecmp: u64;
  mtimecmp: u64;
  mcounteren: u32;
  scounteren: u32;
  mcountinhibit: u32;
  frm: u32;
  fflags: u32;

  // Counters: mcycle and minstret are icount and icount - traps, plus what software wrote, less what was inhibited.
  traps: u64;
  cycleOffset: u64;
  instretOffset: u64;

  // time = anchorTime + (icount - anchorCount) * rate / 2^32
  anchorTime: u64;
  anchorCount: u64;
  rate: u32;

  reservationValid: u32;
  reservation: u64;

  // SBI: where a non-retentive suspend resumes.
  suspended: u32;
  resumePc: u64;
  resumeArgument: u64;
  resetRequested: u32;
  resetType: u32;
  resetReason: u32;

  // How a slow path talks to the interpreter.
  leave: u32;
  trapCause: u32;
  trapValue: u64;
  /** Guest-physical address of the device register when a translation answered "not RAM". */
  busGpa: u64;
  stopRequested: u32;

  // The running slice: `icount` at which `left` reaches 0, and where the interpreter is when it calls out.
  eventCount: u64;
  left: i32;
  block: usize;
  op: usize;
  /** The CodePage that is being executed. */
  codePage: usize;
  /** Not 0: a compiled region was left before an instruction that the interpreter has to execute. */
  stay: u32;
  /** 1: the instruction at `pc` lies in a page that PMP regions cut, and has to be fetched on its own. */
  fetchAlone: u32;

  // Current TLB contexts, and those that a change of mode within this address space chooses from.
  fetchContext: usize;
  dataContext: usize;
  /**
   * RAM that loads and stores reach untranslated and unrestricted: that far from RAM_BASE an access of 8 bytes may begin; 0
   * where there is translation or protection. Stores mind WRITABLE_MAP besides.
   */
  window: u64;
  /** Counts uses of TLB contexts; 64 bits, because a clock that wraps makes the latest use look like the oldest. */
  contextClock: u64;
  /** 1: PMP lets S mode load and store all of RAM, so walks need not ask it of each entry. Kept by Tlb.flush. */
  tablesOpen: u32;
}

/** The register operand of writes to x0: a slot behind x31 that nothing reads. */
export const HART_SINK: u32 = 32 * 8;

export class Harts {
  @inline static at(index: u32): Hart {
    return changetype<Hart>(HART_BASE + <usize>index * HART_STRIDE);
  }
}

/** Register files. Register operands in decoded operations are byte offsets: number * 8. */
export class Reg {
  @inline static x(hart: Hart, offset: u32): u64 {
    return load<u64>(changetype<usize>(hart) + offset, HART_X);
  }

  @inline static setX(hart: Hart, offset: u32, value: u64): void {
    store<u64>(changetype<usize>(hart) + offset, value, HART_X);
  }

  @inline static f(hart: Hart, offset: u32): u64 {
    return load<u64>(changetype<usize>(hart) + offset, HART_F);
  }

  @inline static setF(hart: Hart, offset: u32, value: u64): void {
    store<u64>(changetype<usize>(hart) + offset, value, HART_F);
  }

  /** By number, for code off the fast path: 10 is a0. */
  @inline static get(hart: Hart, number: u32): u64 {
    return Reg.x(hart, number << 3);
  }

  @inline static set(hart: Hart, number: u32, value: u64): void {
    Reg.setX(hart, number << 3, value);
  }
}
