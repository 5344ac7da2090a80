// Operand values: where integer and floating-point arithmetic has its edges, and seeded random ones.

/** A small seeded generator (SplitMix64), so that every run and every machine has the same programs. */
export class Random {
  private state: bigint;

  constructor(seed: number) {
    this.state = BigInt(seed);
  }

  bits64(): bigint {
    this.state = BigInt.asUintN(64, this.state + 0x9e3779b97f4a7c15n);
    let z = this.state;
    z = BigInt.asUintN(64, (z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n);
    z = BigInt.asUintN(64, (z ^ (z >> 27n)) * 0x94d049bb133111ebn);
    return z ^ (z >> 31n);
  }

  /** 0 to limit-1. */
  below(limit: number): number {
    return Number((this.bits64() >> 11n) % BigInt(limit));
  }

  pick<T>(values: readonly T[]): T {
    return values[this.below(values.length)] as T;
  }

  chance(percent: number): boolean {
    return this.below(100) < percent;
  }
}

export const INTEGERS: readonly bigint[] = [
  ...[0n, 1n, 2n, 3n, 7n, 8n, 31n, 32n, 33n, 63n, 64n, 65n, 0x7fn, 0x80n, 0xffn, 0x7fffn, 0x8000n, 0xffffn],
  ...[0x7fff_ffffn, 0x8000_0000n, 0x8000_0001n, 0xffff_ffffn, 0x1_0000_0000n, 0x1_0000_0001n],
  ...[0x5555_5555_5555_5555n, 0x0123_4567_89ab_cdefn, 0x00ff_0000_ff00_00ffn, 0x7fff_ffff_ffff_fffen],
  ...[0x7fff_ffff_ffff_ffffn, 0x8000_0000_0000_0000n, 0x8000_0000_0000_0001n, 0xaaaa_aaaa_aaaa_aaaan],
  ...[0xffff_ffff_0000_0000n, 0xffff_ffff_7fff_ffffn, 0xffff_ffff_8000_0000n, 0xffff_ffff_ffff_8000n],
  ...[0xffff_ffff_ffff_ff80n, 0xffff_ffff_ffff_ffc0n, 0xffff_ffff_ffff_fffen, 0xffff_ffff_ffff_ffffn],
];

export const IMMEDIATES_12: readonly number[] = [
  -2048, -2047, -1025, -1024, -256, -2, -1, 0, 1, 2, 5, 31, 1023, 1024, 2046, 2047,
];

interface Layout {
  readonly exponentBits: number;
  readonly mantissaBits: number;
}

const SINGLE: Layout = { exponentBits: 8, mantissaBits: 23 };
const DOUBLE: Layout = { exponentBits: 11, mantissaBits: 52 };

/** Values of every class, around every boundary of rounding and conversion, of both signs. */
function edges({ exponentBits, mantissaBits }: Layout): bigint[] {
  const bias = 2 ** (exponentBits - 1) - 1;
  const m = BigInt(mantissaBits);
  const ones = (1n << m) - 1n;
  const make = (exponent: number, mantissa: bigint) => (BigInt(exponent + bias) << m) | mantissa;
  const half = 1n << (m - 1n);
  const infinity = make(bias + 1, 0n);
  const magnitudes = [
    ...[0n, 1n, 2n, half, ones - 1n, ones], // zero and subnormals
    ...[make(1 - bias, 0n), make(1 - bias, 1n), make(1 - bias, ones), make(2 - bias, 0n)], // around the least normal
    ...[make(-1, 0n), make(-1, 1n), make(-1, ones), make(0, 0n), make(0, 1n), make(0, half), make(0, ones)], // 0.5 to 2
    ...[make(1, 0n), make(1, half >> 1n), make(1, half), make(3, half >> 2n)], // 2, 2.5, 3, 9
    ...[make(30, ones), make(31, 0n), make(31, ones), make(32, 0n)], // conversions to 32 bits
    ...[make(62, ones), make(63, 0n), make(63, ones), make(64, 0n)], // conversions to 64 bits
    ...[make(mantissaBits, ones), make(mantissaBits - 1, ones), make(mantissaBits + 1, ones)], // the last fractional bits
    ...[make(-mantissaBits, 0n), make(-mantissaBits - 1, 0n), make(-mantissaBits - 1, 1n)], // half an ulp of 1 and around
    ...[make(Math.floor(bias / 2), 0n), make(Math.ceil(bias / 2) + 1, half), make(-Math.ceil(bias / 2) - 2, 3n)], // products at the limits
    ...[make(bias, 0n), make(bias, ones - 1n), make(bias, ones), infinity], // greatest
    ...[infinity | half, infinity | half | 1n, infinity | 1n, infinity | (half - 1n)], // quiet and signalling NaNs
  ].map((value) => BigInt.asUintN(exponentBits + mantissaBits, value));
  const sign = 1n << BigInt(exponentBits + mantissaBits);
  return [...new Set(magnitudes)].flatMap((value) => [value, value | sign]);
}

const BOX = 0xffff_ffff_0000_0000n;

export const DOUBLES: readonly bigint[] = [
  ...edges(DOUBLE),
  // What narrows to a single's edges: overflow, the least normal, subnormals, ties.
  ...[0x47ef_ffff_e000_0000n, 0x47ef_ffff_efff_ffffn, 0x47ef_ffff_f000_0000n, 0x47f0_0000_0000_0000n],
  ...[0x380f_ffff_dfff_ffffn, 0x380f_ffff_e000_0000n, 0x380f_ffff_f000_0000n, 0x3810_0000_0000_0000n],
  ...[
    0x3690_0000_0000_0000n,
    0x3690_0000_0000_0001n,
    0x36a0_0000_0000_0000n,
    0x3ff0_0000_1000_0000n,
    0xbff0_0000_3000_0000n,
  ],
];

/** Singles as registers hold them: NaN-boxed; and some that are not, which every operation must take for a NaN. */
export const SINGLES: readonly bigint[] = [
  ...edges(SINGLE).map((value) => BOX | value),
  ...[0x3f80_0000n, 0x7fff_ffff_3f80_0000n, 0xffff_fffe_c000_0000n, 0xffff_0000_7f80_0000n],
];

/** The values whose triples matter to fused multiply-add; few, because triples are many. */
export function forTriples(values: readonly bigint[], single: boolean): bigint[] {
  const layout = single ? SINGLE : DOUBLE;
  const all = edges(layout);
  const step = [0, 1, 2, 3, 10, 12, 20, 26, 27, 28, 34, 64, 70, 72, 74, 80, 81, 82, 83, 84, 88];
  const chosen = step.flatMap((index) => all[index] ?? []);
  const boxed = single ? chosen.map((value) => BOX | value) : chosen;
  return single ? [...boxed, values[values.length - 1] as bigint] : boxed;
}

/** Random triples whose exponents are near each other, so that results cancel, carry and round. */
export function randomTriples(random: Random, count: number, single: boolean): bigint[] {
  const { exponentBits, mantissaBits } = single ? SINGLE : DOUBLE;
  const bias = 2 ** (exponentBits - 1) - 1;
  const m = BigInt(mantissaBits);
  const wrap = (value: bigint) => (single ? BOX | value : value);
  const mantissa = () => {
    const bits = random.bits64() & ((1n << m) - 1n);
    const kept = BigInt(random.below(mantissaBits + 1));
    // Few significant bits make exact results and ties; many make inexact ones.
    return random.chance(40) ? (bits >> kept) << kept : bits;
  };
  const make = (exponent: number) => {
    const biased = Math.min(Math.max(exponent + bias, 0), 2 * bias);
    return (BigInt(random.below(2)) << (m + BigInt(exponentBits))) | (BigInt(biased) << m) | mantissa();
  };
  const triples: bigint[] = [];
  for (let n = 0; n < count; n++) {
    const centre = random.pick([0, 0, 0, -bias + 2, bias - 2, Math.trunc(bias / 2), -Math.trunc(bias / 2)]);
    const a = make(centre + random.below(8) - 4);
    const b = make(random.pick([0, centre]) + random.below(8) - 4);
    const exponentOf = (value: bigint) => Number((value >> m) & ((1n << BigInt(exponentBits)) - 1n)) - bias;
    const c = make(
      exponentOf(a) + (random.chance(70) ? exponentOf(b) : 0) + random.below(mantissaBits * 2 + 8) - mantissaBits - 4,
    );
    triples.push(wrap(a), wrap(b), wrap(c));
  }
  return triples;
}
