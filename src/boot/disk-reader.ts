/** Reads any byte range of a disk, or of one partition of it, through a backend that deals in whole sectors. */
import type { BlockBackend } from "../backends/block-backend.js";
import { VkrunError } from "../errors.js";

export const SECTOR_SIZE = 512;

export class DiskReader {
  constructor(
    private readonly backend: BlockBackend,
    /** Where the window starts on the disk; a multiple of 512. */
    readonly start = 0,
    readonly size = backend.size - start,
  ) {}

  /** A window onto [start, start + size) of this one, cut off at its end: a truncated image has less than it promises. */
  window(start: number, size: number): DiskReader {
    const from = Math.min(start, this.size);
    return new DiskReader(this.backend, this.start + from, Math.min(size, this.size - from));
  }

  async bytes(offset: number, length: number): Promise<Uint8Array> {
    const target = new Uint8Array(length);
    await this.read(offset, target);
    return target;
  }

  /** Fills `target` from byte `offset` of the window. Whole sectors go straight into `target`. */
  async read(offset: number, target: Uint8Array): Promise<void> {
    if (!(offset >= 0 && offset + target.length <= this.size)) {
      throw new VkrunError(
        "ERR_VKRUN_DISK_READ",
        `Tried to read ${target.length} bytes at ${offset}, beyond the end of the disk or partition (${this.size} bytes).`,
        { hint: "The image is truncated or corrupt; check it, or fetch it again." },
      );
    }
    let done = 0;
    while (done < target.length) {
      const position = this.start + offset + done;
      const within = position % SECTOR_SIZE;
      const left = target.length - done;
      if (within === 0 && left >= SECTOR_SIZE) {
        const whole = left - (left % SECTOR_SIZE);
        await this.#readSectors(position, target.subarray(done, done + whole));
        done += whole;
      } else {
        // The start or the end of the range lies inside a sector.
        const piece = Math.min(left, SECTOR_SIZE - within);
        const bounce = new Uint8Array(SECTOR_SIZE);
        await this.#readSectors(position - within, bounce);
        target.set(bounce.subarray(within, within + piece), done);
        done += piece;
      }
    }
  }

  async #readSectors(position: number, target: Uint8Array): Promise<void> {
    try {
      await this.backend.read(position, [target]);
    } catch (error) {
      if (error instanceof VkrunError) throw error;
      throw new VkrunError("ERR_VKRUN_DISK_READ", `The disk cannot be read at byte ${position}: ${String(error)}.`, {
        hint: "Check the image file and the storage that it lies on.",
        cause: error,
      });
    }
  }
}
