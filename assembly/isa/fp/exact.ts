// Arithmetic in integers, exact up to one final rounding: the path for every operand, rounding mode and flag that
// the fast paths of F64 and F32 leave.
//
// Operands are binary64 numbers. `single` asks for a binary32 result: every binary32 number is a binary64 number, and
// as each operation here is exact before Round.pack, rounding it once to binary32 is the binary32 operation.

import { Fp, FpFlag, RoundingMode } from "./flags";
import { Binary64, FRACTION64, HIDDEN64, MAGNITUDE64, SIGN64 } from "./format";
import { Round } from "./round";

export class Exact {
  static add(a: u64, b: u64, rm: u32, single: bool): u64 {
    if (Binary64.isSpecial(a) || Binary64.isSpecial(b)) {
      if (Binary64.isNaN(a) || Binary64.isNaN(b)) return Exact.nan(a, b, single);
      if (Binary64.isInfinite(a) && Binary64.isInfinite(b) && a != b) return Round.invalid(single);
      return Round.infinity(Exact.isNegative(Binary64.isInfinite(a) ? a : b), single);
    }
    if ((a & MAGNITUDE64) < (b & MAGNITUDE64)) {
      const swapped = a;
      a = b;
      b = swapped;
    }
    if (Binary64.isZero(b)) {
      if (!Binary64.isZero(a)) return Exact.convert(a, rm, single);
      return Exact.zeroSum(Exact.isNegative(a), Exact.isNegative(b), rm, single);
    }
    // Significands at bit 62 leave room for a carry, and ten zero bits below: a distance of up to ten loses nothing,
    // a larger one cancels at most one leading bit, which leaves the jammed bit far below the rounding position.
    const exponent = Exact.exponent(a);
    const high = Exact.significand(a) >> 1;
    const low = Round.shiftRightJam(Exact.significand(b) >> 1, exponent - Exact.exponent(b));
    const sum = (a ^ b) >> 63 == 0 ? high + low : high - low;
    if (sum == 0) return Round.zero(rm == RoundingMode.RDN, single);
    const shift = <i32>clz(sum);
    return Round.pack(Exact.isNegative(a), exponent + 1 - shift, sum << shift, rm, single);
  }

  static mul(a: u64, b: u64, rm: u32, single: bool): u64 {
    const negative = Exact.isNegative(a ^ b);
    if (Binary64.isSpecial(a) || Binary64.isSpecial(b)) {
      if (Binary64.isNaN(a) || Binary64.isNaN(b)) return Exact.nan(a, b, single);
      if (Binary64.isZero(a) || Binary64.isZero(b)) return Round.invalid(single);
      return Round.infinity(negative, single);
    }
    if (Binary64.isZero(a) || Binary64.isZero(b)) return Round.zero(negative, single);
    const x = Exact.significand(a);
    const y = Exact.significand(b);
    // The product of two numbers in [2^63, 2^64) has its leading bit at 127 or 126.
    const product = Exact.multiplyHigh(x, y) | u64(x * y != 0);
    const exponent = Exact.exponent(a) + Exact.exponent(b);
    if (<i64>product < 0) return Round.pack(negative, exponent + 1, product, rm, single);
    // Both have eleven zero bits at the end, the product twenty-two: bit 63 of the low half, dropped here, matters
    // only as sticky, since 62 bits remain.
    return Round.pack(negative, exponent, product << 1, rm, single);
  }

  static div(a: u64, b: u64, rm: u32, single: bool): u64 {
    const negative = Exact.isNegative(a ^ b);
    if (Binary64.isSpecial(a) || Binary64.isSpecial(b)) {
      if (Binary64.isNaN(a) || Binary64.isNaN(b)) return Exact.nan(a, b, single);
      if (!Binary64.isInfinite(a)) return Round.zero(negative, single);
      if (!Binary64.isInfinite(b)) return Round.infinity(negative, single);
      return Round.invalid(single);
    }
    if (Binary64.isZero(b)) {
      if (Binary64.isZero(a)) return Round.invalid(single);
      Fp.raise(FpFlag.DZ);
      return Round.infinity(negative, single);
    }
    if (Binary64.isZero(a)) return Round.zero(negative, single);
    // Scaled to x, y in [1, 2), the quotient is in (1/2, 2) and f64.div rounds it to the nearest 53-bit q. A quotient
    // of 53-bit numbers is never halfway between two such numbers (the halfway number times y has more than 53 bits),
    // so the sign of the remainder x - q * y says on which side of q the true quotient is: 4q, 4q - 1 or 4q + 1
    // rounds like it. 4q - 1 keeps its leading bit: q is no power of two then, as x < y gives q <= 1 - 2^-53.
    const x = Exact.significand(a) >> 11;
    const y = Exact.significand(b) >> 11;
    const q = reinterpret<u64>(Exact.scaled(x, 0) / Exact.scaled(y, 0));
    const below = <i32>(0x3ff - Binary64.field(q));
    const sig = (q & FRACTION64) | HIDDEN64;
    // |remainder| <= y/2 in units of the last place of q, so that arithmetic modulo 2^64 gives it exactly.
    const remainder = <i64>((x << (52 + below)) - sig * y);
    const exponent = Exact.exponent(a) - Exact.exponent(b) - below;
    return Round.pack(negative, exponent, Exact.beside(sig, remainder), rm, single);
  }

  static sqrt(a: u64, rm: u32, single: bool): u64 {
    if (Binary64.isNaN(a)) return Exact.nan(a, a, single);
    if (Binary64.isZero(a)) return Round.zero(Exact.isNegative(a), single);
    if (Exact.isNegative(a)) return Round.invalid(single);
    if (Binary64.isInfinite(a)) return Round.infinity(false, single);
    // As in div, with x scaled to [1, 4), its root in [1, 2) and r the nearest 53-bit number: a root is never halfway
    // between two of these (its square has more than 54 bits), and |x - r * r| <= r units is exact modulo 2^64.
    const exponent = Exact.exponent(a);
    const odd = exponent & 1;
    const x = Exact.significand(a) >> 11;
    const r = (reinterpret<u64>(sqrt(Exact.scaled(x, odd))) & FRACTION64) | HIDDEN64;
    const remainder = <i64>((x << (52 + odd)) - r * r);
    return Round.pack(false, exponent >> 1, Exact.beside(r, remainder), rm, single);
  }

  /** a * b + c. */
  static fma(a: u64, b: u64, c: u64, rm: u32, single: bool): u64 {
    const negative = Exact.isNegative(a ^ b);
    const zeroProduct = Binary64.isZero(a) || Binary64.isZero(b);
    if (Binary64.isSpecial(a) || Binary64.isSpecial(b) || Binary64.isSpecial(c)) {
      // "The fused multiply-add instructions must set the invalid operation exception flag when the multiplicands
      // are infinity and zero, even when the addend is a quiet NaN."
      if (zeroProduct && (Binary64.isInfinite(a) || Binary64.isInfinite(b))) return Round.invalid(single);
      if (Binary64.isNaN(a) || Binary64.isNaN(b) || Binary64.isNaN(c)) {
        if (Binary64.isSignaling(c)) Fp.raise(FpFlag.NV);
        return Exact.nan(a, b, single);
      }
      if (!Binary64.isInfinite(a) && !Binary64.isInfinite(b)) return Round.infinity(Exact.isNegative(c), single);
      if (Binary64.isInfinite(c) && Exact.isNegative(c) != negative) return Round.invalid(single);
      return Round.infinity(negative, single);
    }
    if (zeroProduct) {
      if (!Binary64.isZero(c)) return Exact.convert(c, rm, single);
      return Exact.zeroSum(negative, Exact.isNegative(c), rm, single);
    }
    if (Binary64.isZero(c)) return Exact.mul(a, b, rm, single);
    return Exact.fmaFinite(a, b, c, rm, single);
  }

  /** fma of three finite operands, none of them zero. */
  @inline
  static fmaFinite(a: u64, b: u64, c: u64, rm: u32, single: bool): u64 {
    let negative = Exact.isNegative(a ^ b);
    const x = Exact.significand(a) >> 1;
    const y = Exact.significand(b);
    let exponent = Exact.exponent(a) + Exact.exponent(b);
    // Both terms as 128-bit fractions with the leading bit at 126: room for a carry, and at least twenty zero bits at
    // the end, so that a jammed bit stays below all others (as in add).
    let high = Exact.multiplyHigh(x, y);
    let low = x * y;
    if (high >> 62 == 0) {
      high = (high << 1) | (low >> 63);
      low <<= 1;
    } else {
      exponent += 1;
    }
    let addendHigh = Exact.significand(c) >> 1;
    let addendLow: u64 = 0;
    const distance = exponent - Exact.exponent(c);
    if (distance > 0) {
      addendLow = Exact.shiftRightJamLow(addendHigh, 0, distance);
      addendHigh = distance < 64 ? addendHigh >> distance : 0;
    } else if (distance < 0) {
      low = Exact.shiftRightJamLow(high, low, -distance);
      high = -distance < 64 ? high >> -distance : 0;
      exponent -= distance;
    }
    if (negative == Exact.isNegative(c)) {
      low += addendLow;
      high += addendHigh + u64(low < addendLow);
    } else {
      const borrow = u64(low < addendLow);
      low -= addendLow;
      high -= addendHigh + borrow;
      if (<i64>high < 0) {
        negative = !negative;
        high = ~high + u64(low == 0);
        low = -low;
      }
      if ((high | low) == 0) return Round.zero(rm == RoundingMode.RDN, single);
    }
    if (high == 0) {
      high = low;
      low = 0;
      exponent -= 64;
    }
    const shift = clz(high);
    if (shift != 0) {
      high = (high << shift) | (low >> (64 - shift));
      low <<= shift;
    }
    return Round.pack(negative, exponent + 1 - <i32>shift, high | u64(low != 0), rm, single);
  }

  /** The same number in the other format: a finite one, zero included, is rounded, an infinity kept. */
  static convert(a: u64, rm: u32, single: bool): u64 {
    if (Binary64.isNaN(a)) return Exact.nan(a, a, single);
    if (Binary64.isInfinite(a)) return Round.infinity(Exact.isNegative(a), single);
    if (Binary64.isZero(a)) return Round.zero(Exact.isNegative(a), single);
    return Round.pack(Exact.isNegative(a), Exact.exponent(a), Exact.significand(a), rm, single);
  }

  @inline
  private static isNegative(x: u64): bool {
    return <i64>x < 0;
  }

  /** The significand of a finite number other than zero, subnormal or not, with its leading one at bit 63. */
  @inline
  private static significand(x: u64): u64 {
    const magnitude = x & MAGNITUDE64;
    return magnitude < HIDDEN64 ? magnitude << clz(magnitude) : (x << 11) | SIGN64;
  }

  /** The exponent of that leading one. Bit n of a subnormal weighs 2^(n - 1074). */
  @inline
  private static exponent(x: u64): i32 {
    const magnitude = x & MAGNITUDE64;
    return magnitude < HIDDEN64 ? -1011 - <i32>clz(magnitude) : <i32>Binary64.field(x) - 1023;
  }

  /** A NaN result for operands with a NaN among them. */
  private static nan(a: u64, b: u64, single: bool): u64 {
    if (Binary64.isSignaling(a) || Binary64.isSignaling(b)) Fp.raise(FpFlag.NV);
    return Round.canonicalNaN(single);
  }

  /** The sum of two zeros keeps a common sign; otherwise it is +0 in all modes but RDN (IEEE 754-2019, 6.3). */
  private static zeroSum(negative: bool, otherNegative: bool, rm: u32, single: bool): u64 {
    return Round.zero(negative == otherNegative ? negative : rm == RoundingMode.RDN, single);
  }

  /** sig * 2^(exponent - 52) for a 53-bit significand, as binary64. */
  @inline
  private static scaled(sig: u64, exponent: i32): f64 {
    return reinterpret<f64>((sig & FRACTION64) | ((<u64>(1023 + exponent)) << 52));
  }

  /** A 53-bit approximation and the sign of what it lacks, as a significand for Round.pack. */
  @inline
  private static beside(sig: u64, remainder: i64): u64 {
    return ((sig << 2) + u64(remainder > 0) - u64(remainder < 0)) << 9;
  }

  @inline
  private static multiplyHigh(x: u64, y: u64): u64 {
    const xl = x & 0xffff_ffff;
    const xh = x >> 32;
    const yl = y & 0xffff_ffff;
    const yh = y >> 32;
    const middle = xh * yl + ((xl * yl) >> 32);
    return xh * yh + (middle >> 32) + ((xl * yh + (middle & 0xffff_ffff)) >> 32);
  }

  /** The low half of (high:low) >> count with any bit lost ORed into bit 0; count > 0, and high is not zero. */
  @inline
  private static shiftRightJamLow(high: u64, low: u64, count: u32): u64 {
    if (count < 64) return (high << (64 - count)) | (low >> count) | u64(low << (64 - count) != 0);
    // All of this half is sticky, and what remains of `high` makes it so.
    return Round.shiftRightJam(high, count - 64);
  }
}
