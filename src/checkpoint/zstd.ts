/** zstd (RFC 8878), with bounds that do not depend on what a frame says of itself. */
import { compress, decompress, init } from "@bokuweb/zstd-wasm";

/** The level of zstd's own command. */
const LEVEL = 3;
const MAGIC = 0xfd2fb528;
const SINGLE_SEGMENT = 0x20;

let ready: Promise<void> | undefined;

export interface Zstd {
  compress(bytes: Uint8Array): Uint8Array;
  /** Throws unless `frame` is whole and holds just `length` bytes. */
  decompress(frame: Uint8Array, length: number): Uint8Array;
}

/** Compiles the library, once. */
export async function loadZstd(): Promise<Zstd> {
  ready ??= init();
  await ready;
  return { compress: (bytes) => compress(bytes, LEVEL), decompress: decompressExactly };
}

function decompressExactly(frame: Uint8Array, length: number): Uint8Array {
  // The library allocates what the frame says.
  if (contentSize(frame) !== length) throw new RangeError("a frame of another length");
  const bytes = decompress(frame);
  if (bytes.length !== length) throw new RangeError("a frame that does not hold what it says");
  return bytes;
}

/** What a frame of one segment states, as those have it that were compressed in one piece; else undefined. */
function contentSize(frame: Uint8Array): number | undefined {
  if (frame.length < 9) return undefined;
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  const descriptor = view.getUint8(4);
  // Nor with a dictionary, whose id would lie before the size.
  if (view.getUint32(0, true) !== MAGIC || (descriptor & SINGLE_SEGMENT) === 0 || (descriptor & 3) !== 0) {
    return undefined;
  }
  switch (descriptor >> 6) {
    case 0:
      return view.getUint8(5);
    case 1:
      return view.getUint16(5, true) + 256;
    case 2:
      return view.getUint32(5, true);
    default:
      return undefined;
  }
}
