import { beforeEach, describe, expect, it } from "vitest";
import { HEADER } from "../../support/net-peer.js";
import { Register } from "../../support/virtqueue-driver.js";
import {
  cable,
  command,
  driver,
  frame,
  MAC,
  MODES,
  mmio,
  offer,
  peer,
  prepare,
  rx,
  settle,
  start,
  status,
} from "./net-port.js";

describe.each(MODES)("a virtio network port%s", (_name, recorded) => {
  beforeEach(async () => {
    await prepare(recorded);
    cable();
    start();
  });

  describe("that is saved and restored", () => {
    /** Another device with the state of this one, over a cable of its own; the buffers are in the same memory. */
    function migrate(): void {
      const state = structuredClone(mmio.save());
      cable();
      mmio.restore(state);
    }

    it("has the buffers that it held, and what was waiting for more", () => {
      const buffer = offer();
      peer.send(frame(64, 2));
      settle();
      for (let index = 0; index < 3; index++) offer();
      peer.send(frame(64, 4));
      settle();
      expect(rx.used()).toHaveLength(2);
      migrate();
      peer.send(frame(64, 6));
      settle();
      mmio.write(Register.QueueNotify, 4, 0);
      settle();
      expect(rx.used()).toHaveLength(1);
      expect(driver.bytes(buffer)[HEADER]).toBe(2);
    });

    it("still knows what the driver wants, and has it announce itself", () => {
      command(0, 0, [0]);
      command(1, 1, [2, 0, 0, 0, 0, 1]);
      migrate();
      settle();
      expect(status()).toBe(3);
      expect(mmio.read(Register.Config, 1)).toBe(2);
      offer();
      peer.send(Uint8Array.from([...MAC, ...frame(54)]));
      settle();
      expect(rx.used()).toEqual([]);
      peer.send(Uint8Array.from([2, 0, 0, 0, 0, 1, ...frame(54)]));
      settle();
      expect(rx.used()).toHaveLength(1);
    });
  });
});
