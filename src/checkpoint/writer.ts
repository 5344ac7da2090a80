/** Writes a checkpoint: pages while a guest runs, then everything else, then its name. */
import { resolve } from "node:path";
import { type NativeAddon, native } from "../native.js";
import { Bitmap } from "./bitmap.js";
import { checkTarget } from "./check-target.js";
import { chainError, writeError } from "./checkpoint-error.js";
import { ID_BYTES } from "./checkpoint-id.js";
import { DATA_OFFSET, PAGE_BYTES } from "./header.js";
import type { ManifestContents, ParentReference } from "./manifest.js";
import { pathFrom, TailWriter } from "./tail-writer.js";
import { TemporaryFile } from "./temporary-file.js";

export interface CheckpointWriterOptions {
  readonly path: string;
  readonly ramBytes: number;
  /** A UUID of its own. */
  readonly id: Uint8Array;
  /** With one, only pages that differ from it are to be written. */
  readonly parent?: { readonly id: Uint8Array; readonly path: string } | undefined;
  /** The file is not to outlive a crash of the host: nobody waits for storage. Default false. */
  readonly temporary?: boolean | undefined;
}

/** Pages that one call of the addon goes through: a second call waits behind it. */
const CALL_PAGES = 1024;

export class CheckpointWriter implements AsyncDisposable {
  readonly ramBytes: number;
  readonly #addon: NativeAddon = native();
  readonly #file: TemporaryFile;
  readonly #tail: TailWriter;
  readonly #id: Uint8Array;
  readonly #parent: ParentReference | undefined;
  readonly #temporary: boolean;
  readonly #pages: number;
  readonly #present: Bitmap;
  readonly #zero: Bitmap;
  readonly #crcs: Uint8Array;
  /** Calls go one after the other: the addon changes bytes of the tables that two could have in common. */
  #last: Promise<unknown> = Promise.resolve();
  #disposed: Promise<void> | undefined;
  /** What the tables say of the file does not hold after it. */
  #failure: { readonly error: unknown } | undefined;

  private constructor(file: TemporaryFile, options: CheckpointWriterOptions) {
    const { path, ramBytes, id, parent, temporary = false } = options;
    this.#file = file;
    this.#tail = new TailWriter(file, DATA_OFFSET + ramBytes);
    this.#temporary = temporary;
    this.ramBytes = ramBytes;
    this.#id = id;
    this.#parent = parent && { id: parent.id, path: pathFrom(path, parent.path) };
    this.#pages = ramBytes / PAGE_BYTES;
    this.#present = new Bitmap(this.#pages);
    this.#zero = new Bitmap(this.#pages);
    this.#crcs = new Uint8Array(this.#pages * 4);
  }

  static async create(options: CheckpointWriterOptions): Promise<CheckpointWriter> {
    const { ramBytes, id, parent } = options;
    const path = resolve(options.path);
    if (ramBytes <= 0 || ramBytes % PAGE_BYTES !== 0) throw new RangeError("RAM is whole pages");
    if (id.length !== ID_BYTES || id.every((byte) => byte === 0))
      throw new RangeError("an id is 16 bytes, not all zero");
    if (parent !== undefined && resolve(parent.path) === path) {
      throw chainError(path, "would lose its parent: both have the same name");
    }
    await checkTarget({ path, ramBytes, id, parent });
    return new CheckpointWriter(await TemporaryFile.create(path), options);
  }

  /**
   * Writes those of `pages` pages of `ram` from guest page `first` that are set in `wanted` (bit 0: page `first`), on another thread.
   * Pages that are all zero take no room. `ram` begins with guest page `ramPage`: is all of the guest's without it.
   */
  async writePages(options: {
    ram: Uint8Array;
    ramPage?: number;
    first: number;
    pages: number;
    wanted: Uint8Array;
  }): Promise<{ written: number; zero: number }> {
    const { ram, ramPage = 0, first, pages } = options;
    if (first + pages > this.#pages) throw new RangeError("pages behind the end of RAM");
    const wanted = new Bitmap(pages, options.wanted);
    let [written, asked] = [0, 0];
    for (let at = 0; at < pages; at += CALL_PAGES) {
      const part = new Bitmap(Math.min(CALL_PAGES, pages - at), wanted.bytes.subarray(at / 8, (at + CALL_PAGES) / 8));
      const count = part.count();
      if (count === 0) continue;
      asked += count;
      written += await this.#call(() =>
        this.#addon.writeGuestPages({
          ...{ fd: this.#fd, dataOffset: DATA_OFFSET, ram, ramPage, first: first + at, pages: part.length },
          ...{ wanted: part.bytes, presentOut: this.#present.bytes, zeroOut: this.#zero.bytes, crcOut: this.#crcs },
        }),
      );
    }
    return { written, zero: asked - written };
  }

  /** The same for pages that were copied in time, one after the other in `bytes`; replaces what was written of them before. */
  async writeCopies(pages: Uint32Array, bytes: Uint8Array): Promise<void> {
    if (bytes.length !== pages.length * PAGE_BYTES || pages.some((page) => page >= this.#pages)) {
      throw new RangeError("not pages of this guest");
    }
    await this.#call(() =>
      this.#addon.writeGuestCopies({
        ...{ fd: this.#fd, dataOffset: DATA_OFFSET, pages, bytes },
        ...{ presentOut: this.#present.bytes, zeroOut: this.#zero.bytes, crcOut: this.#crcs },
      }),
    );
  }

  /**
   * Puts bytes of anyone's into the file, such as a disk's that exist nowhere else, on a page boundary; a reader finds them by
   * `name`.
   */
  async addRegion(name: string, chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<void> {
    if (this.#tail.hasRegion(name)) throw new RangeError(`there is a region "${name}" already`);
    await this.#call(() => this.#tail.addRegion(name, chunks));
  }

  /** Completes the file and gives it its name; `bytes` are those that were written, holes left out. */
  async finish(contents: ManifestContents): Promise<{ bytes: number }> {
    return this.#call(async () => {
      await this.#tail.finish(
        {
          ...{ id: this.#id, parent: this.#parent, ramBytes: this.ramBytes },
          ...{ present: this.#present, zero: this.#zero, crcs: this.#crcs },
        },
        contents,
        { durable: !this.#temporary },
      );
      return { bytes: this.#present.count() * PAGE_BYTES + this.#tail.bytes };
    });
  }

  /** Without `finish()` before it, removes what was written. */
  [Symbol.asyncDispose](): Promise<void> {
    // A call under way has the descriptor.
    this.#disposed ??= this.#last.then(() => this.#file[Symbol.asyncDispose]());
    return this.#disposed;
  }

  get #fd(): number {
    return this.#file.handle.fd;
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
}
