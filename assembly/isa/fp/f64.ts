// D extension: operations on raw binary64 bits. `rm` is a RoundingMode, already resolved from DYN.
//
// The fast paths use wasm's own f64 instructions, which round to nearest, ties to even. They answer only when the
// bits and the flags are provably those of the exact operation; the rest goes to Exact. No NaN made by a wasm
// instruction ever leaves this file: wasm does not fix their bits.

import { Exact } from "./exact";
import { Fp, FpFlag, RoundingMode } from "./flags";
import { Binary64, CANONICAL_NAN64, FRACTION64, HIDDEN64, INFINITY64, MAGNITUDE64, SIGN64 } from "./format";

export class F64 {
  static add(a: u64, b: u64, rm: u32): u64 {
    if (rm == RoundingMode.RNE) {
      const x = reinterpret<f64>(a);
      const y = reinterpret<f64>(b);
      const sum = x + y;
      // A finite sum has finite operands and did not overflow. It cannot underflow either: a sum below the normal
      // range is a multiple of the smallest subnormal number, hence exact.
      if (!Binary64.isSpecial(reinterpret<u64>(sum))) {
        if (Fp.inexactKnown()) return reinterpret<u64>(sum);
        // The error of an exact sum comes out as zero, of an inexact one as what it is or, if a step overflows, as an
        // infinity or a NaN.
        if (F64.sumError(x, y) != 0) Fp.raise(FpFlag.NX);
        return reinterpret<u64>(sum);
      }
    }
    return Exact.add(a, b, rm, false);
  }

  @inline
  static sub(a: u64, b: u64, rm: u32): u64 {
    // a - b is a + (-b) in every respect; the sign of a NaN operand plays no part.
    return F64.add(a, b ^ SIGN64, rm);
  }

  static mul(a: u64, b: u64, rm: u32): u64 {
    if (rm == RoundingMode.RNE) {
      const product = reinterpret<u64>(reinterpret<f64>(a) * reinterpret<f64>(b));
      // A safely normal product has finite operands other than zero.
      if (Binary64.isSafelyNormal(product)) {
        if (Fp.inexactKnown()) return product;
        if (Binary64.isNormal(a) && Binary64.isNormal(b)) {
          // The significands' product has 105 bits, or 106 when the exponent shows a carry, of which 53 are kept.
          // (A carry out of rounding shows the same way, but then the lower 52 bits are not all zero.)
          const carry = Binary64.field(product) - Binary64.field(a) - Binary64.field(b) + 1023;
          const low = F64.significand(a) * F64.significand(b);
          if (low << (12 - carry) != 0) Fp.raise(FpFlag.NX);
          return product;
        }
      }
    }
    return Exact.mul(a, b, rm, false);
  }

  static div(a: u64, b: u64, rm: u32): u64 {
    if (rm == RoundingMode.RNE) {
      const quotient = reinterpret<u64>(reinterpret<f64>(a) / reinterpret<f64>(b));
      // A safely normal quotient has finite operands other than zero.
      if (Binary64.isSafelyNormal(quotient) && Fp.inexactKnown()) return quotient;
    }
    return Exact.div(a, b, rm, false);
  }

  static sqrt(a: u64, rm: u32): u64 {
    // The root of a positive normal number is normal.
    if (rm == RoundingMode.RNE && a - HIDDEN64 < INFINITY64 - HIDDEN64 && Fp.inexactKnown()) {
      return reinterpret<u64>(sqrt(reinterpret<f64>(a)));
    }
    return Exact.sqrt(a, rm, false);
  }

  /** a * b + c, rounded once. */
  static fma(a: u64, b: u64, c: u64, rm: u32): u64 {
    if (rm == RoundingMode.RNE && F64.isModerate(a) && F64.isModerate(b)) {
      if (F64.isModerate(c)) {
        // With moderate operands, every term below is zero or at least 2^-904, and nothing overflows or underflows.
        // The error of the product is a number of units of ulp(a) * ulp(b), at most half the last place of the
        // product: less than 2^53 of them, so that arithmetic modulo 2^64 gives it exactly.
        const product = reinterpret<f64>(a) * reinterpret<f64>(b);
        const bits = reinterpret<u64>(product);
        const fields = Binary64.field(a) + Binary64.field(b);
        const places = Binary64.field(bits) + 1075 - fields;
        const units = <i64>(F64.significand(a) * F64.significand(b) - (F64.significand(bits) << places));
        const unit = reinterpret<f64>((bits & SIGN64) | ((<u64>(fields - (2150 - 1023))) << 52));
        const low = <f64>units * unit;
        // TwoSum: a * b + c = sum + error + low. Only `rest` and `result` round from here on.
        const addend = reinterpret<f64>(c);
        const sum = product + addend;
        const error = F64.sumError(product, addend);
        const rest = error + low;
        // error + low is within half a last place of `rest`, well between rest - margin and rest + margin. When both
        // of these round to the same number, so does all that is between them (Ziv's test). Otherwise the result is
        // right when `rest` is exact, as after cancellation (no error) or for short operands (no low part).
        const margin = rest * 4.44089209850062616169452667236328125e-16; // 2^-51
        const result = sum + (rest - margin);
        if (result == sum + (rest + margin)) {
          if (!Fp.inexactKnown() && F64.sumError(sum, rest) + F64.sumError(error, low) != 0) Fp.raise(FpFlag.NX);
          return reinterpret<u64>(result);
        }
        if (error == 0 || low == 0) {
          if (!Fp.inexactKnown() && F64.sumError(sum, rest) != 0) Fp.raise(FpFlag.NX);
          return reinterpret<u64>(sum + rest);
        }
      } else if (Binary64.isZero(c)) {
        // The product is not zero, so that adding a zero of either sign changes nothing.
        return F64.mul(a, b, rm);
      }
    }
    return Exact.fma(a, b, c, rm, false);
  }

  /** IEEE 754-2019 minimumNumber: the other operand when one is NaN, and -0 < +0. */
  static min(a: u64, b: u64): u64 {
    if (Binary64.isNaN(a) || Binary64.isNaN(b)) return F64.number(a, b);
    return F64.isLess(a, b) ? a : b;
  }

  /** IEEE 754-2019 maximumNumber. */
  static max(a: u64, b: u64): u64 {
    if (Binary64.isNaN(a) || Binary64.isNaN(b)) return F64.number(a, b);
    return F64.isLess(a, b) ? b : a;
  }

  /** Quiet comparison: only a signaling NaN raises NV. */
  static eq(a: u64, b: u64): u64 {
    if (Binary64.isSignaling(a) || Binary64.isSignaling(b)) Fp.raise(FpFlag.NV);
    return u64(reinterpret<f64>(a) == reinterpret<f64>(b));
  }

  /** Signaling comparison: any NaN raises NV. */
  static lt(a: u64, b: u64): u64 {
    if (Binary64.isNaN(a) || Binary64.isNaN(b)) Fp.raise(FpFlag.NV);
    return u64(reinterpret<f64>(a) < reinterpret<f64>(b));
  }

  /** Signaling comparison: any NaN raises NV. */
  static le(a: u64, b: u64): u64 {
    if (Binary64.isNaN(a) || Binary64.isNaN(b)) Fp.raise(FpFlag.NV);
    return u64(reinterpret<f64>(a) <= reinterpret<f64>(b));
  }

  /** The fclass mask: bits 0..7 from -infinity to +infinity, 8 signaling NaN, 9 quiet NaN. */
  static classify(a: u64): u64 {
    if (Binary64.isNaN(a)) return Binary64.isSignaling(a) ? 1 << 8 : 1 << 9;
    const magnitude = a & MAGNITUDE64;
    // 0 zero, 1 subnormal, 2 normal, 3 infinite: mirrored around the middle of the mask.
    const size: u64 = magnitude == 0 ? 0 : u64(magnitude >= HIDDEN64) + u64(magnitude == INFINITY64) + 1;
    return (<u64>1) << (<i64>a < 0 ? 3 - size : 4 + size);
  }

  /** The minimum and maximum of two operands with a NaN among them. */
  private static number(a: u64, b: u64): u64 {
    if (Binary64.isSignaling(a) || Binary64.isSignaling(b)) Fp.raise(FpFlag.NV);
    if (!Binary64.isNaN(a)) return a;
    return Binary64.isNaN(b) ? CANONICAL_NAN64 : b;
  }

  /** Total order of numbers: that of integers, reversed among the negative ones. */
  @inline
  private static isLess(a: u64, b: u64): bool {
    return <i64>a < <i64>b != (<i64>(a & b) < 0 && a != b);
  }

  /** Normal, and from 2^-400 to 2^401 in magnitude. */
  @inline
  private static isModerate(x: u64): bool {
    return Binary64.field(x) - (1023 - 400) <= 800;
  }

  /**
   * (x + y) less its rounded sum, which must be finite: Knuth's TwoSum, exact unless a step overflows. That takes an
   * inexact sum (of an exact one, `virtual` is y and the differences are zero), and one infinity among the steps
   * leaves an infinite or NaN result, never a finite one.
   */
  @inline
  private static sumError(x: f64, y: f64): f64 {
    const sum = x + y;
    const virtual = sum - x;
    return x - (sum - virtual) + (y - virtual);
  }

  /** The significand of a normal number as an integer of 53 bits. */
  @inline
  private static significand(x: u64): u64 {
    return (x & FRACTION64) | HIDDEN64;
  }
}
