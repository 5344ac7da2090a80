/** The checkpoints of a folder, as their headers have them: who stands on whom. */
import { readdir } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { needed } from "./checkpoint-error.js";
import { sameId } from "./checkpoint-id.js";
import type { Header } from "./header.js";
import { readHeader } from "./read-header.js";

/** A checkpoint is looked for among the files that end so. */
export const EXTENSION = ".vkckpt";

interface Found {
  readonly path: string;
  readonly header: Header;
}

/** What cannot be read, or is no checkpoint, is left out. */
export async function* checkpointsIn(folder: string): AsyncGenerator<Found> {
  // A folder may be one whose files can be opened but not listed.
  for (const name of await readdir(folder).catch(() => [])) {
    if (!name.endsWith(EXTENSION)) continue;
    const path = join(folder, name);
    const header = await readHeader(path).catch(() => undefined);
    if (header !== undefined) yield { path, header };
  }
}

/** Throws when another checkpoint of the folder of `path` stands on the one with `id` that is there, and on no copy of it. */
export async function refuseIfNeeded(path: string, id: Uint8Array): Promise<void> {
  let child: string | undefined;
  for await (const found of checkpointsIn(dirname(path))) {
    if (basename(found.path) === basename(path)) continue;
    if (sameId(found.header.id, id)) return;
    if (sameId(found.header.parent, id)) child ??= found.path;
  }
  if (child !== undefined) throw needed(path, child);
}
