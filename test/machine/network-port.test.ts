import { expect, it } from "vitest";
import { NetworkPort } from "../../src/api/network-port.js";
import { FrameCredit } from "../../src/machine/frame-credit.js";
import { EmbedderPort } from "../../src/machine/network-port.js";

const frame = (length: number, fill = 1): Uint8Array => new Uint8Array(length).fill(fill);

/** Both ends of a cable, and between them what is under way. */
function cable({ replaying = false } = {}) {
  const shared = { fromGuest: FrameCredit.allocate(), toGuest: FrameCredit.allocate() };
  const credits = () => ({ fromGuest: new FrameCredit(shared.fromGuest), toGuest: new FrameCredit(shared.toGuest) });
  const toGuest: Uint8Array[] = [];
  const fromGuest: Uint8Array[] = [];
  const outside = new NetworkPort("52:54:00:00:00:01", { post: (bytes) => toGuest.push(bytes), ...credits() });
  const inside = new EmbedderPort({ post: (bytes) => fromGuest.push(bytes), replaying, ...credits() });
  return { outside, inside, toGuest, fromGuest };
}

it("frames cross in both directions, and are copies", () => {
  const { outside, inside, toGuest, fromGuest } = cable();
  const arrived: Uint8Array[] = [];
  outside.on("frame", (bytes) => arrived.push(bytes));
  const original = frame(60);
  inside.send(original);
  original.fill(9);
  for (const bytes of fromGuest) outside.arrived(bytes);
  expect(arrived).toEqual([frame(60)]);

  const received: Uint8Array[] = [];
  inside.attach((bytes) => received.push(bytes));
  const view = Buffer.alloc(64, 2).subarray(0, 14);
  outside.send(view);
  expect(toGuest[0]?.buffer).not.toBe(view.buffer);
  for (const bytes of toGuest) inside.receive(bytes);
  expect(received).toEqual([frame(14, 2)]);
});

it("frames beyond what may be under way are lost, and those after the others have arrived are not", () => {
  const { outside, inside, toGuest, fromGuest } = cable();
  for (let i = 0; i < 1500; i++) {
    inside.send(frame(60));
    outside.send(frame(60));
  }
  expect(fromGuest).toHaveLength(1024);
  expect(toGuest).toHaveLength(1024);
  for (const bytes of fromGuest.splice(0)) outside.arrived(bytes);
  for (const bytes of toGuest.splice(0)) inside.receive(bytes);
  inside.send(frame(60, 7));
  outside.send(frame(60, 8));
  expect(fromGuest).toEqual([frame(60, 7)]);
  expect(toGuest).toEqual([frame(60, 8)]);
});

it("in a replay the guest gets the recorded frames and no others", () => {
  const { outside, inside, toGuest } = cable({ replaying: true });
  const received: Uint8Array[] = [];
  inside.attach((bytes) => received.push(bytes));
  for (let i = 0; i < 1500; i++) {
    outside.send(frame(60));
    for (const bytes of toGuest.splice(0)) inside.receive(bytes);
  }
  inside.inject(frame(60, 3));
  expect(received).toEqual([frame(60, 3)]);
});

it("after a reset frames go to the new machine's device", () => {
  const { inside } = cable();
  const [before, after]: Uint8Array[][] = [[], []];
  inside.attach((bytes) => before?.push(bytes));
  inside.attach((bytes) => after?.push(bytes));
  inside.receive(frame(60));
  expect(before).toEqual([]);
  expect(after).toEqual([frame(60)]);
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
