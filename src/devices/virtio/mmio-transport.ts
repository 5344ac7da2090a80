// virtio over MMIO, version 2 (virtio 1.2, 4.2): one device in one slot of the platform.
//
// Offered for every device: VERSION_1 (required of the driver), INDIRECT_DESC, EVENT_IDX, RING_RESET, and RING_PACKED where
// the machine wants it. Not supported: the legacy interface (4.2.4) and shared memory regions, whose registers read as the
// specification says for "not there"; NOTIFICATION_DATA and IN_ORDER (docs/adr/0013): the device reads the ring anyway, in the same
// memory, and disks answer in the order that the host does.

import { VkrunError } from "../../errors.js";
import { Irq, MemoryMap } from "../../generated/shared/memory-map.js";
import type { DeviceTreeNode, InterruptLine, PlatformDevice } from "../device.js";
import { foreignState, type SavedDevice, type VirtioDevice, type VirtioTransport } from "./virtio-device.js";
import { Feature, Interrupt, Status } from "./virtio-spec.js";
import { Virtqueue } from "./virtqueue.js";
import type { VirtqueueCore } from "./virtqueue-core.js";

/** On QEMU's `virt` machine slots 0 to 7 have PLIC sources 1 to 8. Ours goes on where its other sources leave room. */
const VIRT_SLOTS = 8;

/** "virt", little-endian. */
const MAGIC = 0x7472_6976;
const VERSION = 2;
/** "vkrn", little-endian. */
const VENDOR = 0x6e72_6b76;
const CONFIG_SPACE = 0x100;

/** Register offsets (4.2.2). */
const enum Register {
  MagicValue = 0x000,
  Version = 0x004,
  DeviceID = 0x008,
  VendorID = 0x00c,
  DeviceFeatures = 0x010,
  DeviceFeaturesSel = 0x014,
  DriverFeatures = 0x020,
  DriverFeaturesSel = 0x024,
  QueueSel = 0x030,
  QueueNumMax = 0x034,
  QueueNum = 0x038,
  QueueReady = 0x044,
  QueueNotify = 0x050,
  InterruptStatus = 0x060,
  InterruptACK = 0x064,
  Status = 0x070,
  QueueDescLow = 0x080,
  QueueDescHigh = 0x084,
  QueueDriverLow = 0x090,
  QueueDriverHigh = 0x094,
  QueueDeviceLow = 0x0a0,
  QueueDeviceHigh = 0x0a4,
  SHMLenLow = 0x0b0,
  SHMLenHigh = 0x0b4,
  SHMBaseLow = 0x0b8,
  SHMBaseHigh = 0x0bc,
  QueueReset = 0x0c0,
  ConfigGeneration = 0x0fc,
}

const RING_FEATURES = [Feature.INDIRECT_DESC, Feature.EVENT_IDX, Feature.VERSION_1, Feature.RING_RESET];

/** The PLIC source of a slot. */
export function virtioIrq(slot: number): number {
  return slot < VIRT_SLOTS ? Irq.VIRTIO + slot : Irq.VIRTIO_MORE + slot - VIRT_SLOTS;
}

/** Counts up when what `save` gives changes its meaning. */
const STATE_VERSION = 1;

/** What the driver programs before it sets QueueReady; 64-bit addresses as pairs of 32-bit halves. */
interface QueueRegisters {
  num: number;
  desc: [number, number];
  driver: [number, number];
  device: [number, number];
}

interface SavedQueue extends QueueRegisters {
  ready: boolean;
  state: Uint8Array;
}

interface SavedTransport {
  version: number;
  status: number;
  driverFeatures: [number, number];
  deviceFeaturesSel: number;
  driverFeaturesSel: number;
  queueSel: number;
  interruptStatus: number;
  configGeneration: number;
  queues: SavedQueue[];
  device: SavedDevice;
}

export interface VirtioMmioOptions {
  /** 0 to 15; decides address and interrupt. */
  readonly slot: number;
  /** Offer packed rings. Default false. */
  readonly packed?: boolean;
  readonly device: VirtioDevice;
  readonly interrupt: InterruptLine;
  readonly core: VirtqueueCore;
}

export class VirtioMmio implements PlatformDevice, VirtioTransport {
  readonly name: string;
  readonly base: number;
  readonly size = MemoryMap.VIRTIO_STRIDE;
  readonly device: VirtioDevice;
  readonly queues: readonly Virtqueue[];

  readonly #slot: number;
  readonly #interrupt: InterruptLine;
  /** Offered features, low and high word. */
  readonly #offered: readonly [number, number];

  #status = 0;
  #driverFeatures: [number, number] = [0, 0];
  #deviceFeaturesSel = 0;
  #driverFeaturesSel = 0;
  #queueSel = 0;
  #interruptStatus = 0;
  #configGeneration = 0;
  readonly #registers: QueueRegisters[];

  constructor({ slot, device, interrupt, core, packed = false }: VirtioMmioOptions) {
    this.name = device.name;
    this.base = MemoryMap.VIRTIO + slot * MemoryMap.VIRTIO_STRIDE;
    this.device = device;
    this.queues = device.queueSizes.map((size, index) => new Virtqueue(core, slot, index, size));
    this.#slot = slot;
    this.#interrupt = interrupt;
    this.#offered = featureWords([...RING_FEATURES, ...(packed ? [Feature.RING_PACKED] : []), ...device.features]);
    this.#registers = device.queueSizes.map(powerOnRegisters);
    device.attach(this);
  }

  deviceTreeNode(): DeviceTreeNode {
    return {
      name: "virtio_mmio",
      compatible: ["virtio,mmio"],
      reg: [this.base, this.size],
      interrupts: [virtioIrq(this.#slot)],
    };
  }

  get running(): boolean {
    return (this.#status & (Status.DRIVER_OK | Status.DEVICE_NEEDS_RESET)) === Status.DRIVER_OK;
  }

  negotiated(bit: number): boolean {
    return hasFeature(this.#driverFeatures, bit);
  }

  notifyUsed(): void {
    this.#raise(Interrupt.USED_BUFFER);
  }

  notifyConfig(): void {
    this.#configGeneration = (this.#configGeneration + 1) >>> 0;
    if ((this.#status & Status.DRIVER_OK) !== 0) this.#raise(Interrupt.CONFIG_CHANGE);
  }

  needsReset(_reason: string): void {
    this.#status |= Status.DEVICE_NEEDS_RESET;
    // Before DRIVER_OK no notification may be sent (2.1.2).
    if ((this.#status & Status.DRIVER_OK) !== 0) this.#raise(Interrupt.CONFIG_CHANGE);
  }

  read(offset: number, size: number): number {
    if (offset >= CONFIG_SPACE) return readConfig(this.device.config, offset - CONFIG_SPACE, size);
    // All other registers are 32 bits wide and aligned (4.2.2.2).
    if (size !== 4) return 0;
    switch (offset) {
      case Register.MagicValue:
        return MAGIC;
      case Register.Version:
        return VERSION;
      case Register.DeviceID:
        return this.device.deviceId;
      case Register.VendorID:
        return VENDOR;
      case Register.DeviceFeatures:
        return this.#offered[this.#deviceFeaturesSel] ?? 0;
      case Register.QueueNumMax:
        return this.queues[this.#queueSel]?.maxSize ?? 0;
      case Register.QueueReady:
        return this.queues[this.#queueSel]?.ready ? 1 : 0;
      case Register.InterruptStatus:
        return this.#interruptStatus;
      case Register.Status:
        return this.#status;
      case Register.SHMLenLow:
      case Register.SHMLenHigh:
      case Register.SHMBaseLow:
      case Register.SHMBaseHigh:
        // "Length of (2^64)-1" says that there is no such region.
        return 0xffff_ffff;
      case Register.ConfigGeneration:
        return this.#configGeneration;
      default:
        return 0;
    }
  }

  write(offset: number, size: number, value: number): void {
    if (offset >= CONFIG_SPACE) {
      this.device.writeConfig(offset - CONFIG_SPACE, size, value);
      return;
    }
    if (size !== 4) return;
    switch (offset) {
      case Register.DeviceFeaturesSel:
        this.#deviceFeaturesSel = value;
        return;
      case Register.DriverFeatures:
        // Settled with FEATURES_OK (2.2.1); selectors beyond 1 have no bits on offer.
        if ((this.#status & Status.FEATURES_OK) === 0 && this.#driverFeaturesSel <= 1) {
          this.#driverFeatures[this.#driverFeaturesSel] = value;
        }
        return;
      case Register.DriverFeaturesSel:
        this.#driverFeaturesSel = value;
        return;
      case Register.QueueSel:
        this.#queueSel = value;
        return;
      case Register.QueueReady:
        this.#setQueueReady((value & 1) !== 0);
        return;
      case Register.QueueReset:
        if (this.negotiated(Feature.RING_RESET) && (value & 1) !== 0) this.#resetQueue();
        return;
      case Register.QueueNotify:
        if (!this.running || value >= this.queues.length) return;
        this.device.counters.kicks++;
        this.device.handleQueue(value);
        return;
      case Register.InterruptACK:
        this.#interruptStatus &= ~value;
        this.#updateLine();
        return;
      case Register.Status:
        this.#setStatus(value & 0xff);
        return;
      default:
        this.#writeQueueRegister(offset, value);
        return;
    }
  }

  reset(): void {
    this.#status = 0;
    this.#driverFeatures = [0, 0];
    this.#deviceFeaturesSel = 0;
    this.#driverFeaturesSel = 0;
    this.#queueSel = 0;
    this.#interruptStatus = 0;
    for (const [index, queue] of this.queues.entries()) {
      queue.reset();
      this.#registers[index] = powerOnRegisters(queue.maxSize);
    }
    this.#updateLine();
    this.device.reset();
  }

  save(): SavedTransport {
    return {
      version: STATE_VERSION,
      status: this.#status,
      driverFeatures: [...this.#driverFeatures],
      deviceFeaturesSel: this.#deviceFeaturesSel,
      driverFeaturesSel: this.#driverFeaturesSel,
      queueSel: this.#queueSel,
      interruptStatus: this.#interruptStatus,
      configGeneration: this.#configGeneration,
      queues: this.queues.map((queue, index) => ({
        ...structuredClone(this.#registersOf(index)),
        ready: queue.ready,
        state: queue.save(),
      })),
      device: this.device.save(),
    };
  }

  restore(state: unknown): void {
    const saved = state as SavedTransport;
    if (saved.version !== STATE_VERSION) throw foreignState(this.name, saved.version, STATE_VERSION);
    this.reset();
    this.#status = saved.status;
    this.#driverFeatures = [...saved.driverFeatures];
    if ((saved.status & Status.FEATURES_OK) !== 0 && !this.#offersAll()) {
      throw new VkrunError(
        "ERR_VKRUN_CHECKPOINT_DEVICE",
        `the guest uses features of ${this.name} that this one does not have`,
        { hint: "Give it what it had at the checkpoint: a network or disk of the same kind." },
      );
    }
    this.#deviceFeaturesSel = saved.deviceFeaturesSel;
    this.#driverFeaturesSel = saved.driverFeaturesSel;
    this.#queueSel = saved.queueSel;
    this.#interruptStatus = saved.interruptStatus;
    this.#configGeneration = saved.configGeneration;
    for (const [index, queue] of this.queues.entries()) {
      const from = saved.queues[index];
      if (from === undefined) continue;
      const { num, desc, driver, device } = from;
      this.#registers[index] = structuredClone({ num, desc, driver, device });
      queue.restore(from.state, from.ready);
    }
    this.#updateLine();
    this.device.restore(saved.device);
  }

  #setStatus(value: number): void {
    if (value === 0) {
      this.device.counters.resets++;
      this.reset();
      return;
    }
    // Bits are only ever added (2.1.1), and NEEDS_RESET is the device's.
    let added = value & ~this.#status & ~Status.DEVICE_NEEDS_RESET;
    if ((added & Status.FEATURES_OK) !== 0 && !this.#acceptable()) added &= ~Status.FEATURES_OK;
    // No device without settled features (3.1.1): the driver finds that DRIVER_OK does not stick.
    if (((this.#status | added) & Status.FEATURES_OK) === 0) added &= ~Status.DRIVER_OK;
    this.#status |= added;
    if ((added & Status.DRIVER_OK) === 0) return;
    if ((this.#status & Status.DEVICE_NEEDS_RESET) !== 0) this.#raise(Interrupt.CONFIG_CHANGE);
    this.device.driverReady();
    // Buffers may have been made available before, and notified in vain.
    for (const queue of this.queues) if (queue.ready && this.running) this.device.handleQueue(queue.index);
  }

  /** Whether the driver's choice is a part of what is on offer, VERSION_1 included, and one that makes sense (2.2.2, 6.1). */
  #acceptable(): boolean {
    if (!this.#offersAll()) return false;
    return this.negotiated(Feature.VERSION_1) && this.device.acceptable((bit) => this.negotiated(bit));
  }

  #offersAll(): boolean {
    const [low, high] = this.#driverFeatures;
    return (low & ~this.#offered[0]) === 0 && (high & ~this.#offered[1]) === 0;
  }

  /**
   * Puts the selected queue back to its power-on state (2.6.1). Host I/O of its requests cannot be called back, but finds
   * them void, so the reset is complete at once: QueueReset never reads as 1 (4.2.2).
   */
  #resetQueue(): void {
    const queue = this.queues[this.#queueSel];
    if (queue === undefined || !this.running) return;
    queue.reset();
    this.#registers[queue.index] = powerOnRegisters(queue.maxSize);
    this.device.counters.resets++;
    this.device.resetQueue(queue.index);
  }

  #setQueueReady(ready: boolean): void {
    const queue = this.queues[this.#queueSel];
    if (queue === undefined || queue.ready === ready) return;
    if (!ready) {
      queue.reset();
      this.device.resetQueue(queue.index);
      return;
    }
    const { num, desc, driver, device } = this.#registersOf(this.#queueSel);
    const layout = { size: num, desc: address(desc), avail: address(driver), used: address(device) };
    const features = {
      indirect: this.negotiated(Feature.INDIRECT_DESC),
      eventIdx: this.negotiated(Feature.EVENT_IDX),
      packed: this.negotiated(Feature.RING_PACKED),
    };
    if (num > queue.maxSize || !queue.start(layout, features)) {
      this.device.fail(`queue ${queue.index}: ${queue.broken ?? "QUEUE_SIZE"}`);
    }
  }

  #writeQueueRegister(offset: number, value: number): void {
    const queue = this.queues[this.#queueSel];
    // A queue in use keeps its place (4.2.2.2).
    if (queue === undefined || queue.ready) return;
    const registers = this.#registersOf(this.#queueSel);
    switch (offset) {
      case Register.QueueNum:
        registers.num = value;
        return;
      case Register.QueueDescLow:
      case Register.QueueDescHigh:
        registers.desc[offset === Register.QueueDescLow ? 0 : 1] = value;
        return;
      case Register.QueueDriverLow:
      case Register.QueueDriverHigh:
        registers.driver[offset === Register.QueueDriverLow ? 0 : 1] = value;
        return;
      case Register.QueueDeviceLow:
      case Register.QueueDeviceHigh:
        registers.device[offset === Register.QueueDeviceLow ? 0 : 1] = value;
        return;
    }
  }

  #registersOf(index: number): QueueRegisters {
    const registers = this.#registers[index];
    if (registers === undefined) throw new RangeError(`${this.name} has no queue ${index}`);
    return registers;
  }

  #raise(bit: Interrupt): void {
    this.#interruptStatus |= bit;
    this.#updateLine();
  }

  #updateLine(): void {
    this.#interrupt.set(this.#interruptStatus !== 0);
  }
}

function powerOnRegisters(maxSize: number): QueueRegisters {
  return { num: maxSize, desc: [0, 0], driver: [0, 0], device: [0, 0] };
}

function address([low, high]: readonly [number, number]): bigint {
  return (BigInt(high) << 32n) | BigInt(low);
}

function featureWords(bits: readonly number[]): [number, number] {
  const words: [number, number] = [0, 0];
  for (const bit of bits) words[bit >> 5 ? 1 : 0] |= 1 << (bit & 31);
  return [words[0] >>> 0, words[1] >>> 0];
}

function hasFeature([low, high]: readonly [number, number], bit: number): boolean {
  return (((bit < 32 ? low : high) >>> (bit & 31)) & 1) !== 0;
}

/** Little-endian, byte by byte: a driver may read a field in any width, and past the end there is nothing. */
function readConfig(config: Uint8Array, offset: number, size: number): number {
  let value = 0;
  for (let index = 0; index < size; index++) value |= (config[offset + index] ?? 0) << (8 * index);
  return value >>> 0;
}
