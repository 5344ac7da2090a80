import type { BlockBackend, BlockGeometry } from "./block-backend.js";
import { totalLength } from "./scatter.js";

/** What stands between a disk and writes to it, before they are made. */
export interface WriteGuard {
  /** Undefined when the range may be written at once. */
  before(offset: number, length: number): Promise<void> | undefined;
}

/**
 * A disk whose storage can be exchanged while it is in use: at a checkpoint what there is becomes immutable, and a new layer
 * begins. What it says of itself stays what it was, because a guest does not ask twice.
 *
 * Writes can be held up, which is how a point in time is made on a disk that the guest goes on using: those that came
 * before are let finish, those that come after wait. Reads never do.
 */
export class SwitchingDisk implements BlockBackend {
  readonly size: number;
  readonly readOnly: boolean;
  readonly geometry: BlockGeometry;
  readonly discard?: (offset: number, length: number) => Promise<void>;
  readonly writeZeroes?: (offset: number, length: number, unmap: boolean) => Promise<void>;
  /** Something was written since the storage was last exchanged. */
  written = false;
  guard: WriteGuard | undefined;
  #storage: BlockBackend;
  #underWay = 0;
  #held: Promise<void> | undefined;
  #drained: (() => void) | undefined;
  /** What has to be on stable storage before anything newer counts as being so. */
  #settling: (() => Promise<void>) | undefined;

  /** `like`: what the disk was when the guest first saw it, if that was another one. Disposes `storage` with itself. */
  constructor(storage: BlockBackend, like: DiskNature = natureOf(storage)) {
    this.#storage = storage;
    this.size = storage.size;
    this.readOnly = storage.readOnly;
    this.geometry = like.geometry;
    if (like.discards) this.discard = (offset, length) => this.#discard(offset, length);
    if (like.zeroes) this.writeZeroes = (offset, length, unmap) => this.#writeZeroes(offset, length, unmap);
  }

  get storage(): BlockBackend {
    return this.#storage;
  }

  get nature(): DiskNature {
    const { geometry } = this;
    return { geometry, discards: this.discard !== undefined, zeroes: this.writeZeroes !== undefined };
  }

  read(offset: number, buffers: readonly Uint8Array[]): Promise<void> {
    return this.#storage.read(offset, buffers);
  }

  tryRead(offset: number, buffers: readonly Uint8Array[]): number {
    return this.#storage.tryRead?.(offset, buffers) ?? 0;
  }

  write(offset: number, buffers: readonly Uint8Array[]): Promise<void> {
    return this.#change(offset, totalLength(buffers), () => this.#storage.write(offset, buffers));
  }

  tryWrite(offset: number, buffers: readonly Uint8Array[]): boolean {
    if (this.#held !== undefined || this.#storage.tryWrite === undefined) return false;
    if (this.guard?.before(offset, totalLength(buffers)) !== undefined) return false;
    this.written = true;
    return this.#storage.tryWrite(offset, buffers);
  }

  async flush(): Promise<void> {
    // What is flushed may be newer than what is being made immutable, and stands on it.
    while (this.#held !== undefined) await this.#held;
    await this.#settling?.();
    await this.#storage.flush();
  }

  /** From now on writes wait, until `release`. `drained` is fulfilled when those that came before are over. */
  hold(): { readonly drained: Promise<void>; release(): void } {
    if (this.#held !== undefined) throw new Error("this disk is held already");
    let open = (): void => {};
    this.#held = new Promise((resolve) => {
      open = resolve;
    });
    const drained = new Promise<void>((resolve) => {
      if (this.#underWay === 0) resolve();
      else this.#drained = resolve;
    });
    return {
      drained,
      release: () => {
        this.#held = undefined;
        open();
      },
    };
  }

  /**
   * Goes on with `storage`, which stands on what there was. No write may be under way. `settle` makes stable what there was;
   * flushes wait for it, and repeat it when it failed.
   */
  exchange(storage: BlockBackend, settle: () => Promise<void>): void {
    this.#storage = storage;
    this.written = false;
    const before = this.#settling;
    const settling = async (): Promise<void> => {
      await before?.();
      await settle();
      if (this.#settling === settling) this.#settling = undefined;
    };
    this.#settling = settling;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#storage[Symbol.asyncDispose]();
  }

  async #discard(offset: number, length: number): Promise<void> {
    await this.#change(offset, length, async () => this.#storage.discard?.(offset, length));
  }

  async #writeZeroes(offset: number, length: number, unmap: boolean): Promise<void> {
    await this.#change(offset, length, async () => this.#storage.writeZeroes?.(offset, length, unmap));
  }

  async #change(offset: number, length: number, action: () => Promise<void>): Promise<void> {
    for (;;) {
      const wait = this.#held ?? this.guard?.before(offset, length);
      if (wait === undefined) break;
      await wait;
    }
    this.written = true;
    this.#underWay++;
    try {
      await action();
    } finally {
      this.#underWay--;
      if (this.#underWay === 0) {
        this.#drained?.();
        this.#drained = undefined;
      }
    }
  }
}

/** What a guest is told of a disk at the start. Plain data. */
export interface DiskNature {
  readonly geometry: BlockGeometry;
  readonly discards: boolean;
  readonly zeroes: boolean;
}

function natureOf({ geometry, discard, writeZeroes }: BlockBackend): DiskNature {
  return { geometry: geometry ?? {}, discards: discard !== undefined, zeroes: writeZeroes !== undefined };
}
