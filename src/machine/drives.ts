/** Opens what the drives of a machine are made of. */
import { unlink } from "node:fs/promises";
import type { DiskDataSource } from "../backends/disk-data.js";
import { ClusterStore } from "../backends/disk-data.js";
import { checkIdentity } from "../backends/image-identity.js";
import { openDisk } from "../backends/open-image.js";
import { Overlay } from "../backends/overlay.js";
import { addOverlay, markImmutable } from "../backends/overlay-file.js";
import { SwitchingDisk } from "../backends/switching-disk.js";
import { VkrunError } from "../errors.js";
import { DiskPort } from "./disk-port.js";
import { Drive } from "./drive.js";
import type { DriveConfig } from "./machine-config.js";
import type { SavedDrive } from "./saved-drive.js";

/** All drives, or none: what was opened before a failure is closed again. */
export async function openDrives(configs: readonly DriveConfig[]): Promise<Drive[]> {
  return openAll(configs.map((config, index) => () => openDrive(config, index)));
}

export interface ThawedDriveOptions {
  /** What the checkpoint holds of disks; has to stay open as long as the drive is. */
  readonly data: DiskDataSource;
  /** Where the topmost file is now, if elsewhere. */
  readonly path?: string;
  /** What the guest writes from now on is kept in memory. */
  readonly snapshot?: boolean;
}

/** A drive as it was at a checkpoint, with a new top of its own: any number of them can be opened from the same checkpoint. */
export async function openSavedDrive(saved: SavedDrive, options: ThawedDriveOptions): Promise<Drive> {
  const { data, path, snapshot = false } = options;
  const { name, size, nature, method, files, clusters } = saved;
  const config = snapshot && method === "overlay" ? { ...saved.config, snapshot } : saved.config;
  for (const [index, identity] of files.entries()) await checkIdentity(identity, index === 0 ? path : undefined);
  const [top] = files;
  const methods: readonly string[] = ["readonly", "memory", "overlay"];
  if (top === undefined || !methods.includes(method)) throw unknownMethod(saved);
  const base = path ?? top.path;
  const own = method === "overlay" && !snapshot ? await addOverlay(base, top.format, size) : undefined;
  try {
    if (own !== undefined) await markImmutable(base, own);
    const open = await openDisk({
      ...{ path: own ?? base, format: own === undefined ? top.format : "qcow2" },
      ...{ discards: config.discards, readOnly: own === undefined },
      ...(config.cache && { cache: config.cache }),
    });
    try {
      if (open.disk.size !== size) throw unknownMethod(saved);
      const store = clusters && new ClusterStore(clusters, data, size);
      const inMemory = method !== "readonly" && own === undefined;
      const overlay = inMemory ? new Overlay(open.disk, store) : undefined;
      const backend = new SwitchingDisk(overlay ?? open.disk, nature);
      return new Drive({ name, config, backend, overlay, files: open.files });
    } catch (error) {
      await open.disk[Symbol.asyncDispose]();
      throw error;
    }
  } catch (error) {
    if (own !== undefined) await unlink(own);
    throw error;
  }
}

export async function openAll(opens: readonly (() => Promise<Drive>)[]): Promise<Drive[]> {
  const drives: Drive[] = [];
  try {
    for (const open of opens) drives.push(await open());
  } catch (error) {
    await Promise.allSettled(drives.map((drive) => drive[Symbol.asyncDispose]()));
    throw error;
  }
  return drives;
}

/** Guest's names of drives: vda, vdb and so on. */
function driveName(index: number): string {
  return `vd${String.fromCharCode("a".charCodeAt(0) + index)}`;
}

async function openDrive(config: DriveConfig, index: number): Promise<Drive> {
  const { path, format, cache, discards, snapshot, embedded } = config;
  const readOnly = config.readOnly || snapshot;
  const { disk, files } =
    embedded !== undefined
      ? { disk: new DiskPort(embedded, readOnly), files: [] }
      : await openDisk({ path, discards, readOnly, ...(format && { format }), ...(cache && { cache }) });
  const overlay = snapshot && !config.readOnly ? new Overlay(disk) : undefined;
  return new Drive({ name: driveName(index), config, backend: new SwitchingDisk(overlay ?? disk), overlay, files });
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

function unknownMethod({ name, method }: SavedDrive): VkrunError {
  return new VkrunError(
    "ERR_VKRUN_CHECKPOINT_INVALID",
    `the checkpoint says of the disk ${name} what cannot be: ${method}`,
    {
      hint: "It is damaged, or of another version.",
    },
  );
}
