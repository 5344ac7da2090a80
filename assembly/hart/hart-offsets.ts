// Where the fields of a Hart lie, for the host. Exported as globals; the TypeScript side is generated from them.

import { Hart } from "./hart";

export const HART_X: usize = (offsetof<Hart>() + 63) & ~63;
export const HART_F: usize = HART_X + 33 * 8 + 56;
export const HART_PMPADDR: usize = HART_F + 32 * 8;
export const HART_PMPCFG: usize = HART_PMPADDR + 16 * 8;
/** u32[16]: the TLB context last used for each kind of space (Tlb.find). */
export const HART_RECENT_CONTEXTS: usize = HART_PMPCFG + 16;
export const HART_SIZE: usize = HART_RECENT_CONTEXTS + 16 * 4;

export const HART_PC: usize = offsetof<Hart>("pc");
export const HART_PRIVILEGE: usize = offsetof<Hart>("privilege");
export const HART_WAITING: usize = offsetof<Hart>("waiting");
export const HART_MSTATUS: usize = offsetof<Hart>("mstatus");
export const HART_MIE: usize = offsetof<Hart>("mie");
export const HART_MIP: usize = offsetof<Hart>("mip");
export const HART_MCAUSE: usize = offsetof<Hart>("mcause");
export const HART_MEPC: usize = offsetof<Hart>("mepc");
export const HART_MTVAL: usize = offsetof<Hart>("mtval");
export const HART_SCAUSE: usize = offsetof<Hart>("scause");
export const HART_SEPC: usize = offsetof<Hart>("sepc");
export const HART_STVAL: usize = offsetof<Hart>("stval");
export const HART_SATP: usize = offsetof<Hart>("satp");
export const HART_MENVCFG: usize = offsetof<Hart>("menvcfg");
export const HART_STIMECMP: usize = offsetof<Hart>("stimecmp");
export const HART_MTIMECMP: usize = offsetof<Hart>("mtimecmp");
export const HART_CONTEXT_CLOCK: usize = offsetof<Hart>("contextClock");
export const HART_WINDOW: usize = offsetof<Hart>("window");
export const HART_FRM: usize = offsetof<Hart>("frm");
export const HART_FFLAGS: usize = offsetof<Hart>("fflags");
export const HART_TRAPS: usize = offsetof<Hart>("traps");
export const HART_RESET_TYPE: usize = offsetof<Hart>("resetType");
export const HART_RESET_REASON: usize = offsetof<Hart>("resetReason");
export const HART_ICOUNT: usize = offsetof<Hart>("icount");
export const HART_MEDELEG: usize = offsetof<Hart>("medeleg");
export const HART_MIDELEG: usize = offsetof<Hart>("mideleg");
export const HART_SEIP_SOFTWARE: usize = offsetof<Hart>("seipSoftware");
export const HART_SEIP_WIRE: usize = offsetof<Hart>("seipWire");
export const HART_MTVEC: usize = offsetof<Hart>("mtvec");
export const HART_MSCRATCH: usize = offsetof<Hart>("mscratch");
export const HART_STVEC: usize = offsetof<Hart>("stvec");
export const HART_SSCRATCH: usize = offsetof<Hart>("sscratch");
export const HART_SENVCFG: usize = offsetof<Hart>("senvcfg");
export const HART_MCOUNTEREN: usize = offsetof<Hart>("mcounteren");
export const HART_SCOUNTEREN: usize = offsetof<Hart>("scounteren");
export const HART_MCOUNTINHIBIT: usize = offsetof<Hart>("mcountinhibit");
export const HART_CYCLE_OFFSET: usize = offsetof<Hart>("cycleOffset");
export const HART_INSTRET_OFFSET: usize = offsetof<Hart>("instretOffset");
export const HART_ANCHOR_TIME: usize = offsetof<Hart>("anchorTime");
export const HART_ANCHOR_COUNT: usize = offsetof<Hart>("anchorCount");
export const HART_RATE: usize = offsetof<Hart>("rate");
export const HART_RESERVATION_VALID: usize = offsetof<Hart>("reservationValid");
export const HART_RESERVATION: usize = offsetof<Hart>("reservation");
export const HART_SUSPENDED: usize = offsetof<Hart>("suspended");
