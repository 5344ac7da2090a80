/** Finds what a checkpoint stands on: where its manifest says, or else in the same folder by its id. */
import { readdir } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { VkrunError } from "../errors.js";
import { chainError, damaged } from "./checkpoint-error.js";
import { CheckpointPart } from "./checkpoint-part.js";
import { formatId, hasParent, sameId } from "./header.js";
import { readHeader } from "./read-header.js";

export const EXTENSION = ".vkckpt";
/** Each file of a chain is a descriptor, and a place to look for each page. */
const MAX_CHAIN = 256;

/** The parents of `top`, base first, open. */
export async function openParents(top: CheckpointPart): Promise<CheckpointPart[]> {
  const parents: CheckpointPart[] = [];
  try {
    for (let part = top; hasParent(part.header); ) {
      const { parent } = part.header;
      if ([top, ...parents].some(({ header }) => sameId(header.id, parent))) throw chainError(top.path, "is a loop");
      if (parents.length + 1 >= MAX_CHAIN) throw chainError(top.path, `is longer than ${MAX_CHAIN} files`);
      part = await openParent(part);
      parents.unshift(part);
    }
    return parents;
  } catch (error) {
    for (const parent of parents) await parent[Symbol.asyncDispose]();
    throw error;
  }
}

async function openParent(child: CheckpointPart): Promise<CheckpointPart> {
  const folder = dirname(child.path);
  const named = resolve(folder, child.manifest.parent?.path ?? "");
  const path = await findParent(child, folder, named);
  const parent = await CheckpointPart.open(path);
  try {
    // Replaced since its header was read.
    if (!sameId(parent.header.id, child.header.parent)) throw parentChanged(child, path);
    if (parent.ramBytes !== child.ramBytes) throw damaged(child.path, "its parent has another amount of RAM");
    return parent;
  } catch (error) {
    await parent[Symbol.asyncDispose]();
    throw error;
  }
}

async function findParent(child: CheckpointPart, folder: string, named: string): Promise<string> {
  const wanted = child.header.parent;
  let other: unknown;
  let replaced = false;
  try {
    if (sameId((await readHeader(named)).id, wanted)) return named;
    replaced = true;
  } catch (error) {
    if (!(error instanceof VkrunError)) throw error;
    other = error;
  }
  // A folder may be one whose files can be opened but not listed.
  for (const name of await readdir(folder).catch(() => [])) {
    if (!name.endsWith(EXTENSION)) continue;
    const path = join(folder, name);
    const header = await readHeader(path).catch(() => undefined);
    if (header !== undefined && sameId(header.id, wanted)) return path;
  }
  if (replaced) throw parentChanged(child, named);
  if (other instanceof VkrunError && other.code !== "ERR_VKRUN_CHECKPOINT_NOT_FOUND") throw other;
  throw new VkrunError(
    "ERR_VKRUN_CHECKPOINT_PARENT_MISSING",
    `the checkpoint ${child.path} stands on another one, ${named}, which is not there`,
    {
      hint: `Put the checkpoint with the id ${formatId(wanted)} beside it.`,
      cause: other,
    },
  );
}

function parentChanged(child: CheckpointPart, path: string): VkrunError {
  return new VkrunError(
    "ERR_VKRUN_CHECKPOINT_PARENT_CHANGED",
    `the checkpoint ${child.path} stands on another one, in whose place, ${path}, there is a different one now`,
    { hint: `Put the checkpoint with the id ${formatId(child.header.parent)} beside it.` },
  );
}
