/** Opens what the drives of a machine are made of, locked against whoever else would write them. */
import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import type { BlockBackend } from "../backends/block-backend.js";
import { Overlay } from "../backends/overlay.js";
import { RawFile } from "../backends/raw-file.js";
import { VkrunError } from "../errors.js";
import { native, nativeUnavailable } from "../native.js";
import type { DriveConfig } from "./machine-config.js";

/** All drives, or none: what was opened before a failure is closed again. */
export async function openDrives(configs: readonly DriveConfig[]): Promise<BlockBackend[]> {
  const drives: BlockBackend[] = [];
  try {
    for (const config of configs) drives.push(await openDrive(config));
  } catch (error) {
    await Promise.allSettled(drives.map((drive) => drive[Symbol.asyncDispose]()));
    throw error;
  }
  return drives;
}

async function openDrive(config: DriveConfig): Promise<BlockBackend> {
  const { path, snapshot } = config;
  const readOnly = config.readOnly || snapshot;
  const handle = await openImage(path, readOnly);
  try {
    lock(handle, path, !readOnly);
    const file = await RawFile.fromHandle({ handle, path, readOnly });
    return snapshot && !config.readOnly ? new Overlay(file) : file;
  } catch (error) {
    await handle.close();
    throw error;
  }
}

async function openImage(path: string, readOnly: boolean): Promise<FileHandle> {
  let handle: FileHandle;
  try {
    // Not blocking: the name may be a FIFO.
    handle = await open(path, (readOnly ? constants.O_RDONLY : constants.O_RDWR) | constants.O_NONBLOCK);
  } catch (cause) {
    throw openError(path, readOnly, cause as NodeJS.ErrnoException);
  }
  const stat = await handle.stat();
  if (stat.isFile() || stat.isBlockDevice()) return handle;
  await handle.close();
  throw stat.isDirectory() ? directoryError(path) : notAnImage(path);
}

function openError(path: string, readOnly: boolean, cause: NodeJS.ErrnoException): VkrunError {
  switch (cause.code) {
    case "ENOENT":
    case "ENOTDIR":
      return new VkrunError("ERR_VKRUN_IMAGE_NOT_FOUND", `there is no disk image ${path}`, {
        hint: "Check the path, or make an image with `vkrun image build tiny`.",
        cause,
      });
    case "EISDIR":
      return directoryError(path);
    case "EACCES":
    case "EPERM":
    case "EROFS":
      return new VkrunError(
        "ERR_VKRUN_IMAGE_ACCESS",
        `the disk image ${path} may not be ${readOnly ? "read" : "written"}`,
        {
          hint: readOnly
            ? "Check the permissions of the file."
            : "Check its permissions, or use --snapshot to leave it unchanged.",
          cause,
        },
      );
    default:
      return new VkrunError("ERR_VKRUN_IMAGE_OPEN", `the disk image ${path} cannot be opened: ${cause.message}`, {
        cause,
      });
  }
}

function directoryError(path: string): VkrunError {
  return new VkrunError("ERR_VKRUN_IMAGE_INVALID", `${path} is a directory, not a disk image`, {
    hint: "Name a raw disk image inside it.",
  });
}

function notAnImage(path: string): VkrunError {
  return new VkrunError("ERR_VKRUN_IMAGE_INVALID", `${path} is neither a file nor a block device`, {
    hint: "Name a raw disk image.",
  });
}

/**
 * A writer excludes everybody, readers exclude writers. Without the addon there are no locks: the machine says so
 * once and goes on.
 */
function lock(handle: FileHandle, path: string, exclusive: boolean): void {
  if (nativeUnavailable() !== undefined) return;
  if (native().lockFile({ fd: handle.fd, exclusive })) return;
  throw new VkrunError(
    "ERR_VKRUN_IMAGE_LOCKED",
    `the disk image ${path} is in use by another vkrun or QEMU${exclusive ? "" : " that writes it"}`,
    { hint: exclusive ? "Stop the other one, or use --snapshot on both." : "Stop the other one, or copy the image." },
  );
}
