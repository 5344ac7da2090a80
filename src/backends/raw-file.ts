import { readFile } from "node:fs/promises";
import { VkrunError } from "../errors.js";
import type { BlockBackend, BlockGeometry } from "./block-backend.js";
import { HostFile, type HostFileOptions } from "./host-file.js";
import { slices, totalLength } from "./scatter.js";

const SECTOR = 512;
/** Zeroes are written in pieces of this, where the file system has no better way. */
const ZEROES = new Uint8Array(1 << 20);

export interface RawFileOptions extends HostFileOptions {
  /** Whether space that the guest discards is given back to the host. Default true. */
  readonly discards?: boolean;
}

/**
 * A disk image without any format, or a block device. Holes in the file read as zeros and stay holes until written.
 *
 * A file whose length is no multiple of 512 is a disk of one sector more, the rest of which reads as zeros; writing
 * that sector makes the file whole. Nothing of the file is out of the guest's reach, and nothing is cut off.
 */
export class RawFile implements BlockBackend {
  readonly readOnly: boolean;
  readonly size: number;
  readonly geometry: BlockGeometry;
  readonly #file: HostFile;
  readonly #discards: boolean;
  /** Where the file ended when it was opened: behind it, in the last sector, there may be nothing to read. */
  readonly #fileEnd: number;

  private constructor(file: HostFile, fileEnd: number, physicalBlock: number, discards: boolean) {
    this.#file = file;
    this.#discards = discards && file.allocates;
    this.readOnly = file.readOnly;
    this.#fileEnd = fileEnd;
    this.size = Math.ceil(fileEnd / SECTOR) * SECTOR;
    this.geometry = { physicalBlock, discardUnit: physicalBlock };
  }

  static async fromHandle(options: RawFileOptions): Promise<RawFile> {
    const file = new HostFile(options);
    const stat = await file.stat();
    const bytes = stat.isBlockDevice() ? await deviceSize(stat.rdev, options.path) : stat.size;
    if (bytes === 0) {
      throw new VkrunError("ERR_VKRUN_IMAGE_INVALID", `the disk image ${options.path} is empty`, {
        hint: "It may be left over from a copy or download that failed: make it again.",
      });
    }
    return new RawFile(file, bytes, physicalBlock(stat.blksize), options.discards ?? true);
  }

  async read(offset: number, buffers: readonly Uint8Array[]): Promise<void> {
    const length = this.#check(offset, buffers);
    const done = await this.#file.read(offset, buffers);
    if (done < length) this.#endOfFile(offset + done, slices(buffers, done, length - done));
  }

  async write(offset: number, buffers: readonly Uint8Array[]): Promise<void> {
    this.#check(offset, buffers);
    await this.#file.write(offset, buffers);
  }

  tryRead(offset: number, buffers: readonly Uint8Array[]): number {
    this.#check(offset, buffers);
    return this.#file.tryRead(offset, buffers);
  }

  tryWrite(offset: number, buffers: readonly Uint8Array[]): boolean {
    this.#check(offset, buffers);
    return this.#file.tryWrite(offset, buffers);
  }

  flush(): Promise<void> {
    return this.#file.flush();
  }

  async discard(offset: number, length: number): Promise<void> {
    if (this.#discards) await this.#file.punchHole(offset, length);
  }

  async writeZeroes(offset: number, length: number, unmap: boolean): Promise<void> {
    if (unmap && this.#discards && (await this.#file.punchHole(offset, length))) return;
    if (await this.#file.zeroRange(offset, length)) return;
    for (let done = 0; done < length; ) {
      const piece = ZEROES.subarray(0, length - done);
      await this.#file.write(offset + done, [piece]);
      done += piece.length;
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#file[Symbol.asyncDispose]();
  }

  /** Only the padding of the last sector may lie behind the end of the file; anything else was cut off under our feet. */
  #endOfFile(position: number, rest: readonly Uint8Array[]): void {
    if (position < this.#fileEnd) {
      throw new VkrunError(
        "ERR_VKRUN_IMAGE_TRUNCATED",
        `the disk image ${this.#file.path} became shorter while in use`,
        {
          hint: "Something else changes the file. Stop the vkernel and check the image before using it again.",
        },
      );
    }
    for (const buffer of rest) buffer.fill(0);
  }

  #check(offset: number, buffers: readonly Uint8Array[]): number {
    const length = totalLength(buffers);
    if (offset < 0 || offset + length > this.size) {
      throw new RangeError(`[${offset}, ${offset + length}) is not on a disk of ${this.size} bytes`);
    }
    return length;
  }
}

/** The file system's block, where that is one that a disk could have. */
function physicalBlock(size: number): number {
  return size >= SECTOR && size <= 65_536 && (size & (size - 1)) === 0 ? size : SECTOR;
}

/** stat says 0 for the size of a block device; sysfs has it, in sectors of 512 whatever the device's own are. */
async function deviceSize(rdev: number, path: string): Promise<number> {
  // Linux's encoding of dev_t (glibc: gnu_dev_major, gnu_dev_minor), for numbers below 2^32.
  const major = (rdev >>> 8) & 0xfff;
  const minor = (rdev & 0xff) | ((rdev >>> 12) & 0xfff00);
  try {
    return Number(await readFile(`/sys/dev/block/${major}:${minor}/size`, "ascii")) * SECTOR;
  } catch (cause) {
    throw new VkrunError("ERR_VKRUN_IMAGE_OPEN", `the size of the block device ${path} cannot be found out`, {
      hint: "Is /sys mounted? Otherwise copy the device to a file.",
      cause,
    });
  }
}
