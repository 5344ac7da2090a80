// A seeded generator that is fast enough for fuzzing: xoshiro128** (Blackman and Vigna), 32 bits at a time.

export class HartRandom {
  readonly #state = new Uint32Array(4);

  constructor(readonly seed: number) {
    // SplitMix32 spreads the seed, so that neighbouring seeds have nothing in common.
    let z = seed >>> 0;
    for (let i = 0; i < 4; i++) {
      z = (z + 0x9e37_79b9) >>> 0;
      let mixed = Math.imul(z ^ (z >>> 16), 0x21f0_aaad);
      mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a_2d97);
      this.#state[i] = mixed ^ (mixed >>> 15);
    }
  }

  bits32(): number {
    const state = this.#state as unknown as [number, number, number, number];
    const scrambled = Math.imul(rotateLeft(Math.imul(state[1], 5), 7), 9) >>> 0;
    const shifted = state[1] << 9;
    state[2] ^= state[0];
    state[3] ^= state[1];
    state[1] ^= state[2];
    state[0] ^= state[3];
    state[2] ^= shifted;
    state[3] = rotateLeft(state[3], 11);
    return scrambled;
  }

  bits64(): bigint {
    return (BigInt(this.bits32()) << 32n) | BigInt(this.bits32());
  }

  /** 0 to limit - 1. */
  below(limit: number): number {
    return this.bits32() % limit;
  }

  chance(percent: number): boolean {
    return this.below(100) < percent;
  }

  pick<T>(values: readonly T[]): T {
    return values[this.below(values.length)] as T;
  }

  fill(bytes: Uint8Array): void {
    for (let i = 0; i < bytes.length; i += 4) {
      const bits = this.bits32();
      for (let j = 0; j < 4 && i + j < bytes.length; j++) bytes[i + j] = bits >>> (8 * j);
    }
  }
}

function rotateLeft(value: number, by: number): number {
  return (value << by) | (value >>> (32 - by));
}
