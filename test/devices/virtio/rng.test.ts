import { beforeEach, describe, expect, it } from "vitest";
import { VirtioMmio } from "../../../src/devices/virtio/mmio-transport.js";
import { type EntropySource, VirtioRng } from "../../../src/devices/virtio/rng.js";
import { type DriverQueue, VirtioDriver } from "../../support/virtqueue-driver.js";
import { type Surroundings, surroundings, Wire } from "../support.js";

let world: Surroundings;
let asked: number[];
let wire: Wire;
let rng: VirtioRng;
let mmio: VirtioMmio;
let driver: VirtioDriver;
let queue: DriverQueue;

beforeEach(async () => {
  world = await surroundings();
  plug(count);
  queue = driver.start({ queues: 1 })[0] as DriverQueue;
});

function plug(entropy: EntropySource): void {
  asked = [];
  wire = new Wire();
  rng = new VirtioRng({ name: "rng0", context: world.context, entropy });
  mmio = new VirtioMmio({ slot: 3, device: rng, interrupt: wire, core: world.queues });
  driver = new VirtioDriver(mmio, world.memory);
}

function count(length: number): Uint8Array {
  asked.push(length);
  return Uint8Array.from({ length }, (_, index) => index + 1);
}

describe("a virtio entropy source", () => {
  it("fills buffers through the gate, with the entropy as the event's payload", async () => {
    const buffer = driver.buffer(16);
    queue.add({ writable: [buffer] });
    queue.kick();
    await rng.quiesce();
    expect(queue.used()).toEqual([]);
    const [posted] = world.gate.open();
    expect([posted?.label, posted?.payload]).toEqual(["rng0:0", count(16)]);
    expect(queue.used()).toEqual([{ head: 0, length: 16 }]);
    expect(driver.bytes(buffer)).toEqual(count(16));
    expect(wire.level).toBe(true);
  });

  it("takes the recorded entropy in place of its own", async () => {
    const buffer = driver.buffer(4);
    queue.add({ writable: [buffer] });
    queue.kick();
    await rng.quiesce();
    world.gate.waiting.splice(0)[0]?.apply(Uint8Array.of(9, 8, 7, 6));
    expect([...driver.bytes(buffer)]).toEqual([9, 8, 7, 6]);
  });

  it("gives at most 4096 bytes at a time", async () => {
    queue.add({ writable: [driver.buffer(100_000)] });
    queue.kick();
    await world.gate.settle();
    expect(asked).toEqual([4096]);
    expect(queue.used()).toEqual([{ head: 0, length: 4096 }]);
  });

  it("gives back a buffer that cannot be written, and asks nobody", async () => {
    queue.add({ readable: [driver.buffer(8)] });
    queue.kick();
    await world.gate.settle();
    expect(asked).toEqual([]);
    expect(queue.used()).toEqual([{ head: 0, length: 0 }]);
  });

  it("answers a failing source with no entropy and goes on", async () => {
    plug(() => Promise.reject(new Error("no entropy today")));
    queue = driver.start({ queues: 1 })[0] as DriverQueue;
    queue.add({ writable: [driver.buffer(8)] });
    queue.kick();
    await world.gate.settle();
    expect(queue.used()).toEqual([{ head: 0, length: 0 }]);
    expect(rng.counters).toMatchObject({ ioErrors: 1, lastReason: "no entropy today" });
  });

  it("asks for no more than a queue at once, however often it is reset", async () => {
    const answers: (() => void)[] = [];
    plug((length) => new Promise((resolve) => answers.push(() => resolve(new Uint8Array(length).fill(1)))));
    for (let round = 0; round < 20; round++) {
      queue = driver.start({ queues: 1 })[0] as DriverQueue;
      queue.add({ writable: [driver.buffer(8)] });
      queue.add({ writable: [driver.buffer(8)] });
      queue.kick();
    }
    expect(answers).toHaveLength(8);
    while (answers.length > 0) {
      for (const answer of answers.splice(0)) answer();
      await world.gate.settle();
    }
    expect(queue.used()).toHaveLength(2);
  });
});

describe("a saved virtio entropy source", () => {
  it("answers requests that were under way", async () => {
    plug(() => new Promise(() => {}));
    queue = driver.start({ queues: 1 })[0] as DriverQueue;
    const buffer = driver.buffer(8);
    queue.add({ writable: [buffer] });
    queue.kick();
    const state = structuredClone(mmio.save());
    plug(count);
    mmio.restore(state);
    await world.gate.settle();
    expect(queue.used()).toEqual([{ head: 0, length: 8 }]);
    expect(driver.bytes(buffer)).toEqual(count(8));
  });
});
