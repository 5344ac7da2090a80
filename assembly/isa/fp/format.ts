// binary32 and binary64 as raw bits (IEEE 754-2019 section 3.4).
//
//            63 62        52 51                          0
//           +--+------------+-----------------------------+
//  binary64 | s|  exponent  |          fraction           |   bias 1023, precision 53
//           +--+------------+-----------------------------+
//                          31 30    23 22                 0
//                         +--+--------+--------------------+
//  binary32               | s|exponent|      fraction      |   bias 127, precision 24
//                         +--+--------+--------------------+
//
// The most significant fraction bit of a NaN is set when it is quiet. RISC-V operations never propagate a payload: a
// NaN result is always the canonical one, positive and quiet with an otherwise zero fraction.

export const SIGN64: u64 = 0x8000_0000_0000_0000;
export const MAGNITUDE64: u64 = u64.MAX_VALUE >> 1;
export const INFINITY64: u64 = 0x7ff0_0000_0000_0000;
export const CANONICAL_NAN64: u64 = 0x7ff8_0000_0000_0000;
export const QUIET64: u64 = 0x0008_0000_0000_0000;
export const HIDDEN64: u64 = 0x0010_0000_0000_0000;
export const FRACTION64: u64 = 0x000f_ffff_ffff_ffff;

export const SIGN32: u32 = 0x8000_0000;
export const MAGNITUDE32: u32 = 0x7fff_ffff;
export const INFINITY32: u32 = 0x7f80_0000;
export const CANONICAL_NAN32: u32 = 0x7fc0_0000;
export const QUIET32: u32 = 0x0040_0000;
export const HIDDEN32: u32 = 0x0080_0000;

export class Binary64 {
  @inline
  static isNaN(x: u64): bool {
    return (x & MAGNITUDE64) > INFINITY64;
  }

  @inline
  static isSignaling(x: u64): bool {
    return (x & MAGNITUDE64) > INFINITY64 && (x & QUIET64) == 0;
  }

  @inline
  static isInfinite(x: u64): bool {
    return (x & MAGNITUDE64) == INFINITY64;
  }

  /** NaN or infinite. */
  @inline
  static isSpecial(x: u64): bool {
    return (x & INFINITY64) == INFINITY64;
  }

  @inline
  static isZero(x: u64): bool {
    return x << 1 == 0;
  }

  /** Neither zero, subnormal, infinite nor NaN. */
  @inline
  static isNormal(x: u64): bool {
    return Binary64.field(x) - 1 < 0x7fe;
  }

  /** The biased exponent field. */
  @inline
  static field(x: u64): u32 {
    return <u32>(x >> 52) & 0x7ff;
  }

  /**
   * Whether a rounded result is finite and above the smallest normal number, so that it neither overflowed nor was
   * tiny before rounding up to that number: flags can only be NX or none.
   */
  @inline
  static isSafelyNormal(result: u64): bool {
    return Binary64.field(result) - 2 < 0x7fd;
  }
}

export class Binary32 {
  @inline
  static isNaN(x: u32): bool {
    return (x & MAGNITUDE32) > INFINITY32;
  }

  @inline
  static isSignaling(x: u32): bool {
    return (x & MAGNITUDE32) > INFINITY32 && (x & QUIET32) == 0;
  }

  /** The biased exponent field. */
  @inline
  static field(x: u32): u32 {
    return (x >> 23) & 0xff;
  }

  /** As Binary64.isSafelyNormal. */
  @inline
  static isSafelyNormal(result: u32): bool {
    return Binary32.field(result) - 2 < 0xfd;
  }

  /**
   * The same number as binary64: every binary32 number, subnormal or not, is a normal binary64 number or zero. NaNs
   * are moved bit by bit, so that a signaling one stays signaling.
   */
  @inline
  static widen(x: u32): u64 {
    if (!Binary32.isNaN(x)) return reinterpret<u64>(<f64>reinterpret<f32>(x));
    return ((<u64>(x & SIGN32)) << 32) | INFINITY64 | ((<u64>(x & (HIDDEN32 - 1))) << 29);
  }
}
