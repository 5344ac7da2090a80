/**
 * RAM in a file with Feature.ZSTD: the pages that are present, in order, FRAME_PAGES of them to a frame of zstd. The table of frames
 * has an entry for each: offset (u64), length (u32) and CRC-32C (u32).
 */
import type { Bitmap } from "./bitmap.js";
import { damaged } from "./checkpoint-error.js";
import type { CheckpointPart } from "./checkpoint-part.js";
import { crc32c } from "./crc32c.js";
import { FRAME_ENTRY_BYTES, PAGE_BYTES } from "./header.js";

export const FRAME_PAGES = 256;
/** What zstd makes of pages that cannot be compressed is hardly longer than they are. */
const MAX_FRAME_BYTES = FRAME_PAGES * PAGE_BYTES + 65536;

interface Frame {
  readonly offset: number;
  readonly length: number;
  readonly crc: number;
  readonly pages: readonly number[];
}

/** Hands out those pages of `wanted` that are in the file; throws for the first frame that is damaged, unless `onDamage` takes it. */
export async function readFrames(
  part: CheckpointPart,
  wanted: Bitmap,
  onPage: (page: number, bytes: Uint8Array) => void,
  onDamage: (pages: readonly number[], error: Error) => void = (_, error) => {
    throw error;
  },
): Promise<void> {
  for (const frame of await readFrameTable(part)) {
    if (!frame.pages.some((page) => wanted.has(page))) continue;
    let bytes: Uint8Array;
    try {
      bytes = await unpack(part, frame);
    } catch (error) {
      onDamage(frame.pages, error as Error);
      continue;
    }
    for (const [index, page] of frame.pages.entries()) {
      if (wanted.has(page)) onPage(page, bytes.subarray(index * PAGE_BYTES, (index + 1) * PAGE_BYTES));
    }
  }
}

async function unpack(part: CheckpointPart, { offset, length, crc, pages }: Frame): Promise<Uint8Array> {
  // Most guests are thawed without it.
  const { loadZstd } = await import("./zstd.js");
  const zstd = await loadZstd();
  const packed = await part.readBytes(offset, length);
  if (crc32c(packed) !== crc) throw damaged(part.path, `pages from ${pages[0]} on`);
  try {
    return zstd.decompress(packed, pages.length * PAGE_BYTES);
  } catch (cause) {
    throw damaged(part.path, `pages from ${pages[0]} on cannot be decompressed`, cause);
  }
}

/** Pages in the order of RAM: no frame is unpacked twice. */
export class FrameReader {
  /** The frame at which reading goes on, and what is in it if it has been unpacked. */
  #at = 0;
  #bytes: Uint8Array | undefined;

  private constructor(
    private readonly part: CheckpointPart,
    private readonly frames: readonly Frame[],
  ) {}

  static async open(part: CheckpointPart): Promise<FrameReader> {
    return new FrameReader(part, await readFrameTable(part));
  }

  /** Those of `wanted`, whose bit 0 is page `first`, as `into` begins with it. Each call is for pages behind those of the last. */
  async read(first: number, wanted: Bitmap, into: Uint8Array): Promise<void> {
    const end = first + wanted.length;
    for (; this.#at < this.frames.length; this.#at++, this.#bytes = undefined) {
      const frame = this.frames[this.#at] as Frame;
      const [begin, last] = [frame.pages[0] as number, frame.pages.at(-1) as number];
      if (begin >= end) return;
      for (const [index, page] of frame.pages.entries()) {
        if (page < first || page >= end || !wanted.has(page - first)) continue;
        this.#bytes ??= await unpack(this.part, frame);
        const bytes = this.#bytes.subarray(index * PAGE_BYTES, (index + 1) * PAGE_BYTES);
        into.set(bytes, (page - first) * PAGE_BYTES);
      }
      // The next window may need the rest of it.
      if (last >= end) return;
    }
  }
}

export async function readFrameTable(part: CheckpointPart): Promise<Frame[]> {
  const { offset, length, crc } = part.header.frames;
  const table = await part.readBytes(offset, length);
  if (crc32c(table) !== crc) throw damaged(part.path, "its table of frames does not fit its checksum");
  const view = new DataView(table.buffer, table.byteOffset, table.byteLength);
  const pages = [...part.present.indices()];
  if (length !== Math.ceil(pages.length / FRAME_PAGES) * FRAME_ENTRY_BYTES) {
    throw damaged(part.path, "its table of frames has a wrong length");
  }
  return Array.from({ length: length / FRAME_ENTRY_BYTES }, (_, index) => {
    const at = index * FRAME_ENTRY_BYTES;
    const frame = {
      ...{ offset: Number(view.getBigUint64(at, true)), length: view.getUint32(at + 8, true) },
      ...{ crc: view.getUint32(at + 12, true), pages: pages.slice(index * FRAME_PAGES, (index + 1) * FRAME_PAGES) },
    };
    if (!Number.isSafeInteger(frame.offset) || frame.length > MAX_FRAME_BYTES) {
      throw damaged(part.path, "its table of frames has an impossible entry");
    }
    return frame;
  });
}
