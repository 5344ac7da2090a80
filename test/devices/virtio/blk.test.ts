import { beforeEach, describe, expect, it } from "vitest";
import type { BlockBackend } from "../../../src/backends/block-backend.js";
import { MemoryBlock } from "../../../src/backends/memory-block.js";
import { VirtioBlk, type VirtioBlkOptions } from "../../../src/devices/virtio/blk.js";
import { VirtioMmio } from "../../../src/devices/virtio/mmio-transport.js";
import { type Buffer, type DriverQueue, Register, Status, VirtioDriver } from "../../support/virtqueue-driver.js";
import { clearDirty, isDirty, type Surroundings, sameBytes, surroundings, Wire } from "../support.js";

const IN = 0;
const OUT = 1;
const FLUSH = 4;
const GET_ID = 8;
const DISCARD = 11;

const OK = 0;
const IOERR = 1;
const UNSUPP = 2;

/** A disk whose I/O ends when the test says so. */
class HeldDisk implements BlockBackend {
  readonly readOnly = false;
  readonly held: { readonly kind: string; readonly bytes: number; finish(error?: Error): void }[] = [];
  flushes = 0;

  constructor(private readonly disk: MemoryBlock) {}

  get size(): number {
    return this.disk.size;
  }

  async read(offset: number, buffers: readonly Uint8Array[]): Promise<void> {
    await this.#hold("read", buffers);
    await this.disk.read(offset, buffers);
  }

  async write(offset: number, buffers: readonly Uint8Array[]): Promise<void> {
    await this.#hold("write", buffers);
    await this.disk.write(offset, buffers);
  }

  async flush(): Promise<void> {
    this.flushes++;
    await this.#hold("flush", []);
  }

  async [Symbol.asyncDispose](): Promise<void> {}

  #hold(kind: string, buffers: readonly Uint8Array[]): Promise<void> {
    return new Promise((resolve, reject) => {
      this.held.push({
        kind,
        bytes: buffers.reduce((total, { length }) => total + length, 0),
        finish: (error) => (error === undefined ? resolve() : reject(error)),
      });
    });
  }
}

let world: Surroundings;
let disk: MemoryBlock;
let wire: Wire;
let blk: VirtioBlk;
let mmio: VirtioMmio;
let driver: VirtioDriver;
let queue: DriverQueue;

beforeEach(async () => {
  world = await surroundings();
  const bytes = new Uint8Array(1 << 20);
  for (let index = 0; index < bytes.length; index++) bytes[index] = (index >> 9) + (index & 511);
  disk = new MemoryBlock({ bytes });
  plug({ backend: disk });
});

function plug(options: Partial<VirtioBlkOptions> & { backend: BlockBackend }): void {
  wire = new Wire();
  blk = new VirtioBlk({ name: "vda", context: world.context, ...options });
  mmio = new VirtioMmio({ slot: 0, device: blk, interrupt: wire, core: world.queues });
  driver = new VirtioDriver(mmio, world.memory);
  queue = driver.start({ queues: 1 })[0] as DriverQueue;
}

interface Issued {
  readonly head: number;
  readonly data: Buffer;
  readonly status: Buffer;
}

function header(type: number, sector: number | bigint): Uint8Array {
  const bytes = new Uint8Array(16);
  const fields = new DataView(bytes.buffer);
  fields.setUint32(0, type, true);
  fields.setBigUint64(8, BigInt(sector), true);
  return bytes;
}

/** A request as Linux lays it out; `content` is what to write, or how much to read. */
function issue(type: number, sector: number | bigint, content: Uint8Array | number, indirect = true): Issued {
  const data = driver.buffer(content);
  const status = driver.buffer(Uint8Array.of(0xff));
  const buffers = data.length > 0 ? [data] : [];
  const head = queue.add({
    readable: [driver.buffer(header(type, sector)), ...(type === OUT ? buffers : [])],
    writable: [...(type === OUT ? [] : buffers), status],
    indirect,
  });
  queue.kick();
  return { head, data, status };
}

function statusOf({ status }: Issued): number {
  return driver.bytes(status)[0] as number;
}

describe("a virtio disk", () => {
  it("tells its size, segment limit and block size", () => {
    plug({ backend: disk, blockSize: 4096 });
    const config = (offset: number) => mmio.read(Register.Config + offset, 4);
    expect(config(0)).toBe(2048);
    expect(config(4)).toBe(0);
    expect(config(12)).toBe(254);
    expect(config(20)).toBe(4096);
    expect([...driver.offered].filter((bit) => bit < 24)).toEqual([2, 6, 9, 10, 11]);
  });

  it("tells what suits its backend", () => {
    const geometry = { physicalBlock: 4096, optimalTransfer: 64 << 10, discardUnit: 8192 };
    const backend: BlockBackend = Object.assign(new MemoryBlock({ bytes: disk.bytes }), {
      geometry,
      discard: async () => {},
      writeZeroes: async () => {},
    });
    plug({ backend, queues: 3 });
    const config = (offset: number, size: number) => mmio.read(Register.Config + offset, size);
    expect([...driver.offered].filter((bit) => bit < 24)).toEqual([2, 6, 9, 10, 11, 12, 13, 14]);
    expect([config(24, 1), config(25, 1), config(26, 2), config(28, 4)]).toEqual([3, 0, 8, 128]);
    expect(config(34, 2)).toBe(3);
    expect([config(36, 4), config(40, 4), config(44, 4)]).toEqual([2 ** 21, 64, 16]);
    expect([config(48, 4), config(52, 4), config(56, 1)]).toEqual([2 ** 21, 64, 1]);
  });

  it.each([0, 17, 1.5])("cannot be built with %d queues", (queues) => {
    expect(() => new VirtioBlk({ name: "vdb", context: world.context, backend: disk, queues })).toThrow(
      expect.objectContaining({ code: "ERR_VKRUN_INVALID_OPTION" }),
    );
  });

  it("serves each of several queues", async () => {
    plug({ backend: disk, queues: 4 });
    const queues = driver.start({ queues: 4 });
    const issued = queues.map((each, index) => {
      queue = each;
      return issue(IN, index, 512);
    });
    await world.gate.settle();
    expect(issued.map(statusOf)).toEqual([OK, OK, OK, OK]);
    for (const [index, { data }] of issued.entries()) {
      expect(driver.bytes(data)).toEqual(disk.bytes.slice(index * 512, index * 512 + 512));
    }
    expect(queues.map((each) => each.used().length)).toEqual([1, 1, 1, 1]);
  });

  it("offers RO for a disk that cannot be written", () => {
    plug({ backend: new MemoryBlock({ bytes: disk.bytes, readOnly: true }) });
    expect(driver.offered.has(5)).toBe(true);
  });

  it.each([0, 3, 256, 511, 1000, 2 ** 21])("cannot be built with blocks of %i bytes", (blockSize) => {
    expect(() => new VirtioBlk({ name: "vdb", context: world.context, backend: disk, blockSize })).toThrow(
      expect.objectContaining({ code: "ERR_VKRUN_INVALID_OPTION" }),
    );
  });

  it("reads", async () => {
    const request = issue(IN, 3, 1024);
    await world.gate.settle();
    expect(queue.used()).toEqual([{ head: request.head, length: 1025 }]);
    expect(statusOf(request)).toBe(OK);
    expect(driver.bytes(request.data)).toEqual(disk.bytes.slice(3 * 512, 5 * 512));
    expect(wire.level).toBe(true);
  });

  it("writes", async () => {
    const content = new Uint8Array(1536).fill(0x5a);
    const request = issue(OUT, 7, content, false);
    await world.gate.settle();
    expect(queue.used()).toEqual([{ head: request.head, length: 1 }]);
    expect(statusOf(request)).toBe(OK);
    expect(disk.bytes.slice(7 * 512, 10 * 512)).toEqual(content);
    expect(disk.bytes[10 * 512]).toBe(10);
  });

  it("takes header, data and status in whatever pieces the driver chose", async () => {
    const head = header(IN, 9);
    const pieces = [1, 3, 8, 4].map((length, index) => {
      const from = [0, 1, 4, 12][index] as number;
      return driver.buffer(head.slice(from, from + length));
    });
    const space = driver.buffer(513);
    const cuts = [0, 5, 300, 513];
    const writable = cuts.slice(1).map((end, index) => {
      const from = cuts[index] as number;
      return { gpa: space.gpa + from, length: end - from };
    });
    queue.add({ readable: pieces, writable });
    queue.kick();
    await world.gate.settle();
    expect(queue.used()).toHaveLength(1);
    expect(driver.bytes(space).slice(0, 512)).toEqual(disk.bytes.slice(9 * 512, 10 * 512));
    expect(driver.bytes(space)[512]).toBe(OK);
  });

  it("flushes when the backend has", async () => {
    const held = new HeldDisk(disk);
    plug({ backend: held });
    const request = issue(FLUSH, 0, 0);
    await world.gate.settle();
    expect(queue.used()).toEqual([]);
    expect(held.flushes).toBe(1);
    held.held[0]?.finish();
    await world.gate.settle();
    expect(queue.used()).toEqual([{ head: request.head, length: 1 }]);
    expect(statusOf(request)).toBe(OK);
  });

  it.each([
    [undefined, "vda"],
    ["0123456789abcdefghij", "0123456789abcdefghij"],
  ])("answers GET_ID at once (serial %s)", (serial, id) => {
    plug({ backend: disk, ...(serial === undefined ? {} : { serial }) });
    const request = issue(GET_ID, 0, 20);
    expect(queue.used()).toEqual([{ head: request.head, length: 21 }]);
    expect(new TextDecoder().decode(driver.bytes(request.data)).replace(/\0+$/, "")).toBe(id);
  });

  it("refuses a serial of more than 20 bytes", () => {
    expect(() => plug({ backend: disk, serial: "x".repeat(21) })).toThrow(
      expect.objectContaining({ code: "ERR_VKRUN_INVALID_OPTION" }),
    );
  });

  it("answers UNSUPP to what it does not offer", () => {
    for (const type of [DISCARD, 13, 2, 0xffff_ffff]) {
      const request = issue(type, 0, 512);
      expect(statusOf(request)).toBe(UNSUPP);
    }
    expect(queue.used()).toHaveLength(4);
  });

  it.each<[string, number | bigint, number]>([
    ["behind the end", 2048, 512],
    ["across the end", 2047, 1024],
    ["at a sector whose byte offset is beyond 2^64", 2n ** 63n, 512],
    ["at the last sector there can be", 2n ** 64n - 1n, 512],
    ["of part of a sector", 0, 100],
  ])("answers IOERR to a read or write %s", (_what, sector, length) => {
    const before = disk.bytes.slice();
    const read = issue(IN, sector, length);
    const write = issue(OUT, sector, new Uint8Array(length));
    expect([statusOf(read), statusOf(write)]).toEqual([IOERR, IOERR]);
    expect(queue.used().map(({ length: used }) => used)).toEqual([0, 1]);
    expect(sameBytes(disk.bytes, before)).toBe(true);
  });

  it("answers IOERR to a write on a read-only disk", () => {
    plug({ backend: new MemoryBlock({ bytes: disk.bytes, readOnly: true }) });
    expect(statusOf(issue(OUT, 0, new Uint8Array(512)))).toBe(IOERR);
  });

  it("answers IOERR when the backend fails, counts it and goes on", async () => {
    const held = new HeldDisk(disk);
    plug({ backend: held });
    const failed = issue(IN, 0, 512);
    const fine = issue(IN, 1, 512);
    held.held[0]?.finish(new Error("the cable is out"));
    held.held[1]?.finish();
    await world.gate.settle();
    expect([statusOf(failed), statusOf(fine)]).toEqual([IOERR, OK]);
    expect(blk.counters).toMatchObject({ ioErrors: 1, lastReason: "the cable is out" });
  });

  it("completes in the order in which the host does, under labels that number the requests", async () => {
    const held = new HeldDisk(disk);
    plug({ backend: held });
    const requests = [issue(IN, 0, 512), issue(IN, 1, 512), issue(IN, 2, 512)];
    for (const index of [2, 0, 1]) {
      held.held[index]?.finish();
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(queue.used()).toEqual([]);
    expect(world.gate.waiting.map(({ label }) => label)).toEqual(["vda:2", "vda:0", "vda:1"]);
    world.gate.open();
    expect(queue.used().map(({ head }) => head)).toEqual([2, 0, 1].map((index) => requests[index]?.head));
  });

  it("changes guest memory only when a result is applied, and marks it then", async () => {
    const request = issue(IN, 3, 512);
    await blk.quiesce();
    expect(world.gate.waiting).toHaveLength(1);
    expect(driver.bytes(request.data)).toEqual(new Uint8Array(512));
    clearDirty(world.core);
    world.gate.open();
    expect(driver.bytes(request.data)).toEqual(disk.bytes.slice(1536, 2048));
    expect(isDirty(world.core, request.data.gpa)).toBe(true);
    expect(isDirty(world.core, request.status.gpa)).toBe(true);
  });

  it("writes what was in memory when the request was made", async () => {
    const request = issue(OUT, 0, new Uint8Array(512).fill(1));
    world.memory.view(request.data.gpa, 512).fill(2);
    await world.gate.settle();
    expect(disk.bytes.slice(0, 512)).toEqual(new Uint8Array(512).fill(1));
  });

  it("moves requests larger than a piece completely", async () => {
    const bytes = new Uint8Array(6 << 20);
    for (let index = 0; index < bytes.length; index += 512) bytes[index] = index >> 12;
    plug({ backend: new MemoryBlock({ bytes: bytes.slice() }) });
    const read = issue(IN, 0, 5 << 20);
    await world.gate.settle();
    expect(queue.used()).toEqual([{ head: read.head, length: (5 << 20) + 1 }]);
    expect(sameBytes(driver.bytes(read.data), bytes.subarray(0, 5 << 20))).toBe(true);
  });
});

describe("a virtio disk with a hostile driver", () => {
  it.each<[string, { readable?: Buffer[]; writable?: Buffer[] }]>([
    ["without a header", { writable: [{ gpa: 0x8010_0000, length: 513 }] }],
    [
      "with half a header",
      { readable: [{ gpa: 0x8010_0000, length: 15 }], writable: [{ gpa: 0x8010_0100, length: 1 }] },
    ],
    ["without a status", { readable: [{ gpa: 0x8010_0000, length: 16 }] }],
  ])("needs a reset after a request %s", (_what, request) => {
    queue.add(request);
    queue.kick();
    expect(driver.status & Status.DEVICE_NEEDS_RESET).toBe(Status.DEVICE_NEEDS_RESET);
    expect(queue.used()).toEqual([]);
    expect(blk.counters.broken).toBe(1);
  });

  it("has a bounded amount of I/O under way and finishes all of it in the end", async () => {
    const held = new HeldDisk(disk);
    plug({ backend: held });
    const requests = Array.from({ length: 200 }, (_, index) => issue(IN, index, 512));
    expect(held.held.length).toBeLessThanOrEqual(64);
    while (held.held.length > 0) {
      for (const { finish } of held.held.splice(0)) finish();
      await world.gate.settle();
      expect(held.held.length).toBeLessThanOrEqual(64);
    }
    expect(queue.used()).toHaveLength(200);
    expect(requests.map(statusOf)).toEqual(requests.map(() => OK));
  });

  it("bounds I/O by bytes as well", async () => {
    const big = new HeldDisk(new MemoryBlock({ bytes: new Uint8Array(256 << 20) }));
    plug({ backend: big });
    const space = driver.buffer(8 << 20);
    for (let index = 0; index < 60; index++) {
      // All into the same 8 MiB: what a guest asks for may be more than its memory.
      const status = driver.buffer(1);
      queue.add({ readable: [driver.buffer(header(IN, 0))], writable: [space, status], indirect: true });
    }
    queue.kick();
    expect(big.held.reduce((total, { bytes }) => total + bytes, 0)).toBeLessThanOrEqual(18 << 20);
    for (let round = 0; round < 1000 && big.held.length > 0; round++) {
      for (const { finish } of big.held.splice(0)) finish();
      await world.gate.settle();
    }
    expect(queue.used()).toHaveLength(60);
  });

  it("does not pile up I/O by submitting and resetting in turn, nor let it into memory after a reset", async () => {
    const held = new HeldDisk(disk);
    plug({ backend: held });
    const buffers: Issued[] = [];
    for (let round = 0; round < 100; round++) {
      const mark = world.memory.mark();
      buffers.push(issue(IN, 1, 512), issue(IN, 1, 512));
      world.memory.release(mark);
      queue = driver.start({ queues: 1 })[0] as DriverQueue;
    }
    expect(held.held.length).toBeLessThanOrEqual(64);
    const before = world.core.ram.slice();
    for (const { finish } of held.held.splice(0)) finish();
    await world.gate.settle();
    expect(sameBytes(world.core.ram, before)).toBe(true);
    // The places are free again.
    const request = issue(IN, 1, 512);
    expect(held.held).toHaveLength(1);
    held.held[0]?.finish();
    await world.gate.settle();
    expect(statusOf(request)).toBe(OK);
  });
});

describe("a saved virtio disk", () => {
  it("starts requests over that were under way", async () => {
    const held = new HeldDisk(disk);
    plug({ backend: held });
    const requests = [issue(IN, 4, 512), issue(OUT, 5, new Uint8Array(512).fill(9)), issue(FLUSH, 0, 0)];
    const state = structuredClone(mmio.save());
    const before = queue;

    plugWithoutDriver(disk);
    mmio.restore(state);
    await world.gate.settle();
    expect(
      before
        .used()
        .map(({ head }) => head)
        .sort(),
    ).toEqual(requests.map(({ head }) => head).sort());
    expect(requests.map(statusOf)).toEqual([OK, OK, OK]);
    expect(disk.bytes.slice(5 * 512, 6 * 512)).toEqual(new Uint8Array(512).fill(9));
    expect(wire.level).toBe(true);
  });

  function plugWithoutDriver(backend: BlockBackend): void {
    wire = new Wire();
    blk = new VirtioBlk({ name: "vda", context: world.context, backend });
    mmio = new VirtioMmio({ slot: 0, device: blk, interrupt: wire, core: world.queues });
    driver = new VirtioDriver(mmio, world.memory);
  }
});
