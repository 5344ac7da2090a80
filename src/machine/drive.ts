/** A disk of the machine, and how it comes into a checkpoint while the guest goes on writing to it. */
import type { DiskDataSink } from "../backends/disk-data.js";
import { type ImageIdentity, identify } from "../backends/image-identity.js";
import type { ImageFile } from "../backends/open-image.js";
import type { FrozenOverlay, Overlay } from "../backends/overlay.js";
import type { SwitchingDisk } from "../backends/switching-disk.js";
import { VkrunError } from "../errors.js";
import type { DriveConfig } from "./machine-config.js";
import type { SavedDrive } from "./saved-drive.js";

export interface DriveParts {
  readonly name: string;
  readonly config: DriveConfig;
  readonly backend: SwitchingDisk;
  /** The top of the backend, where that is in memory. */
  readonly overlay: Overlay | undefined;
  /** What the disk is made of below that. */
  readonly files: readonly ImageFile[];
}

export interface DriveCheckpointOptions {
  /** Where the checkpoint will be. */
  readonly folder: string;
  /** What the guest wrote is to be in the checkpoint, not in files beside the disk. */
  readonly contents?: boolean;
}

/** A drive on its way into a checkpoint. Disposed without a switch, it leaves everything as it was. */
export interface DriveCheckpoint extends AsyncDisposable {
  /** The instant: the guest stands still, and no request of the drive is under way. Takes no time and cannot fail. */
  switch(): void;
  /** While the guest goes on. Resolves when what the disk held at the switch is safe, and will not change. */
  finish(sink: DiskDataSink): Promise<SavedDrive>;
}

export class Drive implements AsyncDisposable {
  readonly name: string;
  readonly backend: SwitchingDisk;
  readonly #config: DriveConfig;
  readonly #overlay: Overlay | undefined;
  readonly #files: readonly ImageFile[];

  constructor({ name, config, backend, overlay, files }: DriveParts) {
    this.name = name;
    this.backend = backend;
    this.#config = config;
    this.#overlay = overlay;
    this.#files = files;
  }

  /** Told to the guest; undefined for its name. */
  get serial(): string | undefined {
    return this.#config.serial;
  }

  get queues(): number {
    return this.#config.queues;
  }

  async prepareCheckpoint(_options: DriveCheckpointOptions): Promise<DriveCheckpoint> {
    const files = await Promise.all(this.#files.map(identify));
    if (this.#overlay !== undefined) return this.#inMemory(this.#overlay, files);
    if (this.backend.readOnly) return this.#unchanging(files);
    throw new VkrunError("ERR_VKRUN_CHECKPOINT_DISK", `the disk ${this.name} cannot be part of a checkpoint`, {
      hint: "Use snapshot for it.",
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.backend[Symbol.asyncDispose]();
  }

  #unchanging(files: readonly ImageIdentity[]): DriveCheckpoint {
    return {
      switch() {},
      finish: async () => this.#saved("readonly", files),
      async [Symbol.asyncDispose]() {},
    };
  }

  #inMemory(overlay: Overlay, files: readonly ImageIdentity[]): DriveCheckpoint {
    let frozen: FrozenOverlay | undefined;
    return {
      switch: () => {
        frozen = overlay.freeze();
      },
      finish: async (sink) => {
        if (frozen === undefined) throw new Error(`${this.name} was not switched`);
        const clusters = await frozen.save(sink);
        return { ...this.#saved("memory", files), clusters };
      },
      async [Symbol.asyncDispose]() {
        frozen?.[Symbol.dispose]();
      },
    };
  }

  #saved(method: SavedDrive["method"], files: readonly ImageIdentity[]): SavedDrive {
    const { name, backend } = this;
    return { version: 1, name, config: this.#config, size: backend.size, nature: backend.nature, method, files };
  }
}
