import type { BlockBackend } from "./block-backend.js";
import { gather, scatter, slices, totalLength } from "./scatter.js";

/** Unit in which the base is copied. Larger than a file system's block, so that a boot's writes need few of them. */
const CLUSTER = 64 << 10;

/**
 * A writable disk over one that stays as it is (--snapshot): what is written is kept in memory, a copy of each touched
 * cluster, and goes with the vkernel. At most as much memory as the disk is large.
 */
export class Overlay implements BlockBackend {
  readonly readOnly = false;
  readonly size: number;
  readonly #base: BlockBackend;
  readonly #clusters = new Map<number, Uint8Array>();
  /** Clusters that are being copied from the base; writes to different parts of one must find the same copy. */
  readonly #copying = new Map<number, Promise<Uint8Array>>();

  /** Takes over `base`: it is disposed with the overlay. */
  constructor(base: BlockBackend) {
    this.#base = base;
    this.size = base.size;
  }

  async read(offset: number, buffers: readonly Uint8Array[]): Promise<void> {
    const end = this.#end(offset, buffers);
    const reads: Promise<void>[] = [];
    let position = offset;
    while (position < end) {
      const cluster = this.#clusters.get(Math.floor(position / CLUSTER));
      const stop = cluster === undefined ? this.#nextCopied(position, end) : Math.min(end, clusterEnd(position));
      const done = position - offset;
      if (cluster === undefined) reads.push(this.#base.read(position, slices(buffers, done, stop - position)));
      else scatter(buffers, done, cluster.subarray(position % CLUSTER, (position % CLUSTER) + stop - position));
      position = stop;
    }
    await Promise.all(reads);
  }

  async write(offset: number, buffers: readonly Uint8Array[]): Promise<void> {
    const end = this.#end(offset, buffers);
    const writes: Promise<void>[] = [];
    for (let position = offset; position < end; ) {
      const stop = Math.min(end, clusterEnd(position));
      writes.push(this.#writeCluster(position, stop - position, buffers, position - offset));
      position = stop;
    }
    await Promise.all(writes);
  }

  /** Nothing here outlives the process. */
  async flush(): Promise<void> {}

  async [Symbol.asyncDispose](): Promise<void> {
    this.#clusters.clear();
    await this.#base[Symbol.asyncDispose]();
  }

  async #writeCluster(position: number, length: number, buffers: readonly Uint8Array[], from: number): Promise<void> {
    const index = Math.floor(position / CLUSTER);
    const whole = position % CLUSTER === 0 && length === this.#clusterLength(index);
    let cluster = this.#clusters.get(index);
    if (cluster === undefined && whole && !this.#copying.has(index)) {
      cluster = new Uint8Array(length);
      this.#clusters.set(index, cluster);
    }
    cluster ??= await this.#copy(index);
    gather(buffers, from, cluster.subarray(position % CLUSTER, (position % CLUSTER) + length));
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

  #clusterLength(index: number): number {
    return Math.min(CLUSTER, this.size - index * CLUSTER);
  }

  /** Where the part of [position, end) that only the base has ends. */
  #nextCopied(position: number, end: number): number {
    let stop = clusterEnd(position);
    while (stop < end && !this.#clusters.has(stop / CLUSTER)) stop += CLUSTER;
    return Math.min(stop, end);
  }

  #end(offset: number, buffers: readonly Uint8Array[]): number {
    const end = offset + totalLength(buffers);
    if (offset < 0 || end > this.size)
      throw new RangeError(`[${offset}, ${end}) is not on a disk of ${this.size} bytes`);
    return end;
  }
}

function clusterEnd(position: number): number {
  return (Math.floor(position / CLUSTER) + 1) * CLUSTER;
}
