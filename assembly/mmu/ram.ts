// Guest RAM: what is in it, and who has to hear when it changes.

import { CodeCache } from "../hart/code-cache";
import { Hart } from "../hart/hart";
import { ramWrote } from "../host";
import { DIRTY_BITMAP, HART_BASE, MACHINE_BASE, PAGE_SHIFT, RAM_BASE, RAM_OFFSET } from "../layout";
import { Bitmap } from "./bitmap";
import { Checkpoint } from "./checkpoint";

export class Ram {
  /** 1: the host wants to hear of all that goes through `wrote`. */
  static watched: u32 = 0;

  /** Length of RAM in bytes. */
  @inline static get size(): u32 {
    return load<u32>(MACHINE_BASE);
  }

  static set size(bytes: u32) {
    store<u32>(MACHINE_BASE, bytes);
  }

  /** Whether all of [gpa, gpa + length) is RAM. Safe for any 64-bit values. */
  @inline static contains(gpa: u64, length: u64): bool {
    const offset = gpa - RAM_BASE;
    const size = <u64>Ram.size;
    return offset < size && length <= size - offset;
  }

  /** Where `gpa` lies in linear memory. The caller has checked that it is RAM. */
  @inline static host(gpa: u64): usize {
    return <usize>(gpa - RAM_BASE) + RAM_OFFSET;
  }

  /** [gpa, gpa + length), which the caller knows to be RAM, is about to be written by other means than a hart's store. */
  static writing(gpa: u64, length: u32): void {
    if (length == 0 || !Checkpoint.isActive) return;
    const lastPage = <u32>((gpa + length - 1 - RAM_BASE) >> PAGE_SHIFT);
    for (let page = <u32>((gpa - RAM_BASE) >> PAGE_SHIFT); page <= lastPage; page++) Checkpoint.keep(page);
  }

  /**
   * [gpa, gpa + length), which the caller knows to be RAM, was written by other means than a hart's store:
   * pages become dirty, code decoded from them is dropped, reservations on them are lost (Zalrsc, 13.2).
   */
  static wrote(gpa: u64, length: u32): void {
    if (length == 0) return;
    if (Ram.watched) ramWrote(<u32>(gpa - RAM_BASE), length);
    const hart = changetype<Hart>(HART_BASE);
    const last = gpa + length - 1;
    if (hart.reservationValid && hart.reservation + 7 >= gpa && hart.reservation <= last) hart.reservationValid = 0;
    const lastPage = <u32>((last - RAM_BASE) >> PAGE_SHIFT);
    for (let page = <u32>((gpa - RAM_BASE) >> PAGE_SHIFT); page <= lastPage; page++) {
      Checkpoint.check(page);
      Bitmap.set(DIRTY_BITMAP, page);
      if (CodeCache.hasCode(page)) CodeCache.drop(page);
    }
  }
}
