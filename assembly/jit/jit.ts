// The compiler's front door. A block that is entered often enough is queued; queued blocks become regions of one wasm
// module, because a module costs more than a function; a region is entered through the table by its block.
//
//   queue   JIT_QUEUE + 8 * i   u32 CodePage, u32 offset: looked up again when their turn comes, for their page may
//                               have been dropped

import { BLOCK_COMPILED, BLOCK_HEADER, CodeCache, PSEUDO_CROSS } from "../hart/code-cache";
import { Hart, Harts } from "../hart/hart";
import { HART_F, HART_X } from "../hart/hart-offsets";
import { jitForget, jitInstall } from "../host";
import {
  JIT_BODY,
  JIT_CODE,
  JIT_CODE_END,
  JIT_MARKS,
  JIT_MODULE,
  JIT_QUEUE,
  PAGE_MASK,
  PAGE_OFFSET_MASK,
} from "../layout";
import { FETCH_TABLE } from "../mmu/tlb";
import { Emitter } from "./emitter";
import { Float } from "./float";
import { Hints } from "./hints";
import { Local, Locals } from "./locals";
import { Helper, Lower } from "./lower";
import { Module } from "./module";
import { Pointers } from "./pointers";
import { Region } from "./region";
import { Structure } from "./structure";
import { Wasm } from "./wasm";

/** Entries of a block before it is compiled, unless the host says otherwise: about what compiling it costs (ADR 15). */
export const JIT_HOT: u32 = 6000;
/** A block that is entered 2^COLD times more rarely than a hot one stays outside of regions. */
const COLD: u32 = 6;
/** Regions in a module at most. Their names are single characters. */
const BATCH: u32 = 24;
/** A region's most, which is MAX_INSTRUCTIONS (region.ts) times the longest lowering, some 420 bytes: sc.d. */
const MAX_REGION_SIZE: usize = JIT_MARKS - JIT_BODY;
/** Live regions at most; then everything decoded and compiled is dropped. Bounds the host's memory for code. */
const MAX_REGIONS: u32 = 32768;

export class Jit {
  /** Entries of a block before it is compiled; 0: never. */
  static hot: u32 = 0;
  /** Regions in the table, those of dropped pages included. */
  static live: u32 = 0;
  /** Instructions for which a queue that is not full waits for further blocks: see setJit. */
  static patience: u32 = 0;
  /** A region that is left enters the next one itself. */
  static chains: bool = true;
  private static queued: u32 = 0;
  /** When something was first queued. */
  private static since: u64 = 0;

  /** See setJit. */
  static configure(hot: u32, patience: u32): void {
    Jit.hot = hot;
    Jit.patience = patience;
    Region.warm = hot >> COLD;
  }

  /** Takes note of a hot block. */
  static queue(codePage: usize, offset: u32): void {
    // Full until settle() has dropped everything, this block's count of entries too.
    if (Jit.live + Jit.queued >= MAX_REGIONS) return;
    if (Jit.queued == BATCH) Jit.compile();
    if (Jit.queued == 0) Jit.since = Harts.at(0).icount;
    const slot = JIT_QUEUE + ((<usize>Jit.queued) << 3);
    store<u32>(slot, <u32>codePage);
    store<u32>(slot, offset, 4);
    Jit.queued++;
  }

  /** Forgets all regions; their blocks are gone already. */
  static forget(): void {
    Jit.queued = 0;
    Jit.live = 0;
    jitForget();
  }

  /** Between slices: compiles what is queued, and keeps what is live within bounds. */
  static settle(): void {
    if (Jit.live + Jit.queued >= MAX_REGIONS) CodeCache.clear();
    if (Jit.queued && Harts.at(0).icount - Jit.since >= Jit.patience) Jit.compile();
  }

  /** Compiles what is queued, as far as the buffers reach: the rest stays queued. */
  private static compile(): void {
    Jit.since = Harts.at(0).icount;
    Hints.clear();
    Emitter.beginAt(JIT_CODE);
    let count: u32 = 0;
    let taken: u32 = 0;
    for (; taken < Jit.queued && Emitter.end + MAX_REGION_SIZE <= JIT_CODE_END; taken++) {
      if (!Jit.queuedBlock(taken)) continue;
      Jit.region(taken, count);
      count++;
    }
    if (count) {
      Module.assemble(JIT_MODULE, count, JIT_CODE, Emitter.end);
      let index = jitInstall(<u32>JIT_MODULE, <u32>(Emitter.end - JIT_MODULE), count);
      if (index) {
        for (let i: u32 = 0; i < taken; i++) {
          const block = Jit.queuedBlock(i);
          if (block) CodeCache.setCompiled(block, index++);
        }
      }
    }
    Jit.live += count;
    Jit.queued -= taken;
    memory.copy(JIT_QUEUE, JIT_QUEUE + ((<usize>taken) << 3), (<usize>Jit.queued) << 3);
  }

  static queuedBlock(i: u32): usize {
    const slot = JIT_QUEUE + ((<usize>i) << 3);
    const block = CodeCache.block(load<u32>(slot), load<u32>(slot, 4));
    return block && <i32>load<u16>(block + BLOCK_HEADER) != PSEUDO_CROSS ? block : 0;
  }

  /** Appends the region of a queued block to the code section, as region `index` of its module. Registers are known only after the body was written. */
  private static region(i: u32, index: u32): void {
    const slot = JIT_QUEUE + ((<usize>i) << 3);
    Region.discover(load<u32>(slot), load<u32>(slot, 4));
    Lower.windowed = Harts.at(0).window != 0;
    Pointers.choose(!Lower.windowed);
    Locals.reset();
    Float.survey();
    Hints.open();
    const codeEnd = Emitter.end;
    Emitter.beginAt(JIT_BODY);
    Emitter.op(Wasm.BLOCK);
    Emitter.op(Wasm.VOID);
    Emitter.op(Wasm.BLOCK);
    Emitter.op(Wasm.VOID);
    Structure.emit();
    Emitter.op(Wasm.END);
    Lower.stay();
    Emitter.op(Wasm.END);
    Jit.epilogue();
    const bodyEnd = Emitter.end;

    Emitter.beginAt(codeEnd);
    const length = Emitter.openLength();
    const start = Emitter.end;
    Locals.declare();
    Jit.prologue();
    Hints.close(index, <u32>(Emitter.end - start));
    Emitter.append(JIT_BODY, bodyEnd);
    Emitter.closeLength(length);
  }

  private static prologue(): void {
    Emitter.get(Local.HART);
    Emitter.memory(Wasm.I32_LOAD, <u32>offsetof<Hart>("dataContext"));
    Emitter.set(Local.CONTEXT);
    if (Locals.usesWindow) {
      Emitter.get(Local.HART);
      Emitter.memory(Wasm.I64_LOAD, <u32>offsetof<Hart>("window"));
      Emitter.set(Local.WINDOW);
    }
    Float.prologue();
    for (let i: u32 = 0; i < Pointers.count; i++) {
      // No tag is odd.
      Emitter.i64(1);
      Emitter.set(Local.TAG + i);
    }
    for (let i: u32 = 0; i < 64; i++) {
      if (!Locals.at(i)) continue;
      Emitter.get(Local.HART);
      Emitter.memory(Locals.typeAt(i) == Wasm.F64 ? Wasm.F64_LOAD : Wasm.I64_LOAD, Jit.home(i));
      Emitter.set(Locals.at(i));
    }
  }

  private static epilogue(): void {
    for (let i: u32 = 0; i < 64; i++) {
      if (!Locals.isWritten(i)) continue;
      Emitter.get(Local.HART);
      Emitter.get(Locals.at(i));
      Emitter.memory(Locals.typeAt(i) == Wasm.F64 ? Wasm.F64_STORE : Wasm.I64_STORE, Jit.home(i));
    }
    Emitter.get(Local.HART);
    Emitter.get(Local.PC);
    Emitter.memory(Wasm.I64_STORE, <u32>offsetof<Hart>("pc"));
    Emitter.get(Local.HART);
    Emitter.get(Local.STAY);
    Emitter.memory(Wasm.I32_STORE, <u32>offsetof<Hart>("stay"));
    if (Jit.chains) Jit.chain();
    Emitter.get(Local.LEFT);
    Emitter.op(Wasm.END);
  }

  /** Goes on in the region of the block at Local.PC if there is one and the TLB knows its page, as the interpreter would. */
  private static chain(): void {
    Emitter.get(Local.STAY);
    Emitter.op(Wasm.I32_EQZ);
    Emitter.op(Wasm.IF);
    Emitter.op(Wasm.VOID);
    Emitter.get(Local.PC);
    Emitter.i64(8);
    Emitter.op(Wasm.I64_SHR_U);
    Emitter.op(Wasm.I32_WRAP_I64);
    Emitter.i32(0x3ff0);
    Emitter.op(Wasm.I32_AND);
    Emitter.get(Local.HART);
    Emitter.memory(Wasm.I32_LOAD, <u32>offsetof<Hart>("fetchContext"));
    Emitter.op(Wasm.I32_ADD);
    Emitter.tee(Local.ENTRY);
    Emitter.memory(Wasm.I64_LOAD, <u32>FETCH_TABLE);
    Emitter.get(Local.PC);
    Emitter.i64(PAGE_MASK);
    Emitter.op(Wasm.I64_AND);
    Emitter.tee(Local.PAGE);
    Emitter.op(Wasm.I64_EQ);
    Emitter.op(Wasm.IF);
    Emitter.op(Wasm.VOID);
    Emitter.get(Local.HART);
    Emitter.get(Local.ENTRY);
    Emitter.memory(Wasm.I32_LOAD, <u32>FETCH_TABLE + 8);
    Emitter.tee(Local.ENTRY);
    Emitter.memory(Wasm.I32_STORE, <u32>offsetof<Hart>("codePage"));
    // Where there is no block, address 0 is read as one: nothing is there.
    Emitter.get(Local.PC);
    Emitter.op(Wasm.I32_WRAP_I64);
    Emitter.i32(<i32>PAGE_OFFSET_MASK);
    Emitter.op(Wasm.I32_AND);
    Emitter.i32(1);
    Emitter.op(Wasm.I32_SHL);
    Emitter.get(Local.ENTRY);
    Emitter.op(Wasm.I32_ADD);
    Emitter.memory(Wasm.I32_LOAD, 0);
    Emitter.memory(Wasm.I32_LOAD, BLOCK_COMPILED);
    Emitter.tee(Local.ENTRY);
    Emitter.op(Wasm.IF);
    Emitter.op(Wasm.VOID);
    Emitter.get(Local.HART);
    Emitter.get(Local.LEFT);
    Emitter.get(Local.PAGE);
    Emitter.get(Local.ENTRY);
    Emitter.tailCall(Helper.ENTER);
    Emitter.op(Wasm.END);
    Emitter.op(Wasm.END);
    Emitter.op(Wasm.END);
  }

  /** Where guest register `i` (32 and more: f) lies in the hart. */
  private static home(i: u32): u32 {
    return i < 32 ? <u32>HART_X + (i << 3) : <u32>HART_F + ((i - 32) << 3);
  }
}
