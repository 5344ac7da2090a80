// What a virtio disk does beyond reading and writing, and how it uses a backend that need not be waited for.

import { beforeEach, describe, expect, it } from "vitest";
import type { BlockBackend } from "../../../src/backends/block-backend.js";
import { MemoryBlock } from "../../../src/backends/memory-block.js";
import { gather, scatter, totalLength } from "../../../src/backends/scatter.js";
import { type DiskFailure, VirtioBlk } from "../../../src/devices/virtio/blk.js";
import { VirtioMmio } from "../../../src/devices/virtio/mmio-transport.js";
import { type Buffer, type DriverQueue, Feature, Register, VirtioDriver } from "../../support/virtqueue-driver.js";
import { type Surroundings, surroundings, Wire } from "../support.js";

const Type = { IN: 0, OUT: 1, FLUSH: 4, DISCARD: 11, WRITE_ZEROES: 13 } as const;
const Blk = { FLUSH: 9, CONFIG_WCE: 11, DISCARD: 13, WRITE_ZEROES: 14 } as const;
const WRITEBACK = Register.Config + 32;
const [OK, IOERR, UNSUPP] = [0, 1, 2];

/** A disk in memory that notes what it is asked for, and has as much at hand as the test says. */
class NotingDisk implements BlockBackend {
  readonly readOnly = false;
  readonly size: number;
  readonly calls: string[] = [];
  readonly bytes: Uint8Array;
  /** How much of a read can be had at once, and whether a write can. */
  atHand = 0;
  takes = false;
  failing: Error | undefined;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.size = bytes.length;
  }

  async read(offset: number, buffers: readonly Uint8Array[]): Promise<void> {
    this.#note(`read ${offset} ${totalLength(buffers)}`);
    scatter(buffers, 0, this.bytes.subarray(offset, offset + totalLength(buffers)));
  }

  async write(offset: number, buffers: readonly Uint8Array[]): Promise<void> {
    this.#note(`write ${offset} ${totalLength(buffers)}`);
    gather(buffers, 0, this.bytes.subarray(offset, offset + totalLength(buffers)));
  }

  tryRead(offset: number, buffers: readonly Uint8Array[]): number {
    const length = Math.min(this.atHand, totalLength(buffers));
    this.calls.push(`try read ${offset} ${length}`);
    if (this.failing !== undefined) throw this.failing;
    return scatter(buffers, 0, this.bytes.subarray(offset, offset + length));
  }

  tryWrite(offset: number, buffers: readonly Uint8Array[]): boolean {
    this.calls.push(`try write ${offset}`);
    if (this.failing !== undefined) throw this.failing;
    if (this.takes) gather(buffers, 0, this.bytes.subarray(offset, offset + totalLength(buffers)));
    return this.takes;
  }

  async flush(): Promise<void> {
    this.#note("flush");
  }

  async discard(offset: number, length: number): Promise<void> {
    this.#note(`discard ${offset} ${length}`);
  }

  async writeZeroes(offset: number, length: number, unmap: boolean): Promise<void> {
    this.#note(`zero ${offset} ${length}${unmap ? " unmap" : ""}`);
    this.bytes.fill(0, offset, offset + length);
  }

  async [Symbol.asyncDispose](): Promise<void> {}

  #note(call: string): void {
    this.calls.push(call);
    if (this.failing !== undefined) throw this.failing;
  }
}

let world: Surroundings;
let disk: NotingDisk;
let failures: DiskFailure[];
let blk: VirtioBlk;
let mmio: VirtioMmio;
let driver: VirtioDriver;
let queue: DriverQueue;

beforeEach(async () => {
  world = await surroundings();
  disk = new NotingDisk(Uint8Array.from({ length: 1 << 20 }, (_, index) => (index >> 9) + index));
  build();
});

function build(features?: number[]): void {
  failures = [];
  blk = new VirtioBlk({ name: "vda", context: world.context, backend: disk, onFailure: (it) => failures.push(it) });
  mmio = new VirtioMmio({ slot: 0, device: blk, interrupt: new Wire(), core: world.queues });
  driver = new VirtioDriver(mmio, world.memory);
  queue = driver.start({ queues: 1, ...(features && { features }) })[0] as DriverQueue;
}

interface Issued {
  readonly data: Buffer;
  readonly status: Buffer;
}

function issue(type: number, sector: number, readable: Uint8Array | undefined, writable = 0): Issued {
  const header = new DataView(new ArrayBuffer(16));
  header.setUint32(0, type, true);
  header.setBigUint64(8, BigInt(sector), true);
  const data = driver.buffer(readable ?? writable);
  const status = driver.buffer(Uint8Array.of(0xff));
  queue.add({
    readable: [driver.buffer(new Uint8Array(header.buffer)), ...(readable === undefined ? [] : [data])],
    writable: [...(readable === undefined && writable > 0 ? [data] : []), status],
  });
  queue.kick();
  return { data, status };
}

const statusOf = ({ status }: Issued): number => driver.bytes(status)[0] as number;

function ranges(...all: [sector: number | bigint, sectors: number, flags?: number][]): Uint8Array {
  const bytes = new DataView(new ArrayBuffer(16 * all.length));
  for (const [index, [sector, sectors, flags = 0]] of all.entries()) {
    bytes.setBigUint64(16 * index, BigInt(sector), true);
    bytes.setUint32(16 * index + 8, sectors, true);
    bytes.setUint32(16 * index + 12, flags, true);
  }
  return new Uint8Array(bytes.buffer);
}

async function run(type: number, sector: number, readable?: Uint8Array, writable?: number): Promise<number> {
  const issued = issue(type, sector, readable, writable);
  await world.gate.settle();
  return statusOf(issued);
}

describe("discarding and zeroing", () => {
  it("hands each range to the backend, in order", async () => {
    expect(await run(Type.DISCARD, 0, ranges([8, 16], [1, 1], [5, 0]))).toBe(OK);
    expect(await run(Type.WRITE_ZEROES, 0, ranges([2, 3, 1], [100, 1]))).toBe(OK);
    expect(disk.calls).toEqual(["discard 4096 8192", "discard 512 512", "zero 1024 1536 unmap", "zero 51200 512"]);
    expect(disk.bytes.subarray(1024, 2560).every((byte) => byte === 0)).toBe(true);
  });

  it.each<[string, number, Uint8Array, number]>([
    ["no range", Type.DISCARD, new Uint8Array(0), IOERR],
    ["half a range", Type.DISCARD, new Uint8Array(24), IOERR],
    ["more ranges than allowed", Type.DISCARD, new Uint8Array(65 * 16), IOERR],
    ["a range behind the end", Type.WRITE_ZEROES, ranges([2048, 1]), IOERR],
    ["a range across the end", Type.DISCARD, ranges([0, 1], [2047, 2]), IOERR],
    ["a sector beyond 2^55", Type.DISCARD, ranges([2n ** 64n - 1n, 1]), IOERR],
    ["more sectors than allowed", Type.WRITE_ZEROES, ranges([0, 2 ** 21 + 1]), IOERR],
    ["an unknown flag", Type.WRITE_ZEROES, ranges([0, 1, 2]), UNSUPP],
    ["unmap where that is understood", Type.DISCARD, ranges([0, 1, 1]), UNSUPP],
  ])("refuses %s as a whole", async (_what, type, data, status) => {
    expect(await run(type, 0, data)).toBe(status);
    expect(disk.calls).toEqual([]);
  });

  it("is not to be had without having been negotiated", async () => {
    build([Feature.VERSION_1]);
    expect(await run(Type.DISCARD, 0, ranges([0, 1]))).toBe(UNSUPP);
    expect(await run(Type.WRITE_ZEROES, 0, ranges([0, 1]))).toBe(UNSUPP);
  });

  it("is not offered by a backend that cannot", async () => {
    const device = new VirtioBlk({
      name: "vdb",
      context: world.context,
      backend: new MemoryBlock({ bytes: disk.bytes }),
    });
    expect(device.features).not.toContain(Blk.DISCARD);
    expect(device.features).not.toContain(Blk.WRITE_ZEROES);
  });
});

describe("the write cache", () => {
  const data = new Uint8Array(512).fill(3);

  it("is on at first, and off when the driver says so", async () => {
    expect(mmio.read(WRITEBACK, 1)).toBe(1);
    mmio.write(WRITEBACK, 1, 0);
    expect(mmio.read(WRITEBACK, 1)).toBe(0);
    disk.takes = true;
    expect(await run(Type.OUT, 3, data)).toBe(OK);
    expect(await run(Type.WRITE_ZEROES, 0, ranges([9, 1]))).toBe(OK);
    expect(disk.calls).toEqual(["write 1536 512", "flush", "zero 4608 512", "flush"]);
    mmio.write(WRITEBACK, 1, 1);
    expect(await run(Type.OUT, 3, data)).toBe(OK);
    expect(disk.calls.slice(4)).toEqual(["try write 1536"]);
  });

  it("cannot be changed by a driver that did not negotiate it, and is off for one that cannot flush", async () => {
    build([Feature.VERSION_1, Blk.FLUSH]);
    mmio.write(WRITEBACK, 1, 0);
    expect(mmio.read(WRITEBACK, 1)).toBe(1);
    expect(await run(Type.OUT, 0, data)).toBe(OK);
    expect(disk.calls).toEqual(["try write 0", "write 0 512"]);
    build([Feature.VERSION_1]);
    expect(await run(Type.OUT, 0, data)).toBe(OK);
    expect(disk.calls.slice(2)).toEqual(["write 0 512", "flush"]);
  });

  it("is on again after a reset, and saved and restored", async () => {
    mmio.write(WRITEBACK, 1, 0);
    const saved = structuredClone(mmio.save());
    mmio.reset();
    expect(mmio.read(WRITEBACK, 1)).toBe(1);
    mmio.restore(saved);
    expect(mmio.read(WRITEBACK, 1)).toBe(0);
  });
});

describe("a backend that has the data at hand", () => {
  it("is read when the event is applied, and not waited for", () => {
    disk.atHand = 1 << 20;
    const request = issue(Type.IN, 4, undefined, 1024);
    expect(disk.calls).toEqual([]);
    expect(world.gate.waiting.map(({ label }) => label)).toEqual(["vda:0"]);
    world.gate.open();
    expect(disk.calls).toEqual(["try read 2048 1024"]);
    expect(statusOf(request)).toBe(OK);
    expect(driver.bytes(request.data)).toEqual(disk.bytes.slice(2048, 3072));
    expect(queue.used()).toMatchObject([{ length: 1025 }]);
  });

  it("is waited for where it has nothing: the event comes about later, under the same label", async () => {
    const request = issue(Type.IN, 4, undefined, 1024);
    const [{ apply } = { apply: () => undefined }] = world.gate.waiting.splice(0);
    expect(apply()).toBe(false);
    expect(statusOf(request)).toBe(0xff);
    await blk.quiesce();
    expect(world.gate.waiting.map(({ label }) => label)).toEqual(["vda:0"]);
    await world.gate.settle();
    expect(statusOf(request)).toBe(OK);
    expect(driver.bytes(request.data)).toEqual(disk.bytes.slice(2048, 3072));
    expect(disk.calls).toEqual(["try read 2048 0", "read 2048 1024"]);
  });

  it("answers with the part that it has, which is recorded, and is asked for the rest", async () => {
    disk.atHand = 1024;
    const request = issue(Type.IN, 0, undefined, 2560);
    const [{ apply } = { apply: () => undefined }] = world.gate.waiting.splice(0);
    const recorded = apply() as Uint8Array;
    expect(Array.from(recorded)).toEqual([OK, 0, 4, 0, 0]);
    await world.gate.settle();
    expect(disk.calls).toEqual(["try read 0 1024", "try read 1024 1024", "try read 2048 512"]);
    expect(statusOf(request)).toBe(OK);
    expect(driver.bytes(request.data)).toEqual(disk.bytes.slice(0, 2560));
  });

  it("in a replay gives as much as the recording says, waited for if need be", async () => {
    const request = issue(Type.IN, 0, undefined, 2560);
    const recorded = Uint8Array.of(OK, 0, 4, 0, 0);
    const [{ apply } = { apply: () => undefined }] = world.gate.waiting.splice(0);
    disk.atHand = 512;
    expect(apply(recorded)).toBe(false);
    await blk.quiesce();
    expect(disk.calls).toEqual(["try read 0 512", "read 0 1024"]);
    const [{ apply: again } = { apply: () => undefined }] = world.gate.waiting.splice(0);
    expect(again(recorded)).not.toBe(false);
    disk.atHand = 1 << 20;
    await world.gate.settle();
    expect(disk.calls.slice(2)).toEqual(["try read 1024 1536"]);
    expect(driver.bytes(request.data)).toEqual(disk.bytes.slice(0, 2560));
  });

  it("is written in the instruction that notified", () => {
    disk.takes = true;
    const request = issue(Type.OUT, 1, new Uint8Array(1024).fill(7));
    expect(disk.bytes.subarray(512, 1536).every((byte) => byte === 7)).toBe(true);
    expect(statusOf(request)).toBe(0xff);
    world.gate.open();
    expect(statusOf(request)).toBe(OK);
    expect(disk.calls).toEqual(["try write 512"]);
  });

  it("is not read for a request that a reset has voided", () => {
    disk.atHand = 1 << 20;
    issue(Type.IN, 4, undefined, 1024);
    driver.start({ queues: 1 });
    const before = world.core.ram.slice();
    world.gate.open();
    expect(disk.calls).toEqual([]);
    expect(Buffer.compare(before, world.core.ram)).toBe(0);
  });
});

describe("a failing backend", () => {
  it("gives the guest IOERR, and the host the reason", async () => {
    const error = Object.assign(new Error("ENOSPC: no space left on device, pwritev"), { code: "ENOSPC" });
    disk.failing = error;
    expect(await run(Type.OUT, 2, new Uint8Array(512))).toBe(IOERR);
    expect(await run(Type.IN, 1, undefined, 512)).toBe(IOERR);
    expect(await run(Type.FLUSH, 0)).toBe(IOERR);
    expect(await run(Type.DISCARD, 0, ranges([8, 8]))).toBe(IOERR);
    expect(failures).toEqual([
      { operation: "write", offset: 1024, length: 512, error },
      { operation: "read", offset: 512, length: 512, error },
      { operation: "flush", offset: 0, length: 0, error },
      { operation: "discard", offset: 4096, length: 4096, error },
    ]);
    expect(blk.counters.ioErrors).toBe(4);
    disk.failing = undefined;
    expect(await run(Type.OUT, 2, new Uint8Array(512))).toBe(OK);
  });

  it("fails in a replay where it failed in the recording, without being asked", () => {
    disk.atHand = 1 << 20;
    const request = issue(Type.IN, 0, undefined, 512);
    for (const { apply } of world.gate.waiting.splice(0)) apply(Uint8Array.of(IOERR));
    expect(statusOf(request)).toBe(IOERR);
    expect(disk.calls).toEqual([]);
  });
});
