/**
 * Packets, or buffers for them, as runs of bytes in one memory: a list that the addon reads in one go. For each there is a
 * number of segments in `words`, and behind it offset and length of each segment.
 */

/** Packets or buffers that fit. */
const PACKETS = 256;
/** Segments that fit, about; one packet may have as many as a virtqueue has descriptors. */
const WORDS = 8192;

export class PacketVectors {
  readonly words = new Uint32Array(WORDS);
  /** Of each packet, what became of it. */
  readonly results = new Int32Array(PACKETS);
  #count = 0;
  #used = 0;
  /** Where the segments of the last packet are counted. */
  #counter = 0;

  constructor(readonly memory: Uint8Array) {}

  /** One buffer that is all of `memory`. */
  static whole(memory: Uint8Array): PacketVectors {
    const vectors = new PacketVectors(memory);
    vectors.begin(1);
    vectors.add(0, memory.length);
    return vectors;
  }

  /** How many packets there are. */
  get count(): number {
    return this.#count;
  }

  clear(): void {
    this.#count = 0;
    this.#used = 0;
  }

  /** Begins the next packet. False when there is no room for one of so many segments. */
  begin(segments: number): boolean {
    if (this.#count === PACKETS || this.#used + 1 + 2 * segments > WORDS) return false;
    this.#count++;
    this.#counter = this.#used++;
    this.words[this.#counter] = 0;
    return true;
  }

  /** Adds a segment to the packet that was begun last. */
  add(offset: number, length: number): void {
    const { words } = this;
    words[this.#used++] = offset;
    words[this.#used++] = length;
    words[this.#counter] = (words[this.#counter] ?? 0) + 1;
  }

  /** The segments of each packet, as views. */
  *packets(): Generator<Uint8Array[]> {
    let at = 0;
    for (let index = 0; index < this.#count; index++) {
      const segments: Uint8Array[] = [];
      for (let left = this.words[at++] ?? 0; left > 0; left--) {
        const offset = this.words[at++] ?? 0;
        segments.push(this.memory.subarray(offset, offset + (this.words[at++] ?? 0)));
      }
      yield segments;
    }
  }
}

/** Goes through the buffers of a list, to fill them with packets. */
export class BufferCursor {
  readonly #vectors: PacketVectors;
  #buffersLeft: number;
  /** In `words`: where the buffer begins that is the next to be taken. */
  #next = 0;
  /** The segment that is written to, how many of its buffer's are left with it, and how much of it is full. */
  #segment = 0;
  #segmentsLeft = 0;
  #filled = 0;

  constructor(vectors: PacketVectors) {
    this.#vectors = vectors;
    this.#buffersLeft = vectors.count;
  }

  /** Takes a buffer for a packet of `length` bytes, or with `mergeable` as many as it needs. False when there are none. */
  take(length: number, mergeable: boolean): boolean {
    const { words } = this.#vectors;
    this.#segment = this.#next + 1;
    this.#segmentsLeft = words[this.#next] ?? 0;
    this.#filled = 0;
    let room = 0;
    do {
      if (this.#buffersLeft === 0) return false;
      this.#buffersLeft--;
      const segments = words[this.#next++] ?? 0;
      for (let index = 0; index < segments; index++) room += words[this.#next + 2 * index + 1] ?? 0;
      this.#next += 2 * segments;
    } while (mergeable && room < length);
    return room >= length;
  }

  /** Writes the next part of the packet that was taken for. */
  write(bytes: Uint8Array): void {
    const { memory, words } = this.#vectors;
    for (let at = 0; at < bytes.length; ) {
      while (this.#segmentsLeft === 0) this.#segmentsLeft = words[this.#segment++] ?? 0;
      const offset = (words[this.#segment] ?? 0) + this.#filled;
      const length = Math.min(bytes.length - at, (words[this.#segment + 1] ?? 0) - this.#filled);
      memory.set(bytes.subarray(at, at + length), offset);
      at += length;
      this.#filled += length;
      if (this.#filled < (words[this.#segment + 1] ?? 0)) continue;
      this.#segment += 2;
      this.#segmentsLeft--;
      this.#filled = 0;
    }
  }
}
