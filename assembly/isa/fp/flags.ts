// Accrued exceptions and rounding modes of the F and D extensions (unprivileged spec, "Floating-Point Control and
// Status Register"). The values are the encodings of fcsr.fflags and fcsr.frm.

export const enum FpFlag {
  /** Inexact. */
  NX = 1,
  /** Underflow: tiny after rounding, and inexact. */
  UF = 2,
  /** Overflow. */
  OF = 4,
  /** Divide by zero. */
  DZ = 8,
  /** Invalid operation. */
  NV = 16,
}

export const enum RoundingMode {
  /** To nearest, ties to even. */
  RNE = 0,
  /** Towards zero. */
  RTZ = 1,
  /** Down, towards -infinity. */
  RDN = 2,
  /** Up, towards +infinity. */
  RUP = 3,
  /** To nearest, ties away from zero. */
  RMM = 4,
}

export class Fp {
  /**
   * fcsr.fflags of the running hart: every operation ORs its exceptions in, nothing here clears them. It is meant to
   * hold the hart's accrued flags rather than a delta, because the RNE fast paths skip the search for NX while NX is
   * already set; a caller that keeps it at zero gets the same results and flags, more slowly.
   */
  static flags: u32 = 0;

  @inline
  static raise(flags: u32): void {
    Fp.flags |= flags;
  }

  @inline
  static inexactKnown(): bool {
    return (Fp.flags & FpFlag.NX) != 0;
  }
}
