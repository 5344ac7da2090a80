import { beforeEach, describe, expect, it } from "vitest";
import { Register } from "../../support/virtqueue-driver.js";
import {
  CTRL_VLAN,
  CTRL_VQ,
  cable,
  command,
  frame,
  MAC,
  MODES,
  MRG_RXBUF,
  mmio,
  net,
  offer,
  peer,
  prepare,
  rx,
  settle,
  start,
  status,
  VERSION_1,
  without,
} from "./net-port.js";

describe.each(MODES)("a virtio network port%s", (_name, recorded) => {
  beforeEach(async () => {
    await prepare(recorded);
    cable();
    start();
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
});
