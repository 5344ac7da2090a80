// Which wasm local holds what in a compiled region. Guest registers get theirs when they are first named.

/*
 *   0 hart    i32   1 left  i32   2 page  i64       parameters
 *   3 context i32   4 entry i32   5 stay  i32   6 fast i32: the fast case of floating point holds
 *   7 va      i64   8 pc    i64   9.. guest registers, i64
 */
export const enum Local {
  HART = 0,
  LEFT = 1,
  PAGE = 2,
  CONTEXT = 3,
  ENTRY = 4,
  STAY = 5,
  FAST = 6,
  VA = 7,
  PC = 8,
  FIRST_REGISTER = 9,
}

/** Byte offset of f0 in the table; x registers come first. */
const F: u32 = 32;
const table: usize = memory.data(64);

export class Locals {
  /** Guest registers that have a local. */
  static count: u32 = 0;
  /** Bit i: x_i (32 + i: f_i) was written. */
  static written: u64 = 0;

  /** Local.FAST has to be set. */
  static usesFast: bool = false;

  static fast(): u32 {
    Locals.usesFast = true;
    return Local.FAST;
  }

  static reset(): void {
    Locals.usesFast = false;
    memory.fill(table, 0, 64);
    Locals.count = 0;
    Locals.written = 0;
  }

  /** The local of the x register at byte offset `offset` of its file; of an f register with `float`. */
  static of(offset: u32, float: bool): u32 {
    const slot = table + <usize>((offset >> 3) + (float ? F : 0));
    const known = <u32>load<u8>(slot);
    if (known) return known;
    const local = Local.FIRST_REGISTER + Locals.count++;
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
}
