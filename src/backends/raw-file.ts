import { VkrunError } from "../errors.js";
import type { BlockBackend, BlockGeometry } from "./block-backend.js";
import type { ByteFile } from "./byte-file.js";
import { gather, slices, totalLength } from "./scatter.js";

const SECTOR = 512;
/** What an image is known by that is not raw. */
const QCOW2_MAGIC = [0x51, 0x46, 0x49, 0xfb];
/** Zeroes are written in pieces of this, where the file system has no better way. */
const ZEROES = new Uint8Array(1 << 20);

export interface RawFileOptions {
  /** The RawFile closes it. */
  readonly file: ByteFile;
  /** Whether space that the guest discards is given back to the host. Default true. */
  readonly discards?: boolean;
  /**
   * That the file has no format was found out, not said. Then the guest may not give it one: at the next start it would be taken for
   * an image of that format, whose header can name any file of the host.
   */
  readonly probed?: boolean;
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
  readonly #file: ByteFile;
  readonly #discards: boolean;
  readonly #probed: boolean;
  /** Where the file ended when it was opened: behind it, in the last sector, there may be nothing to read. */
  readonly #fileEnd: number;

  constructor({ file, discards = true, probed = false }: RawFileOptions) {
    if (file.size === 0) {
      throw new VkrunError("ERR_VKRUN_IMAGE_INVALID", `the disk image ${file.path} is empty`, {
        hint: "It may be left over from a copy or download that failed: make it again.",
      });
    }
    this.#file = file;
    this.#discards = discards && file.allocates;
    this.#probed = probed;
    this.readOnly = file.readOnly;
    this.#fileEnd = file.size;
    this.size = Math.ceil(file.size / SECTOR) * SECTOR;
    this.geometry = { physicalBlock: file.blockSize, discardUnit: file.blockSize };
  }

  async read(offset: number, buffers: readonly Uint8Array[]): Promise<void> {
    const length = this.#check(offset, buffers);
    const done = await this.#file.read(offset, buffers);
    if (done < length) this.#endOfFile(offset + done, slices(buffers, done, length - done));
  }

  async write(offset: number, buffers: readonly Uint8Array[]): Promise<void> {
    this.#check(offset, buffers);
    if (this.#probed && offset < QCOW2_MAGIC.length) this.#refuseFormat(offset, buffers);
    await this.#file.write(offset, buffers);
  }

  tryRead(offset: number, buffers: readonly Uint8Array[]): number {
    this.#check(offset, buffers);
    return this.#file.tryRead(offset, buffers);
  }

  tryWrite(offset: number, buffers: readonly Uint8Array[]): boolean {
    this.#check(offset, buffers);
    if (this.#probed && offset < QCOW2_MAGIC.length) return false;
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

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file[Symbol.asyncDispose]();
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

  #refuseFormat(offset: number, buffers: readonly Uint8Array[]): void {
    const head = new Uint8Array(QCOW2_MAGIC.length);
    gather(buffers, 0, head.subarray(offset));
    if (!QCOW2_MAGIC.every((byte, index) => head[index] === byte)) return;
    throw new VkrunError(
      "ERR_VKRUN_IMAGE_FORMAT",
      `the guest tried to make a qcow2 image of the raw image ${this.#file.path}`,
      {
        hint: "Say format=raw for this drive if it may.",
      },
    );
  }

  #check(offset: number, buffers: readonly Uint8Array[]): number {
    const length = totalLength(buffers);
    if (offset < 0 || offset + length > this.size) {
      throw new RangeError(`[${offset}, ${offset + length}) is not on a disk of ${this.size} bytes`);
    }
    return length;
  }
}
