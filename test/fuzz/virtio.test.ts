// Every virtio device against a driver that mutates rings, descriptors and registers, and resets devices and queues while
// requests are under way. Nothing may escape into the host; what waits in the gate stays bounded; a saved state can be restored;
// and after a reset the device serves an honest driver as if nothing had happened.
//
// VKRUN_FUZZ_CASES and VKRUN_FUZZ_SEED choose how many cases of each device there are, and the first one's seed.

import { beforeAll, describe, expect, it } from "vitest";
import { VirtqDesc, VirtqPacked } from "../../assembly/shared/virtq.js";
import { VirtioMmio } from "../../src/devices/virtio/mmio-transport.js";
import { type Surroundings, surroundings, Wire } from "../devices/support.js";
import { HartRandom } from "../support/hart-random.js";
import { DriverMemory, Feature, Register, Status, VirtioDriver } from "../support/virtqueue-driver.js";
import { SUBJECTS, type Subject } from "./virtio-subjects.js";

const CASES = Number(process.env["VKRUN_FUZZ_CASES"] ?? 150);
const FIRST_SEED = Number(process.env["VKRUN_FUZZ_SEED"] ?? 1);
const STEPS = 150;
const RAM_BYTES = 2 << 20;
const BASE = 0x8000_0000;
/** Rings, tables and small buffers lie in here, and run into each other. */
const ARENA = 0x4000;
/** Where honest requests have theirs. */
const QUIET = 0x10_0000;
/** What may wait in the gate: results of all that can be under way, a continuation for each queue, and what the host sent. */
const WAITING_MAX = 700;
const REGISTERS = Object.values(Register);

let world: Surroundings;

beforeAll(async () => {
  world = await surroundings(RAM_BYTES);
});

interface Ring {
  readonly queue: number;
  readonly size: number;
  readonly packed: boolean;
  readonly desc: number;
  readonly driver: number;
  readonly device: number;
  next: number;
  lap: number;
}

/** One device and the driver that torments it. */
class Torment {
  readonly random: HartRandom;
  readonly rings: Ring[] = [];
  /** By all devices that there were. */
  requests = 0;
  broken = 0;
  readonly packed: boolean;
  subject: Subject;
  mmio: VirtioMmio;
  driver: VirtioDriver;

  constructor(
    readonly build: (world: Surroundings, random: HartRandom) => Subject,
    seed: number,
  ) {
    this.random = new HartRandom(seed);
    this.packed = this.random.chance(50);
    world.core.ram.fill(0, 0, QUIET + (64 << 10));
    world.gate.waiting.length = 0;
    [this.subject, this.mmio, this.driver] = this.plug();
  }

  plug(): [Subject, VirtioMmio, VirtioDriver] {
    const subject = this.build(world, this.random);
    const mmio = new VirtioMmio({
      slot: this.random.below(16),
      device: subject.device,
      interrupt: new Wire(),
      core: world.queues,
      packed: this.packed,
    });
    return [subject, mmio, new VirtioDriver(mmio, world.memory)];
  }

  async step(): Promise<void> {
    const { random, mmio, driver } = this;
    const what = random.below(100);
    if (what < 8) this.begin();
    else if (what < 40) this.request();
    else if (what < 62) driver.set(Register.QueueNotify, random.below(this.subject.device.queueSizes.length + 1));
    else if (what < 65) world.memory.data.setUint32(random.below(ARENA - 4), this.number(), true);
    else if (what < 72) mmio.write(REGISTERS[random.below(REGISTERS.length)] ?? 0, 4, this.number());
    else if (what < 75) {
      const size = 1 << random.below(3);
      const offset = random.below(0x1000);
      mmio.write(offset, size, this.number());
      expect(mmio.read(offset, size)).toBeGreaterThanOrEqual(0);
    } else if (what < 77) {
      driver.set(Register.QueueSel, random.below(this.subject.device.queueSizes.length));
      driver.set(Register.QueueReset, 1);
    } else if (what < 79) driver.set(Register.Status, 0);
    else if (what < 86) this.subject.poke(random);
    else if (what < 95) await this.letIn();
    else if (what < 97) {
      if (random.chance(50)) this.subject.device.freeze();
      else this.subject.device.thaw();
    } else await this.saveAndRestore();
    expect(world.gate.waiting.length).toBeLessThan(WAITING_MAX);
  }

  /** Features, some queues anywhere in the arena, and mostly DRIVER_OK. */
  begin(): void {
    const { random, driver } = this;
    const offered = [...driver.offered];
    const features = random.chance(50)
      ? offered
      : offered.filter((bit) => bit === Feature.VERSION_1 || random.chance(60));
    if (!driver.negotiate(features)) return;
    this.rings.length = 0;
    const packed = features.includes(Feature.RING_PACKED);
    for (const [queue, maxSize] of this.subject.device.queueSizes.entries()) {
      if (random.chance(15)) continue;
      const size = random.chance(98) ? 1 << random.below(5) : random.below(maxSize + 2);
      // In places of their own, or anywhere.
      const anywhere = random.chance(15);
      const desc = anywhere ? 16 * random.below(ARENA / 16) : 0x400 * queue;
      const driverArea = anywhere ? 4 * random.below(ARENA / 4) : desc + 0x200;
      const device = anywhere ? 4 * random.below(ARENA / 4) : desc + 0x300;
      driver.place(queue, { size, descGpa: BASE + desc, availGpa: BASE + driverArea, usedGpa: BASE + device });
      const next = packed ? 0 : world.memory.data.getUint16(driverArea + 2, true);
      this.rings.push({ queue, size: Math.max(1, size), packed, desc, driver: driverArea, device, next, lap: 1 });
    }
    if (random.chance(95)) driver.addStatus(Status.DRIVER_OK);
  }

  /** One that would be good, but for a mutation now and then and for where it lies; and the notification. */
  request(): void {
    const { random } = this;
    const ring = this.rings[random.below(this.rings.length)];
    if (ring === undefined) return;
    const honest = this.subject.honest;
    const parts =
      ring.queue === honest.queue && random.chance(60)
        ? [
            ...honest.readable.map((bytes) => ({ bytes, length: bytes.length, flags: 0 })),
            ...honest.writable.map((length) => ({ bytes: undefined, length, flags: VirtqDesc.WRITE as number })),
          ]
        : Array.from({ length: 1 + random.below(3) }, () => ({
            bytes: undefined,
            length: random.chance(80) ? random.below(3000) : this.number(),
            flags: random.chance(50) ? VirtqDesc.WRITE : 0,
          })).sort((a, b) => a.flags - b.flags);
    for (const [index, part] of parts.entries()) {
      const at = random.chance(70) ? 0x8000 + 0x1000 * index : random.below(ARENA);
      if (part.bytes !== undefined) world.memory.view(BASE + at, part.length).set(part.bytes);
      // Device requests are told apart by their first bytes.
      if (index === 0 && random.chance(part.bytes === undefined ? 60 : 20))
        world.memory.data.setUint32(at, random.below(16), true);
      const more = index + 1 < parts.length ? VirtqDesc.NEXT : 0;
      const mutation = random.chance(2) ? random.below(8) : 0;
      this.describe(ring, index, at, part.length, (part.flags | more) ^ mutation);
    }
    if (ring.packed) {
      for (let count = 0; count < parts.length; count++)
        if (++ring.next === ring.size) [ring.next, ring.lap] = [0, ring.lap ^ 1];
    } else {
      const { data } = world.memory;
      data.setUint16(
        (ring.driver + 4 + 2 * (ring.next % ring.size)) % RAM_BYTES,
        random.chance(97) ? 0 : random.below(20),
        true,
      );
      ring.next = (ring.next + (random.chance(97) ? 1 : random.below(40))) & 0xffff;
      data.setUint16(ring.driver + 2, ring.next, true);
    }
    if (random.chance(70)) this.driver.set(Register.QueueNotify, ring.queue);
  }

  /** Numbers around which something changes, and any others. */
  number(): number {
    const { random } = this;
    if (random.chance(30)) return random.bits32();
    if (random.chance(30)) return BASE + random.below(ARENA);
    const edges = [0, 1, 2, 3, 4, 7, 11, 15, 16, 64, 128, 255, 256, 4096, 0xffff, 0x7fff_ffff, RAM_BYTES, 0xffff_ffff];
    return edges[random.below(edges.length)] ?? 0;
  }

  describe(ring: Ring, index: number, at: number, length: number, flags: number): void {
    const { data } = world.memory;
    const place = ring.packed ? (ring.next + index) % ring.size : index;
    const lap = ring.next + index >= ring.size ? ring.lap ^ 1 : ring.lap;
    const desc = ring.desc + 16 * place;
    data.setBigUint64(desc, BigInt(BASE + at), true);
    data.setUint32(desc + 8, length >>> 0, true);
    const id = ring.packed ? this.random.below(ring.size) : flags;
    const tail = ring.packed ? flags | (lap ? VirtqPacked.AVAIL : VirtqPacked.USED) : index + 1;
    data.setUint16(desc + 12, id, true);
    data.setUint16(desc + 14, tail, true);
  }

  /** Results enter, all of them or the first few. */
  async letIn(): Promise<void> {
    const { device } = this.subject;
    if (this.random.chance(70)) await device.quiesce();
    const batch = world.gate.waiting.splice(0, this.random.chance(70) ? undefined : 3);
    for (const { apply, payload } of batch) apply(payload);
  }

  /** A checkpoint in the middle of it all: nothing is under way any more, and another device goes on. */
  async saveAndRestore(): Promise<void> {
    const { device } = this.subject;
    device.freeze();
    for (let round = 0; ; round++) {
      await device.quiesce();
      if (world.gate.open().length === 0 && !device.busy) break;
      expect(round).toBeLessThan(2000);
    }
    const state = structuredClone(this.mmio.save());
    const [subject, mmio, driver] = this.plug();
    mmio.restore(state);
    expect(mmio.save().queues.length).toBe(state.queues.length);
    this.count();
    [this.subject, this.mmio, this.driver] = [subject, mmio, driver];
    subject.device.thaw();
  }

  count(): void {
    const { requests, broken } = this.subject.device.counters;
    this.requests += requests;
    this.broken += broken;
  }

  /** After a reset all is as it was at first. */
  async redeem(): Promise<void> {
    const { subject, driver } = this;
    subject.device.thaw();
    subject.calm();
    driver.set(Register.Status, 0);
    for (let round = 0; round < 2000; round++) {
      await subject.device.quiesce();
      if (world.gate.open().length === 0 && !subject.device.busy) break;
    }
    const { queue, readable, writable } = subject.honest;
    const quiet = new VirtioDriver(this.mmio, new DriverMemory(world.core.ram, BASE, QUIET));
    const queues = this.packed
      ? quiet.startPacked({ queues: subject.device.queueSizes.length })
      : quiet.start({ queues: subject.device.queueSizes.length });
    const target = queues[queue];
    if (target === undefined) throw new Error(`there is no queue ${queue}`);
    for (let round = 0; round < 5; round++) {
      target.add({
        readable: readable.map((bytes) => quiet.buffer(bytes)),
        writable: writable.map((length) => quiet.buffer(length)),
      });
      target.kick();
      await subject.device.quiesce();
      while (world.gate.open().length > 0) await subject.device.quiesce();
    }
    expect(target.used()).toHaveLength(5);
    expect(driver.status & Status.DEVICE_NEEDS_RESET).toBe(0);
  }
}

describe.each(Object.entries(SUBJECTS))("a virtio %s device", (_name, build) => {
  it("outlives any driver, and then serves an honest one", { timeout: 600_000 }, async () => {
    let requests = 0;
    let broken = 0;
    for (let seed = FIRST_SEED; seed < FIRST_SEED + CASES; seed++) {
      const torment = new Torment(build, seed);
      try {
        for (let step = 0; step < STEPS; step++) await torment.step();
        torment.count();
        requests += torment.requests;
        broken += torment.broken;
        await torment.redeem();
      } catch (cause) {
        throw new Error(`with seed ${seed}`, { cause });
      }
    }
    // The driver is worth something only if it gets work done, and breaks rules.
    expect(requests).toBeGreaterThan(CASES / 2);
    expect(broken).toBeGreaterThan(CASES / 10);
  });
});
