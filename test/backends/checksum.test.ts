import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { finishChecksum, finishPacket, plainSum } from "../../src/backends/checksum.js";
import { NetHeader, NetHeaderFlag } from "../../src/backends/net-header.js";
import { HEADER, packet } from "../support/net-peer.js";

/** RFC 1071, 4.1, word by word: what the faster one is held against. */
function reference(bytes: Uint8Array): number {
  let sum = 0;
  for (let at = 0; at < bytes.length; at += 2) sum += ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

/** A header that asks for the checksum over `frame` from `start` on, at `offset` behind that. */
function asking(start: number, offset: number): Uint8Array {
  const flags = NetHeaderFlag.NEEDS_CSUM;
  return packet(new Uint8Array(0), { flags, csumStart: start, csumOffset: offset });
}

const big = (bytes: Uint8Array, at: number): number => ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);

describe("a checksum that was left to the network card", () => {
  it("is that of RFC 1071, wherever the bytes lie in memory and however many there are", () => {
    const bytes = fc.uint8Array({ minLength: 2, maxLength: 300 });
    fc.assert(
      fc.property(bytes, fc.nat(7), fc.nat(40), fc.nat(100), (content, shift, startWish, offsetWish) => {
        const start = Math.min(startWish, content.length - 2);
        const offset = Math.min(offsetWish, content.length - 2 - start);
        const memory = new Uint8Array(content.length + 16);
        const frame = memory.subarray(shift, shift + content.length);
        frame.set(content);
        const header = asking(start, offset);
        const expected = reference(content.subarray(start)) || 0xffff;
        // What is done where there is no addon.
        const pair = new Uint8Array(Uint16Array.of(plainSum(frame, start)).buffer);
        expect(~big(pair, 0) & 0xffff || 0xffff).toBe(expected);
        expect(finishChecksum(header, frame)).toBe(true);
        expect(big(frame, start + offset)).toBe(expected);
        expect(header[NetHeader.FLAGS]).toBe(0);
        // Nothing else has changed.
        frame.set(content.subarray(start + offset, start + offset + 2), start + offset);
        expect(frame).toEqual(content);
        expect(memory.subarray(0, shift).every((byte) => byte === 0)).toBe(true);
      }),
    );
  });

  it("makes a UDP datagram good whose field held the sum of its pseudo header", () => {
    // 192.0.2.1 to 192.0.2.2, ports 4000 and 53, "hi!": the field holds what Linux leaves in there.
    const datagram = Uint8Array.of(0x0f, 0xa0, 0, 53, 0, 11, 0, 0, 0x68, 0x69, 0x21);
    const pseudo = Uint8Array.of(192, 0, 2, 1, 192, 0, 2, 2, 0, 17, 0, 11);
    const partial = ~reference(pseudo) & 0xffff;
    datagram.set([partial >>> 8, partial & 0xff], 6);
    expect(finishChecksum(asking(0, 6), datagram)).toBe(true);
    expect(reference(Uint8Array.of(...pseudo, ...datagram))).toBe(0);
  });

  it("is never 0, which would say that there is none", () => {
    const frame = Uint8Array.of(0xff, 0xff, 0, 0);
    expect(finishChecksum(asking(0, 2), frame)).toBe(true);
    expect(big(frame, 2)).toBe(0xffff);
  });

  it("is exact over the longest packets, all of whose bits are set", () => {
    const frame = new Uint8Array(65_550).fill(0xff);
    frame.set([0x12, 0x34], 100);
    const expected = reference(frame);
    expect(finishChecksum(asking(0, 100), frame)).toBe(true);
    expect(big(frame, 100)).toBe(expected);
  });

  it("is left alone in a frame that asks for none", () => {
    const whole = packet(Uint8Array.of(1, 2, 3, 4), { csumStart: 0, csumOffset: 2 });
    const before = whole.slice();
    expect(finishPacket(whole)).toBe(true);
    expect(whole).toEqual(before);
  });

  it.each([
    [0, 3],
    [4, 0],
    [3, 0],
    [0xffff, 0xffff],
  ])(
    "has no place in a frame of four bytes that starts at %d, offset %d: the frame is refused and untouched",
    (start, offset) => {
      const frame = Uint8Array.of(1, 2, 3, 4);
      expect(finishChecksum(asking(start, offset), frame)).toBe(false);
      expect(frame).toEqual(Uint8Array.of(1, 2, 3, 4));
    },
  );

  it("is finished in header and frame of one piece", () => {
    const whole = packet(Uint8Array.of(9, 9, 0x00, 0x01, 0xf2, 0x03, 0, 0), {
      ...{ flags: NetHeaderFlag.NEEDS_CSUM, csumStart: 2, csumOffset: 4 },
    });
    expect(finishPacket(whole)).toBe(true);
    // The example of RFC 1071, 3, cut short: 0001 + f203 = f204.
    expect(big(whole, HEADER + 6)).toBe(0x0dfb);
    expect(whole[NetHeader.FLAGS]).toBe(0);
  });
});
