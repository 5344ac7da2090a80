// Reading the disk in a qcow2 image: through its tables, its compressed clusters and its backing file.

import { VkrunError } from "../../errors.js";
import type { BlockBackend } from "../block-backend.js";
import type { ByteFile } from "../byte-file.js";
import { scatter, slices, totalLength } from "../scatter.js";
import type { ClusterMap, Extent } from "./cluster-map.js";
import { decompressCluster } from "./decompress.js";
import { corrupt, type Qcow2Header } from "./header.js";
import type { Table } from "./table-cache.js";

/** Decompressed clusters that are kept: a sequential reader takes each in several pieces. */
const KEPT_CLUSTERS = 16;

export class Qcow2Reader {
  readonly #file: ByteFile;
  readonly #header: Qcow2Header;
  readonly #map: ClusterMap;
  readonly #backing: BlockBackend | undefined;
  /** By place in the file, in the order of use. */
  readonly #decompressed = new Map<number, Promise<Uint8Array>>();
  /** What has ever been in the file must still be there. */
  #fileEnd: number;
  #sequence = 0;
  /** Operations under way, oldest first: clusters that they may have looked up cannot be used for something else yet. */
  readonly #active = new Set<number>();

  constructor(file: ByteFile, header: Qcow2Header, map: ClusterMap, backing: BlockBackend | undefined) {
    this.#file = file;
    this.#header = header;
    this.#map = map;
    this.#backing = backing;
    this.#fileEnd = file.size;
  }

  /** Announces an operation; its number is handed to `end`. */
  begin(): number {
    this.#active.add(++this.#sequence);
    return this.#sequence;
  }

  end(operation: number): void {
    this.#active.delete(operation);
  }

  get sequence(): number {
    return this.#sequence;
  }

  /** Whether every operation that began up to `sequence` is over. */
  isOver(sequence: number): boolean {
    for (const oldest of this.#active) return oldest > sequence;
    return true;
  }

  /** The file was written up to `end`. */
  grew(end: number): void {
    this.#fileEnd = Math.max(this.#fileEnd, end);
  }

  async read(offset: number, buffers: readonly Uint8Array[]): Promise<void> {
    const operation = this.begin();
    try {
      const end = offset + totalLength(buffers);
      for (let position = offset; position < end; ) {
        const length = Math.min(end, this.#spanEnd(position)) - position;
        const table = await this.#map.load(position);
        await this.readMapped(table, position, slices(buffers, position - offset, length));
        position += length;
      }
    } finally {
      this.end(operation);
    }
  }

  /** The part that needs no waiting. */
  tryRead(offset: number, buffers: readonly Uint8Array[]): number {
    const end = offset + totalLength(buffers);
    let position = offset;
    while (position < end) {
      const length = Math.min(end, this.#spanEnd(position)) - position;
      const table = this.#map.lookup(position);
      if (table === "unloaded") break;
      const got = this.tryReadMapped(table, position, slices(buffers, position - offset, length));
      position += got;
      if (got < length) break;
    }
    return position - offset;
  }

  /** Reads what belongs to one L2 table. */
  async readMapped(table: Table | "absent", position: number, buffers: readonly Uint8Array[]): Promise<void> {
    const extents = this.#map.extents(table, position, totalLength(buffers));
    await Promise.all(
      extents.map((extent) => this.#readExtent(extent, slices(buffers, extent.position - position, extent.length))),
    );
  }

  tryReadMapped(table: Table | "absent", position: number, buffers: readonly Uint8Array[]): number {
    let done = 0;
    for (const extent of this.#map.extents(table, position, totalLength(buffers))) {
      const got = this.#tryReadExtent(extent, slices(buffers, done, extent.length));
      done += got;
      if (got < extent.length) break;
    }
    return done;
  }

  /** How much of the disk from `position` on is zero for want of a backing file that has something there. */
  isBlank(position: number): boolean {
    return this.#backing === undefined || position >= this.#backing.size;
  }

  async #readExtent(extent: Extent, buffers: readonly Uint8Array[]): Promise<void> {
    const { mapping, position, length, at } = extent;
    switch (mapping.kind) {
      case "data": {
        const got = await this.#file.read(at, buffers);
        if (got < length) this.#behindEnd(at + got, slices(buffers, got, length - got));
        return;
      }
      case "compressed": {
        const cluster = await this.#decompress(mapping.offset, mapping.length);
        const within = position % this.#map.clusterSize;
        scatter(buffers, 0, cluster.subarray(within, within + length));
        return;
      }
      case "zero":
        zero(buffers);
        return;
      case "none": {
        const there = this.#inBacking(position, length);
        zero(slices(buffers, there, length - there));
        if (there > 0) await this.#backing?.read(position, slices(buffers, 0, there));
      }
    }
  }

  #tryReadExtent({ mapping, position, length, at }: Extent, buffers: readonly Uint8Array[]): number {
    switch (mapping.kind) {
      case "data":
        return this.#file.tryRead(at, buffers);
      case "compressed":
        return 0;
      case "zero":
        zero(buffers);
        return length;
      case "none": {
        const there = this.#inBacking(position, length);
        const got = there === 0 ? 0 : (this.#backing?.tryRead?.(position, slices(buffers, 0, there)) ?? 0);
        if (got < there) return got;
        zero(slices(buffers, there, length - there));
        return length;
      }
    }
  }

  #inBacking(position: number, length: number): number {
    return Math.max(0, Math.min(length, (this.#backing?.size ?? 0) - position));
  }

  /** A cluster may be longer than the file where nothing was ever written to its end. */
  #behindEnd(at: number, buffers: readonly Uint8Array[]): void {
    if (at < this.#fileEnd) {
      throw new VkrunError(
        "ERR_VKRUN_IMAGE_TRUNCATED",
        `the disk image ${this.#file.path} became shorter while in use`,
        {
          hint: "Something else changes the file. Stop the vkernel and check the image before using it again.",
        },
      );
    }
    zero(buffers);
  }

  #decompress(offset: number, length: number): Promise<Uint8Array> {
    const kept = this.#decompressed.get(offset);
    this.#decompressed.delete(offset);
    const cluster = kept ?? this.#readCompressed(offset, length);
    this.#decompressed.set(offset, cluster);
    // What failed once may succeed the next time.
    if (kept === undefined) cluster.catch(() => this.#decompressed.delete(offset));
    for (const oldest of this.#decompressed.keys()) {
      if (this.#decompressed.size <= KEPT_CLUSTERS) break;
      this.#decompressed.delete(oldest);
    }
    return cluster;
  }

  async #readCompressed(offset: number, length: number): Promise<Uint8Array> {
    const stored = new Uint8Array(length);
    // The last sector need not be there as a whole.
    const got = await this.#file.read(offset, [stored]);
    const { compression } = this.#header;
    const cluster = await decompressCluster(compression, stored.subarray(0, got), this.#map.clusterSize);
    if (cluster !== undefined) return cluster;
    throw corrupt(this.#file.path, `the compressed cluster at ${offset} cannot be decompressed`);
  }

  #spanEnd(position: number): number {
    return (Math.floor(position / this.#map.span) + 1) * this.#map.span;
  }
}

function zero(buffers: readonly Uint8Array[]): void {
  for (const buffer of buffers) buffer.fill(0);
}
