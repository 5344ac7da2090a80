import { beforeEach, describe, expect, it } from "vitest";
import { VirtqDesc, VirtqError, VirtqEvent, VirtqFeature, VirtqLimit, VirtqPop } from "../../assembly/shared/virtq.js";
import { clearDirty, isDirty } from "../devices/support.js";
import type { PackedDriverQueue } from "../support/packed-driver.js";
import { QueueBench, RAM_BYTES } from "./queue-bench.js";

const BASE = 0x8000_0000;
const END = BASE + RAM_BYTES;

let bench: QueueBench;
let driver: PackedDriverQueue;

beforeEach(async () => {
  bench = await QueueBench.create();
  driver = bench.restartPacked({ size: 6 });
});

const buffer = { gpa: BASE + 0x10_0000, length: 64 };

describe("starting a packed queue", () => {
  const start = (size: number, desc = BASE, driverEvent = BASE + 0x1_0000, deviceEvent = BASE + 0x1_0004): number =>
    bench.startAt(size, desc, driverEvent, deviceEvent, VirtqFeature.PACKED);

  it("accepts every size up to the limit", () => {
    for (const size of [1, 2, 3, 5, 100, VirtqLimit.SIZE]) expect(start(size)).toBe(VirtqError.NONE);
    for (const size of [0, VirtqLimit.SIZE + 1, 0xffff_ffff]) expect(start(size)).toBe(VirtqError.QUEUE_SIZE);
  });

  it("refuses parts that are misaligned or not in RAM", () => {
    expect(start(8, BASE + 8)).toBe(VirtqError.RING_ALIGNMENT);
    expect(start(8, BASE, BASE + 2)).toBe(VirtqError.RING_ALIGNMENT);
    expect(start(8, BASE, BASE, BASE + 2)).toBe(VirtqError.RING_ALIGNMENT);
    for (const [desc, first, second] of [
      [END - 112, BASE, BASE],
      [BASE - 16, BASE, BASE],
      [BASE, END, BASE],
      [BASE, BASE, END],
      [BASE, 0, BASE],
    ]) {
      expect(start(8, desc, first, second)).toBe(VirtqError.RING_ADDRESS);
    }
    expect(start(8, END - 128, END - 4, END - 4)).toBe(VirtqError.NONE);
  });
});

describe("a packed queue", () => {
  it("says of a used descriptor whether anything was written", () => {
    driver.add({ writable: [buffer] });
    driver.add({ writable: [buffer] });
    driver.add({ readable: [buffer], writable: [buffer] });
    const [first, second, third] = [bench.popRequest(), bench.popRequest(), bench.popRequest()];
    bench.push(first, 0);
    bench.push(second, 7);
    bench.virtq.virtqWrote(third.record, 3, 1);
    bench.push(third, 0);
    const written = [0, 1, 2].map((slot) => {
      const flags = bench.memory.data.getUint16(bench.memory.at(driver.descGpa) + 16 * slot + 14, true);
      return (flags & VirtqDesc.WRITE) !== 0;
    });
    expect(written).toEqual([false, true, true]);
    expect(driver.used().map(({ length }) => length)).toEqual([0, 7, 0]);
  });

  it("marks what it writes to the ring and the event suppression as changed", () => {
    driver.add({ readable: [buffer] });
    clearDirty(bench.core);
    const popped = bench.popRequest();
    expect(isDirty(bench.core, driver.usedGpa)).toBe(true);
    clearDirty(bench.core);
    bench.push(popped);
    expect(isDirty(bench.core, driver.descGpa)).toBe(true);
    expect(isDirty(bench.core, buffer.gpa)).toBe(false);
  });

  it("stays broken when a descriptor under way is offered again, until it is started anew", () => {
    for (let index = 0; index < 6; index++) driver.add({ readable: [buffer] });
    for (let index = 0; index < 6; index++) bench.popRequest();
    driver.offer([{ addr: BASE, len: 1, id: 0, flags: 0 }]);
    expect(bench.pop()).toBe(-VirtqError.IN_FLIGHT);
    expect(bench.pop()).toBe(-VirtqError.IN_FLIGHT);
    expect(bench.interruptDue()).toBe(false);
    driver = bench.restartPacked({ size: 6 });
    driver.add({ readable: [buffer] });
    bench.popRequest();
  });

  it("asks for notifications only once it has found the ring empty", () => {
    driver.add({ readable: [buffer] });
    expect(driver.kick()).toBe(true);
    bench.push(bench.popRequest());
    expect(driver.deviceEventFlags).toBe(VirtqEvent.DISABLE);
    driver.add({ readable: [buffer] });
    expect(driver.kick()).toBe(false);
    bench.push(bench.popRequest());
    expect(bench.pop()).toBe(VirtqPop.EMPTY);
    expect(driver.deviceEventFlags).toBe(VirtqEvent.ENABLE);
  });

  it("interrupts as the driver's event flags say; a place in the ring counts only with event_idx", () => {
    const complete = (): boolean => {
      driver.add({ readable: [buffer] });
      bench.push(bench.popRequest());
      driver.used();
      return bench.interruptDue();
    };
    expect(complete()).toBe(true);
    driver.disableInterrupts();
    expect(complete()).toBe(false);
    driver.setDriverEvent(5, 1, VirtqEvent.DESC);
    expect(complete()).toBe(true);
    driver = bench.restartPacked({ size: 6, eventIdx: true });
    driver.setDriverEvent(2, 1, VirtqEvent.DESC);
    expect([complete(), complete(), complete(), complete()]).toEqual([false, false, true, false]);
  });

  it("is refused as a checkpoint when its indices are not the ring's", () => {
    driver.add({ readable: [buffer, buffer] });
    bench.popRequest();
    const state = bench.save();
    expect(bench.restore(state)).toBe(VirtqError.NONE);
    // Every field that is a position in the ring, or counts one: none may be trusted.
    const tampered: number[] = [];
    for (let at = 0; at < 96; at += 2) {
      const changed = state.slice();
      new DataView(changed.buffer).setUint16(at, 0x7fff, true);
      const error = bench.restore(changed);
      if (error !== VirtqError.NONE) tampered.push(at);
      else {
        // What is taken must be harmless: nothing outside the ring is written.
        const popped = bench.pop();
        if (typeof popped !== "number") bench.push(popped);
      }
    }
    expect(tampered.length).toBeGreaterThanOrEqual(12);
  });
});
