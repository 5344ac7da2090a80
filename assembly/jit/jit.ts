// The compiler's front door. A block that is entered often enough is queued; queued blocks become regions of one wasm
// module, because a module costs more than a function; a region is entered through the table by its block.
//
//   queue   JIT_QUEUE + 8 * i   u32 CodePage, u32 offset: looked up again when their turn comes, for their page may
//                               have been dropped

import { BLOCK_HEADER, CodeCache, PSEUDO_CROSS } from "../hart/code-cache";
import { Hart } from "../hart/hart";
import { HART_F, HART_X } from "../hart/hart-offsets";
import { jitForget, jitInstall } from "../host";
import { JIT_BODY, JIT_MODULE, JIT_QUEUE } from "../layout";
import { Emitter } from "./emitter";
import { Float } from "./float";
import { Local, Locals } from "./locals";
import { Module } from "./module";
import { Region } from "./region";
import { Structure } from "./structure";
import { Wasm } from "./wasm";

/** Entries of a block before it is compiled, unless the host says otherwise: about what compiling it costs. */
export const JIT_HOT: u32 = 400;
/** Regions in a module. Their names are single characters, and together they fit the buffer. */
const BATCH: u32 = 24;
/** Live regions at most; then everything decoded and compiled is dropped. Bounds the host's memory for code. */
const MAX_REGIONS: u32 = 8192;

export class Jit {
  /** Entries of a block before it is compiled; 0: never. */
  static hot: u32 = 0;
  /** Regions in the table, those of dropped pages included. */
  static live: u32 = 0;
  private static queued: u32 = 0;

  /** Takes note of a hot block. */
  static queue(codePage: usize, offset: u32): void {
    // Full until settle() has dropped everything, this block's count of entries too.
    if (Jit.live + Jit.queued >= MAX_REGIONS) return;
    if (Jit.queued == BATCH) Jit.compile();
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
    if (Jit.queued) Jit.compile();
  }

  private static compile(): void {
    let count: u32 = 0;
    for (let i: u32 = 0; i < Jit.queued; i++) if (Jit.queuedBlock(i)) count++;
    if (count == 0) {
      Jit.queued = 0;
      return;
    }
    const section = Module.begin(JIT_MODULE, count);
    for (let i: u32 = 0; i < Jit.queued; i++) if (Jit.queuedBlock(i)) Jit.region(i);
    Module.end(section);
    const first = jitInstall(<u32>JIT_MODULE, <u32>(Emitter.end - JIT_MODULE), count);
    let index = first;
    for (let i: u32 = 0; i < Jit.queued && first; i++) {
      const block = Jit.queuedBlock(i);
      if (block) CodeCache.setCompiled(block, index++);
    }
    Jit.live += count;
    Jit.queued = 0;
  }

  private static queuedBlock(i: u32): usize {
    const slot = JIT_QUEUE + ((<usize>i) << 3);
    const block = CodeCache.block(load<u32>(slot), load<u32>(slot, 4));
    return block && <i32>load<u16>(block + BLOCK_HEADER) != PSEUDO_CROSS ? block : 0;
  }

  /** Appends the region of a queued block to the code section. Registers are known only after the body was written. */
  private static region(i: u32): void {
    const slot = JIT_QUEUE + ((<usize>i) << 3);
    Region.discover(load<u32>(slot), load<u32>(slot, 4));
    Locals.reset();
    const moduleEnd = Emitter.end;
    Emitter.beginAt(JIT_BODY);
    Emitter.op(Wasm.BLOCK);
    Emitter.op(Wasm.VOID);
    Structure.emit();
    Emitter.op(Wasm.END);
    Jit.epilogue();
    const bodyEnd = Emitter.end;

    Emitter.beginAt(moduleEnd);
    const length = Emitter.openLength();
    Emitter.u32(2);
    Emitter.u32(Local.VA - Local.CONTEXT);
    Emitter.op(Wasm.I32);
    Emitter.u32(Local.FIRST_REGISTER - Local.VA + Locals.count);
    Emitter.op(Wasm.I64);
    Jit.prologue();
    Emitter.append(JIT_BODY, bodyEnd);
    Emitter.closeLength(length);
  }

  private static prologue(): void {
    Emitter.get(Local.HART);
    Emitter.memory(Wasm.I32_LOAD, <u32>offsetof<Hart>("dataContext"));
    Emitter.set(Local.CONTEXT);
    Float.prologue();
    for (let i: u32 = 0; i < 64; i++) {
      if (!Locals.at(i)) continue;
      Emitter.get(Local.HART);
      Emitter.memory(Wasm.I64_LOAD, Jit.home(i));
      Emitter.set(Locals.at(i));
    }
  }

  private static epilogue(): void {
    for (let i: u32 = 0; i < 64; i++) {
      if (!Locals.isWritten(i)) continue;
      Emitter.get(Local.HART);
      Emitter.get(Locals.at(i));
      Emitter.memory(Wasm.I64_STORE, Jit.home(i));
    }
    Emitter.get(Local.HART);
    Emitter.get(Local.PC);
    Emitter.memory(Wasm.I64_STORE, <u32>offsetof<Hart>("pc"));
    Emitter.get(Local.HART);
    Emitter.get(Local.STAY);
    Emitter.memory(Wasm.I32_STORE, <u32>offsetof<Hart>("stay"));
    Emitter.get(Local.LEFT);
    Emitter.op(Wasm.END);
  }

  /** Where guest register `i` (32 and more: f) lies in the hart. */
  private static home(i: u32): u32 {
    return i < 32 ? <u32>HART_X + (i << 3) : <u32>HART_F + ((i - 32) << 3);
  }
}
