// A queue on its own: no device and no transport, just the queue code and a driver's rings.

import { VirtqError, VirtqFeature, VirtqPop } from "../../assembly/shared/virtq.js";
import type { VirtqueueExports } from "../../src/devices/virtio/virtqueue-core.js";
import type { Core } from "../../src/wasm/core.js";
import { instantiateCore, queueExports } from "../devices/support.js";
import { PackedDriverQueue } from "../support/packed-driver.js";
import { DriverMemory, DriverQueue } from "../support/virtqueue-driver.js";

export const RAM_BYTES = 4 << 20;

export interface Segment {
  readonly gpa: number;
  readonly length: number;
}

export interface Popped {
  readonly record: number;
  readonly readable: Segment[];
  readonly writable: Segment[];
}

export interface BenchOptions {
  readonly size?: number;
  readonly eventIdx?: boolean;
  readonly indirect?: boolean;
}

export class QueueBench {
  readonly core: Core;
  readonly virtq: VirtqueueExports;
  readonly memory: DriverMemory;
  readonly queue: number;
  driver: DriverQueue;

  private constructor(core: Core, { size = 8, eventIdx = false, indirect = true }: BenchOptions) {
    this.core = core;
    this.virtq = queueExports(core);
    this.memory = new DriverMemory(core.ram);
    this.queue = this.virtq.virtqAddress(0, 0);
    this.driver = new DriverQueue({ memory: this.memory, size, eventIdx });
    this.start({ indirect, eventIdx });
  }

  static async create(options: BenchOptions = {}): Promise<QueueBench> {
    return new QueueBench(await instantiateCore(RAM_BYTES), options);
  }

  start({ indirect = true, eventIdx = this.driver.eventIdx }: BenchOptions = {}): number {
    const features = (indirect ? VirtqFeature.INDIRECT_DESC : 0) | (eventIdx ? VirtqFeature.EVENT_IDX : 0);
    const { size, descGpa, availGpa, usedGpa } = this.driver;
    return this.startAt(size, descGpa, availGpa, usedGpa, features);
  }

  startAt(size: number, desc: number, avail: number, used: number, features = 0): number {
    return this.virtq.virtqStart(this.queue, size, BigInt(desc), BigInt(avail), BigInt(used), features);
  }

  /** A new start with fresh rings. */
  restart(options: BenchOptions & { readonly size: number }): void {
    this.driver = new DriverQueue({ memory: this.memory, size: options.size, eventIdx: options.eventIdx ?? false });
    this.start(options);
  }

  /** A new start as a packed queue. */
  restartPacked({ size = 8, eventIdx = false, indirect = true }: BenchOptions): PackedDriverQueue {
    const driver = new PackedDriverQueue({ memory: this.memory, size, eventIdx });
    const { descGpa, availGpa, usedGpa } = driver;
    const features =
      VirtqFeature.PACKED | (indirect ? VirtqFeature.INDIRECT_DESC : 0) | (eventIdx ? VirtqFeature.EVENT_IDX : 0);
    const error = this.startAt(size, descGpa, availGpa, usedGpa, features);
    if (error !== VirtqError.NONE) throw new Error(`the queue does not start: ${error}`);
    return driver;
  }

  /** What a checkpoint keeps of the queue. */
  save(): Uint8Array {
    return this.core.bytes.slice(this.queue, this.queue + this.virtq.virtqSavedLength(this.queue));
  }

  /** Forgets the queue and takes it back from what `save` gave. Answers a VirtqError. */
  restore(state: Uint8Array): number {
    this.virtq.virtqReset(this.queue);
    this.core.bytes.set(state, this.queue);
    return this.virtq.virtqRestored(this.queue);
  }

  /** The next request, or the number that pop gave instead. */
  pop(): Popped | number {
    const record = this.virtq.virtqPop(this.queue);
    if (record <= VirtqPop.FULL) return record;
    const readable = this.virtq.virtqReadable(record);
    const writable = this.virtq.virtqWritable(record);
    const segment = (index: number): Segment => ({
      gpa: (this.virtq.virtqSegmentAddress(record, index) >>> 0) - this.core.ram.byteOffset + this.memory.base,
      length: this.virtq.virtqSegmentLength(record, index) >>> 0,
    });
    const segments = Array.from({ length: readable + writable }, (_, index) => segment(index));
    return { record, readable: segments.slice(0, readable), writable: segments.slice(readable) };
  }

  /** A request that must be there. */
  popRequest(): Popped {
    const popped = this.pop();
    if (typeof popped === "number") throw new Error(`no request but ${popped}`);
    return popped;
  }

  push({ record }: Popped, written = 0): void {
    this.virtq.virtqPush(this.queue, record, written);
  }

  interruptDue(): boolean {
    return this.virtq.virtqInterruptDue(this.queue) !== 0;
  }
}
