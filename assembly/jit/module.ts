// The frame of a wasm module of regions: everything but their code.
//
//   types      0 region (hart i32, left i32, page i64) -> left i32;  1.. those of the helpers
//   imports    "e" "t" a table of the helpers in the order of Helper;  "e" "m" the vkernel's memory. Not the helpers themselves:
//              V8 compiles a wrapper for each imported function's type, with every module anew, in case JavaScript provides it
//   exports    one region each: names of one character, from "0" on

import { Emitter } from "./emitter";
import { Hints } from "./hints";
import { Helper } from "./lower";
import { Wasm } from "./wasm";

const ENVIRONMENT: u32 = 101; // e
const MEMORY: u32 = 109; // m
const TABLE: u32 = 116; // t
const FIRST_REGION: u32 = 48; // 0

const I32: u64 = 0x7f;
const I64: u64 = 0x7e;
const REGION: u64 = I32 | (I32 << 8) | (I64 << 16);
const FIND: u64 = I32 | (I64 << 8) | (I32 << 16) | (I32 << 24);
const ALU: u64 = I32 | (I64 << 8) | (I64 << 16) | (I64 << 24);
const FPU: u64 = I32 | (I64 << 8) | (I64 << 16) | (I64 << 24) | (I32 << 32);
const SELECT: u64 = I32;
const ENTER: u64 = I32 | (I32 << 8) | (I64 << 16) | (I32 << 24);

export class Module {
  /** Writes a module of `count` regions, whose functions are at [code, codeEnd), to `at`. */
  static assemble(at: usize, count: u32, code: usize, codeEnd: usize): void {
    Emitter.beginAt(at);
    Emitter.raw32(0x6d73_6100);
    Emitter.raw32(1);
    Module.types();
    Module.imports();

    let section = Emitter.openSection(Wasm.SECTION_FUNCTION);
    Emitter.u32(count);
    for (let i: u32 = 0; i < count; i++) Emitter.u32(0);
    Emitter.closeLength(section);

    section = Emitter.openSection(Wasm.SECTION_EXPORT);
    Emitter.u32(count);
    for (let i: u32 = 0; i < count; i++) {
      Emitter.letter(FIRST_REGION + i);
      Emitter.byte(0);
      Emitter.u32(i);
    }
    Emitter.closeLength(section);

    section = Emitter.openSection(Wasm.SECTION_CUSTOM);
    Module.hintsName();
    Hints.append();
    Emitter.closeLength(section);

    section = Emitter.openSection(Wasm.SECTION_CODE);
    Emitter.u32(count);
    Emitter.append(code, codeEnd);
    Emitter.closeLength(section);
  }

  /** metadata.code.branch_hint */
  private static hintsName(): void {
    Emitter.u32(25);
    Emitter.raw64(0x617461646174656d);
    Emitter.raw64(0x72622e65646f632e);
    Emitter.raw64(0x6e69685f68636e61);
    Emitter.byte(0x74);
  }

  private static types(): void {
    const section = Emitter.openSection(Wasm.SECTION_TYPE);
    Emitter.u32(6);
    Emitter.signature(REGION, Wasm.I32);
    Emitter.signature(FIND, Wasm.I32);
    Emitter.signature(ALU, Wasm.I64);
    Emitter.signature(FPU, Wasm.I64);
    Emitter.signature(ENTER, Wasm.I32);
    Emitter.signature(SELECT, Wasm.I32);
    Emitter.closeLength(section);
  }

  private static imports(): void {
    const section = Emitter.openSection(Wasm.SECTION_IMPORT);
    Emitter.u32(2);
    Emitter.letter(ENVIRONMENT);
    Emitter.letter(TABLE);
    Emitter.op(Wasm.TABLE);
    Emitter.op(Wasm.FUNCREF);
    Emitter.u32(0);
    Emitter.u32(Helper.COUNT);
    Emitter.letter(ENVIRONMENT);
    Emitter.letter(MEMORY);
    Emitter.op(Wasm.MEMORY);
    Emitter.op(Wasm.SHARED);
    // The limits that the core itself declares (asconfig.json).
    Emitter.u32(2048);
    Emitter.u32(65536);
    Emitter.closeLength(section);
  }
}
