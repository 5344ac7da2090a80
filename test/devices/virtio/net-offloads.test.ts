import { beforeEach, describe, expect, it } from "vitest";
import { HEADER, packet } from "../../support/net-peer.js";
import type { Buffer } from "../../support/virtqueue-driver.js";
import {
  ALL,
  CTRL_RX,
  cable,
  command,
  driver,
  frame,
  GUEST_CSUM,
  GUEST_TSO4,
  MODES,
  offer,
  peer,
  prepare,
  rx,
  settle,
  start,
  transmit,
  VERSION_1,
  without,
} from "./net-port.js";

describe.each(MODES)("a virtio network port%s", (_name, recorded) => {
  beforeEach(async () => {
    await prepare(recorded);
    cable();
    start();
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
});
