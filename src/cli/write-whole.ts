/** Files that are there in whole, or as they were. */
import { access, constants, rename, rm, stat, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { VkrunError } from "../errors.js";

export async function writeWhole(path: string, contents: string): Promise<void> {
  const unfinished = `${path}.${process.pid}.tmp`;
  try {
    await writeFile(unfinished, contents);
    await rename(unfinished, path);
  } catch (error) {
    await rm(unfinished, { force: true });
    throw unwritable(path, error);
  }
}

/** Rejects when `writeWhole` could not write there, as far as can be known beforehand. */
export async function checkWritable(path: string): Promise<void> {
  try {
    await access(dirname(path), constants.W_OK | constants.X_OK);
    const there = await stat(path).catch(() => undefined);
    if (there?.isDirectory()) throw new Error("it is a folder");
  } catch (error) {
    throw unwritable(path, error);
  }
}

function unwritable(path: string, cause: unknown): VkrunError {
  return new VkrunError("ERR_VKRUN_REPORT_WRITE", `${path} cannot be written: ${(cause as Error).message}`, {
    hint: "Name a file in a folder that exists, may be written to, and has room.",
    cause,
  });
}
