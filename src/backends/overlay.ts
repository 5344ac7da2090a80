import type { BlockBackend, BlockGeometry } from "./block-backend.js";
import { CLUSTER, ClusterSaver, type ClusterStore, type DiskDataSink, type SavedClusters } from "./disk-data.js";
import { gather, scatter, slices, totalLength } from "./scatter.js";

/** Stands for each cluster that was zeroed as a whole, and is never written. */
const ZEROES = new Uint8Array(CLUSTER);
/** Stands for each cluster that is the base's again, although something below has a copy. */
const BASE = new Uint8Array(0);
/** The copy is in the checkpoint that the disk came from. */
const SAVED = "saved";

type Copy = Uint8Array | typeof SAVED;

interface Piece {
  readonly position: number;
  readonly length: number;
  /** Undefined where there is no copy. */
  readonly copy: Copy | undefined;
}

/** An overlay as it was at one instant; disposed when that is no longer needed. */
export interface FrozenOverlay extends Disposable {
  save(sink: DiskDataSink): Promise<SavedClusters>;
}

/**
 * A writable disk over one that stays as it is (--snapshot): what is written is kept in memory, a copy of each touched
 * cluster, and goes with the vkernel. At most as much memory as the disk is large. Clusters are larger than a file system's
 * blocks, so that a boot's writes need few of them.
 *
 * Copies can lie in a checkpoint, from which they are read when they are needed; and what there is can be frozen, to be
 * written to one while the guest goes on.
 */
export class Overlay implements BlockBackend {
  readonly readOnly = false;
  readonly size: number;
  readonly geometry: BlockGeometry;
  readonly #base: BlockBackend;
  readonly #saved: ClusterStore | undefined;
  #clusters = new Map<number, Uint8Array>();
  /** Below `clusters`, and not written. */
  #frozen: Map<number, Uint8Array> | undefined;
  /** Clusters that are being copied from the base; writes to different parts of one must find the same copy. */
  readonly #copying = new Map<number, Promise<Uint8Array>>();

  /** Takes over `base`: it is disposed with the overlay. `saved`: copies that there are already. */
  constructor(base: BlockBackend, saved?: ClusterStore) {
    this.#base = base;
    this.#saved = saved;
    this.size = base.size;
    this.geometry = { ...base.geometry, discardUnit: CLUSTER };
  }

  async read(offset: number, buffers: readonly Uint8Array[]): Promise<void> {
    const reads: Promise<void>[] = [];
    for (const { position, length, copy } of this.#pieces(offset, buffers)) {
      const done = position - offset;
      const from = position % CLUSTER;
      if (copy === undefined) reads.push(this.#base.read(position, slices(buffers, done, length)));
      else if (copy !== SAVED) scatter(buffers, done, copy.subarray(from, from + length));
      else reads.push((this.#saved as ClusterStore).read(number(position), from, slices(buffers, done, length)));
    }
    await Promise.all(reads);
  }

  tryRead(offset: number, buffers: readonly Uint8Array[]): number {
    let done = 0;
    for (const { position, length, copy } of this.#pieces(offset, buffers)) {
      const from = position % CLUSTER;
      let got = length;
      if (copy === undefined) got = this.#base.tryRead?.(position, slices(buffers, done, length)) ?? 0;
      else if (copy !== SAVED) scatter(buffers, done, copy.subarray(from, from + length));
      else got = this.#saved?.tryRead(number(position), from, slices(buffers, done, length), length) ?? 0;
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
      if (index * CLUSTER + this.#clusterLength(index) > end) continue;
      if (this.#frozen?.has(index) || this.#saved?.has(index)) this.#clusters.set(index, BASE);
      else this.#clusters.delete(index);
    }
  }

  async writeZeroes(offset: number, length: number): Promise<void> {
    const end = this.#end(offset, length);
    for (let position = offset; position < end; ) {
      const stop = Math.min(end, clusterEnd(position));
      const index = number(position);
      await this.#copying.get(index);
      if (stop - position === this.#clusterLength(index)) this.#clusters.set(index, ZEROES);
      else await this.#writeCluster(position, stop - position, [ZEROES.subarray(0, stop - position)], 0);
      position = stop;
    }
  }

  /** Nothing here outlives the process. */
  async flush(): Promise<void> {}

  /**
   * Has what there is now written to a checkpoint, whatever the guest writes from now on. At most one at a time. Before it is
   * told to go on by `save`, nothing happens, so that this takes no time.
   */
  freeze(): FrozenOverlay {
    if (this.#frozen !== undefined) throw new Error("this overlay is being saved already");
    const frozen = this.#clusters;
    this.#frozen = frozen;
    this.#clusters = new Map();
    return {
      save: async (sink) => {
        const saver = new ClusterSaver(sink);
        for (const [index, cluster] of frozen) {
          if (cluster !== BASE) await saver.add(index, cluster.subarray(0, this.#clusterLength(index)));
        }
        for (const index of this.#saved?.numbers() ?? []) {
          if (frozen.has(index)) continue;
          const cluster = new Uint8Array(this.#clusterLength(index));
          await this.#saved?.read(index, 0, [cluster]);
          await saver.add(index, cluster);
        }
        return await saver.finish();
      },
      [Symbol.dispose]: () => this.#thaw(frozen),
    };
  }

  /** What was written meanwhile goes over what was there. */
  #thaw(frozen: Map<number, Uint8Array>): void {
    if (this.#frozen !== frozen) return;
    for (const [index, cluster] of this.#clusters) {
      if (cluster === BASE && !this.#saved?.has(index)) frozen.delete(index);
      else frozen.set(index, cluster);
    }
    this.#clusters = frozen;
    this.#frozen = undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#clusters = new Map();
    await this.#base[Symbol.asyncDispose]();
  }

  async #writeCluster(position: number, length: number, buffers: readonly Uint8Array[], from: number): Promise<void> {
    const cluster = this.#tryOwn(position, length) ?? (await this.#copy(number(position)));
    gather(buffers, from, cluster.subarray(position % CLUSTER, (position % CLUSTER) + length));
  }

  /** The copy that [position, position + length) can be written to, unless the base has to be waited for. */
  #tryOwn(position: number, length: number): Uint8Array | undefined {
    const index = number(position);
    const present = this.#clusters.get(index);
    if (present !== undefined && present !== ZEROES && present !== BASE) return present;
    if (this.#copying.has(index)) return undefined;
    const cluster = new Uint8Array(this.#clusterLength(index));
    if (length < cluster.length && !this.#tryFill(index, cluster)) return undefined;
    this.#clusters.set(index, cluster);
    return cluster;
  }

  /** What a new copy begins with, if that needs no waiting. */
  #tryFill(index: number, cluster: Uint8Array): boolean {
    const copy = this.#copyOf(index);
    if (copy === SAVED) return this.#saved?.tryRead(index, 0, [cluster], cluster.length) === cluster.length;
    if (copy === undefined) return this.#base.tryRead?.(index * CLUSTER, [cluster]) === cluster.length;
    cluster.set(copy.subarray(0, cluster.length));
    return true;
  }

  #copy(index: number): Promise<Uint8Array> {
    let copying = this.#copying.get(index);
    if (copying === undefined) {
      copying = this.#copyFromBelow(index).finally(() => this.#copying.delete(index));
      this.#copying.set(index, copying);
    }
    return copying;
  }

  async #copyFromBelow(index: number): Promise<Uint8Array> {
    const cluster = new Uint8Array(this.#clusterLength(index));
    if (this.#copyOf(index) === SAVED) await this.#saved?.read(index, 0, [cluster]);
    else await this.#base.read(index * CLUSTER, [cluster]);
    this.#clusters.set(index, cluster);
    return cluster;
  }

  /** What a read is made of: parts of copies, and runs that only the base has. */
  *#pieces(offset: number, buffers: readonly Uint8Array[]): Generator<Piece> {
    const end = this.#end(offset, totalLength(buffers));
    for (let position = offset; position < end; ) {
      const copy = this.#copyOf(number(position));
      const stop = copy === undefined ? this.#nextCopied(position, end) : Math.min(end, clusterEnd(position));
      yield { position, length: stop - position, copy };
      position = stop;
    }
  }

  #copyOf(index: number): Copy | undefined {
    const cluster = this.#clusters.get(index) ?? this.#frozen?.get(index);
    if (cluster !== undefined) return cluster === BASE ? undefined : cluster;
    return this.#saved?.has(index) ? SAVED : undefined;
  }

  #clusterLength(index: number): number {
    return Math.min(CLUSTER, this.size - index * CLUSTER);
  }

  /** Where the part of [position, end) that only the base has ends. */
  #nextCopied(position: number, end: number): number {
    let stop = clusterEnd(position);
    while (stop < end && this.#copyOf(stop / CLUSTER) === undefined) stop += CLUSTER;
    return Math.min(stop, end);
  }

  #end(offset: number, length: number): number {
    const end = offset + length;
    if (offset < 0 || end > this.size)
      throw new RangeError(`[${offset}, ${end}) is not on a disk of ${this.size} bytes`);
    return end;
  }
}

function number(position: number): number {
  return Math.floor(position / CLUSTER);
}

function clusterEnd(position: number): number {
  return (number(position) + 1) * CLUSTER;
}
