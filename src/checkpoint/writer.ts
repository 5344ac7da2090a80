/** Writes a checkpoint: pages while a guest runs, then everything else, then its name. */
import { basename, dirname, isAbsolute, relative, resolve } from "node:path";
import { type NativeAddon, native } from "../native.js";
import { Bitmap } from "./bitmap.js";
import { chainError, writeError } from "./checkpoint-error.js";
import { crc32c } from "./crc32c.js";
import { DATA_OFFSET, type Extent, encodeHeader, HEADER_BYTES, ID_BYTES, NO_EXTENT, PAGE_BYTES } from "./header.js";
import { encodeManifest, type ManifestContents, type ParentReference, REGION_BLOCK, type Region } from "./manifest.js";
import { TemporaryFile } from "./temporary-file.js";

export interface CheckpointWriterOptions {
  readonly path: string;
  readonly ramBytes: number;
  /** A UUID of its own. */
  readonly id: Uint8Array;
  /** With one, only pages that differ from it are to be written. */
  readonly parent?: { readonly id: Uint8Array; readonly path: string } | undefined;
}

/** Of the bytes of RAM, how many one call of the addon goes through: a second call waits behind it. */
const CALL_PAGES = 1024;

export class CheckpointWriter implements AsyncDisposable {
  readonly dataOffset = DATA_OFFSET;
  readonly ramBytes: number;
  readonly #addon: NativeAddon;
  readonly #file: TemporaryFile;
  readonly #id: Uint8Array;
  readonly #parent: ParentReference | undefined;
  readonly #pages: number;
  readonly #present: Bitmap;
  readonly #zero: Bitmap;
  readonly #crcs: Uint8Array;
  readonly #regions = new Map<string, Region>();
  /** Where the next region begins. */
  #end: number;
  #metadataBytes = 0;
  /** Calls go one after the other: the addon changes bytes of the tables that two could have in common. */
  #last: Promise<unknown> = Promise.resolve();
  #disposed: Promise<void> | undefined;
  /** What the tables say of the file does not hold after it. */
  #failure: { readonly error: unknown } | undefined;

  private constructor(addon: NativeAddon, file: TemporaryFile, options: CheckpointWriterOptions) {
    const { path, ramBytes, id, parent } = options;
    this.#addon = addon;
    this.#file = file;
    this.ramBytes = ramBytes;
    this.#id = id;
    this.#parent = parent && { id: parent.id, path: pathFrom(dirname(resolve(path)), parent.path) };
    this.#pages = ramBytes / PAGE_BYTES;
    this.#present = new Bitmap(this.#pages);
    this.#zero = new Bitmap(this.#pages);
    this.#crcs = new Uint8Array(this.#pages * 4);
    this.#end = this.dataOffset + ramBytes;
  }

  static async create(options: CheckpointWriterOptions): Promise<CheckpointWriter> {
    const { path, ramBytes, id, parent } = options;
    if (ramBytes <= 0 || ramBytes % PAGE_BYTES !== 0) throw new RangeError("RAM is whole pages");
    if (id.length !== ID_BYTES || id.every((byte) => byte === 0))
      throw new RangeError("an id is 16 bytes, not all zero");
    if (parent !== undefined && resolve(parent.path) === resolve(path)) {
      throw chainError(path, "would lose its parent: both have the same name");
    }
    return new CheckpointWriter(native(), await TemporaryFile.create(resolve(path)), options);
  }

  /** Of the file as it is written. */
  get fd(): number {
    return this.#file.handle.fd;
  }

  /**
   * Writes those of `pages` pages of `ram` (all of the guest's) from guest page `first` that are set in `wanted` (bit 0: page
   * `first`), on another thread. Pages that are all zero take no room.
   */
  async writePages(options: {
    ram: Uint8Array;
    first: number;
    pages: number;
    wanted: Uint8Array;
  }): Promise<{ written: number; zero: number }> {
    const { ram, first, pages } = options;
    if (first + pages > this.#pages) throw new RangeError("pages behind the end of RAM");
    const wanted = new Bitmap(pages, options.wanted);
    let [written, asked] = [0, 0];
    for (let at = 0; at < pages; at += CALL_PAGES) {
      const part = new Bitmap(Math.min(CALL_PAGES, pages - at), wanted.bytes.subarray(at / 8, (at + CALL_PAGES) / 8));
      const count = part.count();
      if (count === 0) continue;
      asked += count;
      written += await this.#call(() => this.#write(ram, 0, first + at, part));
    }
    return { written, zero: asked - written };
  }

  /** The same for one page that was copied in time; replaces what was written of it before. */
  async writePage(page: number, bytes: Uint8Array): Promise<void> {
    if (page >= this.#pages || bytes.length !== PAGE_BYTES) throw new RangeError("not a page of this guest");
    await this.#call(() => this.#write(bytes, page, page, new Bitmap(1, Uint8Array.of(1))));
  }

  /**
   * Puts bytes of anyone's into the file, such as a disk's that exist nowhere else, on a page boundary; a reader finds them by
   * `name`.
   */
  async addRegion(name: string, chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<void> {
    if (this.#regions.has(name)) throw new RangeError(`there is a region "${name}" already`);
    await this.#call(async () => {
      const offset = this.#end;
      const blocks: number[] = [];
      let length = 0;
      let crc = 0;
      for await (const chunk of chunks) {
        await this.#put(offset + length, chunk);
        for (let at = 0; at < chunk.length; ) {
          const part = chunk.subarray(at, at + REGION_BLOCK - (length % REGION_BLOCK));
          crc = crc32c(part, crc);
          at += part.length;
          length += part.length;
          if (length % REGION_BLOCK === 0) [crc] = [0, blocks.push(crc)];
        }
      }
      if (length % REGION_BLOCK !== 0) blocks.push(crc);
      this.#regions.set(name, { offset, length, crcs: littleEndian(blocks) });
      this.#end = pageAligned(offset + length);
    });
  }

  /** Completes the file and gives it its name; `bytes` are those that were written, holes left out. */
  async finish(contents: ManifestContents): Promise<{ bytes: number }> {
    const manifest = encodeManifest(contents, this.#parent, this.#regions);
    return this.#call(async () => {
      const header = encodeHeader({
        compressed: false,
        id: this.#id,
        parent: this.#parent?.id ?? new Uint8Array(ID_BYTES),
        ramBytes: this.ramBytes,
        dataOffset: this.dataOffset,
        present: await this.#putTable(this.#present.bytes),
        zero: await this.#putTable(this.#zero.bytes),
        pageCrcs: await this.#putTable(this.#presentCrcs()),
        manifest: await this.#putTable(manifest),
        frames: NO_EXTENT,
      });
      // Also where it ends in zeroes that were left out.
      await this.#file.handle.truncate(this.#end);
      await this.#put(0, header);
      await this.#file.publish();
      return { bytes: this.#present.count() * PAGE_BYTES + this.#metadataBytes };
    });
  }

  /** Without `finish()` before it, removes what was written. */
  [Symbol.asyncDispose](): Promise<void> {
    // A call under way has the descriptor.
    this.#disposed ??= this.#last.then(() => this.#file[Symbol.asyncDispose]());
    return this.#disposed;
  }

  /** `ram` begins with guest page `ramPage`. */
  #write(ram: Uint8Array, ramPage: number, first: number, wanted: Bitmap): Promise<number> {
    return this.#addon.writeGuestPages({
      fd: this.fd,
      dataOffset: this.dataOffset,
      ram,
      ramPage,
      first,
      pages: wanted.length,
      wanted: wanted.bytes,
      presentOut: this.#present.bytes,
      zeroOut: this.#zero.bytes,
      crcOut: this.#crcs,
    });
  }

  /** After the calls before it; once one has failed, all do. */
  #call<T>(task: () => Promise<T>): Promise<T> {
    if (this.#disposed !== undefined) throw new Error("the writer of this checkpoint has ended");
    const result = this.#last.then(() => {
      if (this.#failure !== undefined) throw this.#failure.error;
      return task();
    });
    const told = result.catch((cause: unknown) => {
      const error = writeError(this.#file.target, cause);
      this.#failure ??= { error };
      throw error;
    });
    this.#last = told.catch(() => undefined);
    return told;
  }

  async #put(offset: number, bytes: Uint8Array): Promise<void> {
    await this.#addon.writeFile({ fd: this.fd, offset, buffers: [bytes], alignment: 1 });
    this.#metadataBytes += bytes.length;
  }

  /** Behind everything so far. Of a bitmap with few bits, most pages are zero and left out. */
  async #putTable(bytes: Uint8Array): Promise<Extent> {
    const offset = this.#end;
    for (let at = 0; at < bytes.length; at += PAGE_BYTES) {
      const part = bytes.subarray(at, at + PAGE_BYTES);
      if (part.some((byte) => byte !== 0)) await this.#put(offset + at, part);
    }
    this.#end = pageAligned(offset + bytes.length);
    return { offset, length: bytes.length, crc: crc32c(bytes) };
  }

  /** Those of pages that are in the file, one after the other. */
  #presentCrcs(): Uint8Array {
    const table = new Uint8Array(this.#present.count() * 4);
    let at = 0;
    for (const [first, count] of this.#present.runs()) {
      table.set(this.#crcs.subarray(first * 4, (first + count) * 4), at);
      at += count * 4;
    }
    return table;
  }
}

const pageAligned = (offset: number): number => Math.max(Math.ceil(offset / PAGE_BYTES) * PAGE_BYTES, HEADER_BYTES);

function littleEndian(words: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(words.length * 4);
  const view = new DataView(bytes.buffer);
  for (const [index, word] of words.entries()) view.setUint32(index * 4, word, true);
  return bytes;
}

/** How a file in `folder` names another one: so that both can be moved together, unless they are far apart. */
export function pathFrom(folder: string, path: string): string {
  const there = relative(folder, resolve(path));
  return isAbsolute(there) || there === "" ? basename(path) : there;
}
