/** What a checkpoint says of a drive: plain data, part of its manifest. */
import type { SavedClusters } from "../backends/disk-data.js";
import type { ImageIdentity } from "../backends/image-identity.js";
import type { DiskNature } from "../backends/switching-disk.js";
import type { DriveConfig } from "./machine-config.js";

/**
 * How the disk's content travels. It is what it is wherever the checkpoint goes ("readonly"); what the guest wrote is in the checkpoint
 * ("memory" for a drive with `snapshot`, "in" where that was asked for); the files that the guest wrote are immutable, and it went on in
 * an overlay ("overlay"); a copy that shares their blocks is immutable, and the guest went on in the files ("reflink").
 */
export type SavedMethod = "readonly" | "memory" | "in" | "overlay" | "reflink";

export interface SavedDrive {
  readonly version: 1;
  /** The guest's name of it. */
  readonly name: string;
  readonly config: DriveConfig;
  /** In bytes. */
  readonly size: number;
  readonly nature: DiskNature;
  readonly method: SavedMethod;
  /** What it stands on, the topmost file first; none may have changed. Empty: on zeroes. */
  readonly files: readonly ImageIdentity[];
  /** What is over that. */
  readonly clusters?: SavedClusters;
}
