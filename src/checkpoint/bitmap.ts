/** Bitmaps of pages: page n is bit n % 8 of byte n / 8, as the file has them. */

export class Bitmap {
  readonly bytes: Uint8Array;

  /** Over `bytes`, or over zeroes. Bits behind `length` must be, and stay, 0. */
  constructor(
    readonly length: number,
    bytes?: Uint8Array,
  ) {
    this.bytes = bytes ?? new Uint8Array(Bitmap.bytesFor(length));
    if (this.bytes.length !== Bitmap.bytesFor(length)) throw new RangeError("a bitmap of another length");
  }

  static bytesFor(bits: number): number {
    return Math.ceil(bits / 8);
  }

  has(index: number): boolean {
    return (((this.bytes[index >> 3] as number) >> (index & 7)) & 1) !== 0;
  }

  add(index: number): void {
    this.bytes[index >> 3] = (this.bytes[index >> 3] as number) | (1 << (index & 7));
  }

  delete(index: number): void {
    this.bytes[index >> 3] = (this.bytes[index >> 3] as number) & ~(1 << (index & 7));
  }

  /** How many bits are set. */
  count(): number {
    let total = 0;
    for (const byte of this.bytes) total += ONES[byte] as number;
    return total;
  }

  /** Whether no bit behind the last one is set. */
  get ends(): boolean {
    const rest = this.length & 7;
    return rest === 0 || (this.bytes[this.bytes.length - 1] as number) >> rest === 0;
  }

  copy(): Bitmap {
    return new Bitmap(this.length, this.bytes.slice());
  }

  complement(): Bitmap {
    const inverse = new Bitmap(
      this.length,
      this.bytes.map((byte) => ~byte),
    );
    const rest = this.length & 7;
    if (rest !== 0) inverse.bytes[inverse.bytes.length - 1] = (inverse.bytes.at(-1) as number) & ((1 << rest) - 1);
    return inverse;
  }

  union(other: Bitmap): void {
    for (let at = 0; at < this.bytes.length; at++) {
      this.bytes[at] = (this.bytes[at] as number) | (other.bytes[at] as number);
    }
  }

  subtract(other: Bitmap): void {
    for (let at = 0; at < this.bytes.length; at++) {
      this.bytes[at] = (this.bytes[at] as number) & ~(other.bytes[at] as number);
    }
  }

  intersect(other: Bitmap): void {
    for (let at = 0; at < this.bytes.length; at++) {
      this.bytes[at] = (this.bytes[at] as number) & (other.bytes[at] as number);
    }
  }

  intersects(other: Bitmap): boolean {
    return this.bytes.some((byte, at) => (byte & (other.bytes[at] as number)) !== 0);
  }

  /** The runs of set bits, in order: [first, count]. */
  *runs(): Generator<readonly [first: number, count: number]> {
    for (let at = this.#next(0, true); at < this.length; ) {
      const end = this.#next(at, false);
      yield [at, end - at];
      at = this.#next(end, true);
    }
  }

  /** The set bits in order. */
  *indices(): Generator<number> {
    for (const [first, count] of this.runs()) for (let index = first; index < first + count; index++) yield index;
  }

  /** The first bit at or behind `from` that is set, or that is not; `length` if there is none. */
  #next(from: number, set: boolean): number {
    const skipped = set ? 0 : 0xff;
    let index = from;
    while (index < this.length) {
      if ((index & 7) === 0 && this.bytes[index >> 3] === skipped) index += 8;
      else if (this.has(index) === set) return index;
      else index++;
    }
    return this.length;
  }
}

const ONES = new Uint8Array(256).map((_, byte) => {
  let ones = 0;
  for (let rest = byte; rest !== 0; rest &= rest - 1) ones++;
  return ones;
});
