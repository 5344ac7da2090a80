// Random work on a disk, beside a buffer that says what must come out.

import type { BlockBackend } from "../../../src/backends/block-backend.js";

/** xorshift32: the same numbers for the same seed. */
export function randomNumbers(seed: number): (below: number) => number {
  let state = seed | 1;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

export class RandomDisk {
  readonly model: Uint8Array;
  readonly #disk: BlockBackend;
  readonly #random: (below: number) => number;
  #fill = 0;

  constructor(disk: BlockBackend, model: Uint8Array, seed: number) {
    this.#disk = disk;
    this.model = model;
    this.#random = randomNumbers(seed);
  }

  /** So many operations, in batches that run at the same time on different parts of the disk. */
  async work(operations: number, maxLength = 200 << 10): Promise<void> {
    for (let done = 0; done < operations; ) {
      const batch = 1 + this.#random(6);
      const part = Math.floor(this.model.length / batch / 512) * 512;
      await Promise.all(
        Array.from({ length: batch }, (_, index) => this.#operate(index * part, Math.min(part, maxLength), part)),
      );
      done += batch;
    }
  }

  async verify(): Promise<boolean> {
    for (let offset = 0; offset < this.model.length; offset += 1 << 20) {
      const bytes = new Uint8Array(Math.min(1 << 20, this.model.length - offset));
      await this.#disk.read(offset, [bytes]);
      if (Buffer.compare(bytes, this.model.subarray(offset, offset + bytes.length)) !== 0) return false;
    }
    return true;
  }

  async #operate(start: number, maxLength: number, part: number): Promise<void> {
    const length = 512 * (1 + this.#random(Math.max(1, Math.floor(maxLength / 512))));
    const offset = start + 512 * this.#random(Math.max(1, Math.floor((part - length) / 512)));
    switch (this.#random(12)) {
      case 0:
        return this.#disk.flush();
      case 1:
      case 2:
        this.model.fill(0, offset, offset + length);
        return this.#disk.writeZeroes?.(offset, length, this.#random(2) === 0);
      case 3: {
        // What is discarded may read as anything: it is zeroed, so that there is something to compare.
        this.model.fill(0, offset, offset + length);
        await this.#disk.discard?.(offset, length);
        return this.#disk.writeZeroes?.(offset, length, true);
      }
      case 4: {
        const bytes = new Uint8Array(length);
        const got = this.#disk.tryRead?.(offset, [bytes]) ?? 0;
        if (got < length) await this.#disk.read(offset, [bytes]);
        if (Buffer.compare(bytes, this.model.subarray(offset, offset + length)) !== 0) throw new Error("read differs");
        return;
      }
      default: {
        const bytes = new Uint8Array(length).fill(++this.#fill & 0xff);
        bytes[0] = this.#random(256);
        this.model.set(bytes, offset);
        const cut = this.#random(length + 1);
        const buffers = [bytes.subarray(0, cut), bytes.subarray(cut)];
        const written = this.#random(2) === 0 && this.#disk.tryWrite?.(offset, buffers);
        if (!written) await this.#disk.write(offset, buffers);
      }
    }
  }
}
