// Control and status registers: who may touch them, what they read as, what writing them does.
// Privileged 1.13 chapters 2-4, Sstc, and the F, Zicsr, Zicntr and Zihpm chapters of the unprivileged manual.

import { Fp } from "../isa/fp/flags";
import { PMP_ENTRIES, Pmp } from "../mmu/pmp";
import { Tlb } from "../mmu/tlb";
import { VmspaceRoots } from "../mmu/vmspace-roots";
import { Csr, Ip, Mstatus, Privilege, SatpMode } from "../shared/privileged";
import { Counters } from "./counters";
import { Hart, Leave } from "./hart";
import { MenvcfgBits } from "./menvcfg";

const MSTATUS_WRITABLE: u64 =
  Mstatus.SIE |
  Mstatus.MIE |
  Mstatus.SPIE |
  Mstatus.MPIE |
  Mstatus.SPP |
  Mstatus.MPP |
  Mstatus.FS |
  Mstatus.MPRV |
  Mstatus.SUM |
  Mstatus.MXR |
  Mstatus.TVM |
  Mstatus.TW |
  Mstatus.TSR;
export const SSTATUS_WRITABLE: u64 = Mstatus.SIE | Mstatus.SPIE | Mstatus.SPP | Mstatus.FS | Mstatus.SUM | Mstatus.MXR;
const SD: u64 = 1 << 63;
/** UXL = SXL = 2: 64 bits. */
export const UXL: u64 = 2 << 32;
const SXL: u64 = 2 << 34;
/** RV64, extensions A B C D F I M S U. */
const MISA: u64 = (2 << 62) | 0x14112f;

/** Exceptions that can be delegated: all that exist below M mode, but not ecall from M. */
const MEDELEG_WRITABLE: u64 = 0xb3ff;
const MIE_WRITABLE: u64 = Ip.ALL;
const MENVCFG_WRITABLE: u64 =
  MenvcfgBits.FIOM |
  MenvcfgBits.CBIE |
  MenvcfgBits.CBCFE |
  MenvcfgBits.CBZE |
  MenvcfgBits.ADUE |
  MenvcfgBits.PBMTE |
  MenvcfgBits.STCE;
const SENVCFG_WRITABLE: u64 = MenvcfgBits.FIOM | MenvcfgBits.CBIE | MenvcfgBits.CBCFE | MenvcfgBits.CBZE;

export class Csrs {
  /** The value of the last `read` that answered true. */
  static value: u64 = 0;

  /** Whether the hart may read (and, if `writes`, write) the CSR in its mode; otherwise the instruction is illegal. */
  static accessible(hart: Hart, csr: u32, writes: bool): bool {
    if (writes && csr >> 10 == 3) return false;
    if (hart.privilege < ((csr >> 8) & 3)) return false;
    if (Csrs.between(csr, Csr.FFLAGS, Csr.FCSR)) return (hart.mstatus & Mstatus.FS) != 0;
    if (Csrs.between(csr, Csr.CYCLE, Csr.HPMCOUNTER31)) return Csrs.counterEnabled(hart, csr & 31);
    if (csr == Csr.SATP) return !(hart.privilege == Privilege.S && hart.mstatus & Mstatus.TVM);
    if (csr == Csr.STIMECMP && hart.privilege == Privilege.S) {
      return (hart.menvcfg & MenvcfgBits.STCE) != 0 && (hart.mcounteren & 2) != 0;
    }
    return true;
  }

  private static counterEnabled(hart: Hart, index: u32): bool {
    const bit = (<u32>1) << index;
    if (hart.privilege != Privilege.M && !(hart.mcounteren & bit)) return false;
    return hart.privilege != Privilege.U || (hart.scounteren & bit) != 0;
  }

  /** Reads into `value`; false when there is no such CSR. */
  static read(hart: Hart, csr: u32): bool {
    switch (<i32>csr) {
      case Csr.FFLAGS:
        return Csrs.is(Csrs.fflags(hart));
      case Csr.FRM:
        return Csrs.is(hart.frm);
      case Csr.FCSR:
        return Csrs.is(Csrs.fflags(hart) | ((<u64>hart.frm) << 5));
      case Csr.CYCLE:
      case Csr.MCYCLE:
        return Csrs.is(Counters.cycle(hart));
      case Csr.TIME:
        return Csrs.is(Counters.time(hart));
      case Csr.INSTRET:
      case Csr.MINSTRET:
        return Csrs.is(Counters.instret(hart));
      case Csr.SSTATUS:
        return Csrs.is((Csrs.mstatus(hart) & (SSTATUS_WRITABLE | SD)) | UXL);
      case Csr.SIE:
        return Csrs.is(hart.mie & hart.mideleg);
      case Csr.STVEC:
        return Csrs.is(hart.stvec);
      case Csr.SCOUNTEREN:
        return Csrs.is(hart.scounteren);
      case Csr.SENVCFG:
        return Csrs.is(hart.senvcfg);
      case Csr.SSCRATCH:
        return Csrs.is(hart.sscratch);
      case Csr.SEPC:
        return Csrs.is(hart.sepc);
      case Csr.SCAUSE:
        return Csrs.is(hart.scause);
      case Csr.STVAL:
        return Csrs.is(hart.stval);
      case Csr.SIP:
        return Csrs.is(hart.mip & hart.mideleg);
      case Csr.STIMECMP:
        return Csrs.is(hart.stimecmp);
      case Csr.SATP:
        return Csrs.is(hart.satp);
      case Csr.MVENDORID:
      case Csr.MARCHID:
      case Csr.MIMPID:
      case Csr.MCONFIGPTR:
        return Csrs.is(0);
      case Csr.MHARTID:
        return Csrs.is(hart.index);
      case Csr.MSTATUS:
        return Csrs.is(Csrs.mstatus(hart) | UXL | SXL);
      case Csr.MISA:
        return Csrs.is(MISA);
      case Csr.MEDELEG:
        return Csrs.is(hart.medeleg);
      case Csr.MIDELEG:
        return Csrs.is(hart.mideleg);
      case Csr.MIE:
        return Csrs.is(hart.mie);
      case Csr.MTVEC:
        return Csrs.is(hart.mtvec);
      case Csr.MCOUNTEREN:
        return Csrs.is(hart.mcounteren);
      case Csr.MENVCFG:
        return Csrs.is(hart.menvcfg);
      case Csr.MCOUNTINHIBIT:
        return Csrs.is(hart.mcountinhibit);
      case Csr.MSCRATCH:
        return Csrs.is(hart.mscratch);
      case Csr.MEPC:
        return Csrs.is(hart.mepc);
      case Csr.MCAUSE:
        return Csrs.is(hart.mcause);
      case Csr.MTVAL:
        return Csrs.is(hart.mtval);
      case Csr.MIP:
        return Csrs.is(hart.mip);
    }
    // Event counters exist and count nothing (Zihpm allows it).
    if (Csrs.between(csr, Csr.HPMCOUNTER3, Csr.HPMCOUNTER31)) return Csrs.is(0);
    if (Csrs.between(csr, Csr.MHPMCOUNTER3, Csr.MHPMCOUNTER31)) return Csrs.is(0);
    if (Csrs.between(csr, Csr.MHPMEVENT3, Csr.MHPMEVENT31)) return Csrs.is(0);
    if (Csrs.between(csr, Csr.PMPCFG0, Csr.PMPCFG15)) {
      if (csr & 1) return false;
      return Csrs.is(Csrs.between(csr, Csr.PMPCFG0, Csr.PMPCFG2) ? Pmp.readCfg(hart, csr - Csr.PMPCFG0) : 0);
    }
    if (Csrs.between(csr, Csr.PMPADDR0, Csr.PMPADDR63)) {
      const entry = csr - Csr.PMPADDR0;
      return Csrs.is(entry < PMP_ENTRIES ? Pmp.address(hart, entry) : 0);
    }
    return false;
  }

  /** Writes a CSR that `read` knows and `accessible` allows, legalising WARL fields; `hart.leave` says what follows from it. */
  static write(hart: Hart, csr: u32, value: u64): void {
    switch (<i32>csr) {
      case Csr.FFLAGS:
        return Csrs.writeFcsr(hart, <u32>value & 31, hart.frm);
      case Csr.FRM:
        return Csrs.writeFcsr(hart, Csrs.fflags(hart), <u32>value & 7);
      case Csr.FCSR:
        return Csrs.writeFcsr(hart, <u32>value & 31, (<u32>value >> 5) & 7);
      case Csr.MCYCLE:
        return Counters.setCycle(hart, value);
      case Csr.MINSTRET:
        return Counters.setInstret(hart, value);
      case Csr.SSTATUS:
        return Csrs.writeStatus(hart, value, SSTATUS_WRITABLE);
      case Csr.SIE:
        return Csrs.writeMie(hart, (hart.mie & ~hart.mideleg) | (value & hart.mideleg));
      case Csr.STVEC:
        hart.stvec = Csrs.vector(value);
        return;
      case Csr.SCOUNTEREN:
        hart.scounteren = <u32>value;
        return;
      case Csr.SENVCFG:
        hart.senvcfg = Csrs.cbie(value & SENVCFG_WRITABLE, hart.senvcfg);
        return;
      case Csr.SSCRATCH:
        hart.sscratch = value;
        return;
      case Csr.SEPC:
        hart.sepc = value & ~(<u64>1);
        return;
      case Csr.SCAUSE:
        hart.scause = value;
        return;
      case Csr.STVAL:
        hart.stval = value;
        return;
      case Csr.SIP:
        return Csrs.writeMip(hart, value, Ip.SSIP & hart.mideleg);
      case Csr.STIMECMP:
        hart.stimecmp = value;
        return Csrs.timersChanged(hart);
      case Csr.SATP:
        return Csrs.writeSatp(hart, value);
      case Csr.MSTATUS:
        return Csrs.writeStatus(hart, value, MSTATUS_WRITABLE);
      case Csr.MEDELEG:
        hart.medeleg = value & MEDELEG_WRITABLE;
        return;
      case Csr.MIDELEG:
        hart.mideleg = value & Ip.S_MASK;
        return Csrs.interruptsChanged(hart);
      case Csr.MIE:
        return Csrs.writeMie(hart, value);
      case Csr.MTVEC:
        hart.mtvec = Csrs.vector(value);
        return;
      case Csr.MCOUNTEREN:
        hart.mcounteren = <u32>value;
        return;
      case Csr.MENVCFG:
        return Csrs.writeMenvcfg(hart, value);
      case Csr.MCOUNTINHIBIT:
        return Counters.setInhibit(hart, <u32>value);
      case Csr.MSCRATCH:
        hart.mscratch = value;
        return;
      case Csr.MEPC:
        hart.mepc = value & ~(<u64>1);
        return;
      case Csr.MCAUSE:
        hart.mcause = value;
        return;
      case Csr.MTVAL:
        hart.mtval = value;
        return;
      case Csr.MIP: {
        let mask: u64 = Ip.SSIP | Ip.SEIP;
        if (!(hart.menvcfg & MenvcfgBits.STCE)) mask |= Ip.STIP;
        return Csrs.writeMip(hart, value, mask);
      }
    }
    if (Csrs.between(csr, Csr.PMPCFG0, Csr.PMPCFG2)) {
      Pmp.writeCfg(hart, csr - Csr.PMPCFG0, value);
      Csrs.translationChanged(hart);
    } else if (csr - Csr.PMPADDR0 < PMP_ENTRIES) {
      Pmp.writeAddress(hart, csr - Csr.PMPADDR0, value);
      Csrs.translationChanged(hart);
    }
  }

  /** What SEIP reads as inside csrrs and csrrc: only its software bit is written back (3.1.9). */
  static forModify(hart: Hart, csr: u32, value: u64): u64 {
    return csr == Csr.MIP && !hart.seipSoftware ? value & ~(<u64>Ip.SEIP) : value;
  }

  static setSeipWire(hart: Hart, level: u32): void {
    hart.seipWire = level;
    Csrs.mergeSeip(hart);
  }

  /** Accrued exception flags: those that arithmetic left behind since the last look are folded in. */
  static fflags(hart: Hart): u32 {
    hart.fflags |= Fp.flags;
    Fp.flags = hart.fflags;
    return hart.fflags;
  }

  @inline private static between(csr: u32, first: u32, last: u32): bool {
    return csr - first <= last - first;
  }

  @inline private static is(value: u64): bool {
    Csrs.value = value;
    return true;
  }

  private static mstatus(hart: Hart): u64 {
    const status = hart.mstatus;
    return (status & Mstatus.FS) == Mstatus.FS ? status | SD : status;
  }

  private static writeFcsr(hart: Hart, fflags: u32, frm: u32): void {
    hart.fflags = fflags;
    Fp.flags = fflags;
    hart.frm = frm;
    hart.mstatus |= Mstatus.FS;
  }

  private static writeStatus(hart: Hart, value: u64, writable: u64): void {
    const old = hart.mstatus;
    let next = (old & ~writable) | (value & writable);
    // MPP is WARL: 2 is no mode; it keeps what it was.
    if (((next >> Mstatus.MPP_SHIFT) & 3) == 2) next = (next & ~(<u64>Mstatus.MPP)) | (old & Mstatus.MPP);
    hart.mstatus = next;
    const changed = old ^ next;
    if (changed & (Mstatus.MPRV | Mstatus.MPP | Mstatus.SUM | Mstatus.MXR)) {
      Tlb.select(hart);
      hart.leave |= Leave.NEXT;
    }
    if (changed & (Mstatus.SIE | Mstatus.MIE)) Csrs.interruptsChanged(hart);
  }

  private static writeMie(hart: Hart, value: u64): void {
    hart.mie = value & MIE_WRITABLE;
    Csrs.interruptsChanged(hart);
  }

  private static writeMip(hart: Hart, value: u64, mask: u64): void {
    hart.mip = (hart.mip & ~mask) | (value & mask);
    if (mask & Ip.SEIP) {
      hart.seipSoftware = value & Ip.SEIP ? 1 : 0;
      Csrs.mergeSeip(hart);
    }
    Csrs.interruptsChanged(hart);
  }

  private static mergeSeip(hart: Hart): void {
    if (hart.seipSoftware | hart.seipWire) hart.mip |= Ip.SEIP;
    else hart.mip &= ~(<u64>Ip.SEIP);
  }

  private static writeSatp(hart: Hart, value: u64): void {
    const mode = <i32>(value >> 60);
    // A mode that does not exist leaves the whole register as it was (4.1.11).
    if (mode != SatpMode.BARE && (mode < SatpMode.SV39 || mode > SatpMode.SV57)) return;
    hart.satp = value;
    if (mode != SatpMode.BARE) VmspaceRoots.note(value);
    Tlb.satpChanged(hart);
    hart.leave |= Leave.NEXT;
  }

  private static writeMenvcfg(hart: Hart, value: u64): void {
    const old = hart.menvcfg;
    hart.menvcfg = Csrs.cbie(value & MENVCFG_WRITABLE, old);
    const changed = old ^ hart.menvcfg;
    if (changed & (MenvcfgBits.PBMTE | MenvcfgBits.ADUE)) Csrs.translationChanged(hart);
    if (changed & MenvcfgBits.STCE) {
      hart.mip &= ~(<u64>Ip.STIP);
      Csrs.timersChanged(hart);
    }
  }

  /** CBIE = 2 is reserved; the field keeps what it was. */
  private static cbie(value: u64, old: u64): u64 {
    return (value & MenvcfgBits.CBIE) == 2 << MenvcfgBits.CBIE_SHIFT
      ? (value & ~MenvcfgBits.CBIE) | (old & MenvcfgBits.CBIE)
      : value;
  }

  /** Modes 2 and 3 of a trap vector are reserved; direct is what remains. */
  private static vector(value: u64): u64 {
    return value & 2 ? value & ~(<u64>3) : value;
  }

  private static translationChanged(hart: Hart): void {
    Tlb.flush(hart);
    hart.leave |= Leave.NEXT;
  }

  private static timersChanged(hart: Hart): void {
    Counters.updateTimers(hart);
    hart.leave |= Leave.NEXT | Leave.EVENT;
  }

  private static interruptsChanged(hart: Hart): void {
    if (hart.mip & hart.mie) hart.leave |= Leave.NEXT | Leave.EVENT;
  }
}
