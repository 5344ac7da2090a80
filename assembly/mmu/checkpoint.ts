// Copy-before-write: a checkpoint of a guest that goes on. From `begin` on each page that is to be written to the
// checkpoint (PENDING_BITMAP) is copied just before its first overwrite; the host writes the copies, and the pages that
// were not overwritten, at its leisure.
//
// Whoever changes RAM comes by `keep` before: a hart's first store to a page, since `begin` empties all TLBs, and
// everything else through Ram.writing. Ram.wrote, behind a change, finds out who did not.

import { Harts } from "../hart/hart";
import { copiesFull } from "../host";
import {
  CHANGED_BITMAP,
  COPY_AREA,
  COPY_PAGES,
  COPY_SLOTS,
  DIRTY_BITMAP,
  MACHINE_BASE,
  MAX_HARTS,
  PAGE_SHIFT,
  PAGE_SIZE,
  PENDING_BITMAP,
  RAM_OFFSET,
  WRITABLE_MAP,
  WRITTEN_BITMAP,
} from "../layout";
import { Bitmap } from "./bitmap";
import { Tlb } from "./tlb";

// In the Machine record, behind the cursors of the code cache.
/** 1 from `begin` to `end`. */
export const CHECKPOINT_ACTIVE: usize = MACHINE_BASE + 16;
/** Copies in the copy area; the host takes them and sets it to 0. */
export const CHECKPOINT_COPIES: usize = MACHINE_BASE + 20;
/** Pages that were overwritten without a copy: what is written of them is worth nothing. */
export const CHECKPOINT_MISSED: usize = MACHINE_BASE + 24;

export class Checkpoint {
  /** Whether pages have to be kept before they change. */
  @inline static get isActive(): bool {
    return load<u32>(CHECKPOINT_ACTIVE) != 0;
  }

  /**
   * The memory of the checkpoint is that of now. It consists of all pages ever written, or with `incremental` of those written since
   * the last time. Answers how many.
   */
  static begin(ramBytes: u32, incremental: bool): u32 {
    Checkpoint.fold(ramBytes);
    const bytes = Bitmap.bytes(ramBytes);
    memory.fill(DIRTY_BITMAP, 0, bytes);
    memory.copy(PENDING_BITMAP, incremental ? CHANGED_BITMAP : WRITTEN_BITMAP, bytes);
    memory.fill(CHANGED_BITMAP, 0, bytes);
    store<u32>(CHECKPOINT_COPIES, 0);
    store<u32>(CHECKPOINT_MISSED, 0);
    store<u32>(CHECKPOINT_ACTIVE, 1);
    memory.fill(WRITABLE_MAP, 0, ramBytes >> PAGE_SHIFT);
    for (let i: u32 = 0; i < MAX_HARTS; i++) Tlb.flush(Harts.at(i));
    let pages: u32 = 0;
    for (let at: usize = 0; at < bytes; at += 8) pages += <u32>popcnt(load<u64>(PENDING_BITMAP + at));
    return pages;
  }

  static end(): void {
    store<u32>(CHECKPOINT_ACTIVE, 0);
  }

  /** `page` is about to be written. */
  static keep(page: u32): void {
    if (!Checkpoint.isActive || !Bitmap.has(PENDING_BITMAP, page)) return;
    if (load<u32>(CHECKPOINT_COPIES) == COPY_SLOTS) copiesFull();
    const slot = <usize>load<u32>(CHECKPOINT_COPIES);
    // The host has emptied the area.
    if (slot >= COPY_SLOTS) unreachable();
    Bitmap.clear(PENDING_BITMAP, page);
    memory.copy(COPY_AREA + (slot << PAGE_SHIFT), RAM_OFFSET + ((<usize>page) << PAGE_SHIFT), PAGE_SIZE);
    store<u32>(COPY_PAGES + (slot << 2), page);
    store<u32>(CHECKPOINT_COPIES, <u32>slot + 1);
  }

  /** `page` was written, and should have been kept before. */
  @inline static check(page: u32): void {
    if (Checkpoint.isActive && Bitmap.has(PENDING_BITMAP, page)) {
      store<u32>(CHECKPOINT_MISSED, load<u32>(CHECKPOINT_MISSED) + 1);
    }
  }

  /** Before the dirty bitmap is cleared: what it says counts for checkpoints all the same. */
  static fold(ramBytes: u32): void {
    const bytes = Bitmap.bytes(ramBytes);
    for (let at: usize = 0; at < bytes; at += 8) {
      const dirty = load<u64>(DIRTY_BITMAP + at);
      if (!dirty) continue;
      store<u64>(WRITTEN_BITMAP + at, load<u64>(WRITTEN_BITMAP + at) | dirty);
      store<u64>(CHANGED_BITMAP + at, load<u64>(CHANGED_BITMAP + at) | dirty);
    }
  }
}
