/** A checkpoint and those that it stands on, as one. */
import { Bitmap } from "./bitmap.js";
import { CheckpointPart } from "./checkpoint-part.js";
import { PAGE_BYTES } from "./header.js";
import type { Manifest } from "./manifest.js";
import { openParents } from "./parents.js";
import { mapChain } from "./ram-map.js";
import { type Damage, type VerifyOptions, verifyChain } from "./verify.js";

export class CheckpointFile implements AsyncDisposable {
  private constructor(
    /** Base first, the file that was opened last. */
    readonly chain: readonly CheckpointPart[],
    readonly top: CheckpointPart,
  ) {}

  /** Checks all but the pages themselves, which `verify` does, and finds its parents. */
  static async open(path: string): Promise<CheckpointFile> {
    const top = await CheckpointPart.open(path);
    try {
      return new CheckpointFile([...(await openParents(top)), top], top);
    } catch (error) {
      await top[Symbol.asyncDispose]();
      throw error;
    }
  }

  get path(): string {
    return this.top.path;
  }

  get manifest(): Manifest {
    return this.top.manifest;
  }

  get ramBytes(): number {
    return this.top.ramBytes;
  }

  /** Pages that are not zero, of the chain as one: a bitmap, page n in bit n % 8 of byte n / 8. */
  present(): Uint8Array {
    return this.#present().bytes;
  }

  /** How many those are. */
  get presentPages(): number {
    return this.#present().count();
  }

  /**
   * Puts the pages of the whole chain behind `ram`, which must be all of a guest's RAM: mapped MAP_PRIVATE, so that they are read
   * when they are touched and stores stay private. What was in `ram` is gone.
   */
  async mapRam(ram: Uint8Array): Promise<void> {
    await mapChain(this.chain, ram);
  }

  /** The bytes of a region (CheckpointWriter.addRegion) of this file, in order and checked. */
  readRegion(name: string): AsyncGenerator<Uint8Array> {
    return this.top.readRegion(name);
  }

  /** Reads everything and compares it with its checksums; the whole chain's. */
  async verify(options: VerifyOptions = {}): Promise<Damage[]> {
    return verifyChain(this.chain, options);
  }

  #present(): Bitmap {
    const pages = new Bitmap(this.ramBytes / PAGE_BYTES);
    for (const { present, zero } of this.chain) {
      pages.union(present);
      pages.subtract(zero);
    }
    return pages;
  }

  /** Closes the files. What was mapped stays. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const part of this.chain) await part[Symbol.asyncDispose]();
  }
}
