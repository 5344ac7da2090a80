/** A disk of the machine, and how it comes into a checkpoint while the guest goes on writing to it. */
import { unlink } from "node:fs/promises";
import type { DiskDataSink } from "../backends/disk-data.js";
import { type ImageIdentity, identify } from "../backends/image-identity.js";
import { allowReaders, type ImageFile, type OpenDisk, openOver } from "../backends/open-image.js";
import type { FrozenOverlay, Overlay } from "../backends/overlay.js";
import { addOverlay, markImmutable, unmarkImmutable } from "../backends/overlay-file.js";
import type { SwitchingDisk } from "../backends/switching-disk.js";
import { VkrunError } from "../errors.js";
import type { DriveConfig } from "./machine-config.js";
import type { SavedDrive } from "./saved-drive.js";

/** Overlays follow one another at each checkpoint; this many can still be opened. */
const MAX_FILES = 60;

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
  #files: readonly ImageFile[];

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

  async prepareCheckpoint({ contents = false }: DriveCheckpointOptions): Promise<DriveCheckpoint> {
    if (this.#config.embedded !== undefined) {
      throw new VkrunError("ERR_VKRUN_CHECKPOINT_DISK", `the disk ${this.name} cannot be part of a checkpoint`, {
        hint: "Its content is the program's that booted the guest, and no thawed guest could find it again.",
      });
    }
    if (this.#overlay !== undefined) return this.#inMemory(this.#overlay, await this.#identities());
    if (this.backend.readOnly) return this.#unchanging(await this.#identities());
    const [top] = this.#files;
    const regular = (await top?.handle?.stat())?.isFile() === true;
    if (top !== undefined && regular && !contents && this.#files.length < MAX_FILES) return this.#overlaid(top);
    throw new VkrunError("ERR_VKRUN_CHECKPOINT_DISK", `the disk ${this.name} cannot be part of such a checkpoint`, {
      hint: `Use snapshot for it. Only disks in files, at most ${MAX_FILES} of them, go on in an overlay.`,
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

  /** The files stay as they are from the switch on, and the guest goes on in a new one over them. */
  async #overlaid(top: ImageFile): Promise<DriveCheckpoint> {
    const { backend } = this;
    const { storage } = backend;
    const files = this.#files;
    const { cache, discards } = this.#config;
    await backend.flush();
    const path = await addOverlay(top.path, top.format, backend.size);
    let next: OpenDisk;
    try {
      await markImmutable(top.path, path);
      next = await openOver({ path, readOnly: false, discards, ...(cache && { cache }) }, { disk: storage, files });
    } catch (error) {
      await unmarkImmutable(top.path);
      await unlink(path);
      throw error;
    }
    let hold: ReturnType<SwitchingDisk["hold"]> | undefined;
    let over = false;
    const settle = async (): Promise<void> => {
      await (storage.seal?.() ?? storage.flush());
    };
    const exchange = async (): Promise<void> => {
      if (hold === undefined || over) return;
      over = true;
      await hold.drained;
      backend.exchange(next.disk, settle);
      this.#files = next.files;
      hold.release();
    };
    return {
      switch: () => {
        hold = backend.hold();
      },
      finish: async () => {
        await exchange();
        await settle();
        allowReaders(top);
        return this.#saved("overlay", await Promise.all(files.map(identify)));
      },
      // A switch is never taken back: what came after it is in the overlay.
      [Symbol.asyncDispose]: async () => {
        if (hold !== undefined) return exchange();
        if (over) return;
        over = true;
        await next.files[0]?.handle?.close();
        await unlink(path);
        await unmarkImmutable(top.path);
      },
    };
  }

  #identities(): Promise<ImageIdentity[]> {
    return Promise.all(this.#files.map(identify));
  }

  #saved(method: SavedDrive["method"], files: readonly ImageIdentity[]): SavedDrive {
    const { name, backend } = this;
    return { version: 1, name, config: this.#config, size: backend.size, nature: backend.nature, method, files };
  }
}
