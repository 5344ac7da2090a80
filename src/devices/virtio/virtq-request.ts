import { gather, scatter, slices } from "../../backends/scatter.js";
import type { VirtqueueCore } from "./virtqueue-core.js";

/**
 * A request that a device took from a queue: what the driver lets it read and write, as views of guest RAM. A driver may
 * cut a request into buffers as it likes (virtio 1.2, 2.7.4.1), so devices address it by offsets into the
 * readable and the writable part, each taken as one run of bytes.
 */
export class VirtqRequest {
  readonly readableLength: number;
  readonly writableLength: number;
  readonly #readableCount: number;
  readonly #writableCount: number;
  // Made when they are asked for: a network device moves most of its buffers without ever looking into them.
  #readable: readonly Uint8Array[] | undefined;
  #writable: readonly Uint8Array[] | undefined;

  constructor(
    readonly core: VirtqueueCore,
    /** Linear address of the record. */
    readonly record: number,
    /** Number of the queue's start that the request belongs to; it is void after a reset. */
    readonly epoch: number,
  ) {
    this.#readableCount = core.virtqReadable(record);
    this.#writableCount = core.virtqWritable(record);
    this.readableLength = this.#length(0, this.#readableCount);
    this.writableLength = this.#length(this.#readableCount, this.#writableCount);
  }

  get readable(): readonly Uint8Array[] {
    this.#readable ??= this.#views(0, this.#readableCount);
    return this.#readable;
  }

  /**
   * Views of [offset, offset + length) of the writable part, to be written at once: a checkpoint that begins later would not
   * hear of it.
   */
  toWrite(offset: number, length: number): Uint8Array[] {
    this.core.virtqWriting(this.record, offset, length);
    return slices(this.#writableViews, offset, length);
  }

  /** Copies from the writable part, for a device that looks at what it has written. */
  readBack(offset: number, target: Uint8Array): number {
    return gather(this.#writableViews, offset, target);
  }

  /** How many buffers the writable part is cut into. */
  get writableSegments(): number {
    return this.#writableCount;
  }

  get readableSegments(): number {
    return this.#readableCount;
  }

  /** Calls back with address and length in linear memory of each readable buffer. */
  eachReadable(callback: (address: number, length: number) => void): void {
    this.#each(0, this.#readableCount, callback);
  }

  /** As `eachReadable`, and as for `toWrite`: they have to be written at once. */
  eachWritable(callback: (address: number, length: number) => void): void {
    this.core.virtqWriting(this.record, 0, this.writableLength);
    this.#each(this.#readableCount, this.#writableCount, callback);
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
    this.core.virtqWriting(this.record, offset, source.length);
    return scatter(this.#writableViews, offset, source);
  }

  /** Marks a part of the writable area as changed beyond what the request's completion will cover. */
  wrote(offset: number, length: number): void {
    this.core.virtqWrote(this.record, offset, length);
  }

  /** Where the writable part lies in guest memory, for devices that do not write it but do something with the memory. */
  writableRanges(): { gpa: number; length: number }[] {
    return Array.from({ length: this.#writableCount }, (_, index) => ({
      gpa: Number(BigInt.asUintN(64, this.core.virtqSegmentGpa(this.record, this.#readableCount + index))),
      length: this.core.virtqSegmentLength(this.record, this.#readableCount + index) >>> 0,
    }));
  }

  get #writableViews(): readonly Uint8Array[] {
    this.#writable ??= this.#views(this.#readableCount, this.#writableCount);
    return this.#writable;
  }

  #length(first: number, count: number): number {
    let total = 0;
    for (let index = first; index < first + count; index++) {
      total += this.core.virtqSegmentLength(this.record, index) >>> 0;
    }
    return total;
  }

  #each(first: number, count: number, callback: (address: number, length: number) => void): void {
    const { core, record } = this;
    for (let index = first; index < first + count; index++) {
      // In bounds: the queue code has checked every segment against RAM. Addresses above 2^31 come back negative.
      callback(core.virtqSegmentAddress(record, index) >>> 0, core.virtqSegmentLength(record, index) >>> 0);
    }
  }

  #views(first: number, count: number): Uint8Array[] {
    const views: Uint8Array[] = [];
    this.#each(first, count, (address, length) => views.push(new Uint8Array(this.core.buffer, address, length)));
    return views;
  }
}
