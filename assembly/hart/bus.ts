// Everything at a guest-physical address that is not RAM.

import { mmioLoad, mmioStore } from "../host";
import { Access } from "../mmu/access";
import { Walked } from "../mmu/walk";
import { MemoryMap } from "../shared/memory-map";
import { Clint } from "./clint";
import { Hart, Leave } from "./hart";
import { Memory } from "./memory";

export class Bus {
  /** Loads from the device register at `hart.busGpa`, which `va` was translated to. */
  static load(hart: Hart, va: u64, size: u32): u64 {
    const gpa = hart.busGpa;
    if (!Bus.answers(gpa, size)) {
      Memory.fault(hart, va, Access.LOAD, Walked.ACCESS_FAULT);
      return 0;
    }
    const at = <u32>gpa;
    if (Bus.isClint(at)) return Clint.read(hart, at - MemoryMap.CLINT, size);
    let value: u64;
    if (size == 8) {
      const low = mmioLoad(at, 4);
      value = <u64>low | ((<u64>mmioLoad(at + 4, 4)) << 32);
    } else {
      value = mmioLoad(at, size);
    }
    Bus.settle(hart);
    return value;
  }

  static store(hart: Hart, va: u64, size: u32, value: u64): void {
    const gpa = hart.busGpa;
    if (!Bus.answers(gpa, size)) {
      Memory.fault(hart, va, Access.STORE, Walked.ACCESS_FAULT);
      return;
    }
    const at = <u32>gpa;
    if (Bus.isClint(at)) {
      Clint.write(hart, at - MemoryMap.CLINT, size, value);
      return;
    }
    if (size == 8) {
      mmioStore(at, 4, <u32>value);
      mmioStore(at + 4, 4, <u32>(value >> 32));
    } else {
      mmioStore(at, size, <u32>value);
    }
    Bus.settle(hart);
  }

  /**
   * A device may have raised an interrupt or asked to stop, or written to the very page that is being executed: all of it
   * takes effect right behind this instruction.
   */
  @inline private static settle(hart: Hart): void {
    hart.leave |= Leave.NEXT;
    if (hart.stopRequested || hart.mip & hart.mie) hart.leave |= Leave.EVENT;
  }

  @inline private static isClint(at: u32): bool {
    return Bus.within(at, MemoryMap.CLINT, MemoryMap.CLINT_SIZE);
  }

  @inline private static within(at: u32, base: u32, size: u32): bool {
    return at - base < size;
  }

  /** Whether there is a device for a naturally aligned access at `gpa`. */
  private static answers(gpa: u64, size: u32): bool {
    if (gpa >> 32 || gpa & (size - 1)) return false;
    const at = <u32>gpa;
    return (
      Bus.isClint(at) ||
      Bus.within(at, MemoryMap.PLIC, MemoryMap.PLIC_SIZE) ||
      Bus.within(at, MemoryMap.UART0, MemoryMap.PAGE_SIZE) ||
      Bus.within(at, MemoryMap.VIRTIO, MemoryMap.VIRTIO_STRIDE * MemoryMap.VIRTIO_SLOTS) ||
      Bus.within(at, MemoryMap.TEST_FINISHER, MemoryMap.PAGE_SIZE) ||
      Bus.within(at, MemoryMap.RTC, MemoryMap.PAGE_SIZE) ||
      Bus.within(at, MemoryMap.VMGENID, MemoryMap.PAGE_SIZE)
    );
  }
}
