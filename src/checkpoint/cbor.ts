/**
 * CBOR (RFC 8949) within bounds: what a file says of lengths and depths never decides how much memory is taken. Whole numbers up
 * to 2^64 are allowed; those that a double cannot hold are bigints, the others numbers, whatever they were when written.
 */
import { decode, encode, type Token, Tokenizer, Type } from "cborg";

/** A value of one byte can take a hundred in memory: bounded by number, not by the length of what is decoded. */
const MAX_ITEMS = 2 ** 21;
const MAX_DEPTH = 64;

const OPTIONS = {
  allowBigInt: true,
  allowIndefinite: false,
  allowUndefined: false,
  rejectDuplicateMapKeys: true,
} as const;

class BoundedTokenizer extends Tokenizer {
  #items = 0;
  /** For each array and map that is not complete, how many items are still to come. */
  readonly #open: number[] = [];

  override next(): Token {
    const token = super.next();
    if (++this.#items > MAX_ITEMS) throw new RangeError("too many items");
    while (this.#open.length > 0) {
      const last = this.#open.length - 1;
      const left = (this.#open[last] as number) - 1;
      this.#open[last] = left;
      if (left >= 0) break;
      this.#open.pop();
    }
    const isMap = Type.equals(token.type, Type.map);
    if (isMap || Type.equals(token.type, Type.array)) {
      this.#open.push(Number(token.value) * (isMap ? 2 : 1));
      if (this.#open.length > MAX_DEPTH) throw new RangeError("nested too deeply");
    }
    return token;
  }
}

/** Throws for anything that is not exactly one value. */
export function decodeCbor(bytes: Uint8Array): unknown {
  return decode(bytes, { ...OPTIONS, tokenizer: new BoundedTokenizer(bytes, OPTIONS) });
}

/** Properties that are undefined are left out. */
export function encodeCbor(value: unknown): Uint8Array<ArrayBuffer> {
  return encode(value, { ignoreUndefinedProperties: true });
}
