import { HART_EXTENSIONS, type MachineDescription } from "../../../src/boot/device-tree.js";
import type { GuestMemory } from "../../../src/devices/device.js";

export const RAM_BASE = 0x8000_0000;
export const MIB = 2 ** 20;

/** The machine as vkrun builds it, with `ramMib` of memory. */
export function testMachine(ramMib = 128): MachineDescription {
  const virtio = Array.from({ length: 8 }, (_, slot) => ({
    name: "virtio_mmio",
    compatible: ["virtio,mmio"],
    reg: { base: 0x1000_1000 + slot * 0x1000, size: 0x1000 },
    interrupts: [1 + slot],
  }));
  return {
    ram: { base: RAM_BASE, size: ramMib * MIB },
    timebaseFrequency: 10_000_000,
    harts: [{ extensions: HART_EXTENSIONS }],
    clint: { base: 0x200_0000, size: 0x1_0000 },
    plic: { base: 0xc00_0000, size: 0x60_0000, sources: 95 },
    testFinisher: { base: 0x10_0000, size: 0x1000 },
    devices: [
      {
        name: "serial",
        compatible: ["ns16550a"],
        reg: { base: 0x1000_0000, size: 0x100 },
        interrupts: [10],
        alias: "serial0",
        extra: { "clock-frequency": 3_686_400 },
      },
      { name: "rtc", compatible: ["google,goldfish-rtc"], reg: { base: 0x10_1000, size: 0x1000 }, interrupts: [11] },
      ...virtio,
    ],
    stdout: "serial0",
  };
}

/** Guest RAM in a SharedArrayBuffer, as it is in the product; remembers what was announced as written. */
export class TestMemory implements GuestMemory {
  readonly base = RAM_BASE;
  readonly bytes: Uint8Array;
  readonly written: [gpa: number, length: number][] = [];

  constructor(readonly size: number) {
    this.bytes = new Uint8Array(new SharedArrayBuffer(size));
  }

  view(gpa: number, length: number): Uint8Array {
    const offset = gpa - this.base;
    if (offset < 0 || offset + length > this.size) throw new RangeError(`${gpa}+${length} is outside of RAM`);
    return this.bytes.subarray(offset, offset + length);
  }

  discard(gpa: number, length: number): void {
    this.view(gpa, length).fill(0);
    this.wrote(gpa, length);
  }

  wrote(gpa: number, length: number): void {
    this.written.push([gpa, length]);
  }
}
