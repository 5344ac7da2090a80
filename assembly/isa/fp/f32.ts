// F extension: operations on raw binary32 bits. `rm` is a RoundingMode, already resolved from DYN.
//
// The fast paths use wasm's f32 and f64 instructions (round to nearest, ties to even) under the conditions given
// beside each; the rest goes to Exact with the operands widened to binary64. As in F64, no NaN made by a wasm
// instruction leaves this file.

import { Exact } from "./exact";
import { Fp, FpFlag, RoundingMode } from "./flags";
import { Binary32, CANONICAL_NAN32, HIDDEN32, INFINITY32, MAGNITUDE32, SIGN32 } from "./format";

export class F32 {
  /** The binary32 number in a 64-bit register: the canonical NaN unless the upper half is all ones. */
  @inline
  static unbox(register: u64): u32 {
    return register >= 0xffff_ffff_0000_0000 ? <u32>register : CANONICAL_NAN32;
  }

  @inline
  static box(value: u32): u64 {
    return <u64>value | 0xffff_ffff_0000_0000;
  }

  static add(a: u32, b: u32, rm: u32): u32 {
    if (rm == RoundingMode.RNE) {
      const x = reinterpret<f32>(a);
      const y = reinterpret<f32>(b);
      const sum = x + y;
      // As in F64.add: a finite sum did not overflow, and one below the normal range is exact.
      if (Binary32.field(reinterpret<u32>(sum)) != 0xff) {
        if (Fp.inexactKnown()) return reinterpret<u32>(sum);
        // TwoSum in binary64, where nothing overflows. The sum is exact when both roundings are.
        const wide = <f64>x + <f64>y;
        const virtual = wide - <f64>x;
        const error = <f64>x - (wide - virtual) + (<f64>y - virtual);
        if (error != 0 || <f64>sum != wide) Fp.raise(FpFlag.NX);
        return reinterpret<u32>(sum);
      }
    }
    return <u32>Exact.add(Binary32.widen(a), Binary32.widen(b), rm, true);
  }

  @inline
  static sub(a: u32, b: u32, rm: u32): u32 {
    return F32.add(a, b ^ SIGN32, rm);
  }

  static mul(a: u32, b: u32, rm: u32): u32 {
    // 24 + 24 bits and the doubled exponent range fit in binary64, so that this product is exact.
    const wide = <f64>reinterpret<f32>(a) * <f64>reinterpret<f32>(b);
    const product = <f32>wide;
    // Unchanged by narrowing: exact, whatever the rounding mode. (A NaN is equal to nothing, and an infinite `wide`
    // does not overflow, it comes from an infinite operand.)
    if (<f64>product == wide) return reinterpret<u32>(product);
    if (rm == RoundingMode.RNE && Binary32.isSafelyNormal(reinterpret<u32>(product))) {
      Fp.raise(FpFlag.NX);
      return reinterpret<u32>(product);
    }
    return <u32>Exact.mul(Binary32.widen(a), Binary32.widen(b), rm, true);
  }

  static div(a: u32, b: u32, rm: u32): u32 {
    if (rm == RoundingMode.RNE) {
      const x = reinterpret<f32>(a);
      const y = reinterpret<f32>(b);
      const quotient = x / y;
      // A safely normal quotient has finite operands other than zero. It is exact when quotient * y, which fits in
      // binary64, is x.
      if (Binary32.isSafelyNormal(reinterpret<u32>(quotient))) {
        if (<f64>quotient * <f64>y != <f64>x) Fp.raise(FpFlag.NX);
        return reinterpret<u32>(quotient);
      }
    }
    return <u32>Exact.div(Binary32.widen(a), Binary32.widen(b), rm, true);
  }

  static sqrt(a: u32, rm: u32): u32 {
    // The root of a positive normal number is normal; its square fits in binary64.
    if (rm == RoundingMode.RNE && a - HIDDEN32 < INFINITY32 - HIDDEN32) {
      const x = reinterpret<f32>(a);
      const root = sqrt<f32>(x);
      if (<f64>root * <f64>root != <f64>x) Fp.raise(FpFlag.NX);
      return reinterpret<u32>(root);
    }
    return <u32>Exact.sqrt(Binary32.widen(a), rm, true);
  }

  /** a * b + c, rounded once. */
  static fma(a: u32, b: u32, c: u32, rm: u32): u32 {
    if (rm == RoundingMode.RNE) {
      const product = <f64>reinterpret<f32>(a) * <f64>reinterpret<f32>(b);
      const addend = <f64>reinterpret<f32>(c);
      const wide = product + addend;
      const result = <f32>wide;
      // The product is exact and only the sum rounds before narrowing does. Rounding twice equals rounding once unless
      // the first lands halfway between two binary32 numbers: between such points, all numbers round alike. In the
      // binary32 normal range, binary64 numbers halfway between two have bit 28 set and the bits below clear.
      if (Binary32.isSafelyNormal(reinterpret<u32>(result)) && (reinterpret<u64>(wide) & 0x1fff_ffff) != 0x1000_0000) {
        if (!Fp.inexactKnown()) {
          const virtual = wide - product;
          const error = product - (wide - virtual) + (addend - virtual);
          if (error != 0 || <f64>result != wide) Fp.raise(FpFlag.NX);
        }
        return reinterpret<u32>(result);
      }
    }
    return <u32>Exact.fma(Binary32.widen(a), Binary32.widen(b), Binary32.widen(c), rm, true);
  }

  /** IEEE 754-2019 minimumNumber: the other operand when one is NaN, and -0 < +0. */
  static min(a: u32, b: u32): u32 {
    if (Binary32.isNaN(a) || Binary32.isNaN(b)) return F32.number(a, b);
    return F32.isLess(a, b) ? a : b;
  }

  /** IEEE 754-2019 maximumNumber. */
  static max(a: u32, b: u32): u32 {
    if (Binary32.isNaN(a) || Binary32.isNaN(b)) return F32.number(a, b);
    return F32.isLess(a, b) ? b : a;
  }

  /** Quiet comparison: only a signaling NaN raises NV. */
  static eq(a: u32, b: u32): u64 {
    if (Binary32.isSignaling(a) || Binary32.isSignaling(b)) Fp.raise(FpFlag.NV);
    return u64(reinterpret<f32>(a) == reinterpret<f32>(b));
  }

  /** Signaling comparison: any NaN raises NV. */
  static lt(a: u32, b: u32): u64 {
    if (Binary32.isNaN(a) || Binary32.isNaN(b)) Fp.raise(FpFlag.NV);
    return u64(reinterpret<f32>(a) < reinterpret<f32>(b));
  }

  /** Signaling comparison: any NaN raises NV. */
  static le(a: u32, b: u32): u64 {
    if (Binary32.isNaN(a) || Binary32.isNaN(b)) Fp.raise(FpFlag.NV);
    return u64(reinterpret<f32>(a) <= reinterpret<f32>(b));
  }

  /** The fclass mask: bits 0..7 from -infinity to +infinity, 8 signaling NaN, 9 quiet NaN. */
  static classify(a: u32): u64 {
    if (Binary32.isNaN(a)) return Binary32.isSignaling(a) ? 1 << 8 : 1 << 9;
    const magnitude = a & MAGNITUDE32;
    const size: u64 = magnitude == 0 ? 0 : u64(magnitude >= HIDDEN32) + u64(magnitude == INFINITY32) + 1;
    return (<u64>1) << (<i32>a < 0 ? 3 - size : 4 + size);
  }

  /** The minimum and maximum of two operands with a NaN among them. */
  private static number(a: u32, b: u32): u32 {
    if (Binary32.isSignaling(a) || Binary32.isSignaling(b)) Fp.raise(FpFlag.NV);
    if (!Binary32.isNaN(a)) return a;
    return Binary32.isNaN(b) ? CANONICAL_NAN32 : b;
  }

  /** Total order of numbers: that of integers, reversed among the negative ones. */
  @inline
  private static isLess(a: u32, b: u32): bool {
    return <i32>a < <i32>b != (<i32>(a & b) < 0 && a != b);
  }
}
