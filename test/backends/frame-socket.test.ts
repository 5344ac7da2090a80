import { Socket } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { FrameSocket } from "../../src/backends/frame-socket.js";
import { NO_OFFLOADS } from "../../src/backends/net-backend.js";
import { PacketVectors } from "../../src/backends/packet-vectors.js";
import { native, nativeUnavailable } from "../../src/native.js";
import { HEADER, NetPeer, packet, vectors } from "../support/net-peer.js";

const MTU = 65_520;
const frame = (length: number, fill: number): Uint8Array => new Uint8Array(length).fill(fill);

/** As it is on the socket. */
function framed(bytes: Uint8Array): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
}

describe.runIf(nativeUnavailable() === undefined)("frames over a socket", () => {
  let port: FrameSocket;
  let guest: NetPeer;
  let remote: Socket;
  let received: Buffer[];
  let ends: number;

  beforeEach(() => {
    const { ours, theirs } = native().openSocketPair({ sendBuffer: 4096 });
    ends = 0;
    port = new FrameSocket({ fd: ours, mtu: MTU, onEnd: () => ends++ });
    guest = new NetPeer(port);
    received = [];
    remote = new Socket({ fd: theirs });
    remote.on("data", (bytes: Buffer) => received.push(bytes));
  });

  afterEach(async () => {
    remote.destroy();
    await port[Symbol.asyncDispose]();
  });

  it("go behind their length and without their header, checksums finished", async () => {
    const unfinished = packet(frame(64, 0), { flags: 1, csumStart: 14, csumOffset: 10 });
    expect(port.send(vectors(packet(frame(60, 1)), unfinished))).toBe(0);
    const finished = frame(64, 0);
    finished.set([0xff, 0xff], 24);
    const expected = Buffer.concat([framed(frame(60, 1)), framed(finished)]);
    await expect.poll(() => Buffer.concat(received)).toEqual(expected);
  });

  it("are lost when their header makes no sense", () => {
    const segmented = packet(frame(60, 1), { gsoType: 1 });
    const beyond = packet(frame(60, 2), { flags: 1, csumStart: 60, csumOffset: 2 });
    expect(port.send(vectors(segmented, beyond))).toBe(2);
  });

  it("come with a header that says what is known of their checksums, however they are cut up on the way", async () => {
    const all = Buffer.concat([framed(frame(60, 3)), framed(frame(65_000, 4)), framed(frame(14, 5))]);
    for (const cut of [all.subarray(0, 2), all.subarray(2, 30), all.subarray(30, 70), all.subarray(70)]) {
      remote.write(cut);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    await expect.poll(() => guest.packets).toHaveLength(3);
    expect(guest.packets).toEqual([packet(frame(60, 3)), packet(frame(65_000, 4)), packet(frame(14, 5))]);
    port.accept({ ...NO_OFFLOADS, checksum: true });
    remote.write(framed(frame(60, 6)));
    await expect.poll(() => guest.packets[3]).toEqual(packet(frame(60, 6), { flags: 2 }));
  });

  it("come whole and in their order when they are several rings full", async () => {
    const count = 500;
    const of = (index: number): Uint8Array => frame(14 + ((index * 997) % 30_000), index % 256);
    for (let index = 0; index < count; index++) remote.write(framed(of(index)));
    await expect.poll(() => guest.packets.length, { timeout: 20_000 }).toBe(count);
    // Not toEqual, which looks at every byte by itself.
    const same = guest.packets.map((each, index) => Buffer.compare(each, packet(of(index))) === 0);
    expect(same.indexOf(false)).toBe(-1);
  });

  it("lie in several buffers where that is agreed, and wait for room", async () => {
    remote.write(Buffer.concat([framed(frame(1000, 7)), framed(frame(100, 8)), framed(frame(1000, 9))]));
    const room = new PacketVectors(new Uint8Array(1300));
    for (const [offset, length] of [
      [0, 400],
      [400, 400],
      [800, 300],
      [1100, 200],
    ] as const) {
      room.begin(2);
      room.add(offset, 10);
      room.add(offset + 10, length - 10);
    }
    port.attach({ readable: () => undefined, link: () => undefined, congestion: () => undefined });
    let count = 0;
    await expect.poll(() => (count ||= port.receive(room, { maximum: 1012, mergeable: true }))).toBeGreaterThan(0);
    while (count < 2) count += port.receive(room, { maximum: 1012, mergeable: true });
    expect([...room.results.subarray(0, 2)]).toEqual([1012, 112]);
    expect(room.memory.subarray(HEADER, 1012).every((byte) => byte === 7)).toBe(true);
    expect(room.memory.subarray(1100 + HEADER, 1212).every((byte) => byte === 8)).toBe(true);
    // The third one has no room there.
    expect(port.receive(room, { maximum: 500, mergeable: true })).toBe(0);
  });

  it("are held back from a peer that does not read, and go on when it does", async () => {
    remote.pause();
    const each = vectors(packet(frame(60_000, 10)));
    let sent = 0;
    while (guest.congestion.length === 0) {
      expect(port.send(each)).toBe(0);
      sent++;
    }
    expect(guest.congestion).toEqual([true]);
    // A device that goes on all the same loses frames, and not the host its memory.
    let lost = 0;
    for (let index = 0; index < 200; index++) lost += port.send(each);
    expect(lost).toBeGreaterThan(100);
    sent += 200 - lost;
    remote.resume();
    await expect.poll(() => guest.congestion, { timeout: 20_000 }).toEqual([true, false]);
    const bytes = (): number => received.reduce((total, { length }) => total + length, 0);
    await expect.poll(bytes, { timeout: 20_000 }).toBe(sent * 60_004);
  });

  it.each([
    ["too short", 13],
    ["too long", MTU + 19],
    ["as long as there is none", 0xffff_ffff],
  ])("end the connection when one is %s", async (_, length) => {
    const prefix = Buffer.alloc(4);
    prefix.writeUInt32BE(length);
    remote.write(Buffer.concat([framed(frame(60, 11)), prefix]));
    await expect.poll(() => ends).toBe(1);
    expect(guest.frames).toEqual([frame(60, 11)]);
    expect(guest.links).toEqual([false]);
    expect(port.send(vectors(packet(frame(60, 12))))).toBe(1);
  });

  it("end when the peer goes, in the middle of a frame too", async () => {
    remote.end(framed(frame(60, 13)).subarray(0, 40));
    await expect.poll(() => ends).toBe(1);
    expect(guest.links).toEqual([false]);
  });
});
