// Which wasm local holds what in a compiled region. Guest registers get theirs when they are first named.

import { Emitter } from "./emitter";
import { Wasm } from "./wasm";

/*
 *   0 hart    i32   1 left  i32   2 page  i64       parameters
 *   3 context i32   4 entry i32   5 stay  i32
 *   6 fast    i32   0 in the fast case of floating point, otherwise Float.SLOW
 *   7..13 addend i32, of each pointer
 *  14 float   i32   whether floating point is there to use
 *  15 va      i64  16 pc   i64  17 window i64
 *  18..24 tag i64, of each pointer
 *  25 double  f64  26 limit f64: of a sum that is right in the fast case
 *  27 single  f32  28.. guest registers: i64, f registers that hold nothing but doubles f64
 */
export const enum Local {
  HART = 0,
  LEFT = 1,
  PAGE = 2,
  CONTEXT = 3,
  ENTRY = 4,
  STAY = 5,
  FAST = 6,
  ADDEND = 7,
  FLOAT = 14,
  VA = 15,
  PC = 16,
  WINDOW = 17,
  TAG = 18,
  DOUBLE = 25,
  LIMIT = 26,
  SINGLE = 27,
  FIRST_REGISTER = 28,
}

/** Byte offset of f0 in the table; x registers come first. */
const F: u32 = 32;
const table: usize = memory.data(64);
/** The type of each register's local, in the order of locals. */
const types: usize = memory.data(64);

export class Locals {
  /** Guest registers that have a local. */
  static count: u32 = 0;
  /** Bit i: x_i (32 + i: f_i) was written. */
  static written: u64 = 0;

  /** Bit i: f_i takes part in single-precision instructions, so that its local holds bits. */
  static singles: u32 = 0;

  /** These locals have to be set. */
  static usesWindow: bool = false;
  static usesFast: bool = false;
  static usesLimit: bool = false;
  static usesFloat: bool = false;

  static fast(): u32 {
    Locals.usesFast = true;
    return Local.FAST;
  }

  static limit(): u32 {
    Locals.usesLimit = true;
    return Local.LIMIT;
  }

  static float(): u32 {
    Locals.usesFloat = true;
    return Local.FLOAT;
  }

  static window(): u32 {
    Locals.usesWindow = true;
    return Local.WINDOW;
  }

  static reset(): void {
    Locals.usesWindow = false;
    Locals.usesFast = false;
    Locals.usesLimit = false;
    Locals.usesFloat = false;
    Locals.singles = 0;
    memory.fill(table, 0, 64);
    Locals.count = 0;
    Locals.written = 0;
  }

  /** The local of the x register at byte offset `offset` of its file; of an f register with `float`. */
  static of(offset: u32, float: bool): u32 {
    const slot = table + <usize>((offset >> 3) + (float ? F : 0));
    const known = <u32>load<u8>(slot);
    if (known) return known;
    const local = Local.FIRST_REGISTER + Locals.count;
    store<u8>(types + Locals.count, float && !Locals.holdsBits(offset) ? <u8>Wasm.F64 : <u8>Wasm.I64);
    Locals.count++;
    store<u8>(slot, <u8>local);
    return local;
  }

  static write(offset: u32, float: bool): u32 {
    Locals.written |= (<u64>1) << ((offset >> 3) + (float ? F : 0));
    return Locals.of(offset, float);
  }

  /** The local of register `i` (32 and more: f), or 0. */
  static at(i: u32): u32 {
    return load<u8>(table + i);
  }

  static isWritten(i: u32): bool {
    return ((Locals.written >> i) & 1) != 0;
  }

  /** Whether the local of the f register at byte offset `offset` is an i64. */
  static holdsBits(offset: u32): bool {
    return ((Locals.singles >> (offset >> 3)) & 1) != 0;
  }

  /** The type of the local of register `i`, which has one. */
  static typeAt(i: u32): Wasm {
    return <Wasm>load<u8>(types + Locals.at(i) - Local.FIRST_REGISTER);
  }

  /** Writes the declarations of all locals but the parameters. */
  static declare(): void {
    let runs: u32 = 0;
    for (let i: u32 = 0; i < Locals.count; i += Locals.run(i)) runs++;
    Emitter.u32(4 + runs);
    Locals.group(Local.VA - Local.CONTEXT, Wasm.I32);
    Locals.group(Local.DOUBLE - Local.VA, Wasm.I64);
    Locals.group(Local.SINGLE - Local.DOUBLE, Wasm.F64);
    Locals.group(Local.FIRST_REGISTER - Local.SINGLE, Wasm.F32);
    for (let i: u32 = 0; i < Locals.count; i += Locals.run(i)) Locals.group(Locals.run(i), <Wasm>load<u8>(types + i));
  }

  /** How many registers from the i-th on have locals of one type. */
  private static run(i: u32): u32 {
    let end = i + 1;
    while (end < Locals.count && load<u8>(types + end) == load<u8>(types + i)) end++;
    return end - i;
  }

  private static group(count: u32, type: Wasm): void {
    Emitter.u32(count);
    Emitter.op(type);
  }
}
