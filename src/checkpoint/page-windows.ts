/** The pages of a chain as one, in the order of RAM, a window at a time; for who goes through all of them once. */
import { native } from "../native.js";
import { Bitmap } from "./bitmap.js";
import { damaged, readError } from "./checkpoint-error.js";
import type { CheckpointPart } from "./checkpoint-part.js";
import { FrameReader } from "./compressed-ram.js";
import { crc32c } from "./crc32c.js";
import { PAGE_BYTES } from "./header.js";

/** 4 MiB: the work on one holds a thread up for no more than some milliseconds. A multiple of 8, for bitmaps. */
export const WINDOW_PAGES = 1024;

export interface PageWindow {
  /** Of the guest. */
  readonly first: number;
  readonly count: number;
  /** What is in these pages, as long as the next window has not been asked for. */
  readonly bytes: Uint8Array;
  /** Pages that a file of the chain has. The others are all zero, and in `bytes`, too. */
  readonly present: Bitmap;
  /** Pages of which a file of the chain says that they are zero since then. */
  readonly zero: Bitmap;
}

export interface WindowOptions {
  readonly signal?: AbortSignal | undefined;
  /** Pages that were gone through. */
  readonly onProgress?: ((pages: number) => void) | undefined;
}

/** Every page that is read is compared with its checksum; throws for the first that is damaged. Base first. */
export async function* readWindows(
  chain: readonly CheckpointPart[],
  { signal, onProgress }: WindowOptions = {},
): AsyncGenerator<PageWindow> {
  const sources: PageSource[] = [];
  for (const part of chain) sources.unshift(await PageSource.open(part));
  const pages = (chain[0]?.ramBytes ?? 0) / PAGE_BYTES;
  const buffer = new Uint8Array(Math.min(WINDOW_PAGES, pages) * PAGE_BYTES);
  for (let first = 0; first < pages; first += WINDOW_PAGES) {
    signal?.throwIfAborted();
    const count = Math.min(WINDOW_PAGES, pages - first);
    const bytes = buffer.subarray(0, count * PAGE_BYTES);
    bytes.fill(0);
    const [present, zero] = [new Bitmap(count), new Bitmap(count)];
    for (const source of sources) {
      const own = slice(source.part.present, first, count);
      own.subtract(present);
      own.subtract(zero);
      const zeroed = slice(source.part.zero, first, count);
      zeroed.subtract(present);
      await source.read(first, own, bytes);
      present.union(own);
      zero.union(zeroed);
    }
    onProgress?.(first + count);
    yield { first, count, bytes, present, zero };
  }
}

function slice({ bytes }: Bitmap, first: number, count: number): Bitmap {
  return new Bitmap(count, bytes.slice(first / 8, first / 8 + Bitmap.bytesFor(count)));
}

/** Pages of one file. Asked for in the order of RAM. */
class PageSource {
  private constructor(
    readonly part: CheckpointPart,
    private readonly crcs: DataView,
    private readonly frames: FrameReader | undefined,
  ) {}

  static async open(part: CheckpointPart): Promise<PageSource> {
    const { buffer, byteOffset, byteLength } = await part.readPageCrcs();
    const frames = part.header.compressed ? await FrameReader.open(part) : undefined;
    return new PageSource(part, new DataView(buffer, byteOffset, byteLength), frames);
  }

  /** Those of `wanted` (bit 0: page `first`), all of which the file has; `into` begins with page `first`. */
  async read(first: number, wanted: Bitmap, into: Uint8Array): Promise<void> {
    const { part } = this;
    if (wanted.count() === 0) return;
    if (this.frames !== undefined) await this.frames.read(first, wanted, into);
    else {
      const { handle, header, path } = part;
      try {
        await native().readGuestPages({
          ...{ fd: handle.fd, dataOffset: header.dataOffset, ram: into, ramPage: first },
          ...{ first, pages: wanted.length, wanted: wanted.bytes },
        });
      } catch (error) {
        throw readError(path, error);
      }
    }
    for (const index of wanted.indices()) {
      const bytes = into.subarray(index * PAGE_BYTES, (index + 1) * PAGE_BYTES);
      if (crc32c(bytes) !== this.crcs.getUint32((first + index) * 4, true)) {
        throw damaged(part.path, `page ${first + index} of RAM`);
      }
    }
  }
}
