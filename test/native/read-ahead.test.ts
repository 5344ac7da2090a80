import { Socket } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type NativeAddon, native, nativeUnavailable, type ReadAhead } from "../../src/native.js";

const RING_BYTES = 4096;

describe.runIf(nativeUnavailable() === undefined)("a descriptor that is read ahead", () => {
  let addon: NativeAddon;
  let ours: number;
  let peer: Socket;
  let ring: Uint8Array;
  let reader: ReadAhead;
  let reports: number;
  let report: () => void;

  /** Resolves at the next report. */
  const reported = (bytes: number): Promise<void> =>
    new Promise((resolve) => {
      report = resolve;
      reader.arm({ bytes });
    });

  beforeEach(() => {
    addon = native();
    const pair = addon.openSocketPair({ sendBuffer: 65_536 });
    ours = pair.ours;
    peer = new Socket({ fd: pair.theirs });
    ring = new Uint8Array(RING_BYTES);
    reports = 0;
    report = () => undefined;
    const onReady = (): void => {
      reports++;
      report();
    };
    reader = new addon.ReadAhead({ fd: ours, ring, onReady });
  });

  afterEach(() => {
    reader.close();
    addon.closeDescriptor({ fd: ours });
    peer.destroy();
  });

  it("fills the ring, and reports once when as much is there as was asked for", async () => {
    expect(reader.available()).toBe(0);
    const ready = reported(6);
    peer.write("one");
    peer.write("two");
    await ready;
    expect(reader.available()).toBe(6);
    expect(String.fromCharCode(...ring.subarray(0, 6))).toBe("onetwo");
    peer.write("more");
    await reported(10);
    expect(reports).toBe(2);
  });

  it("goes on at the ring's beginning, and loses nothing while it is full", async () => {
    const sent = Uint8Array.from({ length: 20 * RING_BYTES + 123 }, (_, index) => index % 251);
    peer.write(sent);
    const received: number[] = [];
    // An odd piece at a time, so that every piece begins elsewhere; full again in between.
    while (received.length < sent.length) {
      const piece = Math.min(1000, sent.length - received.length);
      await reported(piece);
      for (let index = 0; index < piece; index++) received.push(ring[received.length % RING_BYTES] ?? 0);
      reader.consume({ bytes: piece });
    }
    expect(Uint8Array.from(received)).toEqual(sent);
    expect(reader.available()).toBe(0);
  });

  it("tells that the other end has gone when all has been taken that came before", async () => {
    peer.end("last");
    await reported(5);
    expect(reader.available()).toBe(4);
    reader.consume({ bytes: 4 });
    expect(reader.available()).toBe(-1);
    await reported(1);
  });

  it("refuses to be asked for more than there is or can be", () => {
    expect(() => reader.consume({ bytes: 1 })).toThrow(/more than there is/);
    expect(() => reader.arm({ bytes: RING_BYTES + 1 })).toThrow(/more than the ring holds/);
    expect(() => new addon.ReadAhead({ fd: ours, ring: new Uint8Array(0), onReady: () => undefined })).toThrow(/empty/);
  });

  it("can be closed at any time, more than once, and reports nothing afterwards", async () => {
    reader.arm({ bytes: 1 });
    reader.close();
    reader.close();
    peer.write("nobody reads this");
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(reports).toBe(0);
  });
});
