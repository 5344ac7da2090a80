// What stands at a program counter, for reports about compiled code: blocks, their instructions, and regions. Exported to
// the host. Looks only: nothing is decoded or compiled here.

import { BLOCK_HEADER, CodeCache, OP_SIZE } from "../hart/code-cache";
import { Hart, Leave } from "../hart/hart";
import { Memory } from "../hart/memory";
import { JIT_QUEUE, PAGE_OFFSET_MASK, RAM_BASE, RAM_OFFSET } from "../layout";
import { Tlb } from "../mmu/tlb";
import { Jit } from "./jit";
import { Region } from "./region";

let codePage: usize = 0;
let offset: u32 = 0;

/** The decoded block at the hart's pc, or 0. The functions below are about the page that it is in. */
export function describeBlock(hart: Hart): usize {
  hart.leave = Leave.NONE;
  codePage = Memory.fetchPage(hart, hart.pc);
  hart.leave = Leave.NONE;
  hart.fetchAlone = 0;
  offset = <u32>(hart.pc & PAGE_OFFSET_MASK);
  return codePage ? CodeCache.block(codePage, offset) : 0;
}

/** Collects the region that the block last described would begin if it were compiled now; answers the number of its blocks. */
export function describeRegion(): i32 {
  Region.discover(codePage, offset);
  return Region.count;
}

export function describeRegionBlock(index: i32): usize {
  return Region.node(index).block;
}

/** The table index of what the block was compiled to, or 0. */
export function describeCompiled(block: usize): u32 {
  return CodeCache.compiled(block);
}

export function describeLength(block: usize): i32 {
  return CodeCache.count(block);
}

/** The Op of instruction `index` of a block. */
export function describeOp(block: usize, index: i32): u32 {
  return load<u16>(at(block, index));
}

/** Its place in the page, and that of the one behind it. */
export function describeOffset(block: usize, index: i32): u32 {
  return CodeCache.offsetOf(at(block, index));
}

export function describeNext(block: usize, index: i32): u32 {
  return CodeCache.nextOf(at(block, index));
}

/** While a module is being installed: the block that entry `index` of the queue waits for, or 0. */
export function describeQueued(index: u32): usize {
  const slot = JIT_QUEUE + ((<usize>index) << 3);
  codePage = load<u32>(slot);
  offset = load<u32>(slot, 4);
  return Jit.queuedBlock(index);
}

/** The virtual address that the block last described was last fetched at, as far as the TLB knows; else its physical one. */
export function describeAddress(hart: Hart): u64 {
  const page = Tlb.fetchedFrom(hart, codePage);
  return (page != Tlb.NOWHERE ? page : <u64>CodeCache.ramOf(codePage) - RAM_OFFSET + RAM_BASE) + offset;
}

/** Linear address of the page. */
export function describePage(): usize {
  return CodeCache.ramOf(codePage);
}

function at(block: usize, index: i32): usize {
  return block + BLOCK_HEADER + <usize>(index + CodeCache.bias(block)) * OP_SIZE;
}
