// The driver's side of virtio, as Linux does it: lays out split virtqueues in guest memory and drives a virtio-mmio
// device by its registers. For tests of queue code and devices, benches and fuzzers. It also hands out the raw rings, for
// those who want to be worse than any driver.

import { VirtqDesc } from "../../assembly/shared/virtq.js";
import { PackedDriverQueue } from "./packed-driver.js";

const NO_INTERRUPT = 1;
const NO_NOTIFY = 1;

export const Feature = { INDIRECT_DESC: 28, EVENT_IDX: 29, VERSION_1: 32, RING_PACKED: 34, RING_RESET: 40 } as const;

export const Status = {
  ACKNOWLEDGE: 1,
  DRIVER: 2,
  DRIVER_OK: 4,
  FEATURES_OK: 8,
  DEVICE_NEEDS_RESET: 64,
  FAILED: 128,
} as const;

export const Register = {
  MagicValue: 0x000,
  Version: 0x004,
  DeviceID: 0x008,
  VendorID: 0x00c,
  DeviceFeatures: 0x010,
  DeviceFeaturesSel: 0x014,
  DriverFeatures: 0x020,
  DriverFeaturesSel: 0x024,
  QueueSel: 0x030,
  QueueNumMax: 0x034,
  QueueNum: 0x038,
  QueueReady: 0x044,
  QueueNotify: 0x050,
  InterruptStatus: 0x060,
  InterruptACK: 0x064,
  Status: 0x070,
  QueueDescLow: 0x080,
  QueueDescHigh: 0x084,
  QueueDriverLow: 0x090,
  QueueDriverHigh: 0x094,
  QueueDeviceLow: 0x0a0,
  QueueDeviceHigh: 0x0a4,
  SHMLenLow: 0x0b0,
  QueueReset: 0x0c0,
  ConfigGeneration: 0x0fc,
  Config: 0x100,
} as const;

/** Guest RAM as the driver's kernel sees it, with an allocator that only goes up. */
export class DriverMemory {
  readonly bytes: Uint8Array;
  readonly data: DataView;
  #next: number;

  constructor(
    ram: Uint8Array,
    readonly base = 0x8000_0000,
    /** Leave this much at the start alone. */
    reserved = 0x1000,
  ) {
    this.bytes = ram;
    this.data = new DataView(ram.buffer, ram.byteOffset, ram.byteLength);
    this.#next = reserved;
  }

  get end(): number {
    return this.base + this.bytes.length;
  }

  allocate(length: number, alignment = 16): number {
    const at = Math.ceil(this.#next / alignment) * alignment;
    if (at + length > this.bytes.length) throw new RangeError("the test's guest RAM is used up");
    this.#next = at + length;
    return this.base + at;
  }

  /** What is allocated from here on can be given back with `release`. */
  mark(): number {
    return this.#next;
  }

  release(mark: number): void {
    this.#next = mark;
  }

  view(gpa: number, length: number): Uint8Array {
    return this.bytes.subarray(gpa - this.base, gpa - this.base + length);
  }

  at(gpa: number): number {
    return gpa - this.base;
  }
}

export interface Desc {
  addr: number | bigint;
  len: number;
  flags: number;
  next: number;
}

/** A buffer in guest memory. */
export interface Buffer {
  readonly gpa: number;
  readonly length: number;
}

export interface Request {
  /** What the device may read. */
  readonly readable?: readonly Buffer[];
  /** What it may write. */
  readonly writable?: readonly Buffer[];
  /** Describe it in a table of its own. */
  readonly indirect?: boolean;
}

export interface Used {
  readonly head: number;
  readonly length: number;
}

export interface DriverQueueOptions {
  readonly memory: DriverMemory;
  readonly size: number;
  readonly eventIdx?: boolean;
  readonly notify?: () => void;
}

/** One split virtqueue (virtio 1.2, 2.7), the driver's side. */
export class DriverQueue {
  readonly memory: DriverMemory;
  readonly size: number;
  readonly descGpa: number;
  readonly availGpa: number;
  readonly usedGpa: number;
  readonly eventIdx: boolean;
  /** Notifications sent. */
  kicks = 0;

  readonly #notify: () => void;
  #free: number[];
  readonly #chains = new Map<number, number[]>();
  #availIdx = 0;
  #kickedIdx = 0;
  #usedIdx = 0;

  constructor({ memory, size, eventIdx = false, notify = () => {} }: DriverQueueOptions) {
    this.memory = memory;
    this.size = size;
    this.eventIdx = eventIdx;
    this.#notify = notify;
    this.descGpa = memory.allocate(16 * size, 16);
    this.availGpa = memory.allocate(6 + 2 * size, 2);
    this.usedGpa = memory.allocate(6 + 8 * size, 4);
    for (const [gpa, length] of [
      [this.descGpa, 16 * size],
      [this.availGpa, 6 + 2 * size],
      [this.usedGpa, 6 + 8 * size],
    ] as const) {
      memory.view(gpa, length).fill(0);
    }
    this.#free = Array.from({ length: size }, (_, index) => index);
  }

  get freeDescriptors(): number {
    return this.#free.length;
  }

  /** Makes a request available and answers its head. Notifies nobody: see `kick`. */
  add(request: Request): number {
    const { readable = [], writable = [], indirect = false } = request;
    const buffers = [
      ...readable.map((buffer) => ({ ...buffer, flags: 0 })),
      ...writable.map((buffer) => ({ ...buffer, flags: VirtqDesc.WRITE })),
    ];
    const taken = this.#free.splice(0, indirect ? 1 : buffers.length);
    const head = taken[0];
    if (head === undefined || (!indirect && taken.length < buffers.length)) throw new RangeError("the queue is full");
    this.#chains.set(head, taken);
    if (indirect) {
      const table = this.memory.allocate(16 * buffers.length);
      for (const [index, { gpa, length, flags }] of buffers.entries()) {
        const more = index + 1 < buffers.length;
        const next = more ? index + 1 : 0;
        this.writeDescAt(table, index, { addr: gpa, len: length, flags: flags | (more ? VirtqDesc.NEXT : 0), next });
      }
      this.writeDesc(head, { addr: table, len: 16 * buffers.length, flags: VirtqDesc.INDIRECT, next: 0 });
    } else {
      for (const [index, { gpa, length, flags }] of buffers.entries()) {
        const next = taken[index + 1];
        this.writeDesc(taken[index] as number, {
          addr: gpa,
          len: length,
          flags: flags | (next === undefined ? 0 : VirtqDesc.NEXT),
          next: next ?? 0,
        });
      }
    }
    this.offer(head);
    return head;
  }

  /** Puts descriptor `head` into the available ring, whatever it describes. */
  offer(head: number): void {
    this.setAvailEntry(this.#availIdx % this.size, head);
    this.#availIdx = (this.#availIdx + 1) & 0xffff;
    this.setAvailIdx(this.#availIdx);
  }

  /** Notifies the device if it wants to be told of what was added since the last time (2.7.13.4). */
  kick(): boolean {
    const { data } = this.memory;
    const used = this.memory.at(this.usedGpa);
    let wanted: boolean;
    if (this.eventIdx) {
      const availEvent = data.getUint16(used + 4 + 8 * this.size, true);
      wanted = needEvent(availEvent, this.#availIdx, this.#kickedIdx);
    } else wanted = (data.getUint16(used, true) & NO_NOTIFY) === 0;
    this.#kickedIdx = this.#availIdx;
    if (wanted) {
      this.kicks++;
      this.#notify();
    }
    return wanted;
  }

  /** Requests that the device has completed since the last call. Their descriptors are free again. */
  used(): Used[] {
    const { data } = this.memory;
    const ring = this.memory.at(this.usedGpa);
    const done: Used[] = [];
    const idx = data.getUint16(ring + 2, true);
    while (this.#usedIdx !== idx) {
      const entry = ring + 4 + 8 * (this.#usedIdx % this.size);
      const head = data.getUint32(entry, true);
      done.push({ head, length: data.getUint32(entry + 4, true) });
      this.#free.push(...(this.#chains.get(head) ?? []));
      this.#chains.delete(head);
      this.#usedIdx = (this.#usedIdx + 1) & 0xffff;
    }
    return done;
  }

  /** Interrupt at the next completion, as Linux's virtqueue_enable_cb asks for. */
  enableInterrupts(): void {
    if (this.eventIdx) this.setUsedEvent(this.#usedIdx);
    else this.memory.data.setUint16(this.memory.at(this.availGpa), 0, true);
  }

  disableInterrupts(): void {
    // With event_idx Linux points used_event where it will not be reached soon.
    if (this.eventIdx) this.setUsedEvent((this.#usedIdx - 1) & 0xffff);
    else this.memory.data.setUint16(this.memory.at(this.availGpa), NO_INTERRUPT, true);
  }

  setUsedEvent(value: number): void {
    this.memory.data.setUint16(this.memory.at(this.availGpa) + 4 + 2 * this.size, value, true);
  }

  get availEvent(): number {
    return this.memory.data.getUint16(this.memory.at(this.usedGpa) + 4 + 8 * this.size, true);
  }

  get usedFlags(): number {
    return this.memory.data.getUint16(this.memory.at(this.usedGpa), true);
  }

  get availIdx(): number {
    return this.#availIdx;
  }

  // The raw rings.

  setAvailIdx(value: number): void {
    this.memory.data.setUint16(this.memory.at(this.availGpa) + 2, value, true);
  }

  setAvailEntry(slot: number, head: number): void {
    this.memory.data.setUint16(this.memory.at(this.availGpa) + 4 + 2 * slot, head, true);
  }

  writeDesc(index: number, desc: Desc): void {
    this.writeDescAt(this.descGpa, index, desc);
  }

  writeDescAt(table: number, index: number, { addr, len, flags, next }: Desc): void {
    const { data } = this.memory;
    const at = this.memory.at(table) + 16 * index;
    data.setBigUint64(at, BigInt.asUintN(64, BigInt(addr)), true);
    data.setUint32(at + 8, len, true);
    data.setUint16(at + 12, flags, true);
    data.setUint16(at + 14, next, true);
  }
}

/** vring_need_event of 2.7.10.1: whether the step from `old` to `now` went past `event`. */
export function needEvent(event: number, now: number, old: number): boolean {
  return ((now - event - 1) & 0xffff) < ((now - old) & 0xffff);
}

/** What the driver talks to: a window of registers. */
export interface RegisterWindow {
  read(offset: number, size: number): number;
  write(offset: number, size: number, value: number): void;
}

/** A virtio-mmio driver up to the point where a device type begins. */
export class VirtioDriver {
  readonly queues: DriverQueue[] = [];
  #features = new Set<number>();

  constructor(
    readonly device: RegisterWindow,
    readonly memory: DriverMemory,
  ) {}

  get(offset: number): number {
    return this.device.read(offset, 4);
  }

  set(offset: number, value: number): void {
    this.device.write(offset, 4, value >>> 0);
  }

  get status(): number {
    return this.get(Register.Status);
  }

  addStatus(bit: number): void {
    this.set(Register.Status, this.status | bit);
  }

  get offered(): Set<number> {
    const offered = new Set<number>();
    for (const word of [0, 1]) {
      this.set(Register.DeviceFeaturesSel, word);
      const bits = this.get(Register.DeviceFeatures);
      for (let bit = 0; bit < 32; bit++) if ((bits >>> bit) & 1) offered.add(word * 32 + bit);
    }
    return offered;
  }

  /** 3.1.1 up to FEATURES_OK; answers whether the device agreed. */
  negotiate(features: Iterable<number>): boolean {
    this.set(Register.Status, 0);
    this.queues.length = 0;
    this.addStatus(Status.ACKNOWLEDGE);
    this.addStatus(Status.DRIVER);
    this.#features = new Set(features);
    for (const word of [0, 1]) {
      let bits = 0;
      for (const bit of this.#features) if (bit >> 5 === word) bits |= 1 << (bit & 31);
      this.set(Register.DriverFeaturesSel, word);
      this.set(Register.DriverFeatures, bits);
    }
    this.addStatus(Status.FEATURES_OK);
    return (this.status & Status.FEATURES_OK) !== 0;
  }

  addQueue(index: number, size?: number): DriverQueue {
    this.set(Register.QueueSel, index);
    const queue = new DriverQueue({
      memory: this.memory,
      size: size ?? this.get(Register.QueueNumMax),
      eventIdx: this.#features.has(Feature.EVENT_IDX),
      notify: () => this.set(Register.QueueNotify, index),
    });
    this.place(index, queue);
    this.queues[index] = queue;
    return queue;
  }

  /** Tells the device where a queue is and puts it into service. */
  place(index: number, queue: { size: number; descGpa: number; availGpa: number; usedGpa: number }): void {
    this.set(Register.QueueSel, index);
    this.set(Register.QueueNum, queue.size);
    this.#setAddress(Register.QueueDescLow, queue.descGpa);
    this.#setAddress(Register.QueueDriverLow, queue.availGpa);
    this.#setAddress(Register.QueueDeviceLow, queue.usedGpa);
    this.set(Register.QueueReady, 1);
  }

  /** Everything: features (those asked for, or all on offer), all queues, DRIVER_OK. */
  start({ features, queues, size }: { features?: Iterable<number>; queues: number; size?: number }): DriverQueue[] {
    if (!this.negotiate(features ?? this.offered)) throw new Error("the device refused its own features");
    for (let index = 0; index < queues; index++) this.addQueue(index, size);
    this.addStatus(Status.DRIVER_OK);
    return this.queues;
  }

  /** As `start`, with packed rings. */
  startPacked({
    queues,
    size,
    features,
  }: {
    queues: number;
    size?: number;
    features?: Iterable<number>;
  }): PackedDriverQueue[] {
    if (!this.negotiate(features ?? this.offered)) throw new Error("the device refused its own features");
    const rings: PackedDriverQueue[] = [];
    for (let index = 0; index < queues; index++) {
      this.set(Register.QueueSel, index);
      const ring = new PackedDriverQueue({
        memory: this.memory,
        size: size ?? this.get(Register.QueueNumMax),
        eventIdx: this.#features.has(Feature.EVENT_IDX),
        notify: () => this.set(Register.QueueNotify, index),
      });
      this.place(index, ring);
      rings.push(ring);
    }
    this.addStatus(Status.DRIVER_OK);
    return rings;
  }

  /** Reads and acknowledges what the device interrupts for. */
  takeInterrupt(): number {
    const status = this.get(Register.InterruptStatus);
    this.set(Register.InterruptACK, status);
    return status;
  }

  buffer(content: Uint8Array | number): Buffer {
    const length = typeof content === "number" ? content : content.length;
    const gpa = this.memory.allocate(length, 1);
    if (typeof content !== "number") this.memory.view(gpa, length).set(content);
    return { gpa, length };
  }

  bytes({ gpa, length }: Buffer): Uint8Array {
    return this.memory.view(gpa, length).slice();
  }

  #setAddress(low: number, gpa: number): void {
    this.set(low, gpa % 2 ** 32);
    this.set(low + 4, Math.floor(gpa / 2 ** 32));
  }
}
