/** Opens what the drives of a machine are made of. */
import type { BlockBackend } from "../backends/block-backend.js";
import { openImage } from "../backends/open-image.js";
import { Overlay } from "../backends/overlay.js";
import { VkrunError } from "../errors.js";
import type { DriveConfig } from "./machine-config.js";

export interface Drive {
  readonly backend: BlockBackend;
  readonly serial?: string;
  readonly queues: number;
}

/** All drives, or none: what was opened before a failure is closed again. */
export async function openDrives(configs: readonly DriveConfig[]): Promise<Drive[]> {
  const drives: Drive[] = [];
  try {
    for (const config of configs) drives.push(await openDrive(config));
  } catch (error) {
    await Promise.allSettled(drives.map(({ backend }) => backend[Symbol.asyncDispose]()));
    throw error;
  }
  return drives;
}

async function openDrive(config: DriveConfig): Promise<Drive> {
  const { path, format, cache, discards, snapshot, serial, queues } = config;
  const image = await openImage({
    ...{ path, discards, readOnly: config.readOnly || snapshot },
    ...(format && { format }),
    ...(cache && { cache }),
  });
  const backend = snapshot && !config.readOnly ? new Overlay(image) : image;
  return { backend, queues, ...(serial !== undefined && { serial }) };
}

/** Has everything written and closed; the first thing that could not be is thrown, after all has been tried. */
export async function closeDrives(drives: readonly Drive[]): Promise<void> {
  const closed = await Promise.allSettled(
    drives.map(async ({ backend }) => {
      try {
        if (!backend.readOnly) await backend.flush();
      } finally {
        await backend[Symbol.asyncDispose]();
      }
    }),
  );
  const failed = closed.find((result) => result.status === "rejected");
  if (failed === undefined) return;
  throw new VkrunError("ERR_VKRUN_IMAGE_WRITE", `a disk could not be written at the end: ${String(failed.reason)}`, {
    hint: "What the guest wrote last may be missing. Check the image, and the room on its file system.",
    cause: failed.reason,
  });
}
