// Operands for the comparison with the oracle: cross products of edge values, and random ones made to meet each other.

import type { Format } from "./format.js";
import { D, fromBits, infinity, pack, S, signBit, toBits } from "./format.js";
import type { Operation } from "./operations.js";

export const RECORD_WORDS = 3;

/** xoshiro128** (public domain, Blackman and Vigna), seeded by splitmix32: every run draws the same numbers. */
export class Random {
  private readonly state = new Uint32Array(4);

  constructor(seed: number) {
    for (let i = 0; i < 4; i++) {
      seed = (seed + 0x9e3779b9) | 0;
      let mixed = Math.imul(seed ^ (seed >>> 16), 0x21f0aaad);
      mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
      this.state[i] = mixed ^ (mixed >>> 15);
    }
  }

  /** 32 random bits. */
  word(): number {
    const [s0, s1, s2, s3] = this.state as unknown as [number, number, number, number];
    const scrambled = Math.imul(s1, 5);
    const result = Math.imul((scrambled << 7) | (scrambled >>> 25), 9) >>> 0;
    const t3 = s3 ^ s1;
    const t2 = s2 ^ s0;
    this.state[1] = s1 ^ t2;
    this.state[0] = s0 ^ t3;
    this.state[2] = t2 ^ (s1 << 9);
    this.state[3] = (t3 << 11) | (t3 >>> 21);
    return result;
  }

  /** An integer from `low` to `high`, both included. */
  between(low: number, high: number): number {
    return low + (this.word() % (high - low + 1));
  }

  chance(): boolean {
    return this.word() >= 0x8000_0000;
  }

  bits(count: number): bigint {
    return BigInt.asUintN(count, (BigInt(this.word()) << 32n) | BigInt(this.word()));
  }
}

/** All combinations of edge values: about a hundred for one or two operands, two dozen for three. */
export function edgeOperands(operation: Operation): BigUint64Array {
  const few = operation.operands.length === 3;
  const lists = [0, 1, 2].map((position) => {
    const kind = operation.operands[position];
    if (kind === undefined) return [0n];
    return kind === "integer" ? integerEdges() : few ? fewEdges(kind) : manyEdges(kind);
  }) as [bigint[], bigint[], bigint[]];
  const [as, bs, cs] = lists;
  return BigUint64Array.from(as.flatMap((a) => bs.flatMap((b) => cs.flatMap((c) => [a, b, c]))));
}

export function randomOperands(operation: Operation, count: number, random: Random): BigUint64Array {
  const records = new BigUint64Array(count * RECORD_WORDS);
  for (let i = 0; i < records.length; i += RECORD_WORDS) {
    const kind = operation.operands[0];
    if (kind === "integer") records[i] = randomInteger(random);
    else if (kind !== undefined) records.set((random.between(0, 7) === 0 ? nearTie : relatedNumbers)(kind, random), i);
  }
  return records;
}

function bothSigns(format: Format, magnitudes: readonly bigint[]): bigint[] {
  return magnitudes.flatMap((bits) => [bits, bits | signBit(format, true)]);
}

function fewEdges(format: Format): bigint[] {
  const one = toBits(format, 1);
  const inf = infinity(format);
  const hidden = 1n << BigInt(format.fractionBits);
  return bothSigns(format, [
    0n,
    1n,
    hidden - 1n,
    hidden,
    hidden + 1n,
    one - 1n,
    one,
    one + 1n,
    inf - 1n,
    inf,
    inf + 1n,
    inf | (hidden >> 1n),
  ]);
}

function manyEdges(format: Format): bigint[] {
  const hidden = 1n << BigInt(format.fractionBits);
  const inf = infinity(format);
  const numbers = [0.25, 0.5, 1, 1.5, 2, 2.5, 3, 3.5, 10, 2 ** 23, 2 ** 24, 2 ** 52, 2 ** 53];
  // The limits of the integer types, halves around them, and the limits of binary32.
  numbers.push(...[31, 32, 63, 64].flatMap((n) => [2 ** n - 1, 2 ** n - 0.5, 2 ** n, 2 ** n + 0.5]));
  if (format === D) numbers.push(2 ** -150, 2 ** -149, 2 ** -126, (2 - 2 ** -24) * 2 ** 127, (2 - 2 ** -23) * 2 ** 127);
  const normal = numbers.map((value) => toBits(format, value)).flatMap((bits) => [bits - 1n, bits, bits + 1n]);
  const subnormal = [1n, 2n, 3n, hidden >> 1n, hidden - 2n, hidden - 1n];
  // Quiet NaNs: canonical, with payload, all ones. Signaling ones: lowest, highest.
  const special = [
    inf,
    inf | (hidden >> 1n),
    inf | (hidden >> 1n) | 5n,
    inf | (hidden - 1n),
    inf | 1n,
    inf | ((hidden >> 1n) - 1n),
  ];
  const ends = [hidden, hidden + 1n, 2n * hidden - 1n, 2n * hidden, inf - hidden, inf - 2n, inf - 1n];
  return bothSigns(format, [...new Set([0n, ...subnormal, ...ends, ...normal, ...special])]);
}

function integerEdges(): bigint[] {
  const near = Array.from({ length: 64 }, (_, n) => 1n << BigInt(n)).flatMap((power) => [
    power - 1n,
    power,
    power + 1n,
  ]);
  // Halfway between two numbers of 53 and of 24 bits, and beside it.
  const halves = [53, 24].flatMap((p) =>
    [0, 7, 11 + 53 - p].map((shift) => ((1n << BigInt(p + 1)) - 1n) << BigInt(Math.min(shift, 63 - p))),
  );
  const all = [...near, ...halves.flatMap((value) => [value - 1n, value, value + 1n, value - 2n])];
  // And, for unboxing, registers whose upper half is almost all ones.
  all.push(0xffff_ffff_7f80_0001n, 0xffff_fffe_3f80_0000n, 0x7fff_ffff_3f80_0000n, 0xffff_ffff_0000_0000n);
  return [...new Set(all.flatMap((value) => [value, -value]).map((value) => BigInt.asUintN(64, value)))];
}

function randomInteger(random: Random): bigint {
  const value = random.bits(random.between(1, 64)) << BigInt(random.chance() ? 0 : random.between(0, 40));
  const near = random.chance() ? value : sparse(64, random);
  return BigInt.asUintN(64, random.chance() ? near : -near);
}

/** Few ones, or few zeros: what makes halfway cases, exact results and long carries. */
function sparse(bits: number, random: Random): bigint {
  let value = random.chance() ? 0n : (1n << BigInt(random.between(0, bits))) - 1n;
  for (let n = random.between(0, 3); n > 0; n--) value ^= 1n << BigInt(random.between(0, bits - 1));
  if (random.chance()) value = ~value;
  return BigInt.asUintN(bits, value);
}

function fraction(format: Format, random: Random): bigint {
  return random.chance() ? random.bits(format.fractionBits) : sparse(format.fractionBits, random);
}

function anyField(format: Format, random: Random): number {
  const last = 2 * format.bias + 1;
  switch (random.between(0, 5)) {
    case 0:
      return random.between(0, 3);
    case 1:
      return random.between(last - 3, last);
    case 2:
      return random.between(0, last);
    default:
      return format.bias + random.between(-70, 70);
  }
}

function anyNumber(format: Format, random: Random): bigint {
  const last = BigInt(anyField(format, random)) << BigInt(format.fractionBits);
  return signBit(format, random.chance()) | last | fraction(format, random);
}

/**
 * Three operands. The exponent of the second is drawn so that sums cancel or round, and that products and quotients
 * fall around the ends of the exponent range; the third lies around the product of the first two.
 */
function relatedNumbers(format: Format, random: Random): [bigint, bigint, bigint] {
  const { bias, fractionBits } = format;
  const last = 2 * bias + 1;
  const a = anyNumber(format, random);
  const number = (field: number): bigint => pack(format, random.chance(), field, fraction(format, random));
  const fieldOf = (bits: bigint): number => Number((bits >> BigInt(fractionBits)) & BigInt(last));
  const spread = random.between(-fractionBits - 4, fractionBits + 4);
  const small = random.between(-2, 2);
  const fieldA = fieldOf(a);
  let b = anyNumber(format, random);
  switch (random.between(0, 8)) {
    case 0:
      b = number(fieldA + spread);
      break;
    case 1:
      b = number(fieldA + small);
      break;
    case 2:
      // A product around the smallest numbers.
      b = number(bias - fieldA + spread);
      break;
    case 3:
      // A quotient around the smallest numbers.
      b = number(fieldA + bias + spread);
      break;
    case 4:
      b = number(last + bias - fieldA + small);
      break;
    case 5:
      b = number(fieldA - bias + small);
      break;
    case 6:
      b = neighbour(format, a ^ signBit(format, random.chance()), random);
      break;
  }
  const fieldC = fieldA + fieldOf(b) - bias;
  let c = anyNumber(format, random);
  switch (random.between(0, 3)) {
    case 0:
      c = number(fieldC + random.between(-2 * fractionBits - 6, fractionBits + 6));
      break;
    case 1:
      c = number(fieldC + small);
      break;
    case 2:
      c = neighbour(format, toBits(format, -fromBits(format, a) * fromBits(format, b)), random);
      break;
  }
  return [a, b, c];
}

/**
 * Sums a * b + c that lie so close to the middle between two numbers that only the last bits of the product, or a
 * far smaller addend, decide.
 */
function nearTie(format: Format, random: Random): [bigint, bigint, bigint] {
  const { bias, fractionBits } = format;
  const number = (significand: bigint, exponent: number): bigint => {
    const width = significand.toString(2).length;
    const aligned = significand << BigInt(fractionBits + 1 - width);
    return pack(format, random.chance(), bias + exponent, BigInt.asUintN(fractionBits, aligned));
  };
  const exponent = random.between(-40, 40);
  if (random.chance()) {
    // A product of one bit more than the format has: itself in the middle. The addend is beyond the next bits.
    const odd = (width: number): bigint => (1n << BigInt(width - 1)) | random.bits(width - 1) | 1n;
    const width = random.between(2, fractionBits);
    const addend = number(
      random.bits(fractionBits) | 1n,
      exponent - random.between(fractionBits + 2, 4 * fractionBits),
    );
    return [number(odd(width), exponent), number(odd(fractionBits + 2 - width), 0), addend];
  }
  // 2^3k + 1 = (2^k + 1)(2^2k - 2^k + 1), or 2^2k - 1 = (2^k + 1)(2^k - 1): a product just beside a power of two,
  // against an addend whose last place is about twice that power.
  const k = random.between(2, Math.floor(fractionBits / 2));
  const power = 1n << BigInt(k);
  const wide = random.chance() ? 1n << BigInt(fractionBits) : power;
  const [a, b] = random.chance() ? [power + 1n, power * power - power + 1n] : [wide + 1n, wide - 1n];
  const addend = number(
    (1n << BigInt(fractionBits)) | fraction(format, random),
    exponent + fractionBits + random.between(-1, 2),
  );
  return [number(a, exponent), number(b, 0), addend];
}

/** A number at most three places from another, or that number. */
function neighbour(format: Format, bits: bigint, random: Random): bigint {
  return BigInt.asUintN(format === S ? 32 : 64, bits + BigInt(random.between(-3, 3)));
}
