import { describe, expect, it } from "vitest";
import type { MmioDevice } from "../../src/devices/device.js";
import { MmioBus } from "../../src/machine/mmio-bus.js";

function device(name: string, base: number, size: number): MmioDevice & { accesses: unknown[] } {
  const accesses: unknown[] = [];
  return {
    name,
    base,
    size,
    accesses,
    read: (offset, width) => {
      accesses.push(["read", offset, width]);
      return 0xffff_fffe;
    },
    write: (offset, width, value) => {
      accesses.push(["write", offset, width, value]);
    },
    reset: () => {},
  };
}

describe("MmioBus", () => {
  it("finds the device of every page of its window, with offsets from its base", () => {
    const bus = new MmioBus();
    const plic = device("plic", 0x0c00_0000, 0x60_0000);
    const uart = device("uart0", 0x1000_0000, 0x100);
    bus.attach(plic);
    bus.attach(uart);
    expect(bus.load(0x0c00_0000, 4)).toBe(0xffff_fffe);
    bus.store(0x0c5f_fffc, 4, -1);
    bus.store(0x1000_0005, 1, 7);
    expect(plic.accesses).toEqual([
      ["read", 0, 4],
      ["write", 0x5f_fffc, 4, 0xffff_ffff],
    ]);
    expect(uart.accesses).toEqual([["write", 5, 1, 7]]);
  });

  it("reads zeroes from holes and swallows stores to them", () => {
    const bus = new MmioBus();
    bus.attach(device("uart0", 0x1000_0000, 0x100));
    for (const gpa of [0, 0x0010_0000, 0x0fff_f000, 0x1000_1000, 0x1001_1000, 0x7fff_fffc, 0xffff_fffc]) {
      expect(bus.load(gpa, 4)).toBe(0);
      expect(() => bus.store(gpa, 4, 1)).not.toThrow();
    }
  });

  it("refuses a device where another one is, or where none can be", () => {
    const bus = new MmioBus();
    bus.attach(device("plic", 0x0c00_0000, 0x60_0000));
    expect(() => bus.attach(device("other", 0x0c5f_f000, 0x1000))).toThrow("other overlaps plic");
    expect(() => bus.attach(device("odd", 0x0010_0800, 0x100))).toThrow(RangeError);
    expect(() => bus.attach(device("far", 0x1001_1000, 0x1000))).toThrow(RangeError);
  });
});
