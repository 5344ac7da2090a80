// Memory as a hart sees it when the TLB has no answer: translation, protection, devices, accesses that cross pages.

import { DIRTY_BITMAP, PAGE_MASK, PAGE_OFFSET_MASK, PAGE_SHIFT, PAGE_SIZE, RAM_BASE, WRITABLE_MAP } from "../layout";
import { Access } from "../mmu/access";
import { Bitmap } from "../mmu/bitmap";
import { Checkpoint } from "../mmu/checkpoint";
import { Pmp } from "../mmu/pmp";
import { Ram } from "../mmu/ram";
import { Tlb } from "../mmu/tlb";
import { Walk, Walked } from "../mmu/walk";
import { Cause, Mstatus, Privilege, SatpMode } from "../shared/privileged";
import { Bus } from "./bus";
import { CodeCache, LAST_HALFWORD } from "./code-cache";
import { Hart, Leave } from "./hart";

/** Addresses above the 56 physical bits that PTEs and PMP know do not exist. */
const PHYSICAL_BITS: u64 = 56;

export class Memory {
  /** Loads `size` bytes, zero-extended, from anywhere. On a fault `hart.leave` says TRAP and the answer means nothing. */
  static load(hart: Hart, va: u64, size: u32): u64 {
    const offset = <u32>(va & PAGE_OFFSET_MASK);
    if (offset + size > PAGE_SIZE) return Memory.loadAcross(hart, va, size);
    const address = Memory.translate(hart, va, size, Access.LOAD);
    if (address) return Memory.read(address, size);
    if (hart.leave & Leave.TRAP) return 0;
    return Bus.load(hart, va, size);
  }

  static store(hart: Hart, va: u64, size: u32, value: u64): void {
    const offset = <u32>(va & PAGE_OFFSET_MASK);
    if (offset + size > PAGE_SIZE) return Memory.storeAcross(hart, va, size, value);
    const address = Memory.translate(hart, va, size, Access.STORE);
    if (address) Memory.write(address, size, value);
    else if (!(hart.leave & Leave.TRAP)) Bus.store(hart, va, size, value);
  }

  /**
   * The linear address of [va, va + size), which lies in one page, entered in the TLB; 0 with Leave.TRAP set on a fault; 0
   * without it when the address is not RAM, `hart.busGpa` then holds it.
   */
  static translate(hart: Hart, va: u64, size: u32, access: Access): usize {
    const entry = Tlb.loadEntry(hart.dataContext, va);
    if (access == Access.LOAD) {
      if (Tlb.loadHits(entry, va, size)) return Tlb.loadAddress(entry, va);
    } else if (Tlb.storeHits(entry, va, size)) return Tlb.storeAddress(entry, va);
    const privilege = Memory.dataPrivilege(hart);
    const gpa = Memory.physical(hart, va, access, privilege);
    if (hart.leave & Leave.TRAP) return 0;
    if (!Pmp.allows(hart, gpa, size, access, privilege)) return Memory.fault(hart, va, access, Walked.ACCESS_FAULT);
    if (!Ram.contains(gpa, size)) {
      hart.busGpa = gpa;
      return 0;
    }
    return Memory.admit(hart, va, gpa, access, Pmp.isUniform(hart, gpa));
  }

  /**
   * Has the TLB know [va, va + size) if it can be accessed without any further consequence: no fault, no device, no page
   * crossing, no store into code. What is false here is no error: the interpreter makes the access, and finds out.
   */
  static enter(hart: Hart, va: u64, size: u32, access: Access): bool {
    if (<u32>(va & PAGE_OFFSET_MASK) + size > PAGE_SIZE) return false;
    const privilege = Memory.dataPrivilege(hart);
    hart.leave = Leave.NONE;
    const gpa = Memory.physical(hart, va, access, privilege);
    if (hart.leave || !Ram.contains(gpa, size)) return false;
    if (!Pmp.isUniform(hart, gpa) || !Pmp.allows(hart, gpa, size, access, privilege)) return false;
    if (access == Access.STORE && CodeCache.hasCode(<u32>((gpa - RAM_BASE) >> PAGE_SHIFT))) return false;
    Memory.admit(hart, va, gpa, access, true);
    return true;
  }

  /** The linear address of `gpa`, which is RAM that may be accessed; entered in the TLB if `uniform`. */
  private static admit(hart: Hart, va: u64, gpa: u64, access: Access, uniform: bool): usize {
    const address = Ram.host(gpa);
    const page = address & ~(<usize>PAGE_OFFSET_MASK);
    if (access == Access.STORE) {
      Memory.noteStore(hart, <u32>((gpa - RAM_BASE) >> PAGE_SHIFT), uniform);
      if (uniform) Tlb.enterStore(hart.dataContext, va, page, Walk.level, Walk.global);
    } else if (uniform) {
      Tlb.enterLoad(hart.dataContext, va, page, Walk.level, Walk.global);
    }
    return address;
  }

  /** The privilege of loads and stores (3.1.6.3). */
  private static dataPrivilege(hart: Hart): u32 {
    if (hart.privilege == Privilege.M && hart.mstatus & Mstatus.MPRV) {
      return <u32>(hart.mstatus >> Mstatus.MPP_SHIFT) & 3;
    }
    return hart.privilege;
  }

  /** The CodePage that `pc` lies in; 0 with Leave.TRAP set when it may not be executed. */
  static fetchPage(hart: Hart, pc: u64): usize {
    const gpa = Memory.fetchGpa(hart, pc, 2);
    if (hart.leave & Leave.TRAP) return 0;
    const codePage = CodeCache.pageFor(<u32>((gpa - RAM_BASE) >> PAGE_SHIFT));
    if (Pmp.isUniform(hart, gpa)) {
      const page = Ram.host(gpa & PAGE_MASK);
      Tlb.enterFetch(hart.fetchContext, pc & PAGE_MASK, codePage, page, Walk.level, Walk.global);
    } else {
      // Nothing is known of the instructions behind this one, and of its own second half only this.
      hart.fetchAlone = 1;
      const halves = (load<u16>(Ram.host(gpa)) & 3) == 3 && (gpa & PAGE_OFFSET_MASK) != LAST_HALFWORD;
      if (halves && !Pmp.allows(hart, gpa + 2, 2, Access.FETCH, hart.privilege)) {
        return Memory.fault(hart, pc + 2, Access.FETCH, Walked.ACCESS_FAULT);
      }
    }
    return codePage;
  }

  /** The halfword at `va`, the first of its page, as the second half of an instruction. */
  static fetchHalf(hart: Hart, va: u64): u32 {
    const gpa = Memory.fetchGpa(hart, va, 2);
    return hart.leave & Leave.TRAP ? 0 : load<u16>(Ram.host(gpa));
  }

  private static fetchGpa(hart: Hart, va: u64, size: u64): u64 {
    const gpa = Memory.physical(hart, va, Access.FETCH, hart.privilege);
    if (hart.leave & Leave.TRAP) return 0;
    if (!Pmp.allows(hart, gpa, size, Access.FETCH, hart.privilege) || !Ram.contains(gpa, size)) {
      Memory.fault(hart, va, Access.FETCH, Walked.ACCESS_FAULT);
      return 0;
    }
    return gpa;
  }

  /** Translates without protection of physical memory. */
  private static physical(hart: Hart, va: u64, access: Access, privilege: u32): u64 {
    if (privilege == Privilege.M || hart.satp >> 60 == SatpMode.BARE) {
      Walk.level = 0;
      Walk.global = true;
      if (va >> PHYSICAL_BITS) Memory.fault(hart, va, access, Walked.ACCESS_FAULT);
      return va;
    }
    const walked = Walk.forHart(hart, va, access, privilege);
    if (walked != Walked.OK) Memory.fault(hart, va, access, walked);
    return Walk.gpa;
  }

  /** First store to a page since its entry was taken from the TLB. */
  private static noteStore(hart: Hart, page: u32, entered: bool): void {
    Checkpoint.keep(page);
    Bitmap.set(DIRTY_BITMAP, page);
    if (entered) store<u8>(WRITABLE_MAP + page, 1);
    if (CodeCache.hasCode(page)) {
      CodeCache.drop(page);
      hart.leave |= Leave.NEXT;
    }
  }

  static fault(hart: Hart, va: u64, access: Access, walked: Walked): usize {
    let cause: u32;
    if (walked == Walked.PAGE_FAULT) {
      cause = access == Access.LOAD ? Cause.LOAD_PAGE : access == Access.STORE ? Cause.STORE_PAGE : Cause.FETCH_PAGE;
    } else {
      cause =
        access == Access.LOAD ? Cause.LOAD_ACCESS : access == Access.STORE ? Cause.STORE_ACCESS : Cause.FETCH_ACCESS;
    }
    return Memory.trap(hart, cause, va);
  }

  static trap(hart: Hart, cause: u32, value: u64): usize {
    hart.trapCause = cause;
    hart.trapValue = value;
    hart.leave = Leave.TRAP;
    return 0;
  }

  @inline private static read(address: usize, size: u32): u64 {
    if (size == 1) return load<u8>(address);
    if (size == 2) return load<u16>(address);
    return size == 4 ? load<u32>(address) : load<u64>(address);
  }

  @inline private static write(address: usize, size: u32, value: u64): void {
    if (size == 1) store<u8>(address, <u8>value);
    else if (size == 2) store<u16>(address, <u16>value);
    else if (size == 4) store<u32>(address, <u32>value);
    else store<u64>(address, value);
  }

  /** Both pages are translated before a byte moves. tval of a fault is the first byte of the page at fault. */
  private static loadAcross(hart: Hart, va: u64, size: u32): u64 {
    const second = (va + size - 1) & PAGE_MASK;
    const head = <u32>(second - va);
    const a = Memory.translateRam(hart, va, head, Access.LOAD);
    if (!a) return 0;
    const b = Memory.translateRam(hart, second, size - head, Access.LOAD);
    if (!b) return 0;
    let value: u64 = 0;
    for (let i: u32 = 0; i < size; i++) {
      const byte = <u64>load<u8>(i < head ? a + i : b + (i - head));
      value |= byte << ((<u64>i) << 3);
    }
    return value;
  }

  private static storeAcross(hart: Hart, va: u64, size: u32, value: u64): void {
    const second = (va + size - 1) & PAGE_MASK;
    const head = <u32>(second - va);
    const a = Memory.translateRam(hart, va, head, Access.STORE);
    if (!a) return;
    const b = Memory.translateRam(hart, second, size - head, Access.STORE);
    if (!b) return;
    for (let i: u32 = 0; i < size; i++) {
      store<u8>(i < head ? a + i : b + (i - head), <u8>(value >> ((<u64>i) << 3)));
    }
  }

  /** As translate; what is not RAM faults, since no device takes pieces of an access. */
  private static translateRam(hart: Hart, va: u64, size: u32, access: Access): usize {
    const address = Memory.translate(hart, va, size, access);
    if (address || hart.leave & Leave.TRAP) return address;
    return Memory.fault(hart, va, access, Walked.ACCESS_FAULT);
  }
}
