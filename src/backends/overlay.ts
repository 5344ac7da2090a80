import type { BlockBackend, BlockGeometry } from "./block-backend.js";
import { gather, scatter, slices, totalLength } from "./scatter.js";

/** Unit in which the base is copied. Larger than a file system's block, so that a boot's writes need few of them. */
const CLUSTER = 64 << 10;
/** Stands for each cluster that was zeroed as a whole, and is never written. */
const ZEROES = new Uint8Array(CLUSTER);

interface Piece {
  readonly position: number;
  readonly length: number;
  /** Undefined where there is no copy. */
  readonly cluster: Uint8Array | undefined;
}

/**
 * A writable disk over one that stays as it is (--snapshot): what is written is kept in memory, a copy of each touched
 * cluster, and goes with the vkernel. At most as much memory as the disk is large.
 */
export class Overlay implements BlockBackend {
  readonly readOnly = false;
  readonly size: number;
  readonly geometry: BlockGeometry;
  readonly #base: BlockBackend;
  readonly #clusters = new Map<number, Uint8Array>();
  /** Clusters that are being copied from the base; writes to different parts of one must find the same copy. */
  readonly #copying = new Map<number, Promise<Uint8Array>>();

  /** Takes over `base`: it is disposed with the overlay. */
  constructor(base: BlockBackend) {
    this.#base = base;
    this.size = base.size;
    this.geometry = { ...base.geometry, discardUnit: CLUSTER };
  }

  async read(offset: number, buffers: readonly Uint8Array[]): Promise<void> {
    const reads: Promise<void>[] = [];
    for (const { position, length, cluster } of this.#pieces(offset, buffers)) {
      const done = position - offset;
      if (cluster === undefined) reads.push(this.#base.read(position, slices(buffers, done, length)));
      else scatter(buffers, done, cluster.subarray(position % CLUSTER, (position % CLUSTER) + length));
    }
    await Promise.all(reads);
  }

  tryRead(offset: number, buffers: readonly Uint8Array[]): number {
    let done = 0;
    for (const { position, length, cluster } of this.#pieces(offset, buffers)) {
      let got = length;
      if (cluster === undefined) got = this.#base.tryRead?.(position, slices(buffers, done, length)) ?? 0;
      else scatter(buffers, done, cluster.subarray(position % CLUSTER, (position % CLUSTER) + length));
      done += got;
      if (got < length) break;
    }
    return done;
  }

  async write(offset: number, buffers: readonly Uint8Array[]): Promise<void> {
    const end = this.#end(offset, totalLength(buffers));
    const writes: Promise<void>[] = [];
    for (let position = offset; position < end; ) {
      const stop = Math.min(end, clusterEnd(position));
      writes.push(this.#writeCluster(position, stop - position, buffers, position - offset));
      position = stop;
    }
    await Promise.all(writes);
  }

  tryWrite(offset: number, buffers: readonly Uint8Array[]): boolean {
    const end = this.#end(offset, totalLength(buffers));
    for (let position = offset; position < end; ) {
      const stop = Math.min(end, clusterEnd(position));
      const cluster = this.#tryOwn(position, stop - position);
      if (cluster === undefined) return false;
      gather(buffers, position - offset, cluster.subarray(position % CLUSTER, (position % CLUSTER) + stop - position));
      position = stop;
    }
    return true;
  }

  /** Memory is given back; what is read there is the base's again. */
  async discard(offset: number, length: number): Promise<void> {
    const end = this.#end(offset, length);
    for (let index = Math.ceil(offset / CLUSTER); index * CLUSTER < end; index++) {
      if (index * CLUSTER + this.#clusterLength(index) <= end) this.#clusters.delete(index);
    }
  }

  async writeZeroes(offset: number, length: number): Promise<void> {
    const end = this.#end(offset, length);
    for (let position = offset; position < end; ) {
      const stop = Math.min(end, clusterEnd(position));
      const index = Math.floor(position / CLUSTER);
      await this.#copying.get(index);
      if (stop - position === this.#clusterLength(index)) this.#clusters.set(index, ZEROES);
      else await this.#writeCluster(position, stop - position, [ZEROES.subarray(0, stop - position)], 0);
      position = stop;
    }
  }

  /** Nothing here outlives the process. */
  async flush(): Promise<void> {}

  async [Symbol.asyncDispose](): Promise<void> {
    this.#clusters.clear();
    await this.#base[Symbol.asyncDispose]();
  }

  async #writeCluster(position: number, length: number, buffers: readonly Uint8Array[], from: number): Promise<void> {
    const cluster = this.#tryOwn(position, length) ?? (await this.#copy(Math.floor(position / CLUSTER)));
    gather(buffers, from, cluster.subarray(position % CLUSTER, (position % CLUSTER) + length));
  }

  /** The copy that [position, position + length) can be written to, unless the base has to be waited for. */
  #tryOwn(position: number, length: number): Uint8Array | undefined {
    const index = Math.floor(position / CLUSTER);
    const present = this.#clusters.get(index);
    if (present !== undefined && present !== ZEROES) return present;
    if (this.#copying.has(index)) return undefined;
    const cluster = new Uint8Array(this.#clusterLength(index));
    const unread = present === undefined && length < cluster.length;
    if (unread && (this.#base.tryRead?.(index * CLUSTER, [cluster]) ?? 0) < cluster.length) return undefined;
    this.#clusters.set(index, cluster);
    return cluster;
  }

  #copy(index: number): Promise<Uint8Array> {
    let copying = this.#copying.get(index);
    if (copying === undefined) {
      copying = this.#copyFromBase(index).finally(() => this.#copying.delete(index));
      this.#copying.set(index, copying);
    }
    return copying;
  }

  async #copyFromBase(index: number): Promise<Uint8Array> {
    const cluster = new Uint8Array(this.#clusterLength(index));
    await this.#base.read(index * CLUSTER, [cluster]);
    this.#clusters.set(index, cluster);
    return cluster;
  }

  /** What a read is made of: parts of copies, and runs that only the base has. */
  *#pieces(offset: number, buffers: readonly Uint8Array[]): Generator<Piece> {
    const end = this.#end(offset, totalLength(buffers));
    for (let position = offset; position < end; ) {
      const cluster = this.#clusters.get(Math.floor(position / CLUSTER));
      const stop = cluster === undefined ? this.#nextCopied(position, end) : Math.min(end, clusterEnd(position));
      yield { position, length: stop - position, cluster };
      position = stop;
    }
  }

  #clusterLength(index: number): number {
    return Math.min(CLUSTER, this.size - index * CLUSTER);
  }

  /** Where the part of [position, end) that only the base has ends. */
  #nextCopied(position: number, end: number): number {
    let stop = clusterEnd(position);
    while (stop < end && !this.#clusters.has(stop / CLUSTER)) stop += CLUSTER;
    return Math.min(stop, end);
  }

  #end(offset: number, length: number): number {
    const end = offset + length;
    if (offset < 0 || end > this.size)
      throw new RangeError(`[${offset}, ${end}) is not on a disk of ${this.size} bytes`);
    return end;
  }
}

function clusterEnd(position: number): number {
  return (Math.floor(position / CLUSTER) + 1) * CLUSTER;
}
