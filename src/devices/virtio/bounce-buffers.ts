/**
 * Host-private buffers that block I/O goes through. Host I/O may run at any time, but what the guest sees may change only at
 * counted instants, so data is copied between here and guest RAM when a request is taken and when its result is applied. It
 * also means that a guest which resets a device, or reuses a buffer too early, cannot be surprised by late I/O.
 *
 * Buffers are kept for reuse, a list for each power of two.
 */
export class BounceBuffers {
  readonly #free = new Map<number, Uint8Array[]>();
  #kept = 0;

  constructor(
    /** How many bytes to keep at most while they are not in use. */
    private readonly keepBytes: number,
  ) {}

  /** A buffer of exactly `length` bytes; what is in it is left over from former use. */
  take(length: number): Uint8Array {
    const capacity = sizeClass(length);
    const buffer = this.#free.get(capacity)?.pop();
    if (buffer === undefined) return new Uint8Array(new ArrayBuffer(capacity), 0, length);
    this.#kept -= capacity;
    return new Uint8Array(buffer.buffer, 0, length);
  }

  give(buffer: Uint8Array): void {
    const capacity = buffer.buffer.byteLength;
    if (this.#kept + capacity > this.keepBytes) return;
    this.#kept += capacity;
    const list = this.#free.get(capacity);
    if (list === undefined) this.#free.set(capacity, [buffer]);
    else list.push(buffer);
  }
}

/** Small requests (a status, an ext4 block) share the page-sized class. */
const SMALLEST = 4096;

function sizeClass(length: number): number {
  return length <= SMALLEST ? SMALLEST : 2 ** Math.ceil(Math.log2(length));
}
