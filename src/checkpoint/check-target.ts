/** What must hold before a checkpoint is written: that what it stands on is there, and that nobody loses what he stands on. */
import { stat } from "node:fs/promises";
import { VkrunError } from "../errors.js";
import { chainError, parentChanged, parentMissing } from "./checkpoint-error.js";
import { sameId } from "./checkpoint-id.js";
import { CheckpointPart } from "./checkpoint-part.js";
import { refuseIfNeeded } from "./folder.js";
import { MAX_CHAIN, parentsOf } from "./parents.js";
import { readHeader } from "./read-header.js";

export interface Target {
  /** Absolute. */
  readonly path: string;
  readonly ramBytes: number;
  readonly id: Uint8Array;
  readonly parent?: { readonly id: Uint8Array; readonly path: string } | undefined;
}

export async function checkTarget(target: Target): Promise<void> {
  const { path, id, parent } = target;
  if (parent !== undefined) await checkParent(target, parent);
  // What is no checkpoint has nobody who stands on it.
  const replaced = await readHeader(path).catch(() => undefined);
  if (replaced !== undefined && !sameId(replaced.id, id)) await refuseIfNeeded(path, replaced.id);
}

async function checkParent({ path, ramBytes }: Target, parent: NonNullable<Target["parent"]>): Promise<void> {
  const there = await stat(path).catch(() => undefined);
  let files = 1;
  for await (const part of chainOf(path, parent)) {
    await using open = part;
    if (files === 1 && open.ramBytes !== ramBytes) throw chainError(path, "has files with different amounts of RAM");
    const { dev, ino } = await open.handle.stat();
    if (there?.dev === dev && there.ino === ino) {
      throw chainError(path, "would lose a file: the checkpoint was to be written over one that it stands on");
    }
    if (++files > MAX_CHAIN) {
      throw chainError(
        path,
        `would be longer than ${MAX_CHAIN} files`,
        "Write a whole one, or make its parent one file with `vkrun ckpt merge`.",
      );
    }
  }
}

/** The parent, and what that stands on. */
async function* chainOf(path: string, parent: NonNullable<Target["parent"]>): AsyncGenerator<CheckpointPart> {
  let first: CheckpointPart;
  try {
    first = await CheckpointPart.open(parent.path);
  } catch (error) {
    if (!(error instanceof VkrunError) || error.code !== "ERR_VKRUN_CHECKPOINT_NOT_FOUND") throw error;
    throw parentMissing(path, parent.path, parent.id, error);
  }
  if (!sameId(first.header.id, parent.id)) {
    await first[Symbol.asyncDispose]();
    throw parentChanged(path, parent.path, parent.id);
  }
  yield first;
  yield* parentsOf(first);
}
