// What the host may call. Exports only.

import { CodeCache } from "./hart/code-cache";
import { Counters } from "./hart/counters";
import { Csrs } from "./hart/csr";
import { Hart, Harts } from "./hart/hart";
import { Slice } from "./hart/slice";
import { Float } from "./jit/float";
import { Jit } from "./jit/jit";
import { DIRTY_BITMAP, MAX_HARTS, RAM_BASE } from "./layout";
import { Access } from "./mmu/access";
import { Bitmap } from "./mmu/bitmap";
import { Checkpoint } from "./mmu/checkpoint";
import { Ram } from "./mmu/ram";
import { Tlb } from "./mmu/tlb";
import { Walk } from "./mmu/walk";
import { WalkBatch } from "./mmu/walk-batch";
import { Interrupt, Ip } from "./shared/privileged";
import { RunExit } from "./shared/run-exit";

export { CODE_PAGE_LIVE } from "./hart/code-cache";
export * from "./hart/hart-offsets";
export * from "./jit/describe";
export * from "./jit/helpers";
export { JIT_HOT } from "./jit/jit";
export * from "./layout";
export * from "./mmu/bitmap-exports";
export { CHECKPOINT_ACTIVE, CHECKPOINT_COPIES, CHECKPOINT_MISSED } from "./mmu/checkpoint";
export * from "./mmu/vmspace-exports";
export * from "./virtio/exports";
export * from "./virtio/offsets";

/** Sets a zeroed memory up for `ramBytes` of guest RAM. Once. */
export function init(ramBytes: u32): void {
  Ram.size = ramBytes;
  CodeCache.init();
  for (let i: u32 = 0; i < MAX_HARTS; i++) Harts.at(i).index = i;
}

/** The Hart at `index`, as an address. */
export function hart(index: u32): Hart {
  return Harts.at(index);
}

/** Power-on state, then `pc` in `privilege` with a0 and a1; `sbi` = 1 has the built-in SBI answer ecalls from S mode. */
export function resetHart(hart: Hart, pc: u64, privilege: u32, a0: u64, a1: u64, sbi: u32): void {
  Slice.reset(hart, pc, privilege, a0, a1, sbi);
}

/** Runs at most `instructions` counted instructions. */
export function run(hart: Hart, instructions: u32): RunExit {
  return Slice.run(hart, instructions);
}

/**
 * Compiles blocks that are entered `hot` times (JIT_HOT is a good choice); 0 interprets everything. For code decoded from now on.
 * Hot blocks wait for others to share a module with, until the slice that ends `patience` instructions later.
 */
export function setJit(hot: u32, patience: u32): void {
  Jit.configure(hot, patience);
}

/** Whether regions may use f64x2.relaxed_madd: where the host is known to round it once. */
export function setFused(fused: bool): void {
  Float.fused = fused;
}

/** Whether regions compiled from now on enter each other directly. */
export function setJitChaining(on: u32): void {
  Jit.chains = on != 0;
}

/** From inside a device access: `run` comes back right behind the current instruction. */
export function requestStop(hart: Hart): void {
  hart.stopRequested = 1;
}

/** Counted instructions so far. */
export function icount(hart: Hart): u64 {
  return Counters.icount(hart);
}

/** Guest time in ticks of the timebase. */
export function time(hart: Hart): u64 {
  return Counters.time(hart);
}

/** Between slices: guest time is `time` now, and advances `rate` / 2^32 ticks an instruction. */
export function setClock(hart: Hart, time: u64, rate: u32): void {
  Counters.anchor(hart, time, rate);
  Counters.updateTimers(hart);
}

/** The tick at which the next timer fires that has not yet, or 2^64 - 1. */
export function nextTimer(hart: Hart): u64 {
  return Counters.deadline(hart);
}

/** Drives the external interrupt wires: `cause` 9 (SEI) or 11 (MEI). */
export function setInterrupt(hart: Hart, cause: u32, level: u32): void {
  if (cause == Interrupt.SEI) {
    Csrs.setSeipWire(hart, level);
  } else if (cause == Interrupt.MEI) {
    if (level) hart.mip |= Ip.MEIP;
    else hart.mip &= ~(<u64>Ip.MEIP);
  }
}

/** The host is about to write [gpa, gpa + length) of RAM. What is not RAM is ignored. */
export function ramWriting(gpa: u64, length: u32): void {
  if (Ram.contains(gpa, length)) Ram.writing(gpa, length);
}

/** The host or a device wrote [gpa, gpa + length) of RAM. What is not RAM is ignored. */
export function ramWritten(gpa: u64, length: u32): void {
  if (Ram.contains(gpa, length)) Ram.wrote(gpa, length);
}

/** As ramWritten, for bytes [offset, offset + length) of RAM, which the caller knows to be there. */
export function ramWroteAt(offset: u32, length: u32): void {
  Ram.wrote(RAM_BASE + <u64>offset, length);
}

/** The fields of the hart were written from outside, by something that knew no TLB: it starts from what they say. */
export function hartRestored(hart: Hart): void {
  Tlb.flush(hart);
}

/** Whether the host hears of each write to RAM that is not a store of a hart (`ramWrote` of host.ts). */
export function watchRam(watched: u32): void {
  Ram.watched = watched;
}

/**
 * Translates `va` through the page table of satp for an access (0 load, 1 store, 2 fetch) in privilege 0 (U) or 1 (S), setting A and D as
 * the hart itself would. Answers 0 (then `walkedGpa` is the address), 1 for a page fault, 2 for an access fault.
 */
export function walk(hart: Hart, va: u64, access: u32, privilege: u32): u32 {
  return Walk.run(hart, va, access, privilege);
}

export function walkedGpa(): u64 {
  return Walk.gpa;
}

/**
 * Translates the virtual addresses of `count` entries at `batch` as `walk` does; each is a u64 va and a u64 that becomes the
 * guest-physical address, or 1 (page fault) or 2 (access fault) in bits 63:56.
 */
export function walkBatch(hart: Hart, batch: usize, count: u32, access: Access, privilege: u32): void {
  WalkBatch.run(hart, batch, count, access, privilege);
}

/** Whether the hart's walks are the host's business from now on (`hostWalk` of host.ts). */
export function setHostWalk(hosted: u32): void {
  Walk.hosted = hosted != 0;
}

/** Starts a new round of dirty tracking: clears the bitmap, and has the next store to each page set its bit again. */
export function clearDirty(): void {
  Checkpoint.fold(Ram.size);
  memory.fill(DIRTY_BITMAP, 0, Bitmap.bytes(Ram.size));
  for (let i: u32 = 0; i < MAX_HARTS; i++) Tlb.removeAllStores(Harts.at(i));
}

/**
 * Between slices: the memory of a checkpoint is that of now. From here on pages are copied before they are overwritten, to the copy
 * area. Answers how many pages the checkpoint has: those ever written, or (`incremental`) written since the last time.
 */
export function checkpointBegin(incremental: u32): u32 {
  return Checkpoint.begin(Ram.size, incremental != 0);
}

/** Everything pending was written, or will not be: pages need no copies any more. */
export function checkpointEnd(): void {
  Checkpoint.end();
}
