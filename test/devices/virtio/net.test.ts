import { beforeEach, describe, expect, it } from "vitest";
import { memoryCable } from "../../../src/backends/memory-net.js";
import { type NetBackend, type NetCapabilities, NO_OFFLOADS } from "../../../src/backends/net-backend.js";
import { VirtioMmio } from "../../../src/devices/virtio/mmio-transport.js";
import { VirtioNet } from "../../../src/devices/virtio/net.js";
import { HEADER, NetPeer, packet } from "../../support/net-peer.js";
import { type Buffer, type DriverQueue, Register, VirtioDriver } from "../../support/virtqueue-driver.js";
import { isDirty, type Surroundings, surroundings, Wire } from "../support.js";

const MAC = Uint8Array.of(0x52, 0x54, 0, 0x12, 0x34, 0x56);
const ALL = { checksum: true, tso4: true, tso6: true, ecn: true, ufo: true, uso: true };
/** Feature bits (5.1.3). */
const [GUEST_CSUM, GUEST_TSO4, MRG_RXBUF, CTRL_VQ, CTRL_RX, CTRL_VLAN, VERSION_1] = [1, 7, 15, 17, 18, 19, 32];

let world: Surroundings;
let wire: Wire;
let net: VirtioNet;
let mmio: VirtioMmio;
let driver: VirtioDriver;
let rx: DriverQueue;
let tx: DriverQueue;
let ctrl: DriverQueue;
let peer: NetPeer;
let logged: boolean;

function plug(backend: NetBackend): void {
  wire = new Wire();
  net = new VirtioNet({ name: "net0", context: world.context, backend, mac: MAC, logged });
  mmio = new VirtioMmio({ slot: 2, device: net, interrupt: wire, core: world.queues });
  driver = new VirtioDriver(mmio, world.memory);
}

function cable(capabilities: Partial<NetCapabilities> = {}): void {
  const [port, other] = memoryCable({ mtu: 1500, offloads: NO_OFFLOADS, ...capabilities });
  peer = new NetPeer(other);
  peer.backend.accept(ALL);
  plug(port);
}

function start(features?: Iterable<number>): void {
  const queues = driver.start({ queues: 3, ...(features && { features }) });
  [rx, tx, ctrl] = queues as [DriverQueue, DriverQueue, DriverQueue];
}

/** Everything on offer but these. */
function without(...bits: number[]): number[] {
  return [...driver.offered].filter((bit) => !bits.includes(bit));
}

function frame(length: number, fill = length): Uint8Array {
  return new Uint8Array(length).fill(fill & 0xfe);
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

/** Lets packets in: those that come of others too. */
function settle(): void {
  for (let turn = 0; turn < 5; turn++) world.gate.open();
}

/** Sends a command on the control queue and answers the device's word on it. */
function command(kind: number, number: number, data: Uint8Array | readonly number[]): number {
  const ack = driver.buffer(Uint8Array.of(0xee));
  ctrl.add({
    readable: [driver.buffer(Uint8Array.of(kind, number)), driver.buffer(Uint8Array.from(data))],
    writable: [ack],
  });
  ctrl.kick();
  ctrl.used();
  return driver.bytes(ack)[0] as number;
}

const status = (): number => mmio.read(Register.Config + 6, 2);

describe.each([
  ["", false],
  [" whose inputs are recorded", true],
])("a virtio network port%s", (_name, recorded) => {
  beforeEach(async () => {
    world = await surroundings();
    logged = recorded;
    cable();
    start();
  });

  it("tells its address and that the link is up", () => {
    expect([0, 1, 2, 3, 4, 5].map((offset) => mmio.read(Register.Config + offset, 1))).toEqual([...MAC]);
    expect(status()).toBe(1);
    expect([...driver.offered].filter((bit) => bit < 24)).toEqual([5, 15, 16, 17, 18, 19, 20, 21, 23]);
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
    expect(peer.frames).toEqual([frame(60), frame(1514, 7), Uint8Array.from([...frame(20, 1), ...frame(30, 2)])]);
    expect(tx.used()).toHaveLength(3);
  });

  it.each([0, HEADER - 1, HEADER, HEADER + 13, HEADER + 1519, 70_000])("drops a transmission of %i bytes", (length) => {
    transmit(...(length === 0 ? [new Uint8Array(0)] : [new Uint8Array(length)]));
    expect(peer.frames).toEqual([]);
    expect(tx.used()).toHaveLength(1);
    expect(net.counters.dropped).toBe(1);
  });

  it("receives frames when the gate opens, behind a header with num_buffers 1", () => {
    const buffer = offer();
    peer.send(frame(64, 8));
    expect(rx.used()).toEqual([]);
    const posted = world.gate.waiting.map(({ label, payload }) => [label, payload?.slice()]);
    world.gate.open();
    // Where inputs are recorded, all of it is in the input.
    expect(posted).toEqual([recorded ? ["net0:frame:0", packet(frame(64, 8))] : ["net0:receive:0", undefined]]);
    expect(rx.used()).toEqual([{ head: 0, length: HEADER + 64 }]);
    const bytes = driver.bytes(buffer);
    expect([...bytes.subarray(0, HEADER)]).toEqual([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0]);
    expect(bytes.subarray(HEADER, HEADER + 64)).toEqual(frame(64, 8));
    expect(isDirty(world.core, buffer.gpa)).toBe(true);
    expect(wire.level).toBe(true);
  });

  it("keeps frames until the driver has buffers, and asks to be told of them", () => {
    peer.send(frame(64, 2));
    peer.send(frame(64, 4));
    settle();
    expect(wire.level).toBe(false);
    const buffers = [driver.buffer(1526), driver.buffer(1526)];
    for (const buffer of buffers) rx.add({ writable: [buffer] });
    expect(rx.kick()).toBe(true);
    settle();
    expect(rx.used()).toHaveLength(2);
    expect(buffers.map((buffer) => driver.bytes(buffer)[HEADER])).toEqual([2, 4]);
  });

  it("does not ask to be told of buffers while no frame waits for one", () => {
    for (let index = 0; index < 20; index++) offer();
    peer.send(frame(64));
    settle();
    const kicks = rx.kicks;
    for (let index = 0; index < 10; index++) offer();
    expect(rx.kicks).toBe(kicks);
  });

  it("loses what comes on top of a backlog, and delivers the rest in its order", () => {
    for (let index = 0; index < 2000; index++) peer.send(frame(64, index % 128));
    settle();
    const heads: number[] = [];
    for (let round = 0; round < 40; round++) {
      const buffers = Array.from({ length: 64 }, () => driver.buffer(80));
      for (const buffer of buffers) rx.add({ writable: [buffer] });
      rx.kick();
      settle();
      for (const _used of rx.used()) heads.push(driver.bytes(buffers.shift() as Buffer)[HEADER] ?? -1);
      if (buffers.length > 0) break;
    }
    expect(heads.length).toBeGreaterThanOrEqual(256);
    expect(heads.length).toBeLessThan(1000);
    expect(heads).toEqual(heads.map((_, index) => (index % 128) & 0xfe));
  });

  it("drops frames that no Ethernet has", () => {
    offer();
    peer.send(frame(13));
    peer.send(frame(1519));
    settle();
    expect(rx.used()).toEqual([]);
    offer();
    peer.send(frame(60));
    settle();
    expect(rx.used()).toHaveLength(1);
  });

  it("loses frames for a driver that is not there (any more)", () => {
    peer.send(frame(64));
    driver.set(Register.Status, 0);
    settle();
    peer.send(frame(64));
    settle();
    start();
    offer();
    settle();
    expect(rx.used()).toEqual([]);
  });

  it("is told by the link that a cable was pulled", async () => {
    await peer.backend[Symbol.asyncDispose]();
    transmit(new Uint8Array(HEADER), frame(60));
    expect(peer.frames).toEqual([]);
    expect(tx.used()).toHaveLength(1);
    expect(status()).toBe(1);
    expect(world.gate.open().map(({ label }) => label)).toEqual(["net0:link:0"]);
    expect(status()).toBe(0);
    // Configuration change (4.2.2).
    expect(mmio.read(Register.InterruptStatus, 4) & 2).toBe(2);
  });

  it("takes packets back when the driver resets the receive queue, and goes on with new buffers", () => {
    for (let index = 0; index < 4; index++) offer();
    peer.send(frame(64, 2));
    settle();
    expect(rx.used()).toHaveLength(1);
    driver.set(Register.QueueSel, 0);
    driver.set(Register.QueueReset, 1);
    rx = driver.addQueue(0);
    peer.send(frame(64, 4));
    settle();
    const buffer = offer();
    settle();
    expect(rx.used()).toHaveLength(1);
    expect(driver.bytes(buffer)[HEADER]).toBe(4);
  });

  describe("without mergeable buffers", () => {
    beforeEach(() => start(without(MRG_RXBUF)));

    it("gives back a buffer that is too small unused", () => {
      const buffer = offer(HEADER + 63);
      peer.send(frame(64, 6));
      settle();
      expect(rx.used()).toEqual([{ head: 0, length: 0 }]);
      expect(driver.bytes(buffer)).toEqual(new Uint8Array(HEADER + 63));
      expect(net.counters.dropped).toBe(1);
    });

    it("fills buffers in pieces", () => {
      const pieces = [driver.buffer(HEADER), driver.buffer(20), driver.buffer(1600)];
      rx.add({ writable: pieces });
      rx.kick();
      peer.send(frame(64, 6));
      settle();
      expect(rx.used()).toEqual([{ head: 0, length: HEADER + 64 }]);
      expect(driver.bytes(pieces[1] as Buffer)).toEqual(frame(20, 6));
      expect(driver.bytes(pieces[2] as Buffer).subarray(0, 45)).toEqual(Uint8Array.from([...frame(44, 6), 0]));
    });
  });

  it("cuts a long packet over as many buffers as it takes, and says in the first how many", () => {
    cable({ mtu: 9000 });
    start();
    const buffers = Array.from({ length: 12 }, () => driver.buffer(1536));
    for (const buffer of buffers) rx.add({ writable: [buffer] });
    rx.kick();
    const sent = Uint8Array.from({ length: 4000 }, (_, index) => (index * 7) & 0xfe);
    peer.send(sent);
    peer.send(frame(60, 2));
    settle();
    expect(rx.used().map(({ length }) => length)).toEqual([1536, 1536, HEADER + 4000 - 2 * 1536, HEADER + 60]);
    const bytes = buffers.flatMap((buffer) => [...driver.bytes(buffer)]);
    expect(bytes.slice(10, 12)).toEqual([3, 0]);
    expect(Uint8Array.from(bytes.slice(HEADER, HEADER + 4000))).toEqual(sent);
    expect(bytes.slice(3 * 1536 + 10, 3 * 1536 + 12)).toEqual([1, 0]);
  });

  it("fills the smallest of buffers, when there are enough", () => {
    for (let index = 0; index < 8; index++) rx.add({ writable: [driver.buffer(20)] });
    rx.kick();
    peer.send(frame(60, 2));
    settle();
    expect(rx.used().map(({ length }) => length)).toEqual([20, 20, 20, 12]);
  });

  it("says what MTU the other end has", () => {
    cable({ mtu: 9000 });
    expect(driver.offered.has(3)).toBe(true);
    expect(mmio.read(Register.Config + 10, 2)).toBe(9000);
    start();
    transmit(new Uint8Array(HEADER), frame(9018));
    transmit(new Uint8Array(HEADER), frame(9019));
    expect(peer.frames).toEqual([frame(9018)]);
  });

  describe("over a backend with offloads", () => {
    beforeEach(() => {
      cable({ offloads: ALL });
      start();
    });

    it("offers all that the backend knows", () => {
      const bits = [...driver.offered].filter((bit) => bit < 24 || bit > 50).sort((left, right) => left - right);
      const offloads = [0, 1, 2, 7, 8, 9, 10, 11, 12, 13, 14];
      expect(bits).toEqual([
        ...offloads.slice(0, 3),
        5,
        ...offloads.slice(3),
        15,
        16,
        17,
        18,
        19,
        20,
        21,
        23,
        54,
        55,
        56,
      ]);
    });

    it("passes headers on as they are, in both directions", () => {
      const header = { flags: 1, gsoType: 1, hdrLen: 54, gsoSize: 1448, csumStart: 34, csumOffset: 16 };
      transmit(packet(frame(30_000, 2), header));
      expect(peer.packets).toEqual([packet(frame(30_000, 2), header)]);
      const buffers = Array.from({ length: 64 }, () => driver.buffer(1536));
      for (const buffer of buffers) rx.add({ writable: [buffer] });
      rx.kick();
      peer.sendPacket(packet(frame(30_000, 4), header));
      settle();
      expect(rx.used()).toHaveLength(20);
      const first = driver.bytes(buffers[0] as Buffer);
      expect([...first.subarray(0, HEADER)]).toEqual([...packet(frame(0), header).subarray(0, 10), 20, 0]);
    });

    it("gives a driver nothing unfinished that did not ask for it", () => {
      start(without(GUEST_TSO4, 8, 9, 10, 54, 55));
      for (let index = 0; index < 64; index++) offer();
      peer.sendPacket(packet(frame(1000), { flags: 1, gsoType: 1, csumStart: 34, csumOffset: 16 }));
      peer.sendPacket(packet(frame(1000), { flags: 1, csumStart: 34, csumOffset: 16 }));
      settle();
      expect(rx.used()).toHaveLength(1);
      start(without(GUEST_CSUM, GUEST_TSO4, 8, 9, 10, 54, 55));
      const buffer = offer();
      peer.sendPacket(packet(frame(60, 2), { flags: 1, csumStart: 34, csumOffset: 16 }));
      settle();
      expect(rx.used()).toHaveLength(1);
      // The cable has finished the checksum.
      expect(driver.bytes(buffer)[0]).toBe(0);
    });

    it("lets the driver switch what it has negotiated, and no more", () => {
      const bits = (...set: number[]): Uint8Array => {
        const data = new Uint8Array(8);
        for (const bit of set) data[bit >> 3] = (data[bit >> 3] ?? 0) | (1 << (bit & 7));
        return data;
      };
      expect(command(5, 0, bits())).toBe(0);
      for (let index = 0; index < 4; index++) offer();
      peer.sendPacket(packet(frame(1000), { flags: 1, gsoType: 1, csumStart: 34, csumOffset: 16 }));
      settle();
      expect(rx.used()).toEqual([]);
      expect(command(5, 0, bits(GUEST_CSUM, GUEST_TSO4))).toBe(0);
      // TSO4 needs a checksum to be left; bit 2 is no offload; nine bytes are needed for bit 64.
      expect(command(5, 0, bits(GUEST_TSO4))).toBe(1);
      expect(command(5, 0, bits(2))).toBe(1);
      expect(command(5, 0, [1])).toBe(1);
      expect(command(5, 1, bits())).toBe(1);
      start(without(GUEST_TSO4, 9));
      expect(command(5, 0, bits(GUEST_CSUM, GUEST_TSO4))).toBe(1);
    });

    it.each([
      ["segments without checksums", [GUEST_TSO4, VERSION_1]],
      ["modes without a control queue", [CTRL_RX, VERSION_1]],
    ])("does not agree to %s", (_what, features) => {
      expect(driver.negotiate(features)).toBe(false);
    });
  });

  describe("that is told what the driver wants", () => {
    const other = Uint8Array.of(0x52, 0x54, 0, 0, 0, 9);
    const group = Uint8Array.of(1, 0, 0x5e, 0, 0, 5);
    const broadcast = new Uint8Array(6).fill(0xff);
    const to = (address: Uint8Array, ...tag: number[]): Uint8Array => {
      const bytes = frame(60);
      bytes.set(address);
      bytes.set(tag, 12);
      return bytes;
    };
    /** Which of the frames reach the driver. */
    const passes = (...frames: Uint8Array[]): boolean[] =>
      frames.map((bytes) => {
        offer();
        peer.send(bytes);
        settle();
        return rx.used().length > 0;
      });

    const kinds = [to(MAC), to(other), to(group), to(broadcast)];
    const RX = 0;

    it("passes on everything until then", () => {
      expect(passes(...kinds)).toEqual([true, true, true, true]);
    });

    it("passes on what is for it alone, or for all, when not promiscuous", () => {
      expect(command(RX, 0, [0])).toBe(0);
      expect(passes(...kinds)).toEqual([true, false, false, true]);
      for (const [mode, expected] of [
        [1, [true, false, true, true]],
        [2, [true, true, false, true]],
        [5, [true, false, false, false]],
        [4, [false, false, false, true]],
      ] as const) {
        expect(command(RX, mode, [1])).toBe(0);
        expect(passes(...kinds)).toEqual(expected);
        expect(command(RX, mode, [0])).toBe(0);
      }
      expect(command(RX, 1, [1])).toBe(0);
      expect(command(RX, 3, [1])).toBe(0);
      expect(passes(...kinds)).toEqual([true, false, false, true]);
    });

    it("passes on what is in the tables, and everything of a kind whose table is too long", () => {
      expect(command(RX, 0, [0])).toBe(0);
      expect(command(1, 0, [1, 0, 0, 0, ...other, 1, 0, 0, 0, ...group])).toBe(0);
      expect(passes(...kinds, to(Uint8Array.of(1, 2, 3, 4, 5, 6)))).toEqual([true, true, true, true, false]);
      expect(command(1, 0, [0, 0, 0, 0, 100, 0, 0, 0, ...new Uint8Array(600)])).toBe(0);
      expect(passes(...kinds)).toEqual([true, false, true, true]);
    });

    it("takes another address", () => {
      expect(command(RX, 0, [0])).toBe(0);
      expect(command(1, 1, other)).toBe(0);
      expect(mmio.read(Register.Config + 5, 1)).toBe(9);
      expect(passes(...kinds)).toEqual([false, true, false, true]);
      // A reset gives it back its own.
      start();
      expect(mmio.read(Register.Config + 5, 1)).toBe(0x56);
    });

    it("passes on the VLANs that were asked for", () => {
      const tagged = (id: number): Uint8Array => to(MAC, 0x81, 0, id >> 8, id & 0xff);
      expect(passes(tagged(5), to(MAC))).toEqual([false, true]);
      expect(command(2, 0, [5, 0])).toBe(0);
      expect(passes(tagged(5), tagged(0x105))).toEqual([true, false]);
      expect(command(2, 1, [5, 0])).toBe(0);
      expect(passes(tagged(5))).toEqual([false]);
      start(without(CTRL_VLAN));
      expect(passes(tagged(5))).toEqual([true]);
    });

    it.each([
      ["no command", 9, 0, [0]],
      ["no mode", RX, 6, [1]],
      ["a mode without a value", RX, 0, []],
      ["a table that is cut off", 1, 0, [2, 0, 0, 0, ...MAC, ...MAC]],
      ["a table longer than memory", 1, 0, [0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0]],
      ["half an address", 1, 1, [1, 2, 3]],
      ["a VLAN that there is not", 2, 0, [0, 0x10]],
      ["more than anybody could mean", 1, 0, new Uint8Array(40_000)],
    ])("refuses %s", (_what, kind, number, data) => {
      expect(command(kind, number, data)).toBe(1);
    });
  });

  it("has the driver announce itself, until that has", () => {
    net.announce();
    expect(status()).toBe(3);
    expect(command(3, 0, [])).toBe(0);
    expect(status()).toBe(1);
    start([VERSION_1, MRG_RXBUF, CTRL_VQ]);
    net.announce();
    expect(status()).toBe(1);
  });

  describe("that is saved and restored", () => {
    /** Another device with the state of this one, over a cable of its own; the buffers are in the same memory. */
    function migrate(): void {
      const state = structuredClone(mmio.save());
      cable();
      mmio.restore(state);
    }

    it("has the buffers that it held, and what was waiting for more", () => {
      const buffer = offer();
      peer.send(frame(64, 2));
      settle();
      for (let index = 0; index < 3; index++) offer();
      peer.send(frame(64, 4));
      settle();
      expect(rx.used()).toHaveLength(2);
      migrate();
      peer.send(frame(64, 6));
      settle();
      mmio.write(Register.QueueNotify, 4, 0);
      settle();
      expect(rx.used()).toHaveLength(1);
      expect(driver.bytes(buffer)[HEADER]).toBe(2);
    });

    it("still knows what the driver wants, and has it announce itself", () => {
      command(0, 0, [0]);
      command(1, 1, [2, 0, 0, 0, 0, 1]);
      migrate();
      settle();
      expect(status()).toBe(3);
      expect(mmio.read(Register.Config, 1)).toBe(2);
      offer();
      peer.send(Uint8Array.from([...MAC, ...frame(54)]));
      settle();
      expect(rx.used()).toEqual([]);
      peer.send(Uint8Array.from([2, 0, 0, 0, 0, 1, ...frame(54)]));
      settle();
      expect(rx.used()).toHaveLength(1);
    });
  });
});

describe("a virtio network port over a backend that cannot keep up", () => {
  it("leaves packets in the ring between the instants that it is told to hold and to go on", async () => {
    world = await surroundings();
    logged = false;
    const [port, other] = memoryCable();
    peer = new NetPeer(other);
    let congestion: (congested: boolean) => void = () => undefined;
    const inner = port.attach.bind(port);
    port.attach = (events) => {
      congestion = events.congestion;
      inner(events);
    };
    plug(port);
    start();
    congestion(true);
    transmit(packet(frame(60, 2)));
    expect(world.gate.open().map(({ label }) => label)).toEqual(["net0:congested:0"]);
    transmit(packet(frame(60, 4)));
    expect(peer.frames).toEqual([frame(60, 2)]);
    expect(tx.used()).toHaveLength(1);
    congestion(false);
    expect(world.gate.open().map(({ label }) => label)).toEqual(["net0:drained:0"]);
    expect(peer.frames).toEqual([frame(60, 2), frame(60, 4)]);
    expect(tx.used()).toHaveLength(1);
  });
});
