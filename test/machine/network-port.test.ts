import { expect, it } from "vitest";
import { NetworkPort } from "../../src/api/network-port.js";
import { FrameCredit } from "../../src/machine/frame-credit.js";
import { EmbedderPort } from "../../src/machine/network-port.js";
import { NetPeer, packet, vectors } from "../support/net-peer.js";

const frame = (length: number, fill = 1): Uint8Array => new Uint8Array(length).fill(fill);

/** Both ends of a cable, and between them what is under way. */
function cable() {
  const shared = { fromGuest: FrameCredit.allocate(), toGuest: FrameCredit.allocate() };
  const credits = () => ({ fromGuest: new FrameCredit(shared.fromGuest), toGuest: new FrameCredit(shared.toGuest) });
  const toGuest: Uint8Array[] = [];
  const fromGuest: Uint8Array[] = [];
  const outside = new NetworkPort("52:54:00:00:00:01", { post: (bytes) => toGuest.push(bytes), ...credits() });
  const inside = new EmbedderPort({ post: (bytes) => fromGuest.push(bytes), mtu: 1500, ...credits() });
  return { outside, inside, toGuest, fromGuest };
}

it("frames cross in both directions, and are copies", () => {
  const { outside, inside, toGuest, fromGuest } = cable();
  const arrived: Uint8Array[] = [];
  outside.on("frame", (bytes) => arrived.push(bytes));
  const original = frame(60);
  inside.send(vectors(packet(original)));
  original.fill(9);
  for (const bytes of fromGuest) outside.arrived(bytes);
  expect(arrived).toEqual([frame(60)]);

  const guest = new NetPeer(inside);
  const view = Buffer.alloc(64, 2).subarray(0, 14);
  outside.send(view);
  expect(toGuest[0]?.buffer).not.toBe(view.buffer);
  for (const bytes of toGuest) inside.arrived(bytes);
  expect(guest.frames).toEqual([frame(14, 2)]);
});

it("frames beyond what may be under way are lost, and those after the others have arrived are not", () => {
  const { outside, inside, toGuest, fromGuest } = cable();
  for (let i = 0; i < 1500; i++) {
    inside.send(vectors(packet(frame(60))));
    outside.send(frame(60));
  }
  expect(fromGuest).toHaveLength(1024);
  expect(toGuest).toHaveLength(1024);
  for (const bytes of fromGuest.splice(0)) outside.arrived(bytes);
  for (const bytes of toGuest.splice(0)) inside.arrived(bytes);
  inside.send(vectors(packet(frame(60, 7))));
  outside.send(frame(60, 8));
  expect(fromGuest).toEqual([frame(60, 7)]);
  expect(toGuest).toEqual([frame(60, 8)]);
});

it("keeps a bounded number of frames for a guest that does not take them", () => {
  const { inside } = cable();
  for (let i = 0; i < 1000; i++) inside.arrived(frame(60));
  expect(new NetPeer(inside).frames).toHaveLength(256);
});

it("after a reset frames go to the new machine's device", () => {
  const { inside } = cable();
  const before = new NetPeer(inside);
  const after = new NetPeer(inside);
  inside.arrived(frame(60));
  expect(before.frames).toEqual([]);
  expect(after.frames).toEqual([frame(60)]);
});

it.each([0, 13, 65_551])("%i bytes are refused as a frame", (length) => {
  const { outside, toGuest } = cable();
  expect(() => outside.send(frame(length))).toThrow(expect.objectContaining({ code: "ERR_VKRUN_FRAME_SIZE" }));
  expect(toGuest).toEqual([]);
});

it.each([14, 65_550])("%i bytes are taken as a frame", (length) => {
  const { outside, toGuest } = cable();
  outside.send(frame(length));
  expect(toGuest.map((bytes) => bytes.length)).toEqual([length]);
});
