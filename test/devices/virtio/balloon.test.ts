import { beforeEach, describe, expect, it } from "vitest";
import { type BalloonStats, VirtioBalloon } from "../../../src/devices/virtio/balloon.js";
import { VirtioMmio } from "../../../src/devices/virtio/mmio-transport.js";
import { type DriverQueue, Feature, Register, VirtioDriver } from "../../support/virtqueue-driver.js";
import { isDirty, type Surroundings, surroundings, Wire } from "../support.js";

const PAGE = 4096;
const BASE = 0x8000_0000;
const STATS_VQ = 1;
const REPORTING = 5;

let world: Surroundings;
let wire: Wire;
let balloon: VirtioBalloon;
let mmio: VirtioMmio;
let driver: VirtioDriver;
let inflate: DriverQueue;
let deflate: DriverQueue;
let stats: DriverQueue;
let reports: DriverQueue;
let heard: BalloonStats[];
let discarded: [number, number][];

beforeEach(async () => {
  world = await surroundings();
  plug();
  [inflate, deflate, stats, reports] = driver.start({ queues: 4 }) as [
    DriverQueue,
    DriverQueue,
    DriverQueue,
    DriverQueue,
  ];
});

function plug(): void {
  heard = [];
  discarded = [];
  wire = new Wire();
  const { memory } = world.context;
  const watched = {
    ...memory,
    discard: (gpa: number, length: number) => {
      discarded.push([gpa, length]);
      memory.discard(gpa, length);
    },
  };
  balloon = new VirtioBalloon({
    name: "balloon0",
    context: { ...world.context, memory: watched },
    pages: 100,
    onStats: (value) => heard.push(value),
  });
  mmio = new VirtioMmio({ slot: 2, device: balloon, interrupt: wire, core: world.queues });
  driver = new VirtioDriver(mmio, world.memory);
}

function pfns(...pages: number[]): Uint8Array {
  return new Uint8Array(Uint32Array.from(pages, (page) => BASE / PAGE + page).buffer);
}

function give(queue: DriverQueue, bytes: Uint8Array): void {
  queue.add({ readable: [driver.buffer(bytes)] });
  queue.kick();
}

function stat(tag: number, value: bigint): number[] {
  const bytes = new DataView(new ArrayBuffer(10));
  bytes.setUint16(0, tag, true);
  bytes.setBigUint64(2, value, true);
  return [...new Uint8Array(bytes.buffer)];
}

describe("a virtio balloon", () => {
  it("says how large it is to be, and interrupts when that changes at a counted instant", () => {
    expect(mmio.read(Register.Config, 4)).toBe(100);
    balloon.setTarget(0x12345);
    expect(mmio.read(Register.Config, 4)).toBe(100);
    const [posted] = world.gate.open();
    expect([posted?.label, posted?.payload]).toEqual(["balloon0:target:0", Uint8Array.of(0x45, 0x23, 1, 0)]);
    expect(mmio.read(Register.Config, 4)).toBe(0x12345);
    expect(driver.takeInterrupt()).toBe(2);
  });

  it("discards the pages that it is given, neighbours together, whatever their order", () => {
    const at = BASE + 300 * PAGE;
    world.memory.view(at, 5 * PAGE).fill(7);
    give(inflate, pfns(303, 301, 302, 301, 310));
    expect(discarded).toEqual([
      [BASE + 301 * PAGE, 3 * PAGE],
      [BASE + 310 * PAGE, PAGE],
    ]);
    expect([0, 1, 3, 4].map((page) => world.memory.view(at + page * PAGE, 1)[0])).toEqual([7, 0, 0, 7]);
    expect(isDirty(world.core, BASE + 302 * PAGE)).toBe(true);
    expect(inflate.used()).toHaveLength(1);
    expect(wire.level).toBe(true);
  });

  it("discards nothing outside of RAM", () => {
    const end = world.context.memory.size / PAGE;
    give(inflate, pfns(end, end + 1, -1));
    give(inflate, new Uint8Array(Uint32Array.of(0xffff_ffff, 0).buffer));
    expect(discarded).toEqual([]);
    expect(balloon.counters.dropped).toBe(5);
    expect(inflate.used()).toHaveLength(2);
  });

  it("takes a bounded number of pages from one request", () => {
    give(inflate, pfns(...Array.from({ length: 3000 }, (_, index) => index)));
    expect(discarded).toEqual([[BASE, 1024 * PAGE]]);
  });

  it("gives back what the driver wants back, without doing anything for it", () => {
    give(deflate, pfns(300, 301));
    expect(discarded).toEqual([]);
    expect(deflate.used()).toHaveLength(1);
  });

  it("knows how large it is from what the driver writes, and is empty after a reset", () => {
    mmio.write(Register.Config + 4, 4, 77);
    mmio.write(Register.Config, 4, 9);
    expect([balloon.actual, balloon.target]).toEqual([77, 100]);
    driver.set(Register.Status, 0);
    expect([balloon.actual, balloon.target]).toEqual([0, 100]);
  });

  it("keeps the driver's statistics buffer until somebody asks, and reads what comes back", () => {
    give(stats, new Uint8Array(0x1));
    expect(stats.used()).toEqual([]);
    balloon.pollStats();
    expect(stats.used()).toEqual([]);
    expect(world.gate.open().map(({ label }) => label)).toEqual(["balloon0:poll:0"]);
    expect(stats.used()).toHaveLength(1);
    expect(balloon.answersPolls).toBe(false);
    // Nobody there to be asked: nothing happens.
    balloon.pollStats();
    world.gate.open();
    give(stats, Uint8Array.from([...stat(4, 1n << 33n), ...stat(5, 512n), ...stat(999, 1n), 4, 0]));
    expect(heard).toEqual([{ free: 2 ** 33, total: 512 }]);
    expect(balloon.stats).toEqual(heard[0]);
  });

  it("discards what is reported free, by the writable buffers of a request", () => {
    const free = { gpa: BASE + 0x80_0000, length: 0x20_0000 };
    world.memory.view(free.gpa, free.length).fill(9);
    reports.add({ writable: [free, { gpa: BASE + 0x60_0123, length: 0x777 }] });
    reports.kick();
    expect(discarded).toEqual([
      [free.gpa, free.length],
      [BASE + 0x60_0123, 0x777],
    ]);
    expect(world.memory.view(free.gpa, free.length).every((byte) => byte === 0)).toBe(true);
    expect(reports.used()).toEqual([{ head: 0, length: 0 }]);
  });

  it.each([
    ["3, as Linux and QEMU have it", [STATS_VQ, REPORTING], 3],
    ["4, as the specification has it", [STATS_VQ, REPORTING], 4],
    ["2, without statistics", [REPORTING], 2],
  ])("takes reports on queue %s", (_where, features, index) => {
    plug();
    const queues = driver.start({ queues: 5, features: [Feature.VERSION_1, ...features] });
    queues[index]?.add({ writable: [{ gpa: BASE + 0x80_0000, length: PAGE }] });
    queues[index]?.kick();
    expect(discarded).toEqual([[BASE + 0x80_0000, PAGE]]);
  });

  it("discards no more than all of RAM at a time, whatever is reported", () => {
    const all = { gpa: BASE, length: 12 << 20 };
    // The rings are in there too, and zeroes are a ring with nothing in it.
    for (let index = 0; index < 3; index++) reports.add({ writable: [{ gpa: BASE + (4 << 20), length: all.length }] });
    reports.kick();
    expect(discarded).toHaveLength(1);
    expect(balloon.counters.dropped).toBeGreaterThan(0);
  });
});

describe("a saved balloon", () => {
  it("has its size, its statistics and the buffer for further ones", () => {
    give(stats, Uint8Array.from(stat(4, 5n)));
    mmio.write(Register.Config + 4, 4, 55);
    balloon.setTarget(200);
    world.gate.open();
    const state = structuredClone(mmio.save());
    plug();
    mmio.restore(state);
    expect([balloon.target, balloon.actual, balloon.stats]).toEqual([200, 55, { free: 5 }]);
    expect(balloon.answersPolls).toBe(true);
    balloon.pollStats();
    world.gate.open();
    expect(stats.used()).toHaveLength(1);
  });
});
