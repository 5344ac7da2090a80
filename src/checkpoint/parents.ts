/** Finds what a checkpoint stands on: where its manifest says, or else in the same folder by its id. */
import { dirname, resolve } from "node:path";
import { VkrunError } from "../errors.js";
import { chainError, damaged, parentChanged, parentMissing } from "./checkpoint-error.js";
import { sameId } from "./checkpoint-id.js";
import { CheckpointPart } from "./checkpoint-part.js";
import { checkpointsIn } from "./folder.js";
import { hasParent } from "./header.js";
import { readHeader } from "./read-header.js";

/** Each file of a chain is a descriptor, and a place to look for each page. */
export const MAX_CHAIN = 256;

/** The parents of `top`, base first, open. */
export async function openParents(top: CheckpointPart): Promise<CheckpointPart[]> {
  const parents: CheckpointPart[] = [];
  try {
    for await (const parent of parentsOf(top)) parents.unshift(parent);
    return parents;
  } catch (error) {
    for (const parent of parents) await parent[Symbol.asyncDispose]();
    throw error;
  }
}

/** What `top` stands on, what that stands on, and so on; open, and the caller's to close. Throws for what is not as it should be. */
export async function* parentsOf(top: CheckpointPart): AsyncGenerator<CheckpointPart> {
  const seen = [top.header.id];
  for (let part = top; hasParent(part.header); ) {
    const { parent } = part.header;
    if (seen.some((id) => sameId(id, parent))) throw chainError(top.path, "is a loop");
    if (seen.length >= MAX_CHAIN) throw chainError(top.path, `is longer than ${MAX_CHAIN} files`);
    part = await openParent(part);
    seen.push(part.header.id);
    yield part;
  }
}

async function openParent(child: CheckpointPart): Promise<CheckpointPart> {
  const folder = dirname(child.path);
  const named = resolve(folder, child.manifest.parent?.path ?? "");
  const path = await findParent(child, folder, named);
  const parent = await CheckpointPart.open(path);
  try {
    // Replaced since its header was read.
    if (!sameId(parent.header.id, child.header.parent)) throw parentChanged(child.path, path, child.header.parent);
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
  for await (const { path, header } of checkpointsIn(folder)) if (sameId(header.id, wanted)) return path;
  if (replaced) throw parentChanged(child.path, named, wanted);
  if (other instanceof VkrunError && other.code !== "ERR_VKRUN_CHECKPOINT_NOT_FOUND") throw other;
  throw parentMissing(child.path, named, wanted, other);
}
