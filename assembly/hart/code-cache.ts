// Predecoded basic blocks, found by physical page and offset.
//
//   CODE_PAGE_INDEX: u32[RAM pages]   ->  CodePage, or 0 where nothing was ever executed
//
//   CodePage  +0     u32[2048]  block that starts at each even offset, or 0
//             +8192  u32        its RAM page
//             +8196  u32        1 while any block is there
//   block     +0  u16  instructions in it
//             +2  u16  1 when an operation that is not an instruction (Pseudo.CROSS) stands before the first
//             +4  u32  times entered (what a compiler would want to know)
//             +8  u32  table index of its compiled region, or 0
//             +12 u32  1 when an indirect jump from the same page went here
//             +16      operations, 16 bytes each; the last one never falls through
//   operation +0 .. +11  as Decoder leaves it, but that branches carry the page offset of their target
//             +12 u16  offset in the page;  +14 u16  offset of the next instruction (4096 and more: the next page)
//
// Code is coherent with stores: a page that has blocks is in no store TLB, so the first store into it comes by the slow
// path, which drops them (as do DMA and walks that set A or D). So fence.i has nothing to do, and whether something was
// decoded before or after a store can never be seen: a replay, or another engine, agrees.
//
// Blocks are bump-allocated. When room runs out everything is forgotten at once.

import { Decoder } from "../isa/generated/decode";
import { OP_COUNT, Op } from "../isa/generated/op";
import { Jit } from "../jit/jit";
import {
  CODE_PAGE_INDEX,
  CODE_PAGES,
  CODE_PAGES_END,
  MACHINE_BASE,
  MAX_HARTS,
  OPS_BASE,
  OPS_END,
  PAGE_SHIFT,
  PAGE_SIZE,
  RAM_OFFSET,
  WRITABLE_MAP,
} from "../layout";
import { Tlb } from "../mmu/tlb";
import { Harts } from "./hart";

const CODE_PAGE_SIZE: usize = 8192 + 64;
const PAGE_NUMBER: usize = 8192;
export const CODE_PAGE_LIVE: usize = 8196;

export const BLOCK_HEADER: usize = 16;
/** Where in a block the table index of its region is. */
export const BLOCK_COMPILED: u32 = 8;
/** Where in a block it says that indirect jumps went there. */
const BLOCK_TARGET: u32 = 12;
export const OP_SIZE: usize = 16;
/** Instructions in a block at most: bounds how much is decoded that may not run. */
const MAX_BLOCK: u32 = 64;
/** A block's most: header, MAX_BLOCK instructions and a Pseudo.NEXT. */
const MAX_BLOCK_SIZE: usize = BLOCK_HEADER + (<usize>MAX_BLOCK + 2) * OP_SIZE;

/** The offset at which a 32-bit instruction reaches into the next page. */
export const LAST_HALFWORD: u32 = PAGE_SIZE - 2;

/** Operations that are not instructions. */
export const PSEUDO_NEXT: i32 = OP_COUNT;
export const PSEUDO_CROSS: i32 = OP_COUNT + 1;

// Cursors in the Machine record, behind the RAM size.
const NEXT_CODE_PAGE: usize = MACHINE_BASE + 8;
const NEXT_OP: usize = MACHINE_BASE + 12;

export class CodeCache {
  static init(): void {
    store<u32>(NEXT_CODE_PAGE, <u32>CODE_PAGES);
    store<u32>(NEXT_OP, <u32>OPS_BASE);
  }

  /** The block at `offset` of a CodePage, or 0. */
  @inline static block(codePage: usize, offset: u32): usize {
    return load<u32>(codePage + (offset << 1));
  }

  @inline static count(block: usize): i32 {
    return load<u16>(block);
  }

  /** Counts an entry into the block. */
  @inline static enter(block: usize): void {
    store<u32>(block, load<u32>(block, 4) + 1, 4);
  }

  /** The table index of the region compiled for this block, or 0. */
  @inline static compiled(block: usize): u32 {
    return load<u32>(block, BLOCK_COMPILED);
  }

  static setCompiled(block: usize, index: u32): void {
    store<u32>(block, index, BLOCK_COMPILED);
  }

  /** Notes that an indirect jump from the same page went to `block`. */
  @inline static jumpedTo(block: usize): void {
    store<u32>(block, 1, BLOCK_TARGET);
  }

  @inline static isJumpTarget(block: usize): bool {
    return load<u32>(block, BLOCK_TARGET) != 0;
  }

  @inline static heat(block: usize): u32 {
    return load<u32>(block, 4);
  }

  @inline static bias(block: usize): i32 {
    return load<u16>(block, 2);
  }

  /** Instructions of `block` before the operation at `op`. */
  @inline static indexOf(block: usize, op: usize): i32 {
    return <i32>((op - block - BLOCK_HEADER) / OP_SIZE) - CodeCache.bias(block);
  }

  @inline static offsetOf(op: usize): u32 {
    return load<u16>(op, 12);
  }

  @inline static nextOf(op: usize): u32 {
    return load<u16>(op, 14);
  }

  /** Linear address of the page that a CodePage is of. */
  @inline static ramOf(codePage: usize): usize {
    return RAM_OFFSET + ((<usize>load<u32>(codePage, PAGE_NUMBER)) << PAGE_SHIFT);
  }

  static hasCode(page: u32): bool {
    const codePage = load<u32>(CODE_PAGE_INDEX + ((<usize>page) << 2));
    return codePage != 0 && load<u32>(codePage, CODE_PAGE_LIVE) != 0;
  }

  /** Forgets the blocks of a RAM page that is about to change. Running ones stay intact until they are left. */
  static drop(page: u32): void {
    const codePage = <usize>load<u32>(CODE_PAGE_INDEX + ((<usize>page) << 2));
    memory.fill(codePage, 0, 8192);
    store<u32>(codePage, 0, CODE_PAGE_LIVE);
  }

  /** The CodePage of a RAM page, made when there is none. */
  static pageFor(page: u32): usize {
    const slot = CODE_PAGE_INDEX + ((<usize>page) << 2);
    const known = load<u32>(slot);
    if (known) return known;
    if (<usize>load<u32>(NEXT_CODE_PAGE) + CODE_PAGE_SIZE > CODE_PAGES_END) CodeCache.clear();
    const codePage = <usize>load<u32>(NEXT_CODE_PAGE);
    store<u32>(NEXT_CODE_PAGE, <u32>(codePage + CODE_PAGE_SIZE));
    memory.fill(codePage, 0, CODE_PAGE_SIZE);
    store<u32>(codePage, page, PAGE_NUMBER);
    store<u32>(slot, <u32>codePage);
    return codePage;
  }

  /** Drops every block and CodePage. The caller must look its own up again. */
  static clear(): void {
    const end = <usize>load<u32>(NEXT_CODE_PAGE);
    for (let codePage = CODE_PAGES; codePage < end; codePage += CODE_PAGE_SIZE) {
      store<u32>(CODE_PAGE_INDEX + ((<usize>load<u32>(codePage, PAGE_NUMBER)) << 2), 0);
    }
    CodeCache.init();
    Jit.forget();
    for (let i: u32 = 0; i < MAX_HARTS; i++) Tlb.removeFetches(Harts.at(i));
  }

  /** Decodes the block at `offset`. Answers 0 when room ran out: everything is forgotten, CodePages too. */
  static decode(codePage: usize, offset: u32): usize {
    const block = <usize>load<u32>(NEXT_OP);
    if (block + MAX_BLOCK_SIZE > OPS_END) {
      CodeCache.clear();
      return 0;
    }
    CodeCache.watch(codePage);
    const ram = CodeCache.ramOf(codePage);
    let op = block + BLOCK_HEADER;
    let count: u32 = 0;
    let bias: u32 = 0;
    let at = offset;
    while (true) {
      const low = load<u16>(ram + at);
      const isLong = (low & 3) == 3;
      if (isLong && at == LAST_HALFWORD) {
        if (count > 0) {
          op = CodeCache.next(op, at);
          break;
        }
        // Its second half is in whatever page is mapped behind this one: the interpreter fetches it each time.
        bias = 1;
        store<u16>(op, <u16>PSEUDO_CROSS);
        store<u32>(op, 0xffff_ffff, 8);
        store<u16>(op, <u16>at, 12);
        store<u16>(op, <u16>(at + 4), 14);
        op += OP_SIZE;
        count = 1;
        // The instruction itself: completeCross fills it in.
        store<u16>(op, <u16>Op.ILLEGAL);
        CodeCache.place(op, at, 4);
        op = CodeCache.next(op + OP_SIZE, at + 4);
        break;
      }
      if (isLong) {
        Decoder.decode(load<u32>(ram + at), op);
      } else {
        Decoder.decode16(low, op);
      }
      at = CodeCache.place(op, at, isLong ? 4 : 2);
      count++;
      const last = CodeCache.endsBlock(load<u16>(op));
      op += OP_SIZE;
      if (last) break;
      if (at >= PAGE_SIZE || count == MAX_BLOCK) {
        op = CodeCache.next(op, at);
        break;
      }
    }
    store<u16>(block, <u16>count);
    store<u16>(block, <u16>bias, 2);
    store<u32>(block, 0, 4);
    store<u32>(block, 0, BLOCK_COMPILED);
    store<u32>(block, 0, BLOCK_TARGET);
    store<u32>(NEXT_OP, <u32>op);
    store<u32>(codePage + (offset << 1), <u32>block);
    return block;
  }

  /** Fills in the instruction behind a Pseudo.CROSS, whose second halfword is `high`. */
  static completeCross(codePage: usize, cross: usize, high: u32): void {
    const low = <u32>load<u16>(CodeCache.ramOf(codePage) + LAST_HALFWORD);
    store<u32>(cross, high, 8);
    const op = cross + OP_SIZE;
    Decoder.decode(low | (high << 16), op);
    const at = CodeCache.place(op, LAST_HALFWORD, 4);
    CodeCache.next(op + OP_SIZE, at);
  }

  /** Makes a copy of the first `count` instructions of `block` that stops behind them. It is not entered anywhere. */
  static truncate(block: usize, count: u32, scratch: usize): usize {
    const operations = (<usize>count + CodeCache.bias(block)) * OP_SIZE;
    memory.copy(scratch, block, BLOCK_HEADER + operations);
    store<u16>(scratch, <u16>count);
    const end = scratch + BLOCK_HEADER + operations;
    CodeCache.next(end, CodeCache.nextOf(end - OP_SIZE));
    return scratch;
  }

  /** Writes where the instruction lies; answers where the next one does. */
  private static place(op: usize, at: u32, length: u32): u32 {
    const next = at + length;
    store<u16>(op, <u16>at, 12);
    store<u16>(op, <u16>next, 14);
    const code = <i32>load<u16>(op);
    if (code == Op.JAL || (code >= Op.BEQ && code <= Op.BGEU)) store<i32>(op, load<i32>(op, 8) + at, 8);
    return next;
  }

  private static next(op: usize, at: u32): usize {
    store<u16>(op, <u16>PSEUDO_NEXT);
    store<u16>(op, <u16>at, 12);
    store<u16>(op, <u16>at, 14);
    return op + OP_SIZE;
  }

  /** Stores to this page must be noticed from now on. */
  private static watch(codePage: usize): void {
    if (load<u32>(codePage, CODE_PAGE_LIVE)) return;
    store<u32>(codePage, 1, CODE_PAGE_LIVE);
    const page = load<u32>(codePage, PAGE_NUMBER);
    if (!load<u8>(WRITABLE_MAP + page)) return;
    store<u8>(WRITABLE_MAP + page, 0);
    for (let i: u32 = 0; i < MAX_HARTS; i++) Tlb.removeStores(Harts.at(i), CodeCache.ramOf(codePage));
  }

  /** Operations that never continue with the one behind them. */
  static endsBlock(op: i32): bool {
    return (
      (op >= Op.JAL && op <= Op.BGEU) ||
      op == Op.ILLEGAL ||
      op == Op.FENCE_I ||
      op == Op.ECALL ||
      op == Op.EBREAK ||
      op >= Op.SRET
    );
  }
}
