import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Link } from "../../src/backends/link.js";
import type { VkrunError } from "../../src/errors.js";
import { NetPeer, packet, vectors } from "../support/net-peer.js";

const frame = (length: number, fill: number): Uint8Array => new Uint8Array(length).fill(fill);

describe("a link", () => {
  let folder: string;
  let path: string;
  let troubles: VkrunError[];
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "vkrun-link-"));
    path = join(folder, "cable");
    troubles = [];
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  async function open(mtu = 9000): Promise<{ link: Link; peer: NetPeer } & AsyncDisposable> {
    const link = await Link.open({ name: path, mtu, onTrouble: (error) => troubles.push(error) });
    return { link, peer: new NetPeer(link), [Symbol.asyncDispose]: () => link[Symbol.asyncDispose]() };
  }

  it("carries packets in both directions, headers and all, in their order", async () => {
    await using left = await open();
    await using right = await open();
    await expect.poll(() => left.peer.links).toEqual([false, true]);
    expect(right.peer.links).toEqual([]);
    left.link.accept({ checksum: true, tso4: false, tso6: false, ecn: false, ufo: false, uso: false });
    const unfinished = packet(frame(1000, 3), { flags: 1, csumStart: 34, csumOffset: 16 });
    right.link.send(vectors(unfinished, packet(frame(9018, 4))));
    left.link.send(vectors(packet(frame(60, 5))));
    await expect.poll(() => left.peer.packets).toEqual([unfinished, packet(frame(9018, 4))]);
    await expect.poll(() => right.peer.packets).toEqual([packet(frame(60, 5))]);
  });

  it("finishes checksums for one who does not take them unfinished", async () => {
    await using left = await open();
    await using right = await open();
    right.link.send(vectors(packet(frame(64, 0), { flags: 1, csumStart: 14, csumOffset: 10 })));
    await expect.poll(() => left.peer.packets).toHaveLength(1);
    const expected = frame(64, 0);
    expected.set([0xff, 0xff], 24);
    expect(left.peer.packets[0]).toEqual(packet(expected, { csumStart: 14, csumOffset: 10 }));
  });

  it("loses packets while nobody is there, and those that nobody can have meant", async () => {
    await using left = await open();
    expect(left.link.send(vectors(packet(frame(60, 1))))).toBe(1);
    await using right = await open();
    expect(right.link.send(vectors(packet(frame(60, 2), { gsoType: 1 }), packet(frame(60, 3))))).toBe(1);
    await expect.poll(() => left.peer.frames).toEqual([frame(60, 3)]);
  });

  it.each(["the first", "the second"])("goes down when %s goes, and up with the next", async (who) => {
    const first = await open();
    const second = await open();
    await expect.poll(() => first.peer.links).toEqual([false, true]);
    const [goes, stays] = who === "the first" ? [first, second] : [second, first];
    await goes.link[Symbol.asyncDispose]();
    await expect.poll(() => stays.peer.links.at(-1)).toBe(false);
    {
      await using third = await open();
      await expect.poll(() => stays.peer.links.at(-1)).toBe(true);
      third.link.send(vectors(packet(frame(60, 7))));
      await expect.poll(() => stays.peer.frames).toEqual([frame(60, 7)]);
    }
    await stays.link[Symbol.asyncDispose]();
    expect(troubles).toEqual([]);
  });

  it("takes the place of one who was killed", async () => {
    // A socket without a listener, as a killed process leaves it.
    const server = createServer().listen(path);
    await new Promise((resolve) => server.once("listening", resolve));
    await new Promise((resolve) => server.close(resolve));
    writeFileSync(path, "");
    await using left = await open();
    await using right = await open();
    await expect.poll(() => left.peer.links).toEqual([false, true]);
    expect(right.peer.links).toEqual([]);
  });

  it("has no third end", async () => {
    await using left = await open();
    await using right = await open();
    await expect(open()).rejects.toMatchObject({ code: "ERR_VKRUN_LINK_BUSY" });
    right.link.send(vectors(packet(frame(60, 1))));
    await expect.poll(() => left.peer.frames).toEqual([frame(60, 1)]);
  });

  it("connects only ends with the same MTU", async () => {
    await using left = await open(1500);
    await expect(open(9000)).rejects.toMatchObject({ code: "ERR_VKRUN_LINK_MISMATCH", message: /MTU 1500, not 9000/ });
    await expect.poll(() => troubles.map(({ code }) => code)).toEqual(["ERR_VKRUN_LINK_MISMATCH"]);
    await using right = await open(1500);
    await expect.poll(() => left.peer.links.at(-1)).toBe(true);
    expect(right.peer.links).toEqual([]);
  });

  it("says that it is congested, and when it no longer is, and loses what is too much", async () => {
    await using left = await open();
    await using right = await open();
    await expect.poll(() => left.peer.links).toEqual([false, true]);
    // Nobody awaits: the receiver's queue fills, then the socket, then the sender's.
    left.link.attach({ readable: () => undefined, link: () => undefined, congestion: () => undefined });
    let lost = 0;
    for (let count = 0; count < 4000 && lost === 0; count++) {
      lost = right.link.send(vectors(packet(frame(9000, count & 0xff))));
      if (count % 16 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    expect(lost).toBe(1);
    expect(right.peer.congestion).toEqual([true]);
    const drained = new NetPeer(left.link);
    await expect.poll(() => right.peer.congestion).toEqual([true, false]);
    expect(drained.frames.length).toBeGreaterThan(500);
  });

  it("cannot be where there is no folder", async () => {
    path = join(folder, "none", "cable");
    await expect(open()).rejects.toMatchObject({ code: "ERR_VKRUN_LINK_FAILED", hint: /XDG_RUNTIME_DIR/ });
  });
});
