import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Capture } from "../../src/backends/capture.js";
import { memoryCable } from "../../src/backends/memory-net.js";
import type { NetBackend } from "../../src/backends/net-backend.js";
import { PacketVectors } from "../../src/backends/packet-vectors.js";
import type { VkrunError } from "../../src/errors.js";
import { NetPeer, packet, vectors } from "../support/net-peer.js";

const FILE_HEADER = 24;
const RECORD_HEADER = 16;

let folder: string;
let path: string;
let port: NetBackend;
let peer: NetPeer;
let troubles: VkrunError[];
let capture: Capture;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "vkrun-capture-"));
  path = join(folder, "a.pcap");
  const [left, right] = memoryCable();
  port = left;
  peer = new NetPeer(right);
  troubles = [];
  capture = new Capture(port, { path, onTrouble: (error) => troubles.push(error) });
});
afterEach(async () => {
  await capture[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
});

/** The frames in the file, and when they passed, in ns. */
function captured(): { frame: Uint8Array; atNs: bigint }[] {
  const bytes = readFileSync(path);
  const records: { frame: Uint8Array; atNs: bigint }[] = [];
  for (let at = FILE_HEADER; at < bytes.length; ) {
    const length = bytes.readUInt32LE(at + 8);
    expect(bytes.readUInt32LE(at + 12)).toBe(length);
    const atNs = BigInt(bytes.readUInt32LE(at)) * 1_000_000_000n + BigInt(bytes.readUInt32LE(at + 4));
    records.push({ frame: new Uint8Array(bytes.subarray(at + RECORD_HEADER, at + RECORD_HEADER + length)), atNs });
    at += RECORD_HEADER + length;
  }
  return records;
}

const frame = (length: number, value: number): Uint8Array => new Uint8Array(length).fill(value);

describe("a capture", () => {
  it("holds the frames of both directions, in their order and without what stands before them", async () => {
    const before = BigInt(Date.now()) * 1_000_000n;
    capture.send(vectors(packet(frame(60, 1)), packet(frame(1514, 2), { flags: 1, gsoType: 1 })));
    expect(peer.packets).toHaveLength(2);
    peer.send(frame(100, 3));
    const room = PacketVectors.whole(new Uint8Array(2000));
    expect(capture.receive(room, { maximum: 2000, mergeable: false })).toBe(1);
    await capture[Symbol.asyncDispose]();

    const records = captured();
    expect(records.map((each) => each.frame)).toEqual([frame(60, 1), frame(1514, 2), frame(100, 3)]);
    const times = records.map(({ atNs }) => atNs);
    expect(times).toEqual([...times].sort((a, b) => (a < b ? -1 : 1)));
    // The clock is the host's, to the millisecond that it was read at.
    expect(times[0]).toBeGreaterThan(before - 10_000_000_000n);
    expect(times[2]).toBeLessThan(BigInt(Date.now()) * 1_000_000n + 10_000_000_000n);
    expect(troubles).toEqual([]);
  });

  it("follows packets that lie in several buffers, and says nothing of the buffers' rest", async () => {
    peer.send(frame(250, 7));
    peer.send(frame(30, 8));
    const memory = new Uint8Array(600).fill(0xee);
    const room = new PacketVectors(memory);
    for (let buffer = 0; buffer < 4; buffer++) {
      // Two pieces each.
      room.begin(2);
      room.add(buffer * 150, 40);
      room.add(buffer * 150 + 40, 110);
    }
    expect(capture.receive(room, { maximum: 500, mergeable: true })).toBe(2);
    await capture[Symbol.asyncDispose]();
    expect(captured().map((each) => each.frame)).toEqual([frame(250, 7), frame(30, 8)]);
  });

  it("is read by tcpdump", async () => {
    // ARP: who has 10.0.0.1, tell 10.0.0.2.
    const request = Buffer.from(
      "ffffffffffff" + "020000000001" + "0806" + "0001080006040001" + "0200000000010a000002" + "0000000000000a000001",
      "hex",
    );
    capture.send(vectors(packet(request)));
    await capture[Symbol.asyncDispose]();
    const { stdout } = await execa("tcpdump", ["-nr", path]);
    expect(stdout).toContain("ARP, Request who-has 10.0.0.1 tell 10.0.0.2");
  });

  it("shows a frame soon to who looks on, and keeps any number of them", async () => {
    capture.send(vectors(packet(frame(60, 1))));
    await expect.poll(() => captured().length).toBe(1);
    for (let count = 0; count < 40; count++) capture.send(vectors(packet(frame(30_000, count))));
    await capture[Symbol.asyncDispose]();
    expect(captured()).toHaveLength(41);
  });

  it("says why it cannot be written, before there is a guest", () => {
    const missing = join(folder, "none", "a.pcap");
    expect(() => new Capture(port, { path: missing, onTrouble: () => undefined })).toThrow(
      expect.objectContaining({ code: "ERR_VKRUN_CAPTURE_WRITE" }),
    );
  });

  it("ends when its disk is full, is told of once, and leaves the network as it is", async () => {
    await using full = new Capture(port, { path: "/dev/full", onTrouble: (error) => troubles.push(error) });
    expect(troubles).toEqual([expect.objectContaining({ code: "ERR_VKRUN_CAPTURE_WRITE" })]);
    expect(troubles[0]?.message).toContain("no space left on device");
    full.send(vectors(packet(frame(60, 1))));
    expect(peer.frames).toEqual([frame(60, 1)]);
    peer.send(frame(100, 3));
    expect(full.receive(PacketVectors.whole(new Uint8Array(2000)), { maximum: 2000, mergeable: false })).toBe(1);
    expect(troubles).toHaveLength(1);
  });
});
