import { constants } from "node:fs";
import { type FileHandle, readFile } from "node:fs/promises";
import { VkrunError } from "../errors.js";
import { type NativeAddon, native, nativeUnavailable } from "../native.js";
import type { ByteFile } from "./byte-file.js";
import { slices, totalLength } from "./scatter.js";

/**
 * QEMU's names. `writeback`: the host caches, a flush makes it stable. `none`: past the host's cache (O_DIRECT); a flush is
 * still needed. `unsafe`: as writeback, but a flush does nothing.
 */
export type CacheMode = "writeback" | "none" | "unsafe";

export interface HostFileOptions {
  /** An open file or block device; the HostFile closes it. */
  readonly handle: FileHandle;
  /** For messages. */
  readonly path: string;
  readonly readOnly: boolean;
  readonly cache?: CacheMode;
  /** The same file, opened with O_DIRECT: needed for `cache: "none"`, closed with the other one. */
  readonly direct?: FileHandle;
}

/** The kernel's IOV_MAX. */
const VECTOR_MAX = 1024;
/** What O_DIRECT is given; every file system and disk takes it. Whatever is not aligned goes through the host's cache. */
const DIRECT_ALIGNMENT = 4096;
/** linux/falloc.h */
const FALLOC_KEEP_SIZE = 1;
const FALLOC_PUNCH_HOLE = 2;
const FALLOC_ZERO_RANGE = 16;
/** What says that a file system or device has no such operation, rather than that it failed. */
const UNSUPPORTED: ReadonlySet<string> = new Set(["EOPNOTSUPP", "ENOSYS", "EINVAL", "ENODEV"]);

/**
 * A write into the host's cache is a copy, until the kernel decides that there is enough to be written back and has the writer wait.
 * One that took this long, longer than being preempted takes, was made to wait; for the time after it writes go to other threads.
 */
const PATIENCE_MS = 20;
const IMPATIENT_MS = 250;

/**
 * Positioned I/O on one open file. With the addon, it runs on other threads without copies, or at once where it need not wait
 * for a disk; without, on Node's own means.
 */
export class HostFile implements ByteFile {
  readonly path: string;
  readonly readOnly: boolean;
  readonly size: number;
  readonly blockSize: number;
  readonly #handle: FileHandle;
  readonly #direct: FileHandle | undefined;
  readonly #unsafe: boolean;
  #addon: NativeAddon | undefined;
  /** pwritev2 with RWF_NOWAIT is not for every file system. */
  #writesNowait = true;
  #noWriteBefore = 0;
  #punches = true;
  #zeroes = true;
  #closing: Promise<void> | undefined;

  private constructor(options: HostFileOptions, size: number, blockSize: number) {
    const { handle, path, readOnly, cache = "writeback", direct } = options;
    this.size = size;
    this.blockSize = blockSize;
    this.#handle = handle;
    this.#direct = direct;
    this.path = path;
    this.readOnly = readOnly;
    this.#unsafe = cache === "unsafe";
    this.#addon = nativeUnavailable() === undefined ? native() : undefined;
  }

  static async fromHandle(options: HostFileOptions): Promise<HostFile> {
    const stat = await options.handle.stat();
    const size = stat.isBlockDevice() ? await deviceSize(stat.rdev, options.path) : stat.size;
    return new HostFile(options, size, plausibleBlock(stat.blksize));
  }

  /** Fills `buffers` from `offset` on as far as the file goes; answers how many bytes that were. */
  async read(offset: number, buffers: readonly Uint8Array[]): Promise<number> {
    const target = this.#target(offset, buffers);
    if (this.#addon !== undefined) return this.#addon.readFile({ ...target, offset, buffers });
    const length = totalLength(buffers);
    let done = 0;
    while (done < length) {
      const { bytesRead } = await this.#handle.readv(vector(buffers, done, length), offset + done);
      if (bytesRead === 0) break;
      done += bytesRead;
    }
    return done;
  }

  async write(offset: number, buffers: readonly Uint8Array[]): Promise<void> {
    if (this.readOnly) {
      throw new VkrunError("ERR_VKRUN_IMAGE_READ_ONLY", `the disk image ${this.path} was opened for reading only`);
    }
    const target = this.#target(offset, buffers);
    if (this.#addon !== undefined) {
      await this.#addon.writeFile({ ...target, offset, buffers });
      return;
    }
    const length = totalLength(buffers);
    let done = 0;
    while (done < length) {
      const { bytesWritten } = await this.#handle.writev(vector(buffers, done, length), offset + done);
      done += bytesWritten;
    }
  }

  /** Reads what is in the host's cache, from the beginning on; answers how many bytes. */
  tryRead(offset: number, buffers: readonly Uint8Array[]): number {
    if (this.#addon === undefined || this.#direct !== undefined) return 0;
    return this.#addon.readNow({ fd: this.#handle.fd, offset, buffers });
  }

  /** Writes to the host's cache; false where that might take long. */
  tryWrite(offset: number, buffers: readonly Uint8Array[]): boolean {
    if (this.#addon === undefined || this.#direct !== undefined || this.readOnly) return false;
    const before = performance.now();
    if (before < this.#noWriteBefore) return false;
    const { fd } = this.#handle;
    const length = totalLength(buffers);
    if (this.#writesNowait) {
      const written = this.#addon.writeNow({ fd, offset, buffers, nowait: true });
      if (written === length) return true;
      this.#writesNowait = false;
    }
    const written = this.#addon.writeNow({ fd, offset, buffers, nowait: false });
    const after = performance.now();
    if (after - before > PATIENCE_MS) this.#noWriteBefore = after + IMPATIENT_MS;
    return written === length;
  }

  async flush(): Promise<void> {
    if (!this.readOnly && !this.#unsafe) await this.#handle.datasync();
  }

  /** Gives the range's space back; it reads as zeroes. False where the file system cannot. */
  async punchHole(offset: number, length: number): Promise<boolean> {
    this.#punches &&= await this.#allocate(FALLOC_PUNCH_HOLE | FALLOC_KEEP_SIZE, offset, length);
    return this.#punches;
  }

  /** Has the range read as zeroes, its space kept. False where the file system cannot. */
  async zeroRange(offset: number, length: number): Promise<boolean> {
    this.#zeroes &&= await this.#allocate(FALLOC_ZERO_RANGE | FALLOC_KEEP_SIZE, offset, length);
    return this.#zeroes;
  }

  /** Whether space can be given back at all: without the addon there is no way to say so. */
  get allocates(): boolean {
    return this.#addon !== undefined;
  }

  [Symbol.asyncDispose](): Promise<void> {
    // From here on Node says what is wrong with using it.
    this.#addon = undefined;
    this.#closing ??= (async () => {
      await this.#direct?.close();
      await this.#handle.close();
    })();
    return this.#closing;
  }

  async #allocate(mode: number, offset: number, length: number): Promise<boolean> {
    if (this.#addon === undefined) return false;
    try {
      await this.#addon.allocateFile({ fd: this.#handle.fd, offset, length, mode });
      return true;
    } catch (error) {
      if (UNSUPPORTED.has((error as NodeJS.ErrnoException).code ?? "")) return false;
      throw error;
    }
  }

  #target(offset: number, buffers: readonly Uint8Array[]): { fd: number; alignment: number } {
    const aligned = offset % DIRECT_ALIGNMENT === 0 && totalLength(buffers) % DIRECT_ALIGNMENT === 0;
    if (this.#direct === undefined || !aligned) return { fd: this.#handle.fd, alignment: 1 };
    return { fd: this.#direct.fd, alignment: DIRECT_ALIGNMENT };
  }
}

/** How the second handle of a file for `cache: "none"` is opened. */
export function directFlags(readOnly: boolean): number {
  return (readOnly ? constants.O_RDONLY : constants.O_RDWR) | constants.O_DIRECT;
}

/** What is left of `buffers` from `done` on, as much as one system call takes. */
function vector(buffers: readonly Uint8Array[], done: number, length: number): Uint8Array[] {
  return slices(buffers, done, length - done).slice(0, VECTOR_MAX);
}

/** The file system's block, where that is one that a disk could have. */
function plausibleBlock(size: number): number {
  return size >= 512 && size <= 65_536 && (size & (size - 1)) === 0 ? size : 512;
}

/** stat says 0 for the size of a block device; sysfs has it, in sectors of 512 whatever the device's own are. */
export async function deviceSize(rdev: number, path: string): Promise<number> {
  // Linux's encoding of dev_t (glibc: gnu_dev_major, gnu_dev_minor), for numbers below 2^32.
  const major = (rdev >>> 8) & 0xfff;
  const minor = (rdev & 0xff) | ((rdev >>> 12) & 0xfff00);
  try {
    return Number(await readFile(`/sys/dev/block/${major}:${minor}/size`, "ascii")) * 512;
  } catch (cause) {
    throw new VkrunError("ERR_VKRUN_IMAGE_OPEN", `the size of the block device ${path} cannot be found out`, {
      hint: "Is /sys mounted? Otherwise copy the device to a file.",
      cause,
    });
  }
}
