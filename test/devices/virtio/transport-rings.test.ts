import { beforeEach, describe, expect, it } from "vitest";
import { VirtioMmio } from "../../../src/devices/virtio/mmio-transport.js";
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
  plug();
});

function plug(packed = true): void {
  probe = new ProbeDevice("probe0", world.context);
  wire = new Wire();
  mmio = new VirtioMmio({ slot: 9, device: probe, interrupt: wire, core: world.queues, packed });
  driver = new VirtioDriver(mmio, world.memory);
}

function held(): DriverQueue {
  probe.holding = true;
  const [queue] = driver.start({
    queues: 2,
    features: [...driver.offered].filter((bit) => bit !== Feature.RING_PACKED),
  });
  return queue as DriverQueue;
}

describe("slots behind those of QEMU's virt", () => {
  it("go on in memory, and with interrupts that no other device has", () => {
    expect(mmio.deviceTreeNode()).toMatchObject({ reg: [0x1000_a000, 0x1000], interrupts: [13] });
  });
});

describe("packed rings", () => {
  it("are on offer where the machine wants them", () => {
    expect(driver.offered.has(Feature.RING_PACKED)).toBe(true);
    plug(false);
    expect(driver.offered.has(Feature.RING_PACKED)).toBe(false);
  });

  it("carry requests and interrupts, at sizes that are no powers of two too", () => {
    const [queue] = driver.startPacked({ queues: 2, size: 7 });
    for (let round = 0; round < 20; round++) {
      queue?.enableInterrupts();
      const buffer = driver.buffer(4);
      const head = queue?.add({ writable: [buffer, driver.buffer(1)], indirect: round % 2 === 0 });
      expect(queue?.kick()).toBe(true);
      expect(queue?.used()).toEqual([{ head, length: 1 }]);
      expect(driver.bytes(buffer)[0]).toBe(0xaa);
      expect(driver.takeInterrupt()).toBe(1);
    }
  });

  it("are split ones for a driver that does not want them", () => {
    const features = [...driver.offered].filter((bit) => bit !== Feature.RING_PACKED);
    const [queue] = driver.start({ queues: 1, features });
    queue?.add({ writable: [driver.buffer(1)] });
    queue?.kick();
    expect(queue?.used()).toHaveLength(1);
  });
});

describe("the reset of a queue", () => {
  it("voids its requests, and leaves the other queue and the device alone", () => {
    const first = held();
    const second = driver.queues[1] as DriverQueue;
    const [void1, kept] = [driver.buffer(1), driver.buffer(1)];
    first.add({ writable: [void1] });
    first.kick();
    second.add({ writable: [kept] });
    second.kick();
    driver.set(Register.QueueSel, 0);
    driver.set(Register.QueueReset, 1);
    expect(driver.get(Register.QueueReset)).toBe(0);
    expect(driver.get(Register.QueueReady)).toBe(0);
    expect(probe.queueResets).toEqual([0]);
    probe.answerHeld();
    expect(driver.bytes(void1)[0]).toBe(0);
    expect(driver.bytes(kept)[0]).toBe(0xbb);
    expect(first.used()).toEqual([]);
    expect(second.used()).toHaveLength(1);
    expect(driver.status & Status.DEVICE_NEEDS_RESET).toBe(0);
  });

  it("lets it start again, elsewhere and with another size", () => {
    held();
    probe.holding = false;
    driver.set(Register.QueueSel, 0);
    driver.set(Register.QueueReset, 1);
    const again = driver.addQueue(0, 4);
    again.add({ writable: [driver.buffer(1)] });
    again.kick();
    expect(again.used()).toHaveLength(1);
  });

  it("is not to be had without VIRTIO_F_RING_RESET", () => {
    driver.start({ queues: 1, features: [Feature.VERSION_1] });
    driver.set(Register.QueueSel, 0);
    driver.set(Register.QueueReset, 1);
    expect(driver.get(Register.QueueReady)).toBe(1);
    expect(probe.queueResets).toEqual([]);
  });

  it("does nothing to a queue that is not there, or before DRIVER_OK", () => {
    driver.negotiate([Feature.VERSION_1, Feature.RING_RESET]);
    driver.addQueue(0);
    driver.set(Register.QueueReset, 1);
    expect(driver.get(Register.QueueReady)).toBe(1);
    driver.addStatus(Status.DRIVER_OK);
    driver.set(Register.QueueSel, 77);
    driver.set(Register.QueueReset, 1);
    expect(probe.queueResets).toEqual([]);
  });
});

describe("a frozen device", () => {
  it("finishes what it has taken, takes nothing more, and goes on when it thaws", () => {
    const queue = held();
    const [taken, later] = [driver.buffer(1), driver.buffer(1)];
    queue.add({ writable: [taken] });
    queue.kick();
    probe.freeze();
    queue.add({ writable: [later] });
    driver.set(Register.QueueNotify, 0);
    probe.answerHeld();
    expect(driver.bytes(taken)[0]).toBe(0xbb);
    expect(queue.used()).toHaveLength(1);
    probe.holding = false;
    probe.thaw();
    expect(driver.bytes(later)[0]).toBe(0xaa);
    expect(queue.used()).toHaveLength(1);
  });

  it("is frozen in its saved state too, and loses no request to it", () => {
    const queue = held();
    const [taken, offered] = [driver.buffer(1), driver.buffer(1)];
    queue.add({ writable: [taken] });
    queue.kick();
    probe.freeze();
    queue.add({ writable: [offered] });
    queue.kick();
    const state = structuredClone(mmio.save());
    plug();
    mmio.restore(state);
    expect(queue.used()).toEqual([]);
    probe.answerHeld();
    probe.thaw();
    expect([driver.bytes(taken)[0], driver.bytes(offered)[0]]).toEqual([0xbb, 0xaa]);
    expect(queue.used()).toHaveLength(2);
  });
});

describe("a saved state", () => {
  it("of another version is refused, the transport's and the device's", () => {
    held();
    const state = structuredClone(mmio.save());
    for (const foreign of [
      { ...state, version: 2 },
      { ...state, device: { ...state.device, version: 7 } },
    ]) {
      expect(() => mmio.restore(foreign)).toThrow(expect.objectContaining({ code: "ERR_VKRUN_CHECKPOINT_INVALID" }));
    }
  });

  it("has the continuation that was due", () => {
    const queue = held();
    probe.holding = false;
    const buffer = driver.buffer(1);
    probe.onRequest = () => queue.offer(0);
    queue.writeDesc(0, { addr: buffer.gpa, len: 1, flags: 2, next: 0 });
    queue.offer(0);
    queue.kick();
    const state = structuredClone(mmio.save());
    world.gate.waiting.length = 0;
    plug();
    mmio.restore(state);
    expect(world.gate.waiting).toHaveLength(1);
    world.gate.open();
    expect(probe.counters.requests).toBe(1);
  });
});

describe("counters", () => {
  it("tell notifications, requests, interrupts and resets", () => {
    const queue = held();
    probe.holding = false;
    for (let round = 0; round < 3; round++) {
      queue.enableInterrupts();
      queue.add({ writable: [driver.buffer(1)] });
      queue.kick();
      queue.used();
    }
    driver.set(Register.QueueReset, 1);
    driver.set(Register.Status, 0);
    // One for the queue, one each for the device before and after.
    expect(probe.counters).toMatchObject({ kicks: 3, requests: 3, interrupts: 3, resets: 3, broken: 0 });
  });
});
