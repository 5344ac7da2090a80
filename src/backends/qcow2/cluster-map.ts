// From offsets on the disk to clusters of the file: the L1 table, in memory as a whole, and L2 tables as they are needed.

import type { ByteFile } from "../byte-file.js";
import { isCopied, isMalformed, type Mapping, readMapping, readOffset, writeOffset } from "./entries.js";
import { corrupt, type Qcow2Header } from "./header.js";
import type { Refcounts } from "./refcounts.js";
import { type Table, TableCache, type TableImage } from "./table-cache.js";

/** Memory for L2 tables; those that differ from the file may take half of it. */
const CACHE_BYTES = 32 << 20;
const MIN_TABLES = 16;

/** A part of the disk whose clusters are all of one kind, and of data contiguous in the file. */
export interface Extent {
  readonly mapping: Mapping;
  /** On the disk. */
  readonly position: number;
  length: number;
  /** Of data: where the part begins in the file. */
  readonly at: number;
}

export class ClusterMap {
  readonly clusterSize: number;
  /** Of the disk, behind one L2 table. */
  readonly span: number;
  readonly #header: Qcow2Header;
  readonly #file: ByteFile;
  readonly #l1: DataView;
  readonly #dirtyL1 = new Set<number>();
  readonly #tables: TableCache;
  readonly #maxDirty: number;

  private constructor(file: ByteFile, header: Qcow2Header, l1: Uint8Array, refcounts: Refcounts | undefined) {
    this.#file = file;
    this.#header = header;
    this.#l1 = new DataView(l1.buffer);
    this.clusterSize = 2 ** header.clusterBits;
    this.span = this.clusterSize * (this.clusterSize / 8);
    const capacity = Math.max(MIN_TABLES, CACHE_BYTES / this.clusterSize);
    this.#maxDirty = capacity / 2;
    this.#tables = new TableCache({
      ...{ file, capacity, tableBytes: this.clusterSize },
      check: (table) => this.#check(table, refcounts),
    });
  }

  static async open(file: ByteFile, header: Qcow2Header, refcounts: Refcounts | undefined): Promise<ClusterMap> {
    const l1 = new Uint8Array(header.l1Entries * 8);
    if ((await file.read(header.l1Offset, [l1])) < l1.length) throw corrupt(file.path, "its L1 table is cut short");
    const map = new ClusterMap(file, header, l1, refcounts);
    for (const offset of map.l2Offsets()) {
      const cluster = offset / map.clusterSize;
      if (!Number.isInteger(cluster) || !Number.isSafeInteger(offset))
        throw corrupt(file.path, "an L2 table is misplaced");
      if (refcounts === undefined) continue;
      if (refcounts.metadata.has(cluster)) throw corrupt(file.path, "an L2 table lies over other metadata");
      refcounts.metadata.add(cluster);
    }
    return map;
  }

  get isDirty(): boolean {
    return this.#dirtyL1.size > 0 || this.#tables.dirtyCount > 0;
  }

  /** Whether so much differs from the file that it has to be written before more does. */
  get isFull(): boolean {
    return this.#tables.dirtyCount >= this.#maxDirty;
  }

  *l2Offsets(): Generator<number> {
    for (let index = 0; index < this.#header.l1Entries; index++) {
      const offset = readOffset(this.#l1, index);
      if (offset !== 0) yield offset;
    }
  }

  /** The L2 table for `position`, if there is one and it is in memory. */
  lookup(position: number): Table | "absent" | "unloaded" {
    const offset = readOffset(this.#l1, Math.floor(position / this.span));
    return offset === 0 ? "absent" : (this.#tables.get(offset) ?? "unloaded");
  }

  async load(position: number): Promise<Table | "absent"> {
    const offset = readOffset(this.#l1, Math.floor(position / this.span));
    return offset === 0 ? "absent" : this.#tables.load(offset);
  }

  loadAt(offset: number): Promise<Table> {
    return this.#tables.load(offset);
  }

  /** The L2 table for `position` was looked up to be written to. */
  checkWritable(position: number): void {
    if (isCopied(this.#l1, Math.floor(position / this.span))) return;
    throw corrupt(this.#file.path, "an L2 table belongs to a snapshot that there is not");
  }

  /** Makes the L2 table for `position`, which is absent. */
  create(position: number, refcounts: Refcounts): Table {
    const { first } = refcounts.allocate(1);
    const offset = first * this.clusterSize;
    refcounts.metadata.add(first);
    const index = Math.floor(position / this.span);
    writeOffset(this.#l1, index, offset, true);
    this.#dirtyL1.add(index);
    return this.#tables.create(offset);
  }

  mapping(table: Table, position: number): Mapping {
    return readMapping(table, this.#index(position), this.#header.clusterBits, this.#header.version);
  }

  mapData(table: Table, position: number, offset: number): void {
    writeOffset(table.view, this.#index(position), offset, true);
    this.#tables.markDirty(table);
  }

  /** With `offset`, that cluster stays set aside. */
  mapZero(table: Table, position: number, offset = 0): void {
    writeOffset(table.view, this.#index(position), offset, offset !== 0, true);
    this.#tables.markDirty(table);
  }

  unmap(table: Table, position: number): void {
    writeOffset(table.view, this.#index(position), 0, false);
    this.#tables.markDirty(table);
  }

  /** What [position, position + length) consists of; all of it belongs to `table`. */
  extents(table: Table | "absent", position: number, length: number): Extent[] {
    if (table === "absent") return [{ mapping: { kind: "none" }, position, length, at: 0 }];
    const extents: Extent[] = [];
    const end = position + length;
    for (let from = position; from < end; ) {
      const within = from % this.clusterSize;
      const piece = Math.min(end - from, this.clusterSize - within);
      const mapping = this.mapping(table, from);
      const at = mapping.kind === "data" ? mapping.offset + within : 0;
      const last = extents.at(-1);
      const joins =
        last !== undefined &&
        last.mapping.kind === mapping.kind &&
        mapping.kind !== "compressed" &&
        (mapping.kind !== "data" || last.at + last.length === at);
      if (joins) last.length += piece;
      else extents.push({ mapping, position: from, length: piece, at });
      from += piece;
    }
    return extents;
  }

  /** Everything that differs from the file, as it is now. */
  take(): { tables: TableImage[]; l1: TableImage[] } {
    const l1 = [...this.#dirtyL1].map((index) => ({
      offset: this.#header.l1Offset + 8 * index,
      bytes: new Uint8Array(this.#l1.buffer, 8 * index, 8).slice(),
    }));
    this.#dirtyL1.clear();
    return { tables: this.#tables.takeDirty(), l1 };
  }

  putBack({ tables, l1 }: { tables: readonly TableImage[]; l1: readonly TableImage[] }): void {
    this.#tables.putBack(tables);
    for (const { offset } of l1) this.#dirtyL1.add((offset - this.#header.l1Offset) / 8);
  }

  #index(position: number): number {
    return Math.floor((position % this.span) / this.clusterSize);
  }

  #check(table: Table, refcounts: Refcounts | undefined): void {
    const { version, clusterBits } = this.#header;
    for (let index = 0; index < this.clusterSize / 8; index++) {
      if (isMalformed(table, index, clusterBits, version)) {
        throw corrupt(this.#file.path, `entry ${index} of the L2 table at ${table.offset} is malformed`);
      }
      if (refcounts === undefined) continue;
      const mapping = readMapping(table, index, clusterBits, version);
      if (mapping.kind === "data" && refcounts.metadata.has(mapping.offset / this.clusterSize)) {
        throw corrupt(this.#file.path, `entry ${index} of the L2 table at ${table.offset} points to metadata`);
      }
    }
  }
}
