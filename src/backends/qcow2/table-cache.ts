import type { ByteFile } from "../byte-file.js";

/** A cluster of metadata: big-endian entries. */
export class Table {
  readonly view: DataView;
  /** Differs from the file. */
  dirty = false;
  /** Somebody is about to change it: it may not be dropped. */
  pins = 0;

  constructor(
    readonly offset: number,
    readonly bytes: Uint8Array,
  ) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  }
}

/** What a metadata flush writes: a table as it was at one instant. */
export interface TableImage {
  readonly offset: number;
  readonly bytes: Uint8Array;
}

export interface TableCacheOptions {
  readonly file: ByteFile;
  readonly tableBytes: number;
  /** Clean tables beyond so many are dropped, the one not used for longest first. */
  readonly capacity: number;
  /** Throws when a table that was read cannot be right. */
  readonly check: (table: Table) => void;
}

/** Tables of an image that are in memory, by their offsets in the file. */
export class TableCache {
  readonly #options: TableCacheOptions;
  /** In the order of use. */
  readonly #tables = new Map<number, Table>();
  readonly #loading = new Map<number, Promise<Table>>();
  readonly #dirty = new Set<Table>();

  constructor(options: TableCacheOptions) {
    this.#options = options;
  }

  get dirtyCount(): number {
    return this.#dirty.size;
  }

  /** The table, if it is in memory. */
  get(offset: number): Table | undefined {
    return this.#tables.get(offset);
  }

  load(offset: number): Promise<Table> {
    const table = this.#tables.get(offset);
    if (table !== undefined) {
      this.#tables.delete(offset);
      this.#tables.set(offset, table);
      return Promise.resolve(table);
    }
    let loading = this.#loading.get(offset);
    if (loading === undefined) {
      loading = this.#read(offset).finally(() => this.#loading.delete(offset));
      this.#loading.set(offset, loading);
    }
    return loading;
  }

  /** A table that did not exist before, all zeroes. */
  create(offset: number): Table {
    const table = new Table(offset, new Uint8Array(this.#options.tableBytes));
    this.#insert(table);
    this.markDirty(table);
    return table;
  }

  markDirty(table: Table): void {
    table.dirty = true;
    this.#dirty.add(table);
  }

  /** Copies of all dirty tables, which count as clean from then on. */
  takeDirty(): TableImage[] {
    const images = [...this.#dirty].map(({ offset, bytes }) => ({ offset, bytes: bytes.slice() }));
    for (const table of this.#dirty) table.dirty = false;
    this.#dirty.clear();
    return images;
  }

  /** These were not written after all. */
  putBack(images: readonly TableImage[]): void {
    for (const { offset, bytes } of images) {
      let table = this.#tables.get(offset);
      if (table === undefined) {
        table = new Table(offset, bytes);
        this.#insert(table);
      }
      this.markDirty(table);
    }
  }

  async #read(offset: number): Promise<Table> {
    const bytes = new Uint8Array(this.#options.tableBytes);
    // What lies behind the end of the file is zero.
    await this.#options.file.read(offset, [bytes]);
    const table = new Table(offset, bytes);
    this.#options.check(table);
    this.#insert(table);
    return table;
  }

  #insert(table: Table): void {
    this.#tables.set(table.offset, table);
    if (this.#tables.size <= this.#options.capacity) return;
    for (const [offset, old] of this.#tables) {
      if (old.dirty || old.pins > 0 || old === table) continue;
      this.#tables.delete(offset);
      return;
    }
  }
}
