/**
 * What a disk holds beside its files, as it lies in a checkpoint: numbered clusters one behind the other, and which they are.
 */
import { VkrunError } from "../errors.js";
import { slices } from "./scatter.js";

/** Where a disk's content goes to. */
export interface DiskDataSink {
  /** Appends; answers the offset that the bytes have within the data. Calls may overlap. */
  appendData(buffers: readonly Uint8Array[]): Promise<number>;
}

/** Where it comes from again. */
export interface DiskDataSource {
  readData(offset: number, buffers: readonly Uint8Array[]): Promise<void>;
  /** What needs no waiting, from the beginning on; answers how many bytes. */
  tryReadData(offset: number, buffers: readonly Uint8Array[]): number;
}

/** Plain data: part of a checkpoint's manifest. */
export interface SavedClusters {
  readonly clusterBytes: number;
  /** Numbers of clusters of the disk (u32, little-endian), in the order in which they lie in the data. */
  readonly numbers: Uint8Array;
  /** Where each of them begins in the data, in clusters from `offset` on (u32, little-endian). */
  readonly places: Uint8Array;
  /** Numbers of clusters that are all zeroes, and not in the data (u32, little-endian). */
  readonly zeroes: Uint8Array;
}

/** Unit of what is saved, and of overlays in memory. */
export const CLUSTER = 64 << 10;
/** Clusters that go to the sink at once. */
const BATCH = 16;
const ZEROES = new Uint8Array(CLUSTER);

/** Collects clusters and hands them on in large pieces. */
export class ClusterSaver {
  readonly #sink: DiskDataSink;
  readonly #numbers: number[] = [];
  readonly #places: number[] = [];
  readonly #zeroes: number[] = [];
  #batch: { number: number; bytes: Uint8Array }[] = [];

  constructor(sink: DiskDataSink) {
    this.#sink = sink;
  }

  /** `bytes` are a cluster, or less at the end of a disk, and stay as they are until what is answered is fulfilled. */
  async add(number: number, bytes: Uint8Array): Promise<void> {
    if (Buffer.compare(bytes, ZEROES.subarray(0, bytes.length)) === 0) {
      this.#zeroes.push(number);
      return;
    }
    this.#batch.push({ number, bytes });
    if (this.#batch.length >= BATCH) await this.#flush();
  }

  async finish(): Promise<SavedClusters> {
    await this.#flush();
    return {
      clusterBytes: CLUSTER,
      numbers: encode(this.#numbers),
      places: encode(this.#places),
      zeroes: encode(this.#zeroes),
    };
  }

  async #flush(): Promise<void> {
    const batch = this.#batch;
    if (batch.length === 0) return;
    this.#batch = [];
    const buffers = batch.flatMap(({ bytes }) => [bytes, ZEROES.subarray(bytes.length)]);
    const offset = await this.#sink.appendData(buffers);
    for (const [index, { number }] of batch.entries()) {
      this.#numbers.push(number);
      this.#places.push(offset / CLUSTER + index);
    }
  }
}

/** Clusters in a checkpoint, by their numbers. */
export class ClusterStore {
  readonly #source: DiskDataSource;
  /** Offsets in the data; undefined for zeroes. */
  readonly #places = new Map<number, number | undefined>();

  /** `size` of the disk: what is said to lie behind its end is an error, as is anything else that contradicts itself. */
  constructor(saved: SavedClusters, source: DiskDataSource, size: number) {
    this.#source = source;
    const numbers = decode(saved.numbers);
    const places = decode(saved.places);
    if (saved.clusterBytes !== CLUSTER || numbers.length !== places.length) throw invalid();
    const end = Math.ceil(size / CLUSTER);
    const add = (number: number, place: number | undefined): void => {
      if (number >= end || this.#places.has(number)) throw invalid();
      this.#places.set(number, place);
    };
    for (const [index, number] of numbers.entries()) add(number, (places[index] as number) * CLUSTER);
    for (const number of decode(saved.zeroes)) add(number, undefined);
  }

  has(number: number): boolean {
    return this.#places.has(number);
  }

  numbers(): Iterable<number> {
    return this.#places.keys();
  }

  /** A part of one cluster, from byte `from` of it on. */
  async read(number: number, from: number, buffers: readonly Uint8Array[]): Promise<void> {
    const place = this.#places.get(number);
    if (place === undefined) for (const buffer of buffers) buffer.fill(0);
    else await this.#source.readData(place + from, buffers);
  }

  tryRead(number: number, from: number, buffers: readonly Uint8Array[], length: number): number {
    const place = this.#places.get(number);
    if (place !== undefined) return this.#source.tryReadData(place + from, slices(buffers, 0, length));
    for (const buffer of buffers) buffer.fill(0);
    return length;
  }
}

function encode(numbers: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(4 * numbers.length);
  const view = new DataView(bytes.buffer);
  for (const [index, number] of numbers.entries()) view.setUint32(4 * index, number, true);
  return bytes;
}

function decode(bytes: Uint8Array): number[] {
  if (!(bytes instanceof Uint8Array) || bytes.length % 4 !== 0) throw invalid();
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return Array.from({ length: bytes.length / 4 }, (_, index) => view.getUint32(4 * index, true));
}

function invalid(): VkrunError {
  return new VkrunError("ERR_VKRUN_CHECKPOINT_INVALID", "what the checkpoint says of a disk contradicts itself", {
    hint: "The checkpoint is damaged, or was made by an incompatible version of vkrun: use an earlier one.",
  });
}
