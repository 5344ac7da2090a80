// Which clusters of an image are in use (QEMU, docs/interop/qcow2.txt, "Host cluster management"): reference counts in
// refcount blocks, and the refcount table that says where those are.
//
// All changes are made in memory, within one turn of the event loop; `take` hands over what has to be written. Counts that have
// not been loaded are asked for by throwing `Missing`: who needs them loads them and starts over.

import type { ByteFile } from "../byte-file.js";
import { corrupt, HeaderField, type Qcow2Header } from "./header.js";
import { Table, type TableImage } from "./table-cache.js";

/** Thrown where a refcount block is needed that is not in memory. */
export class Missing {
  constructor(readonly block: number) {}
}

export interface Run {
  /** The first cluster's number. */
  readonly first: number;
  readonly count: number;
}

/** What has to reach the file: blocks before the table that names them, and a new table before the header that does. */
export interface RefcountChanges {
  readonly blocks: TableImage[];
  readonly table: TableImage[];
  readonly header: TableImage[];
}

export class Refcounts {
  readonly #file: ByteFile;
  readonly #clusterBits: number;
  readonly #clusterSize: number;
  readonly #bits: number;
  readonly #perBlock: number;
  /** The refcount table, as in the file. */
  #table: Uint8Array;
  #tableView: DataView;
  #tableOffset: number;
  /** Blocks that are in memory, by their place in the table. */
  readonly #blocks = new Map<number, Table>();
  readonly #loading = new Map<number, Promise<void>>();
  readonly #dirtyBlocks = new Set<Table>();
  readonly #dirtyEntries = new Set<number>();
  #moved = false;
  /** Clusters of former tables, free once the header no longer names them. */
  #abandoned: Run[] = [];
  /** No cluster below is free. */
  #hint = 0;
  /** Clusters that hold metadata, and can be neither free nor data. */
  readonly metadata = new Set<number>();

  private constructor(file: ByteFile, header: Qcow2Header, table: Uint8Array) {
    this.#file = file;
    this.#clusterBits = header.clusterBits;
    this.#clusterSize = 2 ** header.clusterBits;
    this.#bits = 2 ** header.refcountOrder;
    this.#perBlock = (this.#clusterSize * 8) / this.#bits;
    this.#table = table;
    this.#tableView = new DataView(table.buffer);
    this.#tableOffset = header.refcountTableOffset;
  }

  static async open(file: ByteFile, header: Qcow2Header): Promise<Refcounts> {
    const clusterSize = 2 ** header.clusterBits;
    const table = new Uint8Array(header.refcountTableClusters * clusterSize);
    if ((await file.read(header.refcountTableOffset, [table])) < table.length) {
      throw corrupt(file.path, "its refcount table is cut short");
    }
    const refcounts = new Refcounts(file, header, table);
    const mark = (offset: number, clusters: number): void => {
      for (let index = 0; index < clusters; index++) refcounts.metadata.add(offset / clusterSize + index);
    };
    mark(0, 1);
    mark(header.refcountTableOffset, header.refcountTableClusters);
    mark(header.l1Offset, Math.ceil((header.l1Entries * 8) / clusterSize));
    for (let block = 0; block < table.length / 8; block++) {
      const offset = refcounts.#blockOffset(block);
      if (offset % clusterSize !== 0 || !Number.isSafeInteger(offset))
        throw corrupt(file.path, "a refcount block is misplaced");
      if (offset !== 0) mark(offset, 1);
    }
    return refcounts;
  }

  get isDirty(): boolean {
    return this.#dirtyBlocks.size > 0 || this.#dirtyEntries.size > 0 || this.#moved;
  }

  get dirtyCount(): number {
    return this.#dirtyBlocks.size;
  }

  /** Clusters that the table has room to count. */
  get covered(): number {
    return (this.#table.length / 8) * this.#perBlock;
  }

  async load(block: number): Promise<void> {
    if (this.#blocks.has(block) || this.#blockOffset(block) === 0) return;
    let loading = this.#loading.get(block);
    if (loading === undefined) {
      loading = this.#read(block).finally(() => this.#loading.delete(block));
      this.#loading.set(block, loading);
    }
    await loading;
  }

  /** Runs `action`, which only works on what is in memory, again and again until all that it needs is there. */
  async withLoaded<Result>(action: () => Result): Promise<Result> {
    for (;;) {
      try {
        return action();
      } catch (error) {
        if (!(error instanceof Missing)) throw error;
        await this.load(error.block);
      }
    }
  }

  get(cluster: number): number {
    const block = this.#block(Math.floor(cluster / this.#perBlock));
    return block === undefined ? 0 : this.#read1(block, cluster % this.#perBlock);
  }

  /** Takes up to `count` clusters in a row into use, at least one. */
  allocate(count: number): Run {
    let first = this.#nextFree();
    const index = Math.floor(first / this.#perBlock);
    if (this.#block(index) === undefined) {
      // The new block takes a cluster itself, most likely this one.
      this.#createBlock(index);
      first = this.#nextFree();
    }
    let end = first + 1;
    while (end < first + count && this.#isLoaded(end) && this.#isFree(end)) end++;
    for (let cluster = first; cluster < end; cluster++) this.set(cluster, 1);
    this.#hint = end;
    return { first, count: end - first };
  }

  /** One reference less to each of these clusters; answers those that are free now. */
  release(runs: readonly Run[]): Run[] {
    const freed: Run[] = [];
    // All of them or, with something missing, none.
    for (const { first, count } of runs) for (let index = 0; index < count; index++) this.get(first + index);
    for (const { first, count } of runs) {
      for (let cluster = first; cluster < first + count; cluster++) {
        const references = this.get(cluster);
        if (references === 0) throw corrupt(this.#file.path, `cluster ${cluster} is in use and counted as free`);
        this.set(cluster, references - 1);
        if (references > 1) continue;
        this.#hint = Math.min(this.#hint, cluster);
        const last = freed.at(-1);
        if (last !== undefined && last.first + last.count === cluster)
          freed[freed.length - 1] = { ...last, count: last.count + 1 };
        else freed.push({ first: cluster, count: 1 });
      }
    }
    return freed;
  }

  set(cluster: number, references: number): void {
    const index = Math.floor(cluster / this.#perBlock);
    const block = this.#block(index) ?? this.#createBlock(index);
    this.#write1(block, cluster % this.#perBlock, references);
    this.#dirtyBlocks.add(block);
  }

  /** What has changed since the last time, as it is now. */
  take(): RefcountChanges {
    const blocks = [...this.#dirtyBlocks].map(({ offset, bytes }) => ({ offset, bytes: bytes.slice() }));
    const table: TableImage[] = [];
    const header: TableImage[] = [];
    if (this.#moved) {
      table.push({ offset: this.#tableOffset, bytes: this.#table.slice() });
      const fields = new DataView(new ArrayBuffer(12));
      fields.setBigUint64(0, BigInt(this.#tableOffset));
      fields.setUint32(8, this.#table.length / this.#clusterSize);
      header.push({ offset: HeaderField.REFCOUNT_TABLE_OFFSET, bytes: new Uint8Array(fields.buffer) });
    } else {
      for (const index of this.#dirtyEntries) {
        table.push({ offset: this.#tableOffset + 8 * index, bytes: this.#table.slice(8 * index, 8 * index + 8) });
      }
    }
    this.#dirtyBlocks.clear();
    this.#dirtyEntries.clear();
    this.#moved = false;
    return { blocks, table, header };
  }

  /** These changes did not reach the file. */
  putBack({ blocks, table, header }: RefcountChanges): void {
    const offsets = new Set(blocks.map(({ offset }) => offset));
    for (const block of this.#blocks.values()) if (offsets.has(block.offset)) this.#dirtyBlocks.add(block);
    if (header.length > 0) this.#moved = true;
    else for (const { offset } of table) this.#dirtyEntries.add((offset - this.#tableOffset) / 8);
  }

  /** Runs of former refcount tables, to be released now that the file no longer names them. */
  takeAbandoned(): Run[] {
    return this.#abandoned.splice(0);
  }

  #nextFree(): number {
    while (!this.#isFree(this.#hint)) this.#hint++;
    return this.#hint;
  }

  #isFree(cluster: number): boolean {
    if (this.get(cluster) !== 0) return false;
    if (!this.metadata.has(cluster)) return true;
    throw corrupt(this.#file.path, `cluster ${cluster} holds metadata and is counted as free`);
  }

  #isLoaded(cluster: number): boolean {
    return this.#blocks.has(Math.floor(cluster / this.#perBlock));
  }

  #blockOffset(block: number): number {
    return 8 * block < this.#table.length ? Number(this.#tableView.getBigUint64(8 * block) & ~0x1ffn) : 0;
  }

  /** Undefined where nothing in the block's range is in use, so that there is no block. */
  #block(index: number): Table | undefined {
    const block = this.#blocks.get(index);
    if (block !== undefined) return block;
    if (this.#blockOffset(index) === 0) return undefined;
    throw new Missing(index);
  }

  async #read(index: number): Promise<void> {
    const bytes = new Uint8Array(this.#clusterSize);
    const offset = this.#blockOffset(index);
    if ((await this.#file.read(offset, [bytes])) < bytes.length) {
      throw corrupt(this.#file.path, "a refcount block is cut short");
    }
    this.#blocks.set(index, new Table(offset, bytes));
  }

  /** The first cluster that a block counts is the block itself: with nothing counted there, that one is free. */
  #createBlock(index: number): Table {
    if (8 * index >= this.#table.length) {
      this.#growTable(index);
      const block = this.#blocks.get(index);
      if (block !== undefined) return block;
    }
    const cluster = index * this.#perBlock;
    const block = this.#addBlock(index, cluster);
    this.#count(cluster);
    return block;
  }

  #addBlock(index: number, cluster: number): Table {
    const offset = cluster * this.#clusterSize;
    const block = new Table(offset, new Uint8Array(this.#clusterSize));
    this.#blocks.set(index, block);
    this.#dirtyBlocks.add(block);
    this.#tableView.setBigUint64(8 * index, BigInt(offset));
    this.#dirtyEntries.add(index);
    return block;
  }

  /** A cluster of metadata of our own. */
  #count(cluster: number): void {
    if (this.metadata.has(cluster))
      throw corrupt(this.#file.path, `cluster ${cluster} holds metadata and is not counted`);
    this.metadata.add(cluster);
    this.set(cluster, 1);
  }

  /**
   * A larger table, behind everything that the present one can count, so that no room has to be found: first the blocks that
   * count what follows, themselves included, then the table.
   */
  #growTable(index: number): void {
    const entries = this.#table.length / 8;
    const clusters = Math.ceil((8 * Math.max(index + 1, entries * 1.5)) / this.#clusterSize) + 1;
    const block = Math.max(index, entries);
    const first = block * this.#perBlock;
    let blocks = 1;
    while (blocks * this.#perBlock < blocks + clusters) blocks++;
    const old = { first: this.#tableOffset / this.#clusterSize, count: this.#table.length / this.#clusterSize };
    const bytes = new Uint8Array(clusters * this.#clusterSize);
    bytes.set(this.#table);
    this.#table = bytes;
    this.#tableView = new DataView(bytes.buffer);
    this.#tableOffset = (first + blocks) * this.#clusterSize;
    this.#moved = true;
    this.#abandoned.push(old);
    for (let cluster = old.first; cluster < old.first + old.count; cluster++) this.metadata.delete(cluster);
    for (let each = 0; each < blocks; each++) this.#addBlock(block + each, first + each);
    for (let cluster = first; cluster < first + blocks + clusters; cluster++) this.#count(cluster);
  }

  #read1({ bytes, view }: Table, index: number): number {
    switch (this.#bits) {
      case 64:
        return Number(view.getBigUint64(8 * index));
      case 32:
        return view.getUint32(4 * index);
      case 16:
        return view.getUint16(2 * index);
      default: {
        const shift = (index * this.#bits) % 8;
        return ((bytes[(index * this.#bits) >> 3] as number) >> shift) & ((1 << this.#bits) - 1);
      }
    }
  }

  #write1({ bytes, view }: Table, index: number, value: number): void {
    if (value >= 2 ** this.#bits) {
      throw corrupt(this.#file.path, `a cluster has more references than ${this.#bits} bits can count`);
    }
    switch (this.#bits) {
      case 64:
        view.setBigUint64(8 * index, BigInt(value));
        return;
      case 32:
        view.setUint32(4 * index, value);
        return;
      case 16:
        view.setUint16(2 * index, value);
        return;
      default: {
        const at = (index * this.#bits) >> 3;
        const shift = (index * this.#bits) % 8;
        const mask = ((1 << this.#bits) - 1) << shift;
        bytes[at] = ((bytes[at] as number) & ~mask) | (value << shift);
      }
    }
  }
}
