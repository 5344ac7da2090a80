// f registers in a compiled region: as numbers where they hold doubles, as bits where they also hold singles, which
// are boxed (13.2). Wasm moves, loads and stores f64 values bit by bit, whatever NaN they are.

import { Emitter } from "./emitter";
import { Local, Locals } from "./locals";
import { Lower } from "./lower";
import { Wasm } from "./wasm";

const BOX: i64 = 0xffff_ffff_0000_0000;

export class FloatRegister {
  /** Bit i: f_i is known to hold a boxed single. */
  private static boxed: u32 = 0;

  /** Forgets what is known, at the beginning of a block. */
  static begin(): void {
    FloatRegister.boxed = 0;
  }

  /** Leaves the 64 bits of a register on the stack. */
  static bits(register: u32): void {
    Emitter.get(Locals.of(register, true));
    if (!Locals.holdsBits(register)) Emitter.op(Wasm.I64_REINTERPRET_F64);
  }

  /** Leaves a register's double on the stack. */
  static double(register: u32): void {
    Emitter.get(Locals.of(register, true));
    if (Locals.holdsBits(register)) Emitter.op(Wasm.F64_REINTERPRET_I64);
  }

  /** Leaves the single in a register on the stack; see `require`. */
  static single(register: u32): void {
    FloatRegister.bits(register);
    Emitter.op(Wasm.I32_WRAP_I64);
    Emitter.op(Wasm.F32_REINTERPRET_I32);
  }

  static setBits(register: u32): void {
    FloatRegister.boxed &= ~FloatRegister.mask(register);
    if (!Locals.holdsBits(register)) Emitter.op(Wasm.F64_REINTERPRET_I64);
    Emitter.set(Locals.write(register, true));
  }

  static setDouble(register: u32): void {
    FloatRegister.boxed &= ~FloatRegister.mask(register);
    if (Locals.holdsBits(register)) Emitter.op(Wasm.I64_REINTERPRET_F64);
    Emitter.set(Locals.write(register, true));
  }

  /** Boxes the low half of the i64 on the stack, whose high half is zero. */
  static setBoxed(register: u32): void {
    Emitter.i64(BOX);
    Emitter.op(Wasm.I64_OR);
    FloatRegister.setBits(register);
    FloatRegister.boxed |= FloatRegister.mask(register);
  }

  /** Boxes Local.SINGLE. */
  static setSingle(register: u32): void {
    Emitter.get(Local.SINGLE);
    Emitter.op(Wasm.I32_REINTERPRET_F32);
    Emitter.op(Wasm.I64_EXTEND_I32_U);
    FloatRegister.setBoxed(register);
  }

  /** Sets a register to bits that are boxed already. */
  static setBoxedBits(register: u32): void {
    FloatRegister.setBits(register);
    FloatRegister.boxed |= FloatRegister.mask(register);
  }

  /** Leaves the region before the instruction at `op` if a register holds no boxed single: the interpreter makes it a NaN. */
  static require(op: usize, register: u32): void {
    if (FloatRegister.boxed & FloatRegister.mask(register)) return;
    FloatRegister.boxed |= FloatRegister.mask(register);
    FloatRegister.bits(register);
    Emitter.i64(BOX);
    Emitter.op(Wasm.I64_LT_U);
    Lower.leaveIf(op, 0);
  }

  private static mask(register: u32): u32 {
    return (<u32>1) << (register >> 3);
  }
}
