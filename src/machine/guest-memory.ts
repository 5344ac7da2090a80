/** Guest RAM as devices and the boot loader see it: gpa 0x8000_0000 + x is byte x of the core's RAM. */
import type { GuestMemory } from "../devices/device.js";
import { Layout } from "../generated/layout.js";
import type { Core } from "../wasm/core.js";
import { clearMapped, clearMemory } from "./ram-contents.js";

export class CoreMemory implements GuestMemory {
  readonly base = Layout.RAM.BASE;
  readonly size: number;
  /** Behind it is a file: that of the checkpoint that the machine was thawed from. */
  isMapped = false;
  readonly #core: Core;

  constructor(core: Core) {
    this.#core = core;
    this.size = core.ramBytes;
  }

  view(gpa: number, length: number): Uint8Array {
    const offset = gpa - this.base;
    if (!(offset >= 0 && length >= 0 && offset + length <= this.size)) {
      throw new RangeError(`[0x${gpa.toString(16)}, +0x${length.toString(16)}) is not all in guest RAM`);
    }
    return this.#core.ram.subarray(offset, offset + length);
  }

  discard(gpa: number, length: number): void {
    const view = this.view(gpa, length);
    if (length > 0) this.#core.exports.ramWriting(BigInt(gpa), length);
    if (this.isMapped) clearMapped(view);
    else clearMemory(view);
    this.wrote(gpa, length);
  }

  wrote(gpa: number, length: number): void {
    if (length > 0) this.#core.exports.ramWritten(BigInt(gpa), length);
  }
}
