/** Room on disk: looked at before a build starts, and recognised when it runs out all the same. */
import { statfs } from "node:fs/promises";
import { VkrunError } from "../errors.js";

/** Throws `ERR_VKRUN_NO_SPACE` unless the file system of `directory` has `bytes` free for this user. */
export async function requireSpace(directory: string, bytes: number): Promise<void> {
  const { bavail, bsize } = await statfs(directory);
  const free = bavail * bsize;
  if (free < bytes) {
    throw new VkrunError(
      "ERR_VKRUN_NO_SPACE",
      `not enough room in ${directory}: ${mebibytes(bytes)} MiB are needed, ${mebibytes(free)} MiB are free`,
      { hint: HINT },
    );
  }
}

/** Whether `error` is the host saying that a file cannot grow: disk full, quota, or file size limit. */
export function isNoSpace(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException | undefined)?.code;
  return code === "ENOSPC" || code === "EDQUOT" || code === "EFBIG";
}

export function noSpace(cause: unknown): VkrunError {
  return new VkrunError("ERR_VKRUN_NO_SPACE", "the disk became full while the image was being built", {
    hint: HINT,
    cause,
  });
}

const HINT = "Make room, or set XDG_CACHE_HOME to a directory on a larger disk. Nothing unfinished was left behind.";

function mebibytes(bytes: number): number {
  return Math.ceil(bytes / 2 ** 20);
}
