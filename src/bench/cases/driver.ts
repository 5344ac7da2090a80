/**
 * The driver's side of a virtqueue for a benchmark: it lays the rings out once, and then offers the same requests again and again
 * with as few stores as the specification allows, for its time is part of what is measured.
 */
import { Layout } from "../../generated/layout.js";
import { VirtqDesc, VirtqFeature, VirtqPacked } from "../../generated/shared/virtq.js";
import type { Workbench } from "../forms.js";

/** Requests that are offered together. */
export const REQUESTS = 32;

export interface Shape {
  readonly packed: boolean;
  readonly indirect: boolean;
  readonly eventIdx: boolean;
  /** Bytes of each buffer, in the order of the chain. */
  readonly readable: readonly number[];
  readonly writable: readonly number[];
}

const DESC_BYTES = 16;
// Offsets in RAM.
const DESC = 0x1_0000;
const AVAIL = 0x4_0000;
const USED = 0x5_0000;
const TABLES = 0x8_0000;
const BUFFERS = 0x100_0000;
const PAGE = Layout.PAGE.SIZE;

export class BenchDriver {
  readonly queue: number;
  readonly size: number;
  readonly #words: Int32Array;
  readonly #halves: Uint16Array;
  readonly #shape: Shape;
  readonly #slots: number;
  #offered = 0;
  #lap = 1;

  constructor({ core, virtqueues }: Workbench, shape: Shape) {
    this.#shape = shape;
    this.#words = core.words.subarray(Layout.RAM.OFFSET >>> 2);
    this.#halves = new Uint16Array(core.memory.buffer, Layout.RAM.OFFSET);
    const buffers = shape.readable.length + shape.writable.length;
    this.#slots = shape.indirect ? 1 : buffers;
    // A packed ring that 32 requests fill: each offer is a lap. A split one has to be a power of two.
    this.size = shape.packed ? REQUESTS * this.#slots : 1024;
    core.ram.fill(0, DESC, TABLES + REQUESTS * buffers * DESC_BYTES);
    for (let request = 0; request < REQUESTS; request++) this.#layOut(request, buffers);
    this.queue = virtqueues.virtqAddress(0, 0);
    const features =
      (shape.packed ? VirtqFeature.PACKED : 0) |
      (shape.indirect ? VirtqFeature.INDIRECT_DESC : 0) |
      (shape.eventIdx ? VirtqFeature.EVENT_IDX : 0);
    const gpa = (offset: number): bigint => BigInt(Layout.RAM.BASE + offset);
    const error = virtqueues.virtqStart(this.queue, this.size, gpa(DESC), gpa(AVAIL), gpa(USED), features);
    if (error !== 0) throw new Error(`the queue did not start: VirtqError ${error}`);
  }

  /** Makes the 32 requests available, once more. */
  offer(): void {
    const { packed, eventIdx } = this.#shape;
    const halves = this.#halves;
    if (!packed) {
      this.#offered = (this.#offered + REQUESTS) & 0xffff;
      // The interrupt is wanted for the last one.
      if (eventIdx) halves[(AVAIL >>> 1) + 2 + this.size] = this.#offered - 1;
      halves[(AVAIL >>> 1) + 1] = this.#offered;
      return;
    }
    const words = this.#words;
    const turn = this.#lap === 1 ? VirtqPacked.AVAIL : VirtqPacked.USED;
    if (eventIdx) words[AVAIL >>> 2] = ((REQUESTS - 1) * this.#slots) | (this.#lap << 15) | (2 << 16);
    // The device has written over the first descriptor of each request.
    const length = this.#firstLength;
    const flags = this.#firstFlags | turn;
    for (let request = 0; request < REQUESTS; request++) {
      const at = (DESC + request * this.#slots * DESC_BYTES) >>> 2;
      words[at + 2] = length;
      words[at + 3] = (flags << 16) | request;
    }
    this.#lap ^= 1;
  }

  /** Of the rings as the device left them: what it used, and what it made of each. Throws when it did not use all. */
  digest(): number {
    const { packed } = this.#shape;
    const used = this.#halves[(USED >>> 1) + 1] as number;
    let sum = 0;
    for (let at = DESC >>> 2; at < TABLES >>> 2; at++) sum = (Math.imul(sum, 31) + (this.#words[at] as number)) | 0;
    const done = packed ? this.#isUsed() : used === this.#offered;
    if (!done) throw new Error("the device has not used what was offered");
    return sum;
  }

  /** AVAIL and USED of the last request's first descriptor are those of the lap that is over (virtio 1.2, 2.8.1). */
  #isUsed(): boolean {
    const flags = this.#halves[(DESC + (REQUESTS - 1) * this.#slots * DESC_BYTES + 14) >>> 1] as number;
    const both = VirtqPacked.AVAIL | VirtqPacked.USED;
    return (flags & both) === (this.#lap === 0 ? both : 0);
  }

  get #firstLength(): number {
    const { indirect, readable, writable } = this.#shape;
    if (indirect) return (readable.length + writable.length) * DESC_BYTES;
    return readable[0] ?? writable[0] ?? 0;
  }

  get #firstFlags(): number {
    const { indirect, readable, writable } = this.#shape;
    if (indirect) return VirtqDesc.INDIRECT;
    return (readable.length === 0 ? VirtqDesc.WRITE : 0) | (readable.length + writable.length > 1 ? VirtqDesc.NEXT : 0);
  }

  #layOut(request: number, buffers: number): void {
    const { packed, indirect, readable, writable } = this.#shape;
    const first = request * this.#slots;
    const table = TABLES + request * buffers * DESC_BYTES;
    const lengths = [...readable, ...writable];
    for (const [index, length] of lengths.entries()) {
      const isLast = index + 1 === buffers;
      const place = indirect ? index : first + index;
      const flags = (index >= readable.length ? VirtqDesc.WRITE : 0) | (isLast ? 0 : VirtqDesc.NEXT);
      const at = ((indirect ? table : DESC + first * DESC_BYTES) + index * DESC_BYTES) >>> 2;
      const tail = packed ? (flags << 16) | request : ((place + 1) << 16) | flags;
      this.#write(at, BUFFERS + (request * buffers + index) * PAGE, length, tail);
    }
    if (indirect) {
      const tail = packed ? (VirtqDesc.INDIRECT << 16) | request : VirtqDesc.INDIRECT;
      this.#write((DESC + first * DESC_BYTES) >>> 2, table, buffers * DESC_BYTES, tail);
    }
    // 1024 is a multiple of 32: the entries of the available ring never change.
    if (!packed) {
      for (let slot = request; slot < this.size; slot += REQUESTS) this.#halves[(AVAIL >>> 1) + 2 + slot] = first;
    }
  }

  #write(at: number, offset: number, length: number, tail: number): void {
    this.#words[at] = Layout.RAM.BASE + offset;
    this.#words[at + 1] = 0;
    this.#words[at + 2] = length;
    this.#words[at + 3] = tail;
  }
}
