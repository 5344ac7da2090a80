/** Writes a checkpoint in its compressed form, for where it is kept: docs/checkpoint-format.md, "Pages". */
import { dirname, resolve } from "node:path";
import { checkTarget } from "./check-target.js";
import { writeError } from "./checkpoint-error.js";
import type { CheckpointPart } from "./checkpoint-part.js";
import { FRAME_PAGES } from "./compressed-ram.js";
import { type Extent, FRAME_ENTRY_BYTES, HEADER_BYTES, PAGE_BYTES } from "./header.js";
import { contentsOf } from "./merge.js";
import { readWindows, type WindowOptions } from "./page-windows.js";
import { pathFrom, TailWriter } from "./tail-writer.js";
import { TemporaryFile } from "./temporary-file.js";

/** The same checkpoint as `part`, with the same id; what that stands on it stands on, too. */
export async function compressFile(
  part: CheckpointPart,
  { path, ...options }: WindowOptions & { readonly path: string },
): Promise<{ bytes: number }> {
  const { ramBytes, present, zero, manifest } = part;
  const { id } = part.header;
  await checkTarget({ path, ramBytes, id });
  await using file = await TemporaryFile.create(path);
  try {
    const tail = new TailWriter(file, HEADER_BYTES);
    const frames = await writeFrames(part, tail, options);
    for (const name of part.regions.keys()) {
      options.signal?.throwIfAborted();
      await tail.addRegion(name, part.readRegion(name));
    }
    const parent = manifest.parent && {
      id: manifest.parent.id,
      path: pathFrom(path, resolve(dirname(part.path), manifest.parent.path)),
    };
    const crcs = await part.readPageCrcs();
    await tail.finish({ id, parent, ramBytes, present, zero, crcs, frames }, contentsOf(manifest));
    return { bytes: tail.bytes };
  } catch (error) {
    throw writeError(path, error);
  }
}

/** Answers the table of frames. */
async function writeFrames(part: CheckpointPart, tail: TailWriter, options: WindowOptions): Promise<Uint8Array> {
  const { loadZstd } = await import("./zstd.js");
  const zstd = await loadZstd();
  const frames: Extent[] = [];
  const batch = new Uint8Array(FRAME_PAGES * PAGE_BYTES);
  let filled = 0;
  const flush = async (): Promise<void> => {
    if (filled > 0) frames.push(await tail.append(zstd.compress(batch.subarray(0, filled))));
    filled = 0;
  };
  for await (const { bytes, present } of readWindows([part], options)) {
    for (const index of present.indices()) {
      batch.set(bytes.subarray(index * PAGE_BYTES, (index + 1) * PAGE_BYTES), filled);
      filled += PAGE_BYTES;
      if (filled === batch.length) await flush();
    }
  }
  await flush();
  const table = new DataView(new ArrayBuffer(frames.length * FRAME_ENTRY_BYTES));
  for (const [index, { offset, length, crc }] of frames.entries()) {
    table.setBigUint64(index * FRAME_ENTRY_BYTES, BigInt(offset), true);
    table.setUint32(index * FRAME_ENTRY_BYTES + 8, length, true);
    table.setUint32(index * FRAME_ENTRY_BYTES + 12, crc, true);
  }
  return new Uint8Array(table.buffer);
}
