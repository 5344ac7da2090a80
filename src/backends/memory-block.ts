import { VkrunError } from "../errors.js";
import type { BlockBackend } from "./block-backend.js";
import { gather, scatter, totalLength } from "./scatter.js";

export interface MemoryBlockOptions {
  /** What is on the disk; the disk writes here. */
  readonly bytes: Uint8Array;
  readonly readOnly?: boolean;
}

/** A disk that is a piece of memory and lasts as long. */
export class MemoryBlock implements BlockBackend {
  readonly bytes: Uint8Array;
  readonly readOnly: boolean;

  constructor({ bytes, readOnly = false }: MemoryBlockOptions) {
    if (bytes.length % 512 !== 0) {
      throw new VkrunError("ERR_VKRUN_IMAGE_INVALID", `a disk of ${bytes.length} bytes is not one of whole sectors`, {
        hint: "Make its length a multiple of 512.",
      });
    }
    this.bytes = bytes;
    this.readOnly = readOnly;
  }

  get size(): number {
    return this.bytes.length;
  }

  async read(offset: number, buffers: readonly Uint8Array[]): Promise<void> {
    scatter(buffers, 0, this.#range(offset, buffers));
  }

  async write(offset: number, buffers: readonly Uint8Array[]): Promise<void> {
    if (this.readOnly) throw new VkrunError("ERR_VKRUN_IMAGE_READ_ONLY", "this disk cannot be written");
    gather(buffers, 0, this.#range(offset, buffers));
  }

  async flush(): Promise<void> {}

  async [Symbol.asyncDispose](): Promise<void> {}

  #range(offset: number, buffers: readonly Uint8Array[]): Uint8Array {
    const end = offset + totalLength(buffers);
    if (offset < 0 || end > this.size)
      throw new RangeError(`[${offset}, ${end}) is not on a disk of ${this.size} bytes`);
    return this.bytes.subarray(offset, end);
  }
}
