/** Makes one file of several that stand on each other. */
import type { CheckpointPart } from "./checkpoint-part.js";
import type { Manifest, ManifestContents } from "./manifest.js";
import { readWindows, type WindowOptions } from "./page-windows.js";
import { CheckpointWriter } from "./writer.js";

export interface MergeOptions extends WindowOptions {
  /** Where to. May be the path of one of `files`, if nobody stands on that. */
  readonly path: string;
  /** What the first of `files` stands on and the result is to stand on; without, it stands alone. */
  readonly parent?: CheckpointPart | undefined;
}

/**
 * `files` (each but the first stands on the one before) as one. It is the same checkpoint as the last of them, and has its id: who
 * stands on that can stand on the result.
 */
export async function mergeFiles(
  files: readonly CheckpointPart[],
  { path, parent, ...options }: MergeOptions,
): Promise<{ bytes: number }> {
  const top = files.at(-1);
  if (top === undefined) throw new RangeError("there is nothing to merge");
  await using writer = await CheckpointWriter.create({
    ...{ path, ramBytes: top.ramBytes, id: top.header.id },
    ...(parent !== undefined && { parent: { id: parent.header.id, path: parent.path } }),
  });
  for await (const { first, count, bytes, present, zero } of readWindows(files, options)) {
    const wanted = present;
    wanted.union(zero);
    await writer.writePages({ ram: bytes, ramPage: first, first, pages: count, wanted: wanted.bytes });
  }
  // Those of the others belong to instants that are given up.
  for (const name of top.regions.keys()) {
    options.signal?.throwIfAborted();
    await writer.addRegion(name, top.readRegion(name));
  }
  return writer.finish(contentsOf(top.manifest));
}

/** What the writer does not add by itself. */
export function contentsOf({
  format: _,
  id: __,
  parent: ___,
  ramBytes: ____,
  ...contents
}: Manifest): ManifestContents {
  return contents;
}
