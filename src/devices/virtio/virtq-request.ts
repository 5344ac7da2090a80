import { gather, scatter, totalLength } from "../../backends/scatter.js";
import type { VirtqueueCore } from "./virtqueue-core.js";

/**
 * A request that a device took from a queue: what the driver lets it read and write, as views of guest RAM. A driver may
 * cut a request into buffers as it likes (virtio 1.2, 2.7.4.1), so devices address it by offsets into the
 * readable and the writable part, each taken as one run of bytes.
 */
export class VirtqRequest {
  readonly readable: readonly Uint8Array[];
  readonly writable: readonly Uint8Array[];
  readonly readableLength: number;
  readonly writableLength: number;

  constructor(
    readonly core: VirtqueueCore,
    /** Linear address of the record. */
    readonly record: number,
    /** Number of the queue's start that the request belongs to; it is void after a reset. */
    readonly epoch: number,
  ) {
    const readable = core.virtqReadable(record);
    this.readable = this.#views(0, readable);
    this.writable = this.#views(readable, core.virtqWritable(record));
    this.readableLength = totalLength(this.readable);
    this.writableLength = totalLength(this.writable);
  }

  /** Copies from the readable part at `offset`; answers how many bytes there were, at most target.length. */
  read(offset: number, target: Uint8Array): number {
    return gather(this.readable, offset, target);
  }

  /**
   * Copies into the writable part at `offset`; answers how many bytes there was room for. The pages are marked as
   * changed when the request is completed with a length that covers them, or by `wrote`.
   */
  write(offset: number, source: Uint8Array): number {
    return scatter(this.writable, offset, source);
  }

  /** Marks a part of the writable area as changed beyond what the request's completion will cover. */
  wrote(offset: number, length: number): void {
    this.core.virtqWrote(this.record, offset, length);
  }

  /** Where the writable part lies in guest memory, for devices that do not write it but do something with the memory. */
  writableRanges(): { gpa: number; length: number }[] {
    const readable = this.readable.length;
    return this.writable.map(({ length }, index) => ({
      gpa: Number(BigInt.asUintN(64, this.core.virtqSegmentGpa(this.record, readable + index))),
      length,
    }));
  }

  #views(first: number, count: number): Uint8Array[] {
    const { core, record } = this;
    const views: Uint8Array[] = [];
    for (let index = first; index < first + count; index++) {
      // In bounds: the queue code has checked every segment against RAM. Addresses above 2^31 come back negative.
      const address = core.virtqSegmentAddress(record, index) >>> 0;
      views.push(new Uint8Array(core.buffer, address, core.virtqSegmentLength(record, index) >>> 0));
    }
    return views;
  }
}
