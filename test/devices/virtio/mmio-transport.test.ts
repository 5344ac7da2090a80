import { readFileSync } from "node:fs";
import { beforeEach, describe, expect, it } from "vitest";
import { VirtioMmio } from "../../../src/devices/virtio/mmio-transport.js";
import { VIRTQ_ERRORS } from "../../../src/devices/virtio/virtqueue-core.js";
import { type DriverQueue, Feature, Register, Status, VirtioDriver } from "../../support/virtqueue-driver.js";
import { type Surroundings, surroundings, Wire } from "../support.js";
import { ProbeDevice } from "./probe-device.js";

let world: Surroundings;
let probe: ProbeDevice;
let wire: Wire;
let mmio: VirtioMmio;
let driver: VirtioDriver;

beforeEach(async () => {
  world = await surroundings();
  plug(0);
});

function plug(slot: number): void {
  probe = new ProbeDevice("probe0", world.context);
  wire = new Wire();
  mmio = new VirtioMmio({ slot, device: probe, interrupt: wire, core: world.queues });
  driver = new VirtioDriver(mmio, world.memory);
}

describe("a virtio-mmio slot", () => {
  it("lies where QEMU's virt has it and says so in the device tree", () => {
    plug(5);
    expect(mmio.base).toBe(0x1000_6000);
    expect(mmio.deviceTreeNode()).toEqual({
      name: "virtio_mmio",
      compatible: ["virtio,mmio"],
      reg: [0x1000_6000, 0x1000],
      interrupts: [6],
    });
  });

  it("identifies itself", () => {
    expect(driver.get(Register.MagicValue)).toBe(0x74726976);
    expect(driver.get(Register.Version)).toBe(2);
    expect(driver.get(Register.DeviceID)).toBe(42);
    expect(driver.get(Register.VendorID)).toBe(0x6e726b76);
  });

  it("reads 0 from reserved registers, and from all in other widths than 32 bits", () => {
    for (const offset of [0x00c + 0x40, 0x01c, 0x058, 0x0ac, 0x0c0, 0x0f8]) expect(driver.get(offset)).toBe(0);
    expect(mmio.read(Register.MagicValue, 1)).toBe(0);
    expect(mmio.read(Register.MagicValue, 2)).toBe(0);
    mmio.write(Register.Status, 1, Status.ACKNOWLEDGE);
    expect(driver.status).toBe(0);
  });

  it("has no shared memory regions", () => {
    for (let offset = 0x0b0; offset <= 0x0bc; offset += 4) expect(driver.get(offset)).toBe(0xffff_ffff);
  });

  it("refuses a second transport for a device", () => {
    expect(() => new VirtioMmio({ slot: 1, device: probe, interrupt: wire, core: world.queues })).toThrow(RangeError);
  });
});

describe("feature negotiation", () => {
  it("offers the device's features and those of the rings", () => {
    expect([...driver.offered].sort((a, b) => a - b)).toEqual([
      3,
      Feature.INDIRECT_DESC,
      Feature.EVENT_IDX,
      Feature.VERSION_1,
      Feature.RING_RESET,
      50,
    ]);
    driver.set(Register.DeviceFeaturesSel, 2);
    expect(driver.get(Register.DeviceFeatures)).toBe(0);
  });

  it("accepts any part of the offer that has VERSION_1", () => {
    expect(driver.negotiate([Feature.VERSION_1])).toBe(true);
    expect(driver.negotiate([Feature.VERSION_1, 3, 50])).toBe(true);
    expect(mmio.negotiated(50)).toBe(true);
    expect(mmio.negotiated(Feature.EVENT_IDX)).toBe(false);
  });

  it.each([
    ["nothing", []],
    ["everything but VERSION_1", [3, Feature.INDIRECT_DESC]],
    ["a feature of the low word not on offer", [Feature.VERSION_1, 4]],
    ["a feature of the high word not on offer", [Feature.VERSION_1, 51]],
  ])("refuses FEATURES_OK for %s", (_what, features) => {
    expect(driver.negotiate(features)).toBe(false);
  });

  it("is over with FEATURES_OK", () => {
    driver.negotiate([Feature.VERSION_1]);
    driver.set(Register.DriverFeaturesSel, 0);
    driver.set(Register.DriverFeatures, 1 << 3);
    expect(mmio.negotiated(3)).toBe(false);
  });

  it("must be over before DRIVER_OK", () => {
    driver.set(Register.Status, Status.ACKNOWLEDGE | Status.DRIVER | Status.DRIVER_OK);
    expect(driver.status).toBe(Status.ACKNOWLEDGE | Status.DRIVER);
  });

  it("cannot be undone by clearing status bits one by one", () => {
    driver.start({ queues: 0 });
    driver.set(Register.Status, Status.ACKNOWLEDGE);
    expect(driver.status).toBe(Status.ACKNOWLEDGE | Status.DRIVER | Status.FEATURES_OK | Status.DRIVER_OK);
    driver.set(Register.Status, 0);
    expect(driver.status).toBe(0);
  });
});

describe("queues", () => {
  it("say how large they can be, and 0 where there is none", () => {
    const sizes = [0, 1, 2, 0xffff_ffff].map((index) => {
      driver.set(Register.QueueSel, index);
      return driver.get(Register.QueueNumMax);
    });
    expect(sizes).toEqual([16, 64, 0, 0]);
  });

  it("read ready once they are, and not after a reset", () => {
    driver.negotiate([Feature.VERSION_1]);
    expect(driver.get(Register.QueueReady)).toBe(0);
    driver.addQueue(0);
    expect(driver.get(Register.QueueReady)).toBe(1);
    driver.set(Register.QueueReady, 0);
    expect(driver.get(Register.QueueReady)).toBe(0);
    driver.addQueue(0);
    driver.set(Register.Status, 0);
    driver.set(Register.QueueSel, 0);
    expect(driver.get(Register.QueueReady)).toBe(0);
  });

  it("keep their place while in use", () => {
    const [queue] = driver.start({ queues: 1 });
    driver.set(Register.QueueNum, 2);
    driver.set(Register.QueueDescLow, 0);
    driver.set(Register.QueueDeviceHigh, 7);
    queue?.add({ writable: [driver.buffer(1)] });
    queue?.kick();
    expect(queue?.used()).toHaveLength(1);
  });

  it("answer requests and interrupt", () => {
    const [queue] = driver.start({ queues: 2 });
    const buffer = driver.buffer(4);
    const head = queue?.add({ writable: [buffer] });
    queue?.kick();
    expect(queue?.used()).toEqual([{ head, length: 1 }]);
    expect(driver.bytes(buffer)[0]).toBe(0xaa);
    expect(wire.level).toBe(true);
    expect(driver.get(Register.InterruptStatus)).toBe(1);
    driver.set(Register.InterruptACK, 2);
    expect(wire.level).toBe(true);
    driver.set(Register.InterruptACK, 1);
    expect(wire.level).toBe(false);
  });

  it("do nothing before DRIVER_OK, and then look at what was made available before", () => {
    driver.negotiate([Feature.VERSION_1]);
    const queue = driver.addQueue(0);
    queue.add({ writable: [driver.buffer(1)] });
    queue.kick();
    expect(probe.handled).toEqual([]);
    expect(queue.used()).toEqual([]);
    driver.addStatus(Status.DRIVER_OK);
    expect(queue.used()).toHaveLength(1);
  });

  it("ignore notifications for queues that do not exist or are not ready", () => {
    driver.start({ queues: 1 });
    probe.handled.length = 0;
    for (const index of [2, 1000, 0xffff_ffff]) driver.set(Register.QueueNotify, index);
    expect(probe.handled).toEqual([]);
    driver.set(Register.QueueNotify, 1);
    expect(driver.status & Status.DEVICE_NEEDS_RESET).toBe(0);
  });

  it("take addresses beyond 32 bits for what they are", () => {
    driver.negotiate([Feature.VERSION_1]);
    const { base } = world.memory;
    driver.place(0, { size: 16, descGpa: base + 2 ** 32, availGpa: base + 0x4000, usedGpa: base + 0x5000 });
    expect(driver.get(Register.QueueReady)).toBe(0);
    expect(driver.status & Status.DEVICE_NEEDS_RESET).toBe(Status.DEVICE_NEEDS_RESET);
  });
});

describe("a driver that breaks the rules", () => {
  it("gets DEVICE_NEEDS_RESET and a configuration interrupt, and a working device after a reset", () => {
    const [queue] = driver.start({ queues: 1 });
    queue?.offer(999);
    queue?.kick();
    expect(driver.status & Status.DEVICE_NEEDS_RESET).toBe(Status.DEVICE_NEEDS_RESET);
    expect(driver.takeInterrupt()).toBe(2);
    expect(probe.counters).toMatchObject({ broken: 1, lastReason: "queue 0: HEAD_INDEX" });
    // Dead until reset: no work, no interrupts, however often it is asked.
    driver.set(Register.QueueNotify, 0);
    driver.set(Register.QueueNotify, 0);
    expect(probe.counters.broken).toBe(1);
    expect(wire.level).toBe(false);

    const [fresh] = driver.start({ queues: 1 });
    expect(driver.status & Status.DEVICE_NEEDS_RESET).toBe(0);
    fresh?.add({ writable: [driver.buffer(1)] });
    fresh?.kick();
    expect(fresh?.used()).toHaveLength(1);
  });

  it("is not interrupted before DRIVER_OK, but then at once", () => {
    driver.negotiate([Feature.VERSION_1]);
    driver.place(0, { size: 3, descGpa: world.memory.base, availGpa: world.memory.base, usedGpa: world.memory.base });
    expect(driver.status & Status.DEVICE_NEEDS_RESET).toBe(Status.DEVICE_NEEDS_RESET);
    expect(wire.level).toBe(false);
    driver.addStatus(Status.DRIVER_OK);
    expect(wire.level).toBe(true);
  });

  it("cannot have a queue larger than QueueNumMax", () => {
    driver.negotiate([Feature.VERSION_1]);
    driver.addQueue(0, 32);
    expect(driver.get(Register.QueueReady)).toBe(0);
    expect(probe.counters.lastReason).toBe("queue 0: QUEUE_SIZE");
  });

  it("cannot keep the device busy for ever with requests that bring further ones", () => {
    const [queue] = driver.start({ queues: 1 }) as [DriverQueue];
    const buffer = driver.buffer(1);
    // What a guest's other hart could do, or rings that overlap.
    probe.onRequest = () => queue.offer(0);
    queue.writeDesc(0, { addr: buffer.gpa, len: 1, flags: 2, next: 0 });
    queue.offer(0);
    queue.kick();
    expect(probe.counters.requests).toBe(17);
    // One continuation at a time, however often the driver notifies.
    for (let round = 0; round < 100; round++) driver.set(Register.QueueNotify, 0);
    expect(world.gate.waiting).toHaveLength(1);
    const before = probe.counters.requests;
    world.gate.open();
    expect(probe.counters.requests - before).toBe(17);
  });
});

describe("configuration space", () => {
  it("reads in any width at any offset, and 0 behind its end", () => {
    const { Config } = Register;
    expect(mmio.read(Config, 1)).toBe(1);
    expect(mmio.read(Config + 1, 2)).toBe(0x0302);
    expect(mmio.read(Config + 4, 4)).toBe(0x08070605);
    expect(mmio.read(Config + 8, 4)).toBe(9);
    expect(mmio.read(Config + 0xe00, 4)).toBe(0);
  });

  it("passes writes on to the device", () => {
    mmio.write(Register.Config + 4, 2, 0xbeef);
    expect(probe.configWrites).toEqual([[4, 2, 0xbeef]]);
  });

  it("has a new generation after a change, and interrupts a running driver", () => {
    const before = driver.get(Register.ConfigGeneration);
    probe.changeConfig();
    expect(driver.get(Register.ConfigGeneration)).not.toBe(before);
    expect(wire.level).toBe(false);
    driver.start({ queues: 0 });
    probe.changeConfig();
    expect(driver.takeInterrupt()).toBe(2);
  });
});

describe("reset", () => {
  it("by status 0 forgets features, queues and interrupts", () => {
    const [queue] = driver.start({ queues: 1 });
    queue?.add({ writable: [driver.buffer(1)] });
    queue?.kick();
    expect(wire.level).toBe(true);
    const resets = probe.resets;
    driver.set(Register.Status, 0);
    expect(probe.resets).toBe(resets + 1);
    expect(wire.level).toBe(false);
    expect(driver.get(Register.InterruptStatus)).toBe(0);
    expect(mmio.negotiated(Feature.VERSION_1)).toBe(false);
    expect(mmio.running).toBe(false);
  });
});

describe("a saved transport", () => {
  it("goes on in another one", () => {
    const [queue] = driver.start({ queues: 1 });
    queue?.add({ writable: [driver.buffer(1)] });
    queue?.kick();
    const state = structuredClone(mmio.save());
    const handled = probe.handled.length;
    plug(0);
    mmio.restore(state);
    expect(wire.level).toBe(true);
    expect(mmio.save()).toEqual(state);
    expect(queue?.used()).toHaveLength(1);
    queue?.add({ writable: [driver.buffer(1)] });
    mmio.write(Register.QueueNotify, 4, 0);
    expect(probe.handled).toHaveLength(1);
    expect(handled).toBeGreaterThan(0);
    expect(queue?.used()).toHaveLength(1);
  });

  it("is refused when its queue does not fit", () => {
    driver.start({ queues: 1 });
    const state = structuredClone(mmio.save()) as { queues: { state: Uint8Array }[] };
    const queue = state.queues[0] as { state: Uint8Array };
    new DataView(queue.state.buffer).setBigUint64(0, 0n, true);
    plug(0);
    expect(() => mmio.restore(state)).toThrow(expect.objectContaining({ code: "ERR_VKRUN_CHECKPOINT_INVALID" }));
    queue.state = new Uint8Array(1 << 20);
    expect(() => mmio.restore(state)).toThrow(expect.objectContaining({ code: "ERR_VKRUN_CHECKPOINT_INVALID" }));
  });
});

describe("the names of queue errors", () => {
  it("are those of the queue code", () => {
    // In the order in which they are numbered, with none left out.
    const source = readFileSync(new URL("../../../assembly/shared/virtq.ts", import.meta.url), "utf8");
    const body = /enum VirtqError \{(.*?)\n\}/s.exec(source)?.[1] ?? "";
    const members = [...body.matchAll(/^ {2}(\w+) = (\d+),$/gm)];
    expect(members.map(([, name, value]) => [name, Number(value)])).toEqual(
      [...VIRTQ_ERRORS.entries()].map(([value, name]) => [name, value]),
    );
  });
});
