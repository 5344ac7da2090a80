/** A drive, as a program asks for it. */
import { resolve } from "node:path";
import { isUrl } from "../backends/open-image.js";
import { VkrunError } from "../errors.js";
import type { DriveConfig } from "../machine/machine-config.js";
import type { BootOptions } from "./boot-options.js";
import { type DriveBackend, serveBackend } from "./drive-backend.js";

export interface DriveOptions extends CommonDriveOptions {
  /** A raw or qcow2 image, a block device, or the http or https URL of an image. */
  path: string;
  /** Default: "qcow2" for a file that begins like one, else "raw". */
  format?: "raw" | "qcow2";
  /**
   * "writeback" (default): writes are cached by the host until the guest flushes. "none": past the host's cache. "unsafe": flushes
   * are ignored; what the host's cache holds is lost if the host fails.
   */
  cache?: "writeback" | "none" | "unsafe";
  /** Whether space that the guest discards is given back to the host ("unmap", default) or kept ("ignore"). */
  discard?: "unmap" | "ignore";
}

/** A drive whose content is the program's own. */
export interface BackendDriveOptions extends CommonDriveOptions {
  backend: DriveBackend;
}

export interface CommonDriveOptions {
  /** What the guest reads as the disk's serial number, at most 20 bytes. Default: its name, such as "vda". */
  serial?: string;
  /** Request queues, 1 to 16. Default 1: the guest has one processor. */
  queues?: number;
  /** The guest sees a disk that cannot be written. Default false. */
  readOnly?: boolean;
  /** Keep what the guest writes in memory and throw it away at the end. Default: `BootOptions.snapshot`. */
  snapshot?: boolean;
}

const CHOICES = {
  format: ["raw", "qcow2"],
  cache: ["writeback", "none", "unsafe"],
  discard: ["unmap", "ignore"],
} as const;

/** A replay writes what the recorded guest wrote, so it gets its own copy: the disks stay fit for another one. */
export function resolveDrives({ disk, drives = [], snapshot = false, replay }: BootOptions): DriveConfig[] {
  const all = [...(disk === undefined ? [] : [disk]), ...drives].map((drive) =>
    typeof drive === "string" ? { path: drive } : drive,
  );
  return all.map((drive) =>
    "backend" in drive
      ? resolveBackend(drive, replay !== undefined, snapshot)
      : resolveDrive(drive, replay !== undefined, snapshot),
  );
}

function resolveBackend(drive: BackendDriveOptions, replaying: boolean, snapshots: boolean): DriveConfig {
  const { backend, serial, queues = 1, readOnly = false } = drive;
  const embedded = serveBackend(backend);
  const snapshot = replaying || (drive.snapshot ?? snapshots);
  return {
    ...{ path: "", embedded, queues, discards: embedded.discards, snapshot },
    ...(serial !== undefined && { serial }),
    readOnly: readOnly || (backend.write === undefined && !snapshot),
  };
}

function resolveDrive(drive: DriveOptions, replaying: boolean, snapshot: boolean): DriveConfig {
  for (const [option, choices] of Object.entries(CHOICES)) {
    const value = drive[option as keyof typeof CHOICES];
    if (value === undefined || (choices as readonly string[]).includes(value)) continue;
    throw new VkrunError("ERR_VKRUN_BOOT_OPTIONS", `a drive's ${option} cannot be "${String(value)}"`, {
      hint: `Use ${choices.map((choice) => `"${choice}"`).join(" or ")}.`,
    });
  }
  const { path, format, cache, discard = "unmap", serial, queues = 1 } = drive;
  return {
    path: isUrl(path) ? path : resolve(path),
    ...(format !== undefined && { format }),
    ...(cache !== undefined && { cache }),
    ...(serial !== undefined && { serial }),
    queues,
    discards: discard === "unmap",
    readOnly: drive.readOnly ?? false,
    snapshot: replaying || (drive.snapshot ?? snapshot),
  };
}
