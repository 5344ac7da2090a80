/** What can be wrong with a checkpoint, each with its stable code. */
import { VkrunError } from "../errors.js";
import { formatId } from "./checkpoint-id.js";

const DAMAGE_HINT = "Copy it again from where it was made, or use an earlier checkpoint.";

export function damaged(path: string, what: string, cause?: unknown): VkrunError {
  return new VkrunError("ERR_VKRUN_CHECKPOINT_DAMAGED", `the checkpoint ${path} is damaged: ${what}`, {
    hint: DAMAGE_HINT,
    cause,
  });
}

export function truncated(path: string): VkrunError {
  return new VkrunError("ERR_VKRUN_CHECKPOINT_TRUNCATED", `the checkpoint ${path} is cut short`, {
    hint: "Copy it again in full, or use an earlier checkpoint.",
  });
}

export function notACheckpoint(path: string, why: string): VkrunError {
  return new VkrunError("ERR_VKRUN_CHECKPOINT_INVALID", `${path} is not a checkpoint: ${why}`, {
    hint: "Name a file that `vkrun ckpt` has written.",
  });
}

/** The file uses something that this program does not know; `what` names it. */
export function unsupported(path: string, what: string): VkrunError {
  return new VkrunError("ERR_VKRUN_CHECKPOINT_UNSUPPORTED", `the checkpoint ${path} has ${what}`, {
    hint: "It was written by a newer vkrun; use that one.",
  });
}

export function newerVersion(path: string, version: number, known: number): VkrunError {
  return new VkrunError(
    "ERR_VKRUN_CHECKPOINT_VERSION",
    `the checkpoint ${path} is of version ${version} of the format; this vkrun knows version ${known}`,
    { hint: "It was written by a newer vkrun; use that one." },
  );
}

export function chainError(path: string, why: string, hint?: string): VkrunError {
  return new VkrunError("ERR_VKRUN_CHECKPOINT_CHAIN", `the chain of the checkpoint ${path} ${why}`, {
    ...(hint !== undefined && { hint }),
  });
}

export function parentMissing(path: string, parent: string, id: Uint8Array, cause?: unknown): VkrunError {
  return new VkrunError(
    "ERR_VKRUN_CHECKPOINT_PARENT_MISSING",
    `the checkpoint ${path} stands on another one, ${parent}, which is not there`,
    { hint: `Put the checkpoint with the id ${formatId(id)} beside it.`, cause },
  );
}

export function parentChanged(path: string, parent: string, id: Uint8Array): VkrunError {
  return new VkrunError(
    "ERR_VKRUN_CHECKPOINT_PARENT_CHANGED",
    `the checkpoint ${path} stands on another one, in whose place, ${parent}, there is a different one now`,
    { hint: `Put the checkpoint with the id ${formatId(id)} beside it.` },
  );
}

/** Without the file at `path`, `child` could not be gone on from any more. */
export function needed(path: string, child: string): VkrunError {
  return new VkrunError("ERR_VKRUN_CHECKPOINT_NEEDED", `the checkpoint ${path} is needed: ${child} stands on it`, {
    hint: `Make that one stand alone with \`vkrun ckpt merge ${child}\`, or remove it first.`,
  });
}

function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && typeof (error as NodeJS.ErrnoException).code === "string";
}

/** What a system call said while a checkpoint was read. Anything but a system error is passed on. */
export function readError(path: string, error: unknown): unknown {
  if (error instanceof VkrunError || !isSystemError(error)) return error;
  if (error.code === "ENOENT" || error.code === "ENOTDIR") {
    return new VkrunError("ERR_VKRUN_CHECKPOINT_NOT_FOUND", `there is no checkpoint ${path}`, {
      hint: "Check the path.",
      cause: error,
    });
  }
  return new VkrunError("ERR_VKRUN_CHECKPOINT_READ", `the checkpoint ${path} cannot be read: ${error.message}`, {
    hint: "Check its permissions, and the storage that it lies on.",
    cause: error,
  });
}

/** What a system call said while a checkpoint was written. Anything but a system error is passed on. */
export function writeError(path: string, error: unknown): unknown {
  if (error instanceof VkrunError || !isSystemError(error)) return error;
  const full = error.code === "ENOSPC" || error.code === "EDQUOT" || error.code === "EFBIG";
  return new VkrunError("ERR_VKRUN_CHECKPOINT_WRITE", `${path} cannot be written: ${error.message}`, {
    hint: full ? "Make room, or name a file on another disk." : "Name a file in a folder that you may write to.",
    cause: error,
  });
}
