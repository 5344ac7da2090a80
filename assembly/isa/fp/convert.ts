// F and D extensions: conversions between binary32, binary64 and the integers. `rm` is a RoundingMode, already
// resolved from DYN; conversions that cannot be inexact take none.

import { Exact } from "./exact";
import { Fp, FpFlag, RoundingMode } from "./flags";
import { Binary32, Binary64 } from "./format";
import { Round } from "./round";

export class Convert {
  /** fcvt.d.s */
  static f32ToF64(a: u32): u64 {
    const wide = Binary32.widen(a);
    return Binary64.isNaN(wide) ? Exact.convert(wide, RoundingMode.RNE, false) : wide;
  }

  /** fcvt.s.d */
  static f64ToF32(a: u64, rm: u32): u32 {
    const narrow = <f32>reinterpret<f64>(a);
    // Unchanged by narrowing: exact in every mode, subnormal, infinite and zero included. A NaN is equal to nothing.
    if (<f64>narrow == reinterpret<f64>(a)) return reinterpret<u32>(narrow);
    if (rm == RoundingMode.RNE && Binary32.isSafelyNormal(reinterpret<u32>(narrow))) {
      Fp.raise(FpFlag.NX);
      return reinterpret<u32>(narrow);
    }
    return <u32>Exact.convert(a, rm, true);
  }

  // To integers. Results are register values: fcvt.w and fcvt.wu both sign-extend from bit 31.

  /** fcvt.w.d */
  static f64ToI32(a: u64, rm: u32): u64 {
    const whole = Convert.roundToIntegral(a, rm);
    if (!(whole >= -2147483648.0 && whole < 2147483648.0)) {
      return Convert.outOfRange(a, <u64>(<i64>i32.MIN_VALUE), i32.MAX_VALUE);
    }
    Convert.noteInexact(a, whole);
    return <u64>(<i64>(<i32>whole));
  }

  /** fcvt.wu.d */
  static f64ToU32(a: u64, rm: u32): u64 {
    const whole = Convert.roundToIntegral(a, rm);
    if (!(whole >= 0.0 && whole < 4294967296.0)) return Convert.outOfRange(a, 0, u64.MAX_VALUE);
    Convert.noteInexact(a, whole);
    return <u64>(<i64>(<i32>(<u32>whole)));
  }

  /** fcvt.l.d */
  static f64ToI64(a: u64, rm: u32): u64 {
    const whole = Convert.roundToIntegral(a, rm);
    if (!(whole >= -9223372036854775808.0 && whole < 9223372036854775808.0)) {
      return Convert.outOfRange(a, <u64>i64.MIN_VALUE, <u64>i64.MAX_VALUE);
    }
    Convert.noteInexact(a, whole);
    return <u64>(<i64>whole);
  }

  /** fcvt.lu.d */
  static f64ToU64(a: u64, rm: u32): u64 {
    const whole = Convert.roundToIntegral(a, rm);
    if (!(whole >= 0.0 && whole < 18446744073709551616.0)) return Convert.outOfRange(a, 0, u64.MAX_VALUE);
    Convert.noteInexact(a, whole);
    return <u64>whole;
  }

  // Every binary32 number is a binary64 number, and all NaNs convert alike.

  /** fcvt.w.s */
  static f32ToI32(a: u32, rm: u32): u64 {
    return Convert.f64ToI32(Binary32.widen(a), rm);
  }

  /** fcvt.wu.s */
  static f32ToU32(a: u32, rm: u32): u64 {
    return Convert.f64ToU32(Binary32.widen(a), rm);
  }

  /** fcvt.l.s */
  static f32ToI64(a: u32, rm: u32): u64 {
    return Convert.f64ToI64(Binary32.widen(a), rm);
  }

  /** fcvt.lu.s */
  static f32ToU64(a: u32, rm: u32): u64 {
    return Convert.f64ToU64(Binary32.widen(a), rm);
  }

  // From integers. The caller passes the register's low half for .w and .wu.

  /** fcvt.d.w */
  static i32ToF64(value: i32): u64 {
    return reinterpret<u64>(<f64>value);
  }

  /** fcvt.d.wu */
  static u32ToF64(value: u32): u64 {
    return reinterpret<u64>(<f64>value);
  }

  /** fcvt.d.l */
  static i64ToF64(value: i64, rm: u32): u64 {
    const magnitude = <u64>(value < 0 ? -value : value);
    if (Convert.width(magnitude) <= 53) return reinterpret<u64>(<f64>value);
    return Convert.round(value < 0, magnitude, rm, false);
  }

  /** fcvt.d.lu */
  static u64ToF64(value: u64, rm: u32): u64 {
    if (Convert.width(value) <= 53) return reinterpret<u64>(<f64>value);
    return Convert.round(false, value, rm, false);
  }

  /** fcvt.s.w */
  static i32ToF32(value: i32, rm: u32): u32 {
    return Convert.i64ToF32(value, rm);
  }

  /** fcvt.s.wu */
  static u32ToF32(value: u32, rm: u32): u32 {
    return Convert.u64ToF32(value, rm);
  }

  /** fcvt.s.l */
  static i64ToF32(value: i64, rm: u32): u32 {
    const magnitude = <u64>(value < 0 ? -value : value);
    if (Convert.width(magnitude) <= 24) return reinterpret<u32>(<f32>value);
    return <u32>Convert.round(value < 0, magnitude, rm, true);
  }

  /** fcvt.s.lu */
  static u64ToF32(value: u64, rm: u32): u32 {
    if (Convert.width(value) <= 24) return reinterpret<u32>(<f32>value);
    return <u32>Convert.round(false, value, rm, true);
  }

  /** Bits from the leading to the trailing one, both included: the precision that a value needs. Below 1 for zero. */
  @inline
  private static width(value: u64): i32 {
    return 64 - <i32>clz(value) - <i32>ctz(value);
  }

  @inline
  private static round(negative: bool, magnitude: u64, rm: u32, single: bool): u64 {
    const shift = <i32>clz(magnitude);
    return Round.pack(negative, 63 - shift, magnitude << shift, rm, single);
  }

  /** The integral number that `rm` makes of `a`, exactly: binary64 holds every one that can come out. NaN stays NaN. */
  @inline
  private static roundToIntegral(a: u64, rm: u32): f64 {
    const value = reinterpret<f64>(a);
    if (rm == RoundingMode.RTZ) return trunc(value);
    if (rm == RoundingMode.RNE) return nearest(value);
    if (rm == RoundingMode.RDN) return floor(value);
    if (rm == RoundingMode.RUP) return ceil(value);
    const whole = trunc(value);
    // The fraction that was cut off is exact.
    return abs(value - whole) >= 0.5 ? whole + copysign<f64>(1, value) : whole;
  }

  @inline
  private static noteInexact(a: u64, whole: f64): void {
    if (whole != reinterpret<f64>(a)) Fp.raise(FpFlag.NX);
  }

  /** "Out-of-range" rows of the conversion table: a NaN counts as too large. NV stands instead of NX. */
  private static outOfRange(a: u64, lowest: u64, highest: u64): u64 {
    Fp.raise(FpFlag.NV);
    return <i64>a < 0 && !Binary64.isNaN(a) ? lowest : highest;
  }
}
