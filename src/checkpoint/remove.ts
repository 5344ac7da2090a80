/** Removes checkpoints that nobody stands on. */
import { unlink } from "node:fs/promises";
import { dirname } from "node:path";
import { VkrunError } from "../errors.js";
import { refuseIfNeeded } from "./folder.js";
import { readHeader } from "./read-header.js";
import { syncFolder } from "./temporary-file.js";

/** `path` is absolute. */
export async function removeFile(path: string): Promise<void> {
  const { id } = await readHeader(path);
  await refuseIfNeeded(path, id);
  try {
    await unlink(path);
    await syncFolder(dirname(path));
  } catch (cause) {
    throw new VkrunError("ERR_VKRUN_CHECKPOINT_WRITE", `${path} cannot be removed: ${(cause as Error).message}`, {
      hint: "You must be able to write in its folder.",
      cause,
    });
  }
}
