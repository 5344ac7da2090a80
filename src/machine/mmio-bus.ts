/**
 * Finds the device behind a guest-physical address. Called in the middle of guest instructions, so it is a table
 * look-up: one byte for each 4 KiB page below the end of the virtio slots.
 */
import type { MmioDevice } from "../devices/device.js";
import { MemoryMap } from "../generated/shared/memory-map.js";

const PAGE_SHIFT = 12;
const END = MemoryMap.VIRTIO + MemoryMap.VIRTIO_STRIDE * MemoryMap.VIRTIO_SLOTS;

export class MmioBus {
  /** Index into #devices, 0 for a hole. */
  readonly #pages = new Uint8Array(END >>> PAGE_SHIFT);
  readonly #devices: (MmioDevice | undefined)[] = [undefined];

  get devices(): readonly MmioDevice[] {
    return this.#devices.filter((device) => device !== undefined);
  }

  /** Windows begin on a page and do not overlap: that the machine is built right is checked here, once. */
  attach(device: MmioDevice): void {
    const first = device.base >>> PAGE_SHIFT;
    const last = (device.base + device.size - 1) >>> PAGE_SHIFT;
    if (device.base % MemoryMap.PAGE_SIZE !== 0 || device.size <= 0 || last >= this.#pages.length) {
      throw new RangeError(`${device.name}: no place for a device at 0x${device.base.toString(16)}`);
    }
    for (let page = first; page <= last; page++) {
      if (this.#pages[page] !== 0) {
        const other = this.#devices[this.#pages[page] ?? 0];
        throw new RangeError(`${device.name} overlaps ${other?.name}`);
      }
      this.#pages[page] = this.#devices.length;
    }
    this.#devices.push(device);
  }

  /** A hole reads as zeroes. */
  load(gpa: number, size: number): number {
    const device = this.#devices[this.#pages[gpa >>> PAGE_SHIFT] ?? 0];
    return device === undefined ? 0 : device.read(gpa - device.base, size);
  }

  /** A hole swallows what is written to it. */
  store(gpa: number, size: number, value: number): void {
    const device = this.#devices[this.#pages[gpa >>> PAGE_SHIFT] ?? 0];
    device?.write(gpa - device.base, size, value >>> 0);
  }
}
