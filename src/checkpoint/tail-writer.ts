/** The part of a checkpoint behind RAM, as it is written: regions, tables, the manifest, each on a page boundary; the header last. */
import { basename, dirname, isAbsolute, relative, resolve } from "node:path";
import { type NativeAddon, native } from "../native.js";
import type { Bitmap } from "./bitmap.js";
import { NO_ID } from "./checkpoint-id.js";
import { crc32c } from "./crc32c.js";
import { DATA_OFFSET, type Extent, encodeHeader, HEADER_BYTES, PAGE_BYTES } from "./header.js";
import { encodeManifest, type ManifestContents, type ParentReference, REGION_BLOCK, type Region } from "./manifest.js";
import type { TemporaryFile } from "./temporary-file.js";

/** What the header and the tables say of pages. */
export interface WrittenPages {
  readonly id: Uint8Array;
  readonly parent: ParentReference | undefined;
  readonly ramBytes: number;
  readonly present: Bitmap;
  readonly zero: Bitmap;
  /** A CRC-32C for each page of RAM. */
  readonly crcs: Uint8Array;
  /** The table of frames, where RAM is compressed. */
  readonly frames?: Uint8Array;
}

const NO_EXTENT: Extent = { offset: 0, length: 0, crc: 0 };

export class TailWriter {
  /** What was written, holes left out. */
  bytes = 0;
  readonly #addon: NativeAddon = native();
  readonly #file: TemporaryFile;
  readonly #regions = new Map<string, Region>();
  /** Where the next thing begins. */
  #end: number;

  constructor(file: TemporaryFile, end: number) {
    this.#file = file;
    this.#end = end;
  }

  hasRegion(name: string): boolean {
    return this.#regions.has(name);
  }

  async addRegion(name: string, chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<void> {
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
  }

  /** Of a bitmap with few bits, most pages are zero and left out. */
  async append(bytes: Uint8Array): Promise<Extent> {
    const offset = this.#end;
    for (let at = 0; at < bytes.length; at += PAGE_BYTES) {
      const part = bytes.subarray(at, at + PAGE_BYTES);
      if (part.some((byte) => byte !== 0)) await this.#put(offset + at, part);
    }
    this.#end = pageAligned(offset + bytes.length);
    return { offset, length: bytes.length, crc: crc32c(bytes) };
  }

  /** Completes the file and gives it its name. */
  async finish(
    { frames, ...pages }: WrittenPages,
    contents: ManifestContents,
    { durable }: { durable: boolean } = { durable: true },
  ): Promise<void> {
    const manifest = encodeManifest(contents, pages.parent, this.#regions);
    const header = encodeHeader({
      compressed: frames !== undefined,
      id: pages.id,
      parent: pages.parent?.id ?? NO_ID,
      ramBytes: pages.ramBytes,
      dataOffset: DATA_OFFSET,
      present: await this.append(pages.present.bytes),
      zero: await this.append(pages.zero.bytes),
      pageCrcs: await this.append(presentCrcs(pages)),
      frames: frames === undefined ? NO_EXTENT : await this.append(frames),
      manifest: await this.append(manifest),
    });
    // Also where it ends in zeroes that were left out.
    await this.#file.handle.truncate(this.#end);
    await this.#put(0, header);
    await this.#file.publish({ durable });
  }

  async #put(offset: number, bytes: Uint8Array): Promise<void> {
    await this.#addon.writeFile({ fd: this.#file.handle.fd, offset, buffers: [bytes], alignment: 1 });
    this.bytes += bytes.length;
  }
}

/** Those of pages that are in the file, one after the other. */
function presentCrcs({ present, crcs }: Pick<WrittenPages, "present" | "crcs">): Uint8Array {
  const table = new Uint8Array(present.count() * 4);
  let at = 0;
  for (const [first, count] of present.runs()) {
    table.set(crcs.subarray(first * 4, (first + count) * 4), at);
    at += count * 4;
  }
  return table;
}

const pageAligned = (offset: number): number => Math.max(Math.ceil(offset / PAGE_BYTES) * PAGE_BYTES, HEADER_BYTES);

function littleEndian(words: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(words.length * 4);
  const view = new DataView(bytes.buffer);
  for (const [index, word] of words.entries()) view.setUint32(index * 4, word, true);
  return bytes;
}

/** How the checkpoint at `path` names another file: so that both can be moved together, unless they are far apart. */
export function pathFrom(path: string, other: string): string {
  const there = relative(dirname(resolve(path)), resolve(other));
  return isAbsolute(there) || there === "" ? basename(other) : there;
}
