/**
 * Bounds the size of a zstd frame's contents (RFC 8878 section 3.1) before anything is decompressed, by walking its
 * block headers. Kernel builds pipe through zstd, so the frame mostly does not say its size, and a hostile one could lie.
 */

export interface ZstdBound {
  /** Bytes of contents: exact if the frame states its size, otherwise no more than this. */
  readonly size: number;
  readonly exact: boolean;
  /** Length of the frame itself; a kernel image may be followed by padding or a signature. */
  readonly frameLength: number;
}

const MAGIC = 0xfd2fb528;
const MAX_BLOCK_SIZE = 128 * 1024;
const BlockType = { RAW: 0, RLE: 1, COMPRESSED: 2 } as const;
const DICTIONARY_ID_SIZE = [0, 1, 2, 4] as const;

/** Undefined when the frame is malformed or cut short, or when its contents may exceed `limit`, named by "reason". */
export function boundZstdFrame(
  frame: Uint8Array,
  limit: number,
): ZstdBound | { readonly reason: "corrupt" | "too big" } {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  try {
    if (view.getUint32(0, true) !== MAGIC) return { reason: "corrupt" };
    const descriptor = view.getUint8(4);
    const singleSegment = (descriptor & 0x20) !== 0;
    let offset = 5 + (singleSegment ? 0 : 1) + (DICTIONARY_ID_SIZE[descriptor & 3] as number);
    const sizeFlag = descriptor >> 6;
    const contentSize = contentSizeAt(view, offset, sizeFlag, singleSegment);
    if (contentSize !== undefined && contentSize > limit) return { reason: "too big" };
    offset += sizeFlag === 0 ? (singleSegment ? 1 : 0) : 1 << sizeFlag;

    let bound = 0;
    for (let last = false; !last; ) {
      const header = view.getUint16(offset, true) | (view.getUint8(offset + 2) << 16);
      last = (header & 1) !== 0;
      const type = (header >> 1) & 3;
      const size = header >> 3;
      offset += 3;
      if (type > BlockType.COMPRESSED || size > MAX_BLOCK_SIZE) return { reason: "corrupt" };
      bound += type === BlockType.COMPRESSED ? MAX_BLOCK_SIZE : size;
      // The slack of one block keeps contents that just fit from being refused.
      if (bound > limit + MAX_BLOCK_SIZE) return { reason: "too big" };
      offset += type === BlockType.RLE ? 1 : size;
    }
    if ((descriptor & 4) !== 0) offset += 4;
    if (offset > frame.length) return { reason: "corrupt" };
    return { size: contentSize ?? bound, exact: contentSize !== undefined, frameLength: offset };
  } catch (error) {
    if (error instanceof RangeError) return { reason: "corrupt" };
    throw error;
  }
}

function contentSizeAt(view: DataView, offset: number, flag: number, singleSegment: boolean): number | undefined {
  switch (flag) {
    case 0:
      return singleSegment ? view.getUint8(offset) : undefined;
    case 1:
      return view.getUint16(offset, true) + 256;
    case 2:
      return view.getUint32(offset, true);
    default:
      return Number(view.getBigUint64(offset, true));
  }
}
