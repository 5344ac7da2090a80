/** One file of a chain of checkpoints. */
import { type FileHandle, open } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { Bitmap } from "./bitmap.js";
import { damaged, readError, truncated } from "./checkpoint-error.js";
import { sameId } from "./checkpoint-id.js";
import { crc32c } from "./crc32c.js";
import {
  decodeHeader,
  type Extent,
  endOf,
  FORMAT_VERSION,
  HEADER_BYTES,
  type Header,
  hasParent,
  PAGE_BYTES,
} from "./header.js";
import { decodeManifest, type Manifest, REGION_BLOCK, type Region } from "./manifest.js";

export class CheckpointPart implements AsyncDisposable {
  private constructor(
    readonly path: string,
    readonly handle: FileHandle,
    readonly header: Header,
    readonly manifest: Manifest,
    readonly regions: ReadonlyMap<string, Region>,
    /** Pages whose bytes are in this file. */
    readonly present: Bitmap,
    /** Pages that are zero since this file. */
    readonly zero: Bitmap,
    /** The length of the file. */
    readonly bytes: number,
  ) {}

  /** Checks all but the pages and regions themselves. */
  static async open(path: string): Promise<CheckpointPart> {
    const absolute = resolve(path);
    let handle: FileHandle | undefined;
    try {
      handle = await open(absolute, "r");
      return await CheckpointPart.#read(absolute, handle);
    } catch (error) {
      await handle?.close();
      throw readError(absolute, error);
    }
  }

  static async #read(path: string, handle: FileHandle): Promise<CheckpointPart> {
    const stat = await handle.stat();
    // A pipe would keep the reader waiting.
    const first = stat.isFile() ? await readUpTo(handle, 0, HEADER_BYTES) : new Uint8Array(0);
    const header = decodeHeader(path, first);
    if (stat.size < endOf(header)) throw truncated(path);
    const table = async (name: string, extent: Extent): Promise<Uint8Array> => {
      const bytes = await readUpTo(handle, extent.offset, extent.length);
      if (bytes.length < extent.length) throw truncated(path);
      if (crc32c(bytes) !== extent.crc) throw damaged(path, `its table of ${name} does not fit its checksum`);
      return bytes;
    };

    const pages = header.ramBytes / PAGE_BYTES;
    const present = new Bitmap(pages, await table("present pages", header.present));
    const zero = new Bitmap(pages, await table("zero pages", header.zero));
    if (!present.ends || !zero.ends || present.intersects(zero))
      throw damaged(path, "its tables contradict each other");
    if (header.pageCrcs.length !== present.count() * 4)
      throw damaged(path, "its table of checksums has a wrong length");

    const encoded = await readUpTo(handle, header.manifest.offset, header.manifest.length);
    if (encoded.length < header.manifest.length) throw truncated(path);
    const { contents, parent, regions } = decodeManifest(path, encoded, header.manifest.crc);
    if (hasParent(header) ? parent === undefined || !sameId(parent.id, header.parent) : parent !== undefined) {
      throw damaged(path, "header and manifest name different parents");
    }
    for (const { offset, length } of regions.values()) if (offset + length > stat.size) throw truncated(path);
    const manifest: Manifest = {
      ...contents,
      ...{ format: FORMAT_VERSION, id: header.id, parent, ramBytes: header.ramBytes },
    };
    return new CheckpointPart(path, handle, header, manifest, regions, present, zero, stat.size);
  }

  get ramBytes(): number {
    return this.header.ramBytes;
  }

  get folder(): string {
    return dirname(this.path);
  }

  /** The bytes of a region in order, each block checked. */
  async *readRegion(name: string): AsyncGenerator<Uint8Array> {
    const region = this.regions.get(name);
    if (region === undefined) throw damaged(this.path, `it has no region "${name}"`);
    const crcs = new DataView(region.crcs.buffer, region.crcs.byteOffset, region.crcs.byteLength);
    for (let at = 0; at < region.length; at += REGION_BLOCK) {
      const length = Math.min(REGION_BLOCK, region.length - at);
      const bytes = await this.readBytes(region.offset + at, length);
      if (crc32c(bytes) !== crcs.getUint32((at / REGION_BLOCK) * 4, true)) {
        throw damaged(this.path, `region "${name}" at ${at}`);
      }
      yield bytes;
    }
  }

  /** A CRC-32C for each page of RAM, little-endian; of those that are not in this file, 0. */
  async readPageCrcs(): Promise<Uint8Array> {
    const { offset, length, crc } = this.header.pageCrcs;
    const packed = await this.readBytes(offset, length);
    if (crc32c(packed) !== crc) throw damaged(this.path, "its table of checksums does not fit its own checksum");
    const table = new Uint8Array((this.ramBytes / PAGE_BYTES) * 4);
    let at = 0;
    for (const [first, count] of this.present.runs()) {
      table.set(packed.subarray(at, at + count * 4), first * 4);
      at += count * 4;
    }
    return table;
  }

  async readBytes(offset: number, length: number): Promise<Uint8Array> {
    let bytes: Uint8Array;
    try {
      bytes = await readUpTo(this.handle, offset, length);
    } catch (error) {
      throw readError(this.path, error);
    }
    if (bytes.length < length) throw truncated(this.path);
    return bytes;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.handle.close();
  }
}

/** As much as there is. */
async function readUpTo(handle: FileHandle, offset: number, length: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(length);
  let done = 0;
  while (done < length) {
    const { bytesRead } = await handle.read(bytes, done, length - done, offset + done);
    if (bytesRead === 0) break;
    done += bytesRead;
  }
  return bytes.subarray(0, done);
}
