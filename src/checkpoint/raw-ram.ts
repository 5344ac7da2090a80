/** A guest's RAM alone, as a file of as many bytes. */
import { native } from "../native.js";
import { Bitmap } from "./bitmap.js";
import { writeError } from "./checkpoint-error.js";
import type { CheckpointPart } from "./checkpoint-part.js";
import { PAGE_BYTES } from "./header.js";
import { readWindows, type WindowOptions } from "./page-windows.js";
import { TemporaryFile } from "./temporary-file.js";

/** Sparse: pages that are zero are holes. */
export async function writeRawRam(
  chain: readonly CheckpointPart[],
  { path, ...options }: WindowOptions & { readonly path: string },
): Promise<void> {
  const ramBytes = chain[0]?.ramBytes ?? 0;
  await using file = await TemporaryFile.create(path);
  try {
    await file.handle.truncate(ramBytes);
    // The addon's tables are of no use here.
    const [presentOut, zeroOut] = [new Bitmap(ramBytes / PAGE_BYTES).bytes, new Bitmap(ramBytes / PAGE_BYTES).bytes];
    const crcOut = new Uint8Array((ramBytes / PAGE_BYTES) * 4);
    for await (const { first, count, bytes, present } of readWindows(chain, options)) {
      await native().writeGuestPages({
        ...{ fd: file.handle.fd, dataOffset: 0, ram: bytes, ramPage: first, first, pages: count },
        ...{ wanted: present.bytes, presentOut, zeroOut, crcOut },
      });
    }
    await file.publish();
  } catch (error) {
    throw writeError(path, error);
  }
}
