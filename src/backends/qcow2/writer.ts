// Writing the disk in a qcow2 image.
//
// Data goes to its cluster at once; tables and reference counts are changed in memory and written when the guest flushes, when
// there are many, and at the end. The order in which they reach the file is what keeps it sound if vkrun or the host dies at
// any instant: counts, then tables that refer to what is counted, then the tables above. A cluster that is no longer
// needed is given free only when the file does not refer to it any more. So the worst that can be left behind is
// a cluster that is counted and not used.

import type { ByteFile } from "../byte-file.js";
import { slices, totalLength } from "../scatter.js";
import type { ClusterMap } from "./cluster-map.js";
import type { Mapping } from "./entries.js";
import type { Qcow2Header } from "./header.js";
import type { Qcow2Reader } from "./reader.js";
import { Missing, type Refcounts, type Run } from "./refcounts.js";
import type { Table, TableImage } from "./table-cache.js";

const ZEROES = new Uint8Array(1 << 20);
/** What is released by the first is counted as free by the second, and what that takes is settled by the third. */
const CLOSING_ROUNDS = 3;

/** Clusters that nothing refers to any more, since operation number `sequence`. */
interface Released {
  readonly sequence: number;
  readonly run: Run;
}

export interface Qcow2WriterParts {
  readonly file: ByteFile;
  readonly header: Qcow2Header;
  readonly map: ClusterMap;
  readonly refcounts: Refcounts;
  readonly reader: Qcow2Reader;
  /** Whether the space of free clusters goes back to the host. */
  readonly punches: boolean;
}

export class Qcow2Writer {
  readonly #file: ByteFile;
  readonly #header: Qcow2Header;
  readonly #map: ClusterMap;
  readonly #refcounts: Refcounts;
  readonly #reader: Qcow2Reader;
  readonly #punches: boolean;
  readonly #clusterSize: number;
  /** Clusters of the disk that are being given a place, by number. */
  readonly #placing = new Map<number, Promise<void>>();
  /** The file may still refer to these. */
  #released: Released[] = [];
  /** It does not, but an operation under way might. */
  #unused: Released[] = [];
  #committing: Promise<void> = Promise.resolve();
  /** Nothing was ever stored from here on. */
  #end: number;

  constructor({ file, header, map, refcounts, reader, punches }: Qcow2WriterParts) {
    this.#file = file;
    this.#header = header;
    this.#map = map;
    this.#refcounts = refcounts;
    this.#reader = reader;
    this.#punches = punches;
    this.#clusterSize = map.clusterSize;
    this.#end = file.size;
  }

  async write(offset: number, buffers: readonly Uint8Array[]): Promise<void> {
    await this.#forTables(offset, totalLength(buffers), true, (table, position, length) =>
      this.#writeMapped(table as Table, position, slices(buffers, position - offset, length)),
    );
  }

  /** Writes if everything that is needed to find or make a place is in memory. */
  tryWrite(offset: number, buffers: readonly Uint8Array[]): boolean {
    if (this.#map.isFull) return false;
    try {
      const end = offset + totalLength(buffers);
      for (let position = offset; position < end; ) {
        const length = Math.min(end, this.#spanEnd(position)) - position;
        let table = this.#map.lookup(position);
        if (table === "unloaded") return false;
        if (table === "absent") table = this.#map.create(position, this.#refcounts);
        else this.#map.checkWritable(position);
        if (!this.#tryWriteMapped(table, position, slices(buffers, position - offset, length))) return false;
        position += length;
      }
      return true;
    } catch (error) {
      if (error instanceof Missing) return false;
      throw error;
    }
  }

  /** Whole clusters go; of others nothing does. */
  async discard(offset: number, length: number): Promise<void> {
    const first = this.#clusterUp(offset);
    const last = this.#wholeEnd(offset + length);
    if (first >= last) return;
    await this.#forTables(first, last - first, false, async (table, position, part) => {
      if (table === "absent") return;
      for (let at = position; at < position + part; at += this.#clusterSize) {
        await this.#placed(at);
        const mapping = this.#map.mapping(table, at);
        const blank = this.#reader.isBlank(at);
        if (mapping.kind === "none" || (mapping.kind === "zero" && mapping.offset === 0)) continue;
        // In version 2 there is no way to say that what the backing file has there is gone.
        if (!blank && this.#header.version === 2) continue;
        if (blank) this.#map.unmap(table, at);
        else this.#map.mapZero(table, at);
        this.#release(mapping);
      }
    });
  }

  async writeZeroes(offset: number, length: number, unmap: boolean): Promise<void> {
    const end = offset + length;
    const first = Math.min(end, this.#clusterUp(offset));
    const last = Math.max(first, this.#wholeEnd(end));
    await this.#writeZeroBytes(offset, first);
    await this.#forTables(first, last - first, !this.#reader.isBlank(first), async (table, position, part) => {
      // No table and nothing behind it: zero already.
      if (table === "absent") return;
      for (let at = position; at < position + part; at += this.#clusterSize) {
        await this.#placed(at);
        await this.#zeroCluster(table, at, unmap);
      }
    });
    await this.#writeZeroBytes(last, end);
  }

  /** Writes what differs from the file, in an order that leaves it sound at any instant. */
  flush(): Promise<void> {
    const committed = this.#committing.then(() => this.#commit());
    this.#committing = committed.catch(() => {});
    return committed;
  }

  /** As `flush`, until there is nothing left that the next start would have to do without. */
  async close(): Promise<void> {
    for (let round = 0; round < CLOSING_ROUNDS; round++) {
      await this.flush();
      if (!this.#map.isDirty && !this.#refcounts.isDirty && this.#unused.length === 0) return;
    }
  }

  /** Calls `action` for each part that one L2 table is responsible for. */
  async #forTables(
    offset: number,
    length: number,
    create: boolean,
    action: (table: Table | "absent", position: number, length: number) => Promise<void>,
  ): Promise<void> {
    const operation = this.#reader.begin();
    try {
      const end = offset + length;
      for (let position = offset; position < end; ) {
        const part = Math.min(end, this.#spanEnd(position)) - position;
        if (this.#map.isFull) await this.flush();
        const table = await this.#table(position, create);
        // It may have been dropped again before it could be pinned.
        if (this.#map.lookup(position) !== table) continue;
        if (table !== "absent") table.pins++;
        try {
          await action(table, position, part);
        } finally {
          if (table !== "absent") table.pins--;
        }
        position += part;
      }
    } finally {
      this.#reader.end(operation);
    }
  }

  async #table(position: number, create: boolean): Promise<Table | "absent"> {
    for (;;) {
      const table = await this.#map.load(position);
      if (table !== "absent") {
        this.#map.checkWritable(position);
        return table;
      }
      if (!create) return table;
      // Somebody else may have made it meanwhile.
      const made = await this.#refcounts.withLoaded(() =>
        this.#map.lookup(position) === "absent" ? this.#map.create(position, this.#refcounts) : undefined,
      );
      if (made !== undefined) return made;
    }
  }

  async #writeMapped(table: Table, offset: number, buffers: readonly Uint8Array[]): Promise<void> {
    const end = offset + totalLength(buffers);
    const writes: Promise<void>[] = [];
    try {
      for (let position = offset; position < end; ) {
        await this.#placed(position);
        const { stop, at } = this.#sameTreatment(table, position, end);
        const data = slices(buffers, position - offset, stop - position);
        if (at !== undefined) writes.push(this.#store(at, data));
        else writes.push(this.#place(table, position, data));
        position = stop;
      }
    } finally {
      // None may go on when the operation is over.
      await Promise.allSettled(writes);
    }
    await Promise.all(writes);
  }

  #tryWriteMapped(table: Table, offset: number, buffers: readonly Uint8Array[]): boolean {
    const end = offset + totalLength(buffers);
    for (let position = offset; position < end; ) {
      if (this.#placing.has(this.#number(position))) return false;
      const { stop, at } = this.#sameTreatment(table, position, end);
      let data = slices(buffers, position - offset, stop - position);
      let done = stop;
      if (at !== undefined) {
        if (!this.#file.tryWrite(at, data)) return false;
        this.#reader.grew(at + stop - position);
      } else {
        const run = this.#refcounts.allocate(this.#number(stop - 1) - this.#number(position) + 1);
        done = Math.min(stop, this.#clusterStart(position) + run.count * this.#clusterSize);
        data = slices(data, 0, done - position);
        if (!this.#tryStorePlaced(table, position, done, run, data)) return false;
      }
      position = done;
    }
    return true;
  }

  #tryStorePlaced(table: Table, position: number, end: number, run: Run, data: readonly Uint8Array[]): boolean {
    let stored = false;
    try {
      const fresh = this.#isFresh(run);
      const { head, tail } = this.#margins(position, end);
      const before = this.#tryMargin(table, head, position, fresh);
      const after = this.#tryMargin(table, end, tail, fresh);
      if (before !== undefined && after !== undefined) {
        const at = run.first * this.#clusterSize + (position - head) - totalLength(before);
        const all = [...before, ...data, ...after];
        stored = this.#file.tryWrite(at, all);
        if (stored) this.#reader.grew(at + totalLength(all));
      }
    } finally {
      if (!stored) this.#refcounts.release([run]);
    }
    if (stored) this.#refer(table, position, run);
    return stored;
  }

  /** Clusters from `position` on that are all written in place, in a row, or all have to be given one. */
  #sameTreatment(table: Table, position: number, end: number): { stop: number; at: number | undefined } {
    const first = this.#map.mapping(table, position);
    const inPlace = first.kind === "data" && first.copied;
    const at = inPlace ? first.offset + (position % this.#clusterSize) : undefined;
    let stop = this.#clusterStart(position) + this.#clusterSize;
    while (stop < end && !this.#placing.has(this.#number(stop))) {
      const next = this.#map.mapping(table, stop);
      const nextInPlace = next.kind === "data" && next.copied;
      if (nextInPlace !== inPlace) break;
      if (inPlace && nextInPlace && next.offset !== (at as number) + (stop - position)) break;
      stop += this.#clusterSize;
    }
    return { stop: Math.min(stop, end), at };
  }

  async #store(at: number, data: readonly Uint8Array[]): Promise<void> {
    await this.#file.write(at, data);
    this.#reader.grew(at + totalLength(data));
  }

  /** Finds clusters for what has none of its own, fills them, and then has the table refer to them. */
  #place(table: Table, position: number, data: readonly Uint8Array[]): Promise<void> {
    const end = position + totalLength(data);
    const work = this.#placeRuns(table, position, end, data);
    const settled = work.catch(() => {});
    const numbers: number[] = [];
    for (let at = this.#clusterStart(position); at < end; at += this.#clusterSize) numbers.push(this.#number(at));
    for (const number of numbers) this.#placing.set(number, settled);
    return work.finally(() => {
      for (const number of numbers) this.#placing.delete(number);
    });
  }

  async #placeRuns(table: Table, from: number, end: number, data: readonly Uint8Array[]): Promise<void> {
    // Entered in `placing` before anything happens.
    await Promise.resolve();
    for (let position = from; position < end; ) {
      const wanted = this.#number(end - 1) - this.#number(position) + 1;
      const run = await this.#refcounts.withLoaded(() => this.#refcounts.allocate(wanted));
      const stop = Math.min(end, this.#clusterStart(position) + run.count * this.#clusterSize);
      try {
        const fresh = this.#isFresh(run);
        const { head, tail } = this.#margins(position, stop);
        const before = await this.#margin(table, head, position, fresh);
        const after = await this.#margin(table, stop, tail, fresh);
        const at = run.first * this.#clusterSize + (position - head) - totalLength(before);
        await this.#store(at, [...before, ...slices(data, position - from, stop - position), ...after]);
      } catch (error) {
        this.#refcounts.release([run]);
        throw error;
      }
      this.#refer(table, position, run);
      position = stop;
    }
  }

  #refer(table: Table, position: number, { first, count }: Run): void {
    for (let index = 0; index < count; index++) {
      const at = position + index * this.#clusterSize;
      const former = this.#map.mapping(table, at);
      this.#map.mapData(table, at, (first + index) * this.#clusterSize);
      this.#release(former);
    }
  }

  /** The parts of the first and last cluster that are not written now, but have to be there. */
  #margins(position: number, end: number): { head: number; tail: number } {
    return { head: this.#clusterStart(position), tail: Math.min(this.#clusterUp(end), this.#header.size) };
  }

  /** What has to be stored of [from, to) beside what is written: nothing where zeroes come by themselves. */
  async #margin(table: Table, from: number, to: number, fresh: boolean): Promise<Uint8Array[]> {
    if (from === to || (fresh && this.#isZero(table, from))) return [];
    const bytes = new Uint8Array(to - from);
    await this.#reader.readMapped(table, from, [bytes]);
    return [bytes];
  }

  #tryMargin(table: Table, from: number, to: number, fresh: boolean): Uint8Array[] | undefined {
    if (from === to || (fresh && this.#isZero(table, from))) return [];
    const bytes = new Uint8Array(to - from);
    return this.#reader.tryReadMapped(table, from, [bytes]) === bytes.length ? [bytes] : undefined;
  }

  #isZero(table: Table, position: number): boolean {
    const { kind } = this.#map.mapping(table, position);
    return kind === "zero" || (kind === "none" && this.#reader.isBlank(this.#clusterStart(position)));
  }

  /** Whether the run lies where nothing was ever stored, so that what is not written reads as zeroes. Asked once a run. */
  #isFresh({ first, count }: Run): boolean {
    const fresh = first * this.#clusterSize >= this.#end;
    this.#end = Math.max(this.#end, (first + count) * this.#clusterSize);
    return fresh;
  }

  async #zeroCluster(table: Table, at: number, unmap: boolean): Promise<void> {
    const mapping = this.#map.mapping(table, at);
    const blank = this.#reader.isBlank(at);
    if (mapping.kind === "zero" || (mapping.kind === "none" && blank)) return;
    if (this.#header.version === 2) {
      if (!blank) await this.#writeZeroBytes(at, Math.min(at + this.#clusterSize, this.#header.size));
      else {
        this.#map.unmap(table, at);
        this.#release(mapping);
      }
      return;
    }
    const keeps = !unmap && mapping.kind === "data" && mapping.copied;
    this.#map.mapZero(table, at, keeps ? mapping.offset : 0);
    if (!keeps) this.#release(mapping);
  }

  async #writeZeroBytes(from: number, to: number): Promise<void> {
    for (let position = from; position < to; ) {
      const piece = ZEROES.subarray(0, to - position);
      await this.write(position, [piece]);
      position += piece.length;
    }
  }

  /** Waits until nobody is finding a place for this cluster. */
  async #placed(position: number): Promise<void> {
    for (;;) {
      const placing = this.#placing.get(this.#number(position));
      if (placing === undefined) return;
      await placing;
    }
  }

  #release(mapping: Mapping): void {
    if (mapping.kind === "none" || mapping.offset === 0) return;
    const length = mapping.kind === "compressed" ? mapping.length : this.#clusterSize;
    const first = Math.floor(mapping.offset / this.#clusterSize);
    const count = Math.floor((mapping.offset + length - 1) / this.#clusterSize) - first + 1;
    this.#released.push({ sequence: this.#reader.sequence, run: { first, count } });
  }

  async #commit(): Promise<void> {
    const counts = this.#refcounts.take();
    const map = this.#map.take();
    const released = this.#released;
    this.#released = [];
    try {
      await this.#writeAll(counts.blocks);
      await this.#writeAll(counts.table, counts.blocks);
      await this.#writeAll(counts.header, counts.table);
      // Not before the data that they refer to, either.
      await this.#writeAll(map.tables, map.tables);
      await this.#writeAll(map.l1, map.tables);
    } catch (error) {
      this.#refcounts.putBack(counts);
      this.#map.putBack(map);
      this.#released.unshift(...released);
      throw error;
    }
    if (released.length > 0 && map.tables.length > 0) await this.#file.flush();
    const { sequence } = this.#reader;
    const abandoned = counts.header.length > 0 ? this.#refcounts.takeAbandoned() : [];
    this.#unused.push(...released, ...abandoned.map((run) => ({ sequence, run })));
    await this.#reuse();
    await this.#file.flush();
  }

  /** Writes these once everything that was written before is stable, if anything was `before`. */
  async #writeAll(images: readonly TableImage[], before: readonly TableImage[] = []): Promise<void> {
    if (images.length === 0) return;
    if (before.length > 0) await this.#file.flush();
    await Promise.all(images.map(({ offset, bytes }) => this.#file.write(offset, [bytes])));
    for (const { offset, bytes } of images) this.#reader.grew(offset + bytes.length);
  }

  /** Gives free what no operation under way can still have looked up. */
  async #reuse(): Promise<void> {
    const over: Run[] = [];
    const later: Released[] = [];
    for (const each of this.#unused) {
      if (this.#reader.isOver(each.sequence)) over.push(each.run);
      else later.push(each);
    }
    this.#unused = later;
    for (const run of joined(over)) {
      const last = await this.#refcounts.withLoaded(() => this.#isLastReference(run));
      // While it still counts as used, nobody else can have stored something there.
      if (this.#punches && last)
        await this.#file.punchHole(run.first * this.#clusterSize, run.count * this.#clusterSize);
      await this.#refcounts.withLoaded(() => this.#refcounts.release([run]));
    }
  }

  #isLastReference({ first, count }: Run): boolean {
    for (let cluster = first; cluster < first + count; cluster++) {
      if (this.#refcounts.get(cluster) !== 1) return false;
    }
    return true;
  }

  #number(position: number): number {
    return Math.floor(position / this.#clusterSize);
  }

  #clusterStart(position: number): number {
    return this.#number(position) * this.#clusterSize;
  }

  #clusterUp(position: number): number {
    return Math.ceil(position / this.#clusterSize) * this.#clusterSize;
  }

  /** Up to where clusters end that end at or before `end`. The last of the disk may be a part of one. */
  #wholeEnd(end: number): number {
    return end === this.#header.size ? end : this.#clusterStart(end);
  }

  #spanEnd(position: number): number {
    return (Math.floor(position / this.#map.span) + 1) * this.#map.span;
  }
}

/** Neighbours as one, so that a large discard is not one system call a cluster. */
function joined(runs: readonly Run[]): Run[] {
  const sorted = [...runs].sort((a, b) => a.first - b.first);
  const result: { first: number; count: number }[] = [];
  for (const { first, count } of sorted) {
    const last = result.at(-1);
    if (last !== undefined && last.first + last.count === first) last.count += count;
    else result.push({ first, count });
  }
  return result;
}
