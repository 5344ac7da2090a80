import { beforeEach, describe, expect, it } from "vitest";
import { memoryCable } from "../../../src/backends/memory-net.js";
import { VirtioNet } from "../../../src/devices/virtio/net.js";
import { HEADER, NetPeer, packet } from "../../support/net-peer.js";
import { type Buffer, Register } from "../../support/virtqueue-driver.js";
import { isDirty } from "../support.js";
import {
  cable,
  driver,
  frame,
  MAC,
  MODES,
  MRG_RXBUF,
  mmio,
  net,
  offer,
  peer,
  plug,
  prepare,
  resetReceiveQueue,
  rx,
  settle,
  start,
  status,
  transmit,
  tx,
  wire,
  without,
  world,
} from "./net-port.js";

describe.each(MODES)("a virtio network port%s", (_name, recorded) => {
  beforeEach(async () => {
    await prepare(recorded);
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
    resetReceiveQueue();
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
});

describe("a virtio network port over a backend that cannot keep up", () => {
  it("leaves packets in the ring between the instants that it is told to hold and to go on", async () => {
    await prepare(false);
    const [port, other] = memoryCable();
    const peer = new NetPeer(other);
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
