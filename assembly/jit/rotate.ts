// Rotations written as two shifts and an `or`, as compilers do where there is no Zbb: found in a block by what its registers
// were last set to. The shifts are computed all the same; V8 drops what nobody reads.

import { Op } from "../isa/generated/op";

/** usize[32]: the shift that a register holds the result of, or 0. */
const shifts: usize = memory.data(128, 4);
/** u32[32]: when a register was last written, counted in instructions of the block. */
const times: usize = memory.data(128, 4);

export class Rotate {
  /** What `find` found: the register operand that is rotated, how far to the left, and whether it is a word. */
  static source: u32 = 0;
  static amount: u32 = 0;
  static isWord: bool = false;
  private static op: usize = 0;
  private static time: u32 = 0;

  /** Begins a block. */
  static enter(): void {
    Rotate.time = 0;
    memory.fill(shifts, 0, 128);
    memory.fill(times, 0, 128);
  }

  /** The instruction at `op` is being lowered. */
  @inline static begin(op: usize): void {
    Rotate.op = op;
    Rotate.time++;
  }

  /** That instruction writes the x register at byte offset `offset` of its file. */
  static write(offset: u32): void {
    const slot = <usize>offset >> 1;
    const code = <i32>load<u16>(Rotate.op);
    const isShift = code == Op.SLLI || code == Op.SRLI || code == Op.SLLIW || code == Op.SRLIW;
    // One that overwrites what it shifted leaves nothing to rotate.
    store<u32>(shifts + slot, isShift && load<u16>(Rotate.op, 4) != offset ? <u32>Rotate.op : 0);
    store<u32>(times + slot, Rotate.time);
  }

  /** Whether the `or` or `xor` at `op` completes a rotation of a register that still holds what was shifted. */
  static find(op: usize): bool {
    const a = Rotate.shiftIn(load<u16>(op, 4));
    const b = Rotate.shiftIn(load<u16>(op, 6));
    if (!a || !b || load<u16>(a, 4) != load<u16>(b, 4)) return false;
    return Rotate.complete(a, b) || Rotate.complete(b, a);
  }

  private static shiftIn(offset: u32): usize {
    const slot = <usize>offset >> 1;
    const op = <usize>load<u32>(shifts + slot);
    if (!op) return 0;
    const source = <usize>load<u16>(op, 4) >> 1;
    return load<u32>(times + source) < load<u32>(times + slot) ? op : 0;
  }

  private static complete(left: usize, right: usize): bool {
    const code = <i32>load<u16>(left);
    Rotate.isWord = code == Op.SLLIW;
    if (!Rotate.isWord && code != Op.SLLI) return false;
    if (<i32>load<u16>(right) != (Rotate.isWord ? Op.SRLIW : Op.SRLI)) return false;
    const bits: u32 = Rotate.isWord ? 32 : 64;
    Rotate.source = load<u16>(left, 4);
    Rotate.amount = load<u32>(left, 8);
    return Rotate.amount + load<u32>(right, 8) == bits;
  }
}
