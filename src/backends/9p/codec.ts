/** Reading and writing 9P messages: little-endian integers, and strings with a length of 16 bits ahead. */
import { LinuxError } from "./linux-error.js";
import { HEADER_LENGTH } from "./protocol.js";

/** Reads a guest's message. What is not there is an error, for which the guest gets a reply. */
export class MessageReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = HEADER_LENGTH;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  u8(): number {
    return this.#view.getUint8(this.#take(1));
  }

  u16(): number {
    return this.#view.getUint16(this.#take(2), true);
  }

  u32(): number {
    return this.#view.getUint32(this.#take(4), true);
  }

  u64(): bigint {
    return this.#view.getBigUint64(this.#take(8), true);
  }

  /** Of files, whose sizes Linux counts with 63 bits and JavaScript with 53. */
  offset(): number {
    const value = this.u64();
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw new LinuxError("EFBIG");
    return Number(value);
  }

  /** A view, good for as long as the message. */
  bytes(length: number): Uint8Array {
    const at = this.#take(length);
    return this.#bytes.subarray(at, at + length);
  }

  string(): Uint8Array {
    return this.bytes(this.u16());
  }

  #take(length: number): number {
    const at = this.#at;
    if (at + length > this.#bytes.length) throw new LinuxError("EPROTO");
    this.#at += length;
    return at;
  }
}

/** Writes a reply into a buffer of its greatest length. */
export class MessageWriter {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = HEADER_LENGTH;

  constructor(type: number, tag: number, capacity: number) {
    this.#bytes = new Uint8Array(HEADER_LENGTH + capacity);
    this.#view = new DataView(this.#bytes.buffer);
    this.#view.setUint8(4, type);
    this.#view.setUint16(5, tag, true);
  }

  u8(value: number): this {
    this.#view.setUint8(this.#advance(1), value);
    return this;
  }

  u16(value: number): this {
    this.#view.setUint16(this.#advance(2), value, true);
    return this;
  }

  u32(value: number): this {
    this.#view.setUint32(this.#advance(4), value, true);
    return this;
  }

  u64(value: bigint): this {
    this.#view.setBigUint64(this.#advance(8), value, true);
    return this;
  }

  bytes(value: Uint8Array): this {
    this.#bytes.set(value, this.#advance(value.length));
    return this;
  }

  string(value: Uint8Array): this {
    return this.u16(value.length).bytes(value);
  }

  /** Where the next `length` bytes go, for somebody else to fill; `keep` takes them in. */
  room(length: number): Uint8Array {
    return this.#bytes.subarray(this.#at, this.#at + length);
  }

  keep(length: number): this {
    this.#advance(length);
    return this;
  }

  /** The message, with its size in its first field. */
  end(): Uint8Array {
    this.#view.setUint32(0, this.#at, true);
    return this.#bytes.subarray(0, this.#at);
  }

  #advance(length: number): number {
    const at = this.#at;
    this.#at += length;
    return at;
  }
}
