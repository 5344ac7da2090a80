import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { NinepServer } from "../../../src/backends/9p/server.js";
import { SharedFolder } from "../../../src/backends/9p/shared-folder.js";
import type { MessageServer } from "../../../src/backends/message-server.js";
import { Virtio9p } from "../../../src/devices/virtio/9p.js";
import { VirtioMmio } from "../../../src/devices/virtio/mmio-transport.js";
import { nativeUnavailable } from "../../../src/native.js";
import { message, s, Type, w } from "../../support/ninep-client.js";
import {
  type DriverQueue,
  type Buffer as GuestBuffer,
  Register,
  VirtioDriver,
} from "../../support/virtqueue-driver.js";
import { type Surroundings, surroundings, Wire } from "../support.js";

const NEEDS_RESET = 64;

let world: Surroundings;
let device: Virtio9p;
let mmio: VirtioMmio;
let driver: VirtioDriver;
let queue: DriverQueue;

/** A server that answers when the test says so. */
class SlowServer implements MessageServer {
  readonly asked: { message: Uint8Array; room: number; answer: (reply: Uint8Array) => void }[] = [];
  resets = 0;

  handle(bytes: Uint8Array, room: number): Promise<Uint8Array> {
    return new Promise((answer) => this.asked.push({ message: bytes, room, answer }));
  }

  reset(): void {
    this.resets++;
  }

  save(): unknown {
    return { asked: this.asked.length };
  }

  restore(): void {}
}

function plug(server: MessageServer, tag = "src"): void {
  device = new Virtio9p({ name: "share0", context: world.context, server, tag });
  mmio = new VirtioMmio({ slot: 5, device, interrupt: new Wire(), core: world.queues });
  driver = new VirtioDriver(mmio, world.memory);
  queue = driver.start({ queues: 1 })[0] as DriverQueue;
}

function send(bytes: Uint8Array, room = 4096): GuestBuffer {
  const reply = driver.buffer(room);
  queue.add({ readable: [driver.buffer(bytes)], writable: [reply] });
  queue.kick();
  return reply;
}

beforeEach(async () => {
  world = await surroundings();
});

describe("a virtio 9P device", () => {
  it("tells its tag, and with which length", () => {
    plug(new SlowServer(), "häuser");
    const bytes = [...Buffer.from("häuser")];
    expect(driver.device.read(Register.Config, 2)).toBe(bytes.length);
    expect(bytes.map((_, i) => driver.device.read(Register.Config + 2 + i, 1))).toEqual(bytes);
    expect(driver.offered.has(0)).toBe(true);
  });

  it.each(["", "x".repeat(32)])("refuses the tag '%s'", (tag) => {
    expect(() => plug(new SlowServer(), tag)).toThrow(expect.objectContaining({ code: "ERR_VKRUN_INVALID_OPTION" }));
  });

  it("brings messages to the server, and replies back through the gate, in the order of the replies", async () => {
    const server = new SlowServer();
    plug(server);
    const [first, second] = [send(message(1, 1, []), 100), send(message(2, 2, [w(7)]), 50)];
    expect(server.asked.map(({ room }) => room)).toEqual([100, 50]);
    expect([...(server.asked[1]?.message ?? [])]).toEqual([...message(2, 2, [w(7)])]);
    server.asked[1]?.answer(Uint8Array.of(2, 2));
    await new Promise((resolve) => setImmediate(resolve));
    expect(queue.used()).toEqual([]);
    expect(world.gate.open().map(({ label, payload }) => [label, payload])).toEqual([
      ["share0:1", Uint8Array.of(2, 2)],
    ]);
    expect(driver.bytes(second).subarray(0, 3)).toEqual(Uint8Array.of(2, 2, 0));
    server.asked[0]?.answer(Uint8Array.of(1));
    await world.gate.settle();
    expect(queue.used().map(({ length }) => length)).toEqual([2, 1]);
    expect(driver.bytes(first)[0]).toBe(1);
  });

  it("takes the recorded reply in place of the server's", async () => {
    const server = new SlowServer();
    plug(server);
    const reply = send(message(1, 1, []));
    server.asked[0]?.answer(new Uint8Array(0));
    await new Promise((resolve) => setImmediate(resolve));
    world.gate.waiting.splice(0)[0]?.apply(Uint8Array.of(4, 5, 6));
    expect(queue.used()).toEqual([{ head: 0, length: 3 }]);
    expect([...driver.bytes(reply).subarray(0, 3)]).toEqual([4, 5, 6]);
  });

  it.each([
    ["shorter than a header", 6, 100],
    ["longer than any server agrees to", (512 << 10) + 1, 100],
    ["without room for an error", 20, 10],
  ])("stops at a message %s", (_, length, room) => {
    const server = new SlowServer();
    plug(server);
    send(new Uint8Array(length), room);
    expect(driver.status & NEEDS_RESET).toBe(NEEDS_RESET);
    expect(server.asked).toEqual([]);
  });

  it("has a bounded number of messages at the server, however often it is reset", async () => {
    const server = new SlowServer();
    plug(server);
    for (let round = 0; round < 10; round++) {
      queue = driver.start({ queues: 1 })[0] as DriverQueue;
      for (let i = 0; i < 20; i++) send(message(1, i, []), 64);
    }
    expect(server.asked).toHaveLength(64);
    expect(server.resets).toBeGreaterThan(9);
    for (const { answer } of server.asked.splice(0)) answer(new Uint8Array(11));
    await world.gate.settle();
    for (const { answer } of server.asked.splice(0)) answer(new Uint8Array(11));
    await world.gate.settle();
    expect(queue.used()).toHaveLength(20);
  });

  it("bounds what messages at the server hold in memory", () => {
    const server = new SlowServer();
    plug(server);
    const buffer = driver.buffer(512 << 10);
    for (let i = 0; i < 60; i++) queue.add({ readable: [buffer], writable: [buffer] });
    queue.kick();
    expect(server.asked.length).toBeLessThanOrEqual(17);
  });
});

describe.runIf(nativeUnavailable() === undefined)("a virtio 9P device with a folder", () => {
  let path: string;
  let server: NinepServer;
  beforeEach(async () => {
    path = mkdtempSync(join(tmpdir(), "vkrun-9pdev-"));
    mkdirSync(join(path, "dir"));
    writeFileSync(join(path, "file"), "contents");
    server = new NinepServer(await SharedFolder.open({ path, readOnly: false, owners: "squash" }), 100);
  });
  afterEach(async () => {
    await server[Symbol.asyncDispose]();
    rmSync(path, { recursive: true });
  });

  async function exchange(bytes: Uint8Array): Promise<Uint8Array> {
    const reply = driver.buffer(4096);
    queue.add({ readable: [driver.buffer(bytes)], writable: [reply] });
    // Not kick: the queue may be one that was laid out for the device before this one.
    driver.set(Register.QueueNotify, 0);
    await device.quiesce();
    await world.gate.settle();
    return driver.bytes(reply).subarray(0, queue.used()[0]?.length);
  }

  const attach = async () => {
    await exchange(message(Type.VERSION, 0xffff, [w(8192), s("9P2000.L")]));
    await exchange(message(Type.ATTACH, 1, [w(1), w(0xffff_ffff), s(""), s(""), w(0)]));
  };

  it("saved with a reply on its way, does not do again what was done", async () => {
    plug(server);
    await attach();
    const reply = send(message(Type.MKDIR, 5, [w(1), s("made"), w(0o755), w(0)]));
    await device.quiesce();
    expect(existsSync(join(path, "made"))).toBe(true);
    const state = structuredClone(mmio.save());
    world.gate.waiting.length = 0;

    const { queues } = driver;
    plug(server);
    mmio.restore(state);
    queue = queues[0] as DriverQueue;
    await world.gate.settle();
    expect(queue.used()).toHaveLength(1);
    // Rmkdir, and not EEXIST.
    expect(driver.bytes(reply)[4]).toBe(Type.MKDIR + 1);
  });

  it("restored, knows the fids that it had", async () => {
    plug(server);
    await attach();
    const state = structuredClone(mmio.save());
    const { queues } = driver;
    plug(server);
    mmio.restore(state);
    queue = queues[0] as DriverQueue;
    const reply = await exchange(message(Type.MKDIR, 5, [w(1), s("made"), w(0o755), w(0)]));
    expect(reply[4]).toBe(Type.MKDIR + 1);
    expect(readFileSync(join(path, "file"), "utf8")).toBe("contents");
  });

  it("forgets them with a reset", async () => {
    plug(server);
    await attach();
    queue = driver.start({ queues: 1 })[0] as DriverQueue;
    const reply = await exchange(message(Type.MKDIR, 5, [w(1), s("made"), w(0o755), w(0)]));
    expect(reply[4]).toBe(7);
    expect(existsSync(join(path, "made"))).toBe(false);
  });
});
