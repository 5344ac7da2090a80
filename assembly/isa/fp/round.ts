// The last step of every exact operation: one rounding to binary64 or binary32, with its flags.

import { Fp, FpFlag, RoundingMode } from "./flags";
import { CANONICAL_NAN32, CANONICAL_NAN64, INFINITY32, INFINITY64, SIGN32, SIGN64 } from "./format";

export class Round {
  /**
   * Rounds the number (-1)^negative * sig * 2^(exponent - 63) and packs it; `single` chooses binary32.
   *
   * `sig` has bit 63 set. Whatever lies below its bit 0 must have been ORed into that bit ("jammed"). That keeps every
   * decision right: the eleven or more bits that rounding drops tell zero, below half, half and above half apart just
   * as the infinitely precise number would.
   */
  static pack(negative: bool, exponent: i32, sig: u64, rm: u32, single: bool): u64 {
    return single
      ? Round.packAs(negative, exponent, sig, rm, 24, 127, 31)
      : Round.packAs(negative, exponent, sig, rm, 53, 1023, 63);
  }

  @inline
  private static packAs(
    negative: bool,
    exponent: i32,
    sig: u64,
    rm: u32,
    precision: u32,
    bias: i32,
    signBit: u32,
  ): u64 {
    const dropped: u32 = 64 - precision;
    const mask: u64 = ((<u64>1) << dropped) - 1;
    const half: u64 = (<u64>1) << (dropped - 1);
    const infinity: u64 = (<u64>(2 * bias + 1)) << (precision - 1);
    const sign: u64 = (<u64>u32(negative)) << signBit;
    let field: i32 = exponent + bias;
    if (field > 2 * bias) return Round.overflow(negative, sign, infinity, rm);

    let tiny = false;
    if (field <= 0) {
      // Tininess is decided after rounding, as if the exponent range were unbounded (RISC-V, "F" extension): just
      // below the normal range, a number that rounds up to the smallest normal one at full precision isn't tiny.
      tiny =
        field < 0 || ((sig >> dropped) + Round.increment(negative, sig, mask, half, dropped, rm)) >> precision == 0;
      sig = Round.shiftRightJam(sig, 1 - field);
      field = 1;
    }
    const inexact = (sig & mask) != 0;
    // The hidden bit of a normal significand adds one to the exponent field below it, and a carry out of rounding
    // adds one more: from subnormal to normal, to the next binade, or to infinity, always the right successor.
    const kept = (sig >> dropped) + Round.increment(negative, sig, mask, half, dropped, rm);
    const magnitude = ((<u64>(field - 1)) << (precision - 1)) + kept;
    if (magnitude >= infinity) return Round.overflow(negative, sign, infinity, rm);
    if (inexact) Fp.raise(tiny ? FpFlag.UF | FpFlag.NX : FpFlag.NX);
    return sign | magnitude;
  }

  /** 1 when the kept significand must go up to the next magnitude, else 0. */
  @inline
  private static increment(negative: bool, sig: u64, mask: u64, half: u64, dropped: u32, rm: u32): u64 {
    const rest = sig & mask;
    if (rm == RoundingMode.RNE) return u64(rest + ((sig >> dropped) & 1) > half);
    if (rm == RoundingMode.RMM) return u64(rest >= half);
    return u64(rest != 0 && rm == (negative ? RoundingMode.RDN : RoundingMode.RUP));
  }

  private static overflow(negative: bool, sign: u64, infinity: u64, rm: u32): u64 {
    Fp.raise(FpFlag.OF | FpFlag.NX);
    const away =
      rm == RoundingMode.RNE || rm == RoundingMode.RMM || rm == (negative ? RoundingMode.RDN : RoundingMode.RUP);
    return sign | (away ? infinity : infinity - 1);
  }

  /** value >> count with any bit lost ORed into bit 0; any count >= 0. */
  @inline
  static shiftRightJam(value: u64, count: u32): u64 {
    if (count == 0) return value;
    if (count > 63) return u64(value != 0);
    return (value >> count) | u64(value << (64 - count) != 0);
  }

  static zero(negative: bool, single: bool): u64 {
    return negative ? (single ? <u64>SIGN32 : SIGN64) : 0;
  }

  static infinity(negative: bool, single: bool): u64 {
    return Round.zero(negative, single) | (single ? <u64>INFINITY32 : INFINITY64);
  }

  static canonicalNaN(single: bool): u64 {
    return single ? <u64>CANONICAL_NAN32 : CANONICAL_NAN64;
  }

  /** The result of an operation with no meaningful one, such as infinity - infinity. */
  static invalid(single: bool): u64 {
    Fp.raise(FpFlag.NV);
    return Round.canonicalNaN(single);
  }
}
