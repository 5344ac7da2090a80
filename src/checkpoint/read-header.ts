import { open } from "node:fs/promises";
import { readError } from "./checkpoint-error.js";
import { decodeHeader, HEADER_BYTES, type Header } from "./header.js";

/** The header alone, for who looks for a checkpoint among files. */
export async function readHeader(path: string): Promise<Header> {
  try {
    const handle = await open(path, "r");
    try {
      // A pipe would keep the reader waiting.
      const length = (await handle.stat()).isFile() ? HEADER_BYTES : 0;
      const { buffer, bytesRead } = await handle.read(new Uint8Array(HEADER_BYTES), 0, length, 0);
      return decodeHeader(path, buffer.subarray(0, bytesRead));
    } finally {
      await handle.close();
    }
  } catch (error) {
    throw readError(path, error);
  }
}
