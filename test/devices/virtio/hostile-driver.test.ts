// Every device against a driver that does anything at all. Nothing may escape into the host, work and waiting events stay
// bounded, and after a reset the device serves an honest driver as if nothing had happened.

import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { MemoryBlock } from "../../../src/backends/memory-block.js";
import { memoryCable } from "../../../src/backends/memory-net.js";
import type { StreamKey, VsockGuest } from "../../../src/backends/vsock-backend.js";
import { Virtio9p } from "../../../src/devices/virtio/9p.js";
import { VirtioBlk } from "../../../src/devices/virtio/blk.js";
import { VirtioConsole } from "../../../src/devices/virtio/console.js";
import { VirtioMmio } from "../../../src/devices/virtio/mmio-transport.js";
import { VirtioNet } from "../../../src/devices/virtio/net.js";
import { VirtioRng } from "../../../src/devices/virtio/rng.js";
import type { VirtioDevice } from "../../../src/devices/virtio/virtio-device.js";
import { VirtioVsock } from "../../../src/devices/virtio/vsock.js";
import { packet, vectors } from "../../support/net-peer.js";
import { type DriverQueue, Register, VirtioDriver } from "../../support/virtqueue-driver.js";
import { FakeTerminal, type Surroundings, surroundings, Wire } from "../support.js";

const RAM_BYTES = 2 << 20;
const BASE = 0x8000_0000;
/** Where the hostile driver keeps its rings: small, so that they run into each other. */
const ARENA = 0x2000;

interface Case {
  readonly name: string;
  readonly queues: number;
  /** In so many runs at least it must come to work. */
  readonly fewest?: number;
  build(world: Surroundings): VirtioDevice;
  /** Something happens on the host's side. */
  poke(): void;
  /** An honest request, after which something must be used in `queues`. */
  request(driver: VirtioDriver, queues: DriverQueue[]): DriverQueue;
}

function cases(): Case[] {
  const terminal = new FakeTerminal();
  const network = (name: string, logged: boolean): Case => {
    const offloads = { checksum: true, tso4: true, tso6: true, ecn: true, ufo: true, uso: true };
    const [port, peer] = memoryCable({ mtu: 1500, offloads });
    let length = 0;
    return {
      name,
      queues: 3,
      build: (world) =>
        new VirtioNet({
          ...{ name: "net0", context: world.context, backend: port, logged },
          mac: Uint8Array.of(2, 0, 0, 0, 0, 1),
        }),
      poke: () => {
        length = (length + 1301) % 65_000;
        peer.send(vectors(packet(new Uint8Array(60 + length), { gsoType: length > 1500 ? 1 : 0 })));
      },
      request: (driver, [, transmit]) => {
        transmit?.add({ readable: [driver.buffer(new Uint8Array(72))] });
        return transmit as DriverQueue;
      },
    };
  };
  let vsock: VsockGuest | undefined;
  return [
    {
      name: "blk",
      queues: 1,
      build: (world) =>
        new VirtioBlk({
          name: "vda",
          context: world.context,
          backend: new MemoryBlock({ bytes: new Uint8Array(1 << 20) }),
        }),
      poke: () => {},
      request: (driver, [queue]) => {
        queue?.add({ readable: [driver.buffer(new Uint8Array(16))], writable: [driver.buffer(512), driver.buffer(1)] });
        return queue as DriverQueue;
      },
    },
    network("net", false),
    network("recorded net", true),
    {
      name: "9p",
      queues: 1,
      // A message needs both a header and room for a reply, which few of these requests have.
      fewest: 8,
      build: (world) => {
        const server = {
          handle: async (message: Uint8Array, room: number) => message.slice(0, room),
          reset: () => {},
          save: () => ({}),
          restore: () => {},
        };
        return new Virtio9p({ name: "share0", context: world.context, server, tag: "src" });
      },
      poke: () => {},
      request: (driver, [queue]) => {
        queue?.add({ readable: [driver.buffer(new Uint8Array(20))], writable: [driver.buffer(100)] });
        return queue as DriverQueue;
      },
    },
    {
      name: "vsock",
      queues: 3,
      build: (world) => {
        const ignore = () => {};
        const backend = {
          attach: (guest: VsockGuest) => {
            vsock = guest;
          },
          // Whatever the guest wants to connect to is there, and takes what it is given.
          request: (key: StreamKey) => vsock?.accept(key),
          write: (key: StreamKey, bytes: Uint8Array) => vsock?.consumed(key, bytes.length),
          ...{ accepted: ignore, taken: ignore, end: ignore, close: ignore },
        };
        return new VirtioVsock({ name: "vsock0", context: world.context, backend, cid: 3 });
      },
      poke: () => {
        const key = { hostPort: 1, guestPort: 1 };
        vsock?.connect(key);
        vsock?.data(key, new Uint8Array(60));
      },
      request: (driver, [, transmit]) => {
        transmit?.add({ readable: [driver.buffer(new Uint8Array(44))] });
        return transmit as DriverQueue;
      },
    },
    {
      name: "console",
      queues: 2,
      build: (world) => new VirtioConsole({ name: "hvc0", context: world.context, backend: terminal }),
      poke: () => {
        terminal.chunks.length = 0;
        terminal.type("input");
      },
      request: (driver, [, transmit]) => {
        transmit?.add({ readable: [driver.buffer(Uint8Array.of(65))] });
        return transmit as DriverQueue;
      },
    },
    {
      name: "rng",
      queues: 1,
      build: (world) =>
        new VirtioRng({
          name: "rng0",
          context: world.context,
          entropy: (length) => new Uint8Array(length).fill(length),
        }),
      poke: () => {},
      request: (driver, [queue]) => {
        queue?.add({ writable: [driver.buffer(8)] });
        return queue as DriverQueue;
      },
    },
  ];
}

const registers = Object.values(Register);
const value = fc.oneof(
  fc.constantFrom(0, 1, 2, 3, 7, 8, 11, 15, 64, 128, 255, 256, 0xffff_ffff, BASE, BASE + ARENA),
  fc.integer({ min: 0, max: 0xffff_ffff }),
);
const arenaOffset = fc.integer({ min: 0, max: ARENA / 2 - 1 }).map((half) => 2 * half);

const step = fc.oneof(
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant("write" as const), offset: fc.constantFrom(...registers), value }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("access" as const),
      offset: fc.nat(0xfff),
      size: fc.constantFrom(1, 2, 4),
      value,
    }),
  },
  // Rings anywhere in the arena, so that they overlap each other and themselves.
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant("place" as const),
      queue: fc.nat(2),
      size: fc.constantFrom(1, 2, 4, 8, 8, 8, 64, 256),
      rings: fc.tuple(arenaOffset, arenaOffset, arenaOffset),
      features: fc.subarray([28, 29]),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant("scribble" as const),
      at: arenaOffset,
      value: fc.oneof(value, fc.nat(5)),
    }),
  },
  // A descriptor that has a chance to be taken.
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant("descriptor" as const),
      index: fc.nat(8),
      at: arenaOffset,
      length: fc.oneof(fc.nat(64), fc.constantFrom(16, 512, 513, ARENA, RAM_BYTES, 0xffff_fff0)),
      flags: fc.constantFrom(0, 1, 2, 3, 4),
      next: fc.nat(8),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("offer" as const),
      head: fc.nat(9),
      count: fc.constantFrom(1, 1, 1, 2, 4, 300),
    }),
  },
  // A request that would be a good one, if its parts were not where anything may be.
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant("request" as const),
      at: arenaOffset,
      readable: fc.constantFrom(0, 1, 16, 72),
      writable: fc.constantFrom(0, 1, 21, 513, 1526, 4097),
    }),
  },
  { weight: 5, arbitrary: fc.record({ kind: fc.constant("notify" as const), queue: fc.nat(2) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("poke" as const) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("gate" as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("save" as const) }) },
);

let world: Surroundings;

beforeAll(async () => {
  world = await surroundings(RAM_BYTES);
});

describe.each(cases())("a $name device", (subject) => {
  it("outlives any driver and then serves an honest one", async () => {
    let slot = 0;
    let taken = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 80, size: "max" }), async (steps) => {
        world.core.ram.fill(0);
        world.gate.waiting.length = 0;
        const device = subject.build(world);
        const wire = new Wire();
        slot = (slot + 1) % 8;
        const mmio = new VirtioMmio({ slot, device, interrupt: wire, core: world.queues });
        const driver = new VirtioDriver(mmio, world.memory);
        let rings = { desc: 0, avail: 0, size: 1 };
        let availIdx = 0;
        for (const action of steps) {
          switch (action.kind) {
            case "write":
              mmio.write(action.offset, 4, action.value);
              break;
            case "access":
              mmio.write(action.offset, action.size, action.value);
              expect(mmio.read(action.offset, action.size)).toBeGreaterThanOrEqual(0);
              break;
            case "place": {
              const { size, queue } = action;
              const [desc, avail, used] = action.rings;
              driver.negotiate([32, ...action.features]);
              for (const index of new Set([queue, 0])) {
                driver.place(index, {
                  size: Math.min(size, index === queue ? size : 8),
                  descGpa: BASE + (desc & ~15),
                  availGpa: BASE + avail,
                  usedGpa: BASE + (used & ~3),
                });
              }
              driver.addStatus(4);
              rings = { desc: desc & ~15, avail, size };
              availIdx = world.memory.data.getUint16(avail + 2, true);
              break;
            }
            case "scribble":
              world.memory.data.setUint32(action.at, action.value, true);
              break;
            case "descriptor": {
              const at = rings.desc + 16 * action.index;
              world.memory.data.setBigUint64(at, BigInt(BASE + action.at), true);
              world.memory.data.setUint32(at + 8, action.length, true);
              world.memory.data.setUint16(at + 12, action.flags, true);
              world.memory.data.setUint16(at + 14, action.next, true);
              break;
            }
            case "offer":
              for (let count = 0; count < action.count; count++) {
                world.memory.data.setUint16(rings.avail + 4 + 2 * (availIdx % rings.size), action.head, true);
                availIdx = (availIdx + 1) & 0xffff;
              }
              world.memory.data.setUint16(rings.avail + 2, availIdx, true);
              break;
            case "request": {
              const at = rings.desc;
              const { data } = world.memory;
              for (const [index, length, flags] of [
                [0, action.readable, 1],
                [1, action.writable, 2],
              ] as const) {
                data.setBigUint64(at + 16 * index, BigInt(BASE + action.at + 256 * index), true);
                data.setUint32(at + 16 * index + 8, length, true);
                data.setUint32(at + 16 * index + 12, flags | (1 << 16), true);
              }
              data.setUint16(rings.avail + 4 + 2 * (availIdx % rings.size), 0, true);
              availIdx = (availIdx + 1) & 0xffff;
              data.setUint16(rings.avail + 2, availIdx, true);
              break;
            }
            case "notify":
              mmio.write(Register.QueueNotify, 4, action.queue);
              break;
            case "poke":
              subject.poke();
              break;
            case "gate":
              await device.quiesce();
              world.gate.open();
              break;
            case "save":
              structuredClone(mmio.save());
              break;
          }
          // At most what a queue holds, a continuation for each, and what the host's side sent.
          expect(world.gate.waiting.length).toBeLessThan(400);
        }
        taken += device.counters.requests > 0 ? 1 : 0;

        // What is left over from before comes in now or never.
        driver.set(Register.Status, 0);
        for (let round = 0; round < 50; round++) {
          await device.quiesce();
          if (world.gate.open().length === 0) break;
        }
        const mark = world.memory.mark();
        const queues = driver.start({ queues: subject.queues });
        const queue = subject.request(driver, queues);
        queue.kick();
        await device.quiesce();
        world.gate.open();
        expect(queue.used()).toHaveLength(1);
        expect(wire.level).toBe(true);
        world.memory.release(mark);
      }),
      { numRuns: 400, seed: 13 },
    );
    // The generator is worth something only if devices were brought to do work.
    expect(taken).toBeGreaterThan(subject.fewest ?? 25);
  });
});
