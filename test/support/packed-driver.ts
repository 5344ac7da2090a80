// The driver's side of a packed virtqueue (virtio 1.2, 2.8), as Linux does it. As with DriverQueue, the raw ring is handed
// out too, for those who want to be worse than any driver.

import { VirtqDesc, VirtqEvent, VirtqPacked } from "../../assembly/shared/virtq.js";
import type { DriverMemory, Request, Used } from "./virtqueue-driver.js";

export interface PackedDesc {
  addr: number | bigint;
  len: number;
  id: number;
  flags: number;
}

export interface PackedQueueOptions {
  readonly memory: DriverMemory;
  /** Need not be a power of two. */
  readonly size: number;
  readonly eventIdx?: boolean;
  readonly notify?: () => void;
}

/** A place in the ring, and the lap that it is meant in. */
interface Position {
  index: number;
  lap: number;
}

export class PackedDriverQueue {
  readonly memory: DriverMemory;
  readonly size: number;
  /** The ring, the driver's event suppression, the device's. */
  readonly descGpa: number;
  readonly availGpa: number;
  readonly usedGpa: number;
  readonly eventIdx: boolean;
  /** Notifications sent. */
  kicks = 0;

  readonly #notify: () => void;
  readonly #avail: Position = { index: 0, lap: 1 };
  readonly #used: Position = { index: 0, lap: 1 };
  #freeSlots: number;
  #freeIds: number[];
  /** Descriptors that a request took, by its id. */
  readonly #slots = new Map<number, number>();
  /** Descriptors made available since the last kick. */
  #added = 0;

  constructor({ memory, size, eventIdx = false, notify = () => {} }: PackedQueueOptions) {
    this.memory = memory;
    this.size = size;
    this.eventIdx = eventIdx;
    this.#notify = notify;
    this.descGpa = memory.allocate(16 * size, 16);
    this.availGpa = memory.allocate(4, 4);
    this.usedGpa = memory.allocate(4, 4);
    memory.view(this.descGpa, 16 * size).fill(0);
    memory.view(this.availGpa, 4).fill(0);
    memory.view(this.usedGpa, 4).fill(0);
    this.#freeSlots = size;
    this.#freeIds = Array.from({ length: size }, (_, index) => index);
  }

  get freeDescriptors(): number {
    return this.#freeSlots;
  }

  get availPosition(): Position {
    return { ...this.#avail };
  }

  get usedPosition(): Position {
    return { ...this.#used };
  }

  /** Makes a request available and answers its buffer id. Notifies nobody: see `kick`. */
  add({ readable = [], writable = [], indirect = false }: Request): number {
    const buffers = [
      ...readable.map((buffer) => ({ ...buffer, flags: 0 })),
      ...writable.map((buffer) => ({ ...buffer, flags: VirtqDesc.WRITE as number })),
    ];
    const slots = indirect ? 1 : buffers.length;
    const id = this.#freeIds[0];
    if (id === undefined || slots > this.#freeSlots) throw new RangeError("the queue is full");
    this.#freeIds.shift();
    this.#slots.set(id, slots);
    if (indirect) {
      const table = this.memory.allocate(16 * buffers.length);
      for (const [index, { gpa, length, flags }] of buffers.entries()) {
        this.writeDescAt(table, index, { addr: gpa, len: length, id: 0, flags });
      }
      this.offer([{ addr: table, len: 16 * buffers.length, id, flags: VirtqDesc.INDIRECT }]);
    } else {
      this.offer(
        buffers.map(({ gpa, length, flags }, index) => ({
          addr: gpa,
          len: length,
          id,
          flags: flags | (index + 1 < buffers.length ? VirtqDesc.NEXT : 0),
        })),
      );
    }
    return id;
  }

  /** Makes descriptors available at the next places of the ring, whatever they say; the first of them last (2.8.6). */
  offer(descs: readonly PackedDesc[]): void {
    const writes = descs.map((desc) => {
      const { index, lap } = this.#avail;
      this.#step(this.#avail, 1);
      return { index, desc: { ...desc, flags: desc.flags | (lap ? VirtqPacked.AVAIL : VirtqPacked.USED) } };
    });
    for (const { index, desc } of writes.reverse()) this.writeDescAt(this.descGpa, index, desc);
    this.#freeSlots -= descs.length;
    this.#added += descs.length;
  }

  /** Notifies the device if it wants to be told of what was added since the last time (2.8.21). */
  kick(): boolean {
    const { data } = this.memory;
    const at = this.memory.at(this.usedGpa);
    const flags = data.getUint16(at + 2, true) & VirtqEvent.MASK;
    const wanted = flags === VirtqEvent.DESC ? this.#passed(data.getUint16(at, true)) : flags !== VirtqEvent.DISABLE;
    this.#added = 0;
    if (wanted) {
      this.kicks++;
      this.#notify();
    }
    return wanted;
  }

  /** Requests that the device has completed since the last call. Their descriptors are free again. */
  used(): Used[] {
    const done: Used[] = [];
    for (;;) {
      const at = this.memory.at(this.descGpa) + 16 * this.#used.index;
      const flags = this.memory.data.getUint16(at + 14, true);
      const avail = (flags & VirtqPacked.AVAIL) !== 0;
      const used = (flags & VirtqPacked.USED) !== 0;
      if (avail !== used || used !== (this.#used.lap === 1)) return done;
      const id = this.memory.data.getUint16(at + 12, true);
      const slots = this.#slots.get(id);
      if (slots === undefined) throw new Error(`the device used buffer ${id}, which is not under way`);
      // Without WRITE the length says nothing (2.8.4).
      const length = (flags & VirtqDesc.WRITE) === 0 ? 0 : this.memory.data.getUint32(at + 8, true);
      done.push({ head: id, length });
      this.#slots.delete(id);
      this.#freeIds.push(id);
      this.#freeSlots += slots;
      this.#step(this.#used, slots);
    }
  }

  /** Interrupt at the next completion, as Linux's virtqueue_enable_cb asks for. */
  enableInterrupts(): void {
    const { index, lap } = this.#used;
    if (this.eventIdx) this.setDriverEvent(index, lap, VirtqEvent.DESC);
    else this.setDriverEvent(0, 0, VirtqEvent.ENABLE);
  }

  disableInterrupts(): void {
    this.setDriverEvent(0, 0, VirtqEvent.DISABLE);
  }

  setDriverEvent(index: number, lap: number, flags: number): void {
    const at = this.memory.at(this.availGpa);
    this.memory.data.setUint16(at, index | (lap << VirtqEvent.LAP_SHIFT), true);
    this.memory.data.setUint16(at + 2, flags, true);
  }

  get deviceEventFlags(): number {
    return this.memory.data.getUint16(this.memory.at(this.usedGpa) + 2, true);
  }

  writeDescAt(table: number, index: number, { addr, len, id, flags }: PackedDesc): void {
    const { data } = this.memory;
    const at = this.memory.at(table) + 16 * index;
    data.setBigUint64(at, BigInt.asUintN(64, BigInt(addr)), true);
    data.setUint32(at + 8, len, true);
    data.setUint16(at + 12, id, true);
    data.setUint16(at + 14, flags, true);
  }

  /** Whether the place that the device named is among those made available since the last kick. */
  #passed(offWrap: number): boolean {
    const index = offWrap & VirtqEvent.OFFSET_MASK;
    const lap = offWrap >> VirtqEvent.LAP_SHIFT;
    let behind = this.#avail.index - index;
    if (lap !== this.#avail.lap) behind += this.size;
    return behind > 0 && behind <= this.#added;
  }

  #step(position: Position, by: number): void {
    position.index += by;
    if (position.index < this.size) return;
    position.index -= this.size;
    position.lap ^= 1;
  }
}
