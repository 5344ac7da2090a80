import { beforeEach, describe, expect, it } from "vitest";
import { STREAM_WINDOW, STREAMS_MAX, type StreamKey, type VsockBackend } from "../../../src/backends/vsock-backend.js";
import { VirtioMmio } from "../../../src/devices/virtio/mmio-transport.js";
import { VirtioVsock } from "../../../src/devices/virtio/vsock.js";
import { decodeHeader, encodeHeader, type VsockHeader, VsockOp } from "../../../src/devices/virtio/vsock-packet.js";
import {
  type DriverQueue,
  type Buffer as GuestBuffer,
  Register,
  VirtioDriver,
} from "../../support/virtqueue-driver.js";
import { type Surroundings, surroundings, Wire } from "../support.js";

const CID = 9n;
const ROOM = 4096;
const NEEDS_RESET = 64;
const KEY: StreamKey = { hostPort: 80, guestPort: 1000 };

/** Notes what the device says. */
class Host implements VsockBackend {
  readonly said: string[] = [];
  bytes = 0;

  attach(): void {
    this.said.push("attach");
  }

  request = ({ hostPort, guestPort }: StreamKey) => void this.said.push(`request ${hostPort} ${guestPort}`);
  accepted = ({ hostPort, guestPort }: StreamKey) => void this.said.push(`accepted ${hostPort} ${guestPort}`);
  end = ({ hostPort }: StreamKey) => void this.said.push(`end ${hostPort}`);
  close = ({ hostPort }: StreamKey) => void this.said.push(`close ${hostPort}`);
  taken = (_: StreamKey, length: number) => void this.said.push(`taken ${length}`);

  write(_: StreamKey, bytes: Uint8Array): void {
    this.bytes += bytes.length;
    this.said.push(`write ${Buffer.from(bytes.subarray(0, 8)).toString()}`);
  }
}

let world: Surroundings;
let host: Host;
let device: VirtioVsock;
let mmio: VirtioMmio;
let driver: VirtioDriver;
let receive: DriverQueue;
let transmit: DriverQueue;
let event: DriverQueue;
let buffers: Map<number, GuestBuffer>;

function plug(): void {
  host = new Host();
  device = new VirtioVsock({ name: "vsock0", context: world.context, backend: host, cid: Number(CID) });
  mmio = new VirtioMmio({ slot: 2, device, interrupt: new Wire(), core: world.queues });
  driver = new VirtioDriver(mmio, world.memory);
  start();
}

function start(): void {
  [receive, transmit, event] = driver.start({ queues: 3 }) as [DriverQueue, DriverQueue, DriverQueue];
  buffers = new Map();
}

beforeEach(async () => {
  world = await surroundings();
  plug();
});

function offer(count = 8, length = ROOM): void {
  for (let i = 0; i < count; i++) {
    const gpa = driver.buffer(length);
    buffers.set(receive.add({ writable: [gpa] }), gpa);
  }
  receive.kick();
}

/** Packets that the guest has been given, and their data as text. */
function arrived(): { op: VsockOp; flags: number; data: string; header: VsockHeader }[] {
  return receive.used().map(({ head, length }) => {
    const bytes = driver.bytes(buffers.get(head) as GuestBuffer).slice(0, length);
    const header = decodeHeader(bytes);
    expect(header).toMatchObject({ destinationCid: CID, length: length - 44 });
    return { op: header.op, flags: header.flags, data: Buffer.from(bytes.subarray(44)).toString(), header };
  });
}

const ops = () => arrived().map(({ op }) => op);

function send(op: VsockOp, fields: Partial<VsockHeader> = {}, data: string | Uint8Array = ""): void {
  const bytes = Buffer.from(data as string);
  const header = encodeHeader({
    sourceCid: CID,
    destinationCid: 2n,
    sourcePort: KEY.guestPort,
    destinationPort: KEY.hostPort,
    length: bytes.length,
    type: 1,
    op,
    flags: 0,
    bufferSize: 65_536,
    forwarded: 0,
    ...fields,
  });
  transmit.add({
    readable: [driver.buffer(header), ...(bytes.length > 0 ? [driver.buffer(new Uint8Array(bytes))] : [])],
  });
  transmit.kick();
}

/** A stream that the guest began. */
function connect(fields: Partial<VsockHeader> = {}): void {
  send(VsockOp.REQUEST, fields);
  device.accept(KEY);
  world.gate.open();
  expect(ops()).toEqual([VsockOp.RESPONSE]);
  host.said.length = 0;
}

describe("a virtio vsock device", () => {
  it("tells the guest its address", () => {
    expect([driver.device.read(Register.Config, 4), driver.device.read(Register.Config + 4, 4)]).toEqual([9, 0]);
    expect(driver.offered.has(0)).toBe(true);
  });

  it("asks the host for what the guest wants to connect to, and brings back what it says", () => {
    offer();
    send(VsockOp.REQUEST);
    send(VsockOp.REQUEST, { sourcePort: 1001 });
    expect(host.said).toEqual(["attach", "request 80 1000", "request 80 1001"]);
    device.accept(KEY);
    device.refuse({ hostPort: 80, guestPort: 1001 });
    expect(ops()).toEqual([]);
    expect(world.gate.open().map(({ label }) => label)).toEqual(["vsock0:stream:0", "vsock0:stream:1"]);
    expect(ops().sort()).toEqual([VsockOp.RESPONSE, VsockOp.RST]);
  });

  it("connects the host to the guest, when that is willing", () => {
    offer();
    device.connect(KEY);
    device.connect({ hostPort: 81, guestPort: 1000 });
    world.gate.open();
    expect(ops()).toEqual([VsockOp.REQUEST, VsockOp.REQUEST]);
    send(VsockOp.RESPONSE);
    send(VsockOp.RST, { destinationPort: 81 });
    expect(host.said).toEqual(["attach", "accepted 80 1000", "close 81"]);
  });

  it("takes data within the credit that it gave, and gives more when the host has taken some", () => {
    offer();
    connect();
    send(VsockOp.RW, {}, "hello");
    expect(host.said).toEqual(["write hello"]);
    for (let sent = 5; sent < STREAM_WINDOW; sent += 32_768 - 1) {
      send(VsockOp.RW, {}, new Uint8Array(Math.min(32_768 - 1, STREAM_WINDOW - sent)));
    }
    expect(host.bytes).toBe(STREAM_WINDOW);
    device.consumed(KEY, STREAM_WINDOW / 4);
    world.gate.open();
    expect(arrived()).toMatchObject([{ op: VsockOp.CREDIT_UPDATE, header: { forwarded: STREAM_WINDOW / 4 } }]);
    send(VsockOp.RW, {}, new Uint8Array(STREAM_WINDOW / 4));
    expect(host.bytes).toBe(STREAM_WINDOW * 1.25);
    send(VsockOp.RW, {}, "x");
    expect(ops()).toEqual([VsockOp.RST]);
    expect(host.said.at(-1)).toBe("close 80");
  });

  it("sends no more than the guest has room for, and goes on when it has more", () => {
    offer();
    connect({ bufferSize: 10 });
    device.data(KEY, Buffer.from("0123456789abcdef"));
    world.gate.open();
    expect(arrived().map(({ data }) => data)).toEqual(["0123456789"]);
    expect(host.said).toEqual(["taken 10"]);
    send(VsockOp.CREDIT_UPDATE, { bufferSize: 10, forwarded: 4 });
    expect(arrived().map(({ data }) => data)).toEqual(["abcd"]);
    send(VsockOp.CREDIT_UPDATE, { bufferSize: 10, forwarded: 14 });
    expect(arrived().map(({ data }) => data)).toEqual(["ef"]);
    send(VsockOp.CREDIT_REQUEST, { bufferSize: 10, forwarded: 14 });
    expect(ops()).toEqual([VsockOp.CREDIT_UPDATE]);
  });

  it("waits for receive buffers, and serves streams by turns", () => {
    offer(1);
    connect();
    device.connect({ hostPort: 81, guestPort: 5 });
    world.gate.open();
    offer(1);
    expect(ops()).toEqual([VsockOp.REQUEST]);
    send(VsockOp.RESPONSE, { destinationPort: 81, sourcePort: 5 });
    const large = new Uint8Array(3 * ROOM);
    device.data(KEY, large);
    device.data({ hostPort: 81, guestPort: 5 }, large);
    world.gate.open();
    expect(receive.used()).toEqual([]);
    offer(4);
    expect(arrived().map(({ header }) => header.sourcePort)).toEqual([80, 81, 80, 81]);
  });

  it("passes on the end of each direction behind what was sent before", () => {
    offer();
    connect({ bufferSize: 3 });
    device.data(KEY, Buffer.from("abcdef"));
    device.end(KEY);
    world.gate.open();
    expect(arrived().map(({ data }) => data)).toEqual(["abc"]);
    send(VsockOp.CREDIT_UPDATE, { bufferSize: 3, forwarded: 3 });
    expect(arrived()).toMatchObject([
      { op: VsockOp.RW, data: "def" },
      { op: VsockOp.SHUTDOWN, flags: 2 },
    ]);
    send(VsockOp.RW, {}, "still");
    send(VsockOp.SHUTDOWN, { flags: 2 });
    expect(host.said.slice(-2)).toEqual(["write still", "end 80"]);
    device.close(KEY);
    world.gate.open();
    expect(arrived()).toMatchObject([{ op: VsockOp.SHUTDOWN, flags: 3 }]);
    send(VsockOp.RST);
    expect(host.said.at(-1)).toBe("close 80");
  });

  it("answers a guest that closes with a reset, and drops what it would not take", () => {
    offer(1);
    connect();
    device.data(KEY, Buffer.from("unread"));
    world.gate.open();
    send(VsockOp.SHUTDOWN, { flags: 3 });
    expect(host.said).toEqual(["taken 6", "end 80", "close 80"]);
    offer(2);
    expect(ops()).toEqual([VsockOp.RST]);
    device.data(KEY, Buffer.from("late"));
    world.gate.open();
    expect(receive.used()).toEqual([]);
  });

  it("answers what belongs to no stream with a reset, but for resets", () => {
    offer(20);
    for (const op of [VsockOp.RESPONSE, VsockOp.RW, VsockOp.SHUTDOWN, VsockOp.CREDIT_UPDATE, 99]) send(op);
    send(VsockOp.REQUEST, { type: 2 });
    send(VsockOp.REQUEST, { destinationCid: 77n });
    send(VsockOp.RST);
    send(VsockOp.RST, { type: 3 });
    const answers = arrived();
    expect(answers.map(({ op }) => op)).toEqual(new Array(7).fill(VsockOp.RST));
    expect(answers[5]?.header.type).toBe(2);
    expect(answers[6]?.header.sourceCid).toBe(77n);
    send(VsockOp.REQUEST, { sourceCid: 4n });
    expect(ops()).toEqual([]);
    expect(device.counters.dropped).toBe(1);
  });

  it("ends a stream whose guest breaks the rules", () => {
    offer(20);
    for (const wrong of [VsockOp.REQUEST, VsockOp.RESPONSE, 99]) {
      connect();
      send(wrong);
      expect(ops()).toEqual([VsockOp.RST]);
      expect(host.said).toEqual(["close 80"]);
    }
    send(VsockOp.REQUEST);
    send(VsockOp.RW, {}, "too early");
    expect(ops()).toEqual([VsockOp.RST]);
    connect();
    send(VsockOp.SHUTDOWN, { flags: 2 });
    send(VsockOp.RW, {}, "after the end");
    expect(ops()).toEqual([VsockOp.RST]);
    expect(host.bytes).toBe(0);
  });

  it.each([
    ["short", 40, 0],
    ["longer than its buffers", 44, 1],
  ])("stops at a packet that is %s", (_, length, claimed) => {
    const header = new Uint8Array(44);
    new DataView(header.buffer).setUint32(24, claimed, true);
    transmit.add({ readable: [driver.buffer(header.subarray(0, length))] });
    transmit.kick();
    expect(driver.status & NEEDS_RESET).toBe(NEEDS_RESET);
  });

  it("has a bounded number of streams, and of answers that wait for buffers", () => {
    for (let port = 0; port < STREAMS_MAX; port++) {
      send(VsockOp.REQUEST, { sourcePort: port });
      transmit.used();
    }
    expect(host.said).toHaveLength(1 + STREAMS_MAX);
    device.connect({ hostPort: 1, guestPort: 1 });
    world.gate.open();
    expect(host.said.at(-1)).toBe("close 1");
    const mark = driver.memory.mark();
    let taken = 0;
    for (let i = 0; i < 1000; i++) {
      if (transmit.freeDescriptors === 0) break;
      send(VsockOp.RW, { sourcePort: 5000 + i });
      taken += transmit.used().length;
    }
    driver.memory.release(mark);
    expect(taken).toBe(256);
  });

  it("forgets all streams when the driver is reset, and when it is told to, and says so", () => {
    offer();
    connect();
    start();
    expect(host.said).toEqual(["close 80"]);
    offer();
    connect();
    const space = driver.buffer(4);
    event.add({ writable: [space] });
    event.kick();
    expect(event.used()).toEqual([]);
    device.resetTransport();
    expect(world.gate.open().map(({ label }) => label)).toEqual(["vsock0:reset:0"]);
    expect(event.used()).toEqual([{ head: 0, length: 4 }]);
    expect([...driver.bytes(space)]).toEqual([0, 0, 0, 0]);
    expect(host.said).toEqual(["close 80"]);
  });

  it("restored, has no streams and tells the guest to forget its own", () => {
    offer();
    connect();
    const space = driver.buffer(4);
    event.add({ writable: [space] });
    event.kick();
    const state = structuredClone(mmio.save());
    const queue = event;
    plug();
    mmio.restore(state);
    world.gate.open();
    expect(queue.used()).toEqual([{ head: 0, length: 4 }]);
  });
});
