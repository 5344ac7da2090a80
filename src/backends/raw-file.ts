import { type FileHandle, readFile } from "node:fs/promises";
import { VkrunError } from "../errors.js";
import type { BlockBackend } from "./block-backend.js";
import { slices, totalLength } from "./scatter.js";

const SECTOR = 512;
/** The kernel's IOV_MAX. */
const VECTOR_MAX = 1024;

export interface RawFileOptions {
  /** An open file or block device; the RawFile closes it. */
  readonly handle: FileHandle;
  /** For messages. */
  readonly path: string;
  readonly readOnly: boolean;
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
  readonly #handle: FileHandle;
  readonly #path: string;
  /** Where the file ended when it was opened: behind it, in the last sector, there may be nothing to read. */
  readonly #fileEnd: number;
  #closing: Promise<void> | undefined;

  private constructor({ handle, path, readOnly }: RawFileOptions, fileEnd: number) {
    this.#handle = handle;
    this.#path = path;
    this.readOnly = readOnly;
    this.#fileEnd = fileEnd;
    this.size = Math.ceil(fileEnd / SECTOR) * SECTOR;
  }

  static async fromHandle(options: RawFileOptions): Promise<RawFile> {
    const stat = await options.handle.stat();
    const bytes = stat.isBlockDevice() ? await deviceSize(stat.rdev, options.path) : stat.size;
    if (bytes === 0) {
      throw new VkrunError("ERR_VKRUN_IMAGE_INVALID", `the disk image ${options.path} is empty`, {
        hint: "It may be left over from a copy or download that failed: make it again.",
      });
    }
    return new RawFile(options, bytes);
  }

  async read(offset: number, buffers: readonly Uint8Array[]): Promise<void> {
    const length = this.#check(offset, buffers);
    let done = 0;
    while (done < length) {
      const { bytesRead } = await this.#handle.readv(vector(buffers, done, length), offset + done);
      if (bytesRead === 0) {
        this.#endOfFile(offset + done, slices(buffers, done, length - done));
        return;
      }
      done += bytesRead;
    }
  }

  async write(offset: number, buffers: readonly Uint8Array[]): Promise<void> {
    if (this.readOnly) {
      throw new VkrunError("ERR_VKRUN_IMAGE_READ_ONLY", `the disk image ${this.#path} was opened for reading only`);
    }
    const length = this.#check(offset, buffers);
    let done = 0;
    while (done < length) {
      const { bytesWritten } = await this.#handle.writev(vector(buffers, done, length), offset + done);
      done += bytesWritten;
    }
  }

  async flush(): Promise<void> {
    if (!this.readOnly) await this.#handle.datasync();
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#closing ??= this.#handle.close();
    return this.#closing;
  }

  /** Only the padding of the last sector may lie behind the end of the file; anything else was cut off under our feet. */
  #endOfFile(position: number, rest: readonly Uint8Array[]): void {
    if (position < this.#fileEnd) {
      throw new VkrunError("ERR_VKRUN_IMAGE_TRUNCATED", `the disk image ${this.#path} became shorter while in use`, {
        hint: "Something else changes the file. Stop the vkernel and check the image before using it again.",
      });
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

/** What is left of `buffers` from `done` on, as much as one system call takes. */
function vector(buffers: readonly Uint8Array[], done: number, length: number): Uint8Array[] {
  return slices(buffers, done, length - done).slice(0, VECTOR_MAX);
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
