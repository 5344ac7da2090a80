import { beforeEach, describe, expect, it } from "vitest";
import { memoryCable } from "../../../src/backends/memory-net.js";
import type { NetBackend } from "../../../src/backends/net-backend.js";
import { VirtioMmio } from "../../../src/devices/virtio/mmio-transport.js";
import { VirtioNet } from "../../../src/devices/virtio/net.js";
import { type Buffer, type DriverQueue, Register, VirtioDriver } from "../../support/virtqueue-driver.js";
import { type Surroundings, surroundings, Wire } from "../support.js";

const MAC = Uint8Array.of(0x52, 0x54, 0, 0x12, 0x34, 0x56);
const HEADER = 12;

let world: Surroundings;
let wire: Wire;
let net: VirtioNet;
let mmio: VirtioMmio;
let driver: VirtioDriver;
let rx: DriverQueue;
let tx: DriverQueue;
let peer: NetBackend;
let received: Uint8Array[];

beforeEach(async () => {
  world = await surroundings();
  const [port, other] = memoryCable();
  peer = other;
  received = [];
  peer.attach((frame) => received.push(frame.slice()));
  plug(port);
  start();
});

function plug(backend: NetBackend): void {
  wire = new Wire();
  net = new VirtioNet({ name: "net0", context: world.context, backend, mac: MAC });
  mmio = new VirtioMmio({ slot: 2, device: net, interrupt: wire, core: world.queues });
  driver = new VirtioDriver(mmio, world.memory);
}

function start(): void {
  [rx, tx] = driver.start({ queues: 2 }) as [DriverQueue, DriverQueue];
}

function frame(length: number, fill = length): Uint8Array {
  return new Uint8Array(length).fill(fill);
}

/** Offers a receive buffer of the size that Linux uses. */
function offer(length = 1526): Buffer {
  const buffer = driver.buffer(length);
  rx.add({ writable: [buffer] });
  rx.kick();
  return buffer;
}

function transmit(...parts: Uint8Array[]): void {
  tx.add({ readable: parts.map((part) => driver.buffer(part)) });
  tx.kick();
}

describe("a virtio network port", () => {
  it("tells its address and that the link is up", () => {
    expect([0, 1, 2, 3, 4, 5].map((offset) => mmio.read(Register.Config + offset, 1))).toEqual([...MAC]);
    expect(mmio.read(Register.Config + 6, 2)).toBe(1);
    expect([...driver.offered].filter((bit) => bit < 24)).toEqual([5, 16]);
  });

  it.each([
    ["of 5 bytes", MAC.subarray(1)],
    ["of a group", Uint8Array.of(1, 0, 0x5e, 0, 0, 1)],
  ])("cannot have an address %s", (_what, mac) => {
    const [backend] = memoryCable();
    expect(() => new VirtioNet({ name: "net1", context: world.context, backend, mac })).toThrow(
      expect.objectContaining({ code: "ERR_VKRUN_INVALID_OPTION" }),
    );
  });

  it("sends frames without their headers, however they are cut", () => {
    transmit(new Uint8Array(HEADER), frame(60));
    transmit(Uint8Array.from([...new Uint8Array(HEADER), ...frame(1514, 7)]));
    transmit(new Uint8Array(5), new Uint8Array(7), frame(20, 1), frame(30, 2));
    expect(received).toEqual([frame(60), frame(1514, 7), Uint8Array.from([...frame(20, 1), ...frame(30, 2)])]);
    expect(tx.used()).toHaveLength(3);
  });

  it.each([0, HEADER - 1, HEADER, HEADER + 13, HEADER + 1519, 70_000])("drops a transmission of %i bytes", (length) => {
    transmit(...(length === 0 ? [new Uint8Array(0)] : [new Uint8Array(length)]));
    expect(received).toEqual([]);
    expect(tx.used()).toHaveLength(1);
    expect(net.counters.dropped).toBe(1);
  });

  it("receives frames when the gate opens, behind a header with num_buffers 1", () => {
    const buffer = offer();
    peer.send(frame(64, 9));
    expect(rx.used()).toEqual([]);
    expect(world.gate.open().map(({ label, payload }) => [label, payload])).toEqual([["net0:frame:0", frame(64, 9)]]);
    expect(rx.used()).toEqual([{ head: 0, length: HEADER + 64 }]);
    const bytes = driver.bytes(buffer);
    expect([...bytes.subarray(0, HEADER)]).toEqual([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0]);
    expect(bytes.subarray(HEADER, HEADER + 64)).toEqual(frame(64, 9));
    expect(wire.level).toBe(true);
  });

  it("keeps frames until the driver has buffers, and asks to be told of them", () => {
    peer.send(frame(64, 1));
    peer.send(frame(64, 2));
    world.gate.open();
    expect(wire.level).toBe(false);
    const buffers = [driver.buffer(1526), driver.buffer(1526)];
    for (const buffer of buffers) rx.add({ writable: [buffer] });
    expect(rx.kick()).toBe(true);
    expect(rx.used()).toHaveLength(2);
    expect(buffers.map((buffer) => driver.bytes(buffer)[HEADER])).toEqual([1, 2]);
  });

  it("does not ask to be told of buffers while no frame waits for one", () => {
    offer();
    peer.send(frame(64));
    world.gate.open();
    const kicks = rx.kicks;
    for (let index = 0; index < 10; index++) offer();
    expect(rx.kicks).toBe(kicks);
  });

  it("loses what comes on top of 256 waiting frames", () => {
    for (let index = 0; index < 300; index++) peer.send(frame(64));
    world.gate.open();
    for (let index = 0; index < 300; index++) peer.send(frame(64));
    world.gate.open();
    expect(net.counters.dropped).toBe(344);
    for (let index = 0; index < 256; index++) rx.add({ writable: [driver.buffer(80)] });
    rx.kick();
    expect(rx.used()).toHaveLength(256);
  });

  it("drops frames that no Ethernet has", () => {
    offer();
    peer.send(frame(13));
    peer.send(frame(1519));
    expect(world.gate.waiting).toEqual([]);
    expect(net.counters.dropped).toBe(2);
  });

  it("gives back a buffer that is too small unused", () => {
    const buffer = offer(HEADER + 63);
    peer.send(frame(64, 5));
    world.gate.open();
    expect(rx.used()).toEqual([{ head: 0, length: 0 }]);
    expect(driver.bytes(buffer)).toEqual(new Uint8Array(HEADER + 63));
    expect(net.counters.dropped).toBe(1);
  });

  it("loses frames for a driver that is not there (any more)", () => {
    peer.send(frame(64));
    driver.set(Register.Status, 0);
    world.gate.open();
    start();
    offer();
    expect(rx.used()).toEqual([]);
  });

  it("does not hear from a cable that was pulled", async () => {
    await peer[Symbol.asyncDispose]();
    transmit(new Uint8Array(HEADER), frame(60));
    expect(received).toEqual([]);
    expect(tx.used()).toHaveLength(1);
  });
});

describe("a saved virtio network port", () => {
  it("has the frames that were waiting", () => {
    peer.send(frame(64, 3));
    world.gate.open();
    const state = structuredClone(mmio.save());
    plug(memoryCable()[0]);
    mmio.restore(state);
    const buffer = offer();
    mmio.write(Register.QueueNotify, 4, 0);
    expect(rx.used()).toHaveLength(1);
    expect(driver.bytes(buffer)[HEADER]).toBe(3);
  });
});
