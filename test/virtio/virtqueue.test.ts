import { beforeEach, describe, expect, it } from "vitest";
import { VirtqDesc, VirtqError, VirtqLimit, VirtqPop, VirtqUsed } from "../../assembly/shared/virtq.js";
import { clearDirty, isDirty } from "../devices/support.js";
import { QueueBench, RAM_BYTES } from "./queue-bench.js";

const BASE = 0x8000_0000;
const END = BASE + RAM_BYTES;

let bench: QueueBench;

beforeEach(async () => {
  bench = await QueueBench.create({ size: 8 });
});

describe("starting a queue", () => {
  it("accepts every power of two up to the limit", () => {
    for (let size = 1; size <= VirtqLimit.SIZE; size *= 2) {
      expect(bench.startAt(size, BASE, BASE + 0x10000, BASE + 0x20000)).toBe(VirtqError.NONE);
    }
  });

  it.each([0, 3, 6, VirtqLimit.SIZE * 2, 0xffff_ffff])("refuses a queue size of %i", (size) => {
    expect(bench.startAt(size, BASE, BASE + 0x10000, BASE + 0x20000)).toBe(VirtqError.QUEUE_SIZE);
  });

  it.each([
    ["descriptors", 8, 0, 0],
    ["available ring", 0, 1, 0],
    ["used ring", 0, 0, 2],
  ])("refuses a misaligned table of %s", (_what, desc, avail, used) => {
    expect(bench.startAt(8, BASE + desc, BASE + 0x1000 + avail, BASE + 0x2000 + used)).toBe(VirtqError.RING_ALIGNMENT);
  });

  it.each([
    ["below RAM", BASE - 0x1000],
    ["behind RAM", END],
    ["at address 0", 0],
    ["at the top of the address space", 2 ** 64 - 2048],
    ["that RAM ends in", END - 16],
  ])("refuses rings %s", (_what, gpa) => {
    for (const place of [0, 1, 2]) {
      const rings = [BASE, BASE + 0x1000, BASE + 0x2000];
      rings[place] = gpa;
      const [desc = 0, avail = 0, used = 0] = rings;
      expect(bench.startAt(8, desc, avail, used)).toBe(VirtqError.RING_ADDRESS);
    }
  });

  it("accepts rings that end exactly with RAM", () => {
    expect(bench.startAt(8, END - 8 * 16, BASE, BASE + 0x1000)).toBe(VirtqError.NONE);
    expect(bench.startAt(8, BASE, END - 22, BASE + 0x1000)).toBe(VirtqError.NONE);
    expect(bench.startAt(8, BASE, BASE + 0x1000, END - 72)).toBe(VirtqError.NONE);
    expect(bench.startAt(8, BASE, END - 20, BASE + 0x1000)).toBe(VirtqError.RING_ADDRESS);
    expect(bench.startAt(8, BASE, BASE + 0x1000, END - 68)).toBe(VirtqError.RING_ADDRESS);
  });

  it("has 16 queues for each of 16 devices, none in another's place", () => {
    const addresses = new Set<number>();
    for (let device = 0; device < 16; device++) {
      for (let queue = 0; queue < 16; queue++) addresses.add(bench.virtq.virtqAddress(device, queue));
    }
    expect(addresses.size).toBe(256);
    const sorted = [...addresses].sort((a, b) => a - b);
    for (let index = 1; index < sorted.length; index++) {
      const distance = (sorted[index] as number) - (sorted[index - 1] as number);
      expect(distance).toBeGreaterThanOrEqual(bench.virtq.virtqSavedLimit());
    }
    expect(bench.virtq.virtqAddress(16, 0)).toBe(0);
    expect(bench.virtq.virtqAddress(0, 16)).toBe(0);
  });
});

describe("descriptor chains", () => {
  it("gives readable buffers, then writable ones, in order", () => {
    const readable = [
      { gpa: BASE + 0x1234, length: 16 },
      { gpa: BASE + 0x8000, length: 4096 },
    ];
    const writable = [{ gpa: END - 1, length: 1 }];
    bench.driver.add({ readable, writable });
    const popped = bench.popRequest();
    expect(popped.readable).toEqual(readable);
    expect(popped.writable).toEqual(writable);
    expect(bench.pop()).toBe(VirtqPop.EMPTY);
  });

  it("takes an indirect table behind a direct part, whatever its WRITE flag says", () => {
    const table = bench.memory.allocate(32);
    bench.driver.writeDescAt(table, 0, { addr: BASE + 0x3000, len: 5, flags: VirtqDesc.NEXT, next: 1 });
    bench.driver.writeDescAt(table, 1, { addr: BASE + 0x4000, len: 6, flags: VirtqDesc.WRITE, next: 0 });
    bench.driver.writeDesc(0, { addr: BASE + 0x2000, len: 4, flags: VirtqDesc.NEXT, next: 7 });
    bench.driver.writeDesc(7, { addr: table, len: 32, flags: VirtqDesc.INDIRECT | VirtqDesc.WRITE, next: 0 });
    bench.driver.offer(0);
    const { readable, writable } = bench.popRequest();
    expect(readable).toEqual([
      { gpa: BASE + 0x2000, length: 4 },
      { gpa: BASE + 0x3000, length: 5 },
    ]);
    expect(writable).toEqual([{ gpa: BASE + 0x4000, length: 6 }]);
  });

  it("leaves out empty buffers wherever they point", () => {
    bench.driver.writeDesc(0, { addr: 0, len: 0, flags: VirtqDesc.NEXT, next: 1 });
    bench.driver.writeDesc(1, { addr: BASE, len: 3, flags: VirtqDesc.WRITE | VirtqDesc.NEXT, next: 2 });
    bench.driver.writeDesc(2, { addr: 2n ** 64n - 1n, len: 0, flags: 0, next: 0 });
    bench.driver.offer(0);
    const { readable, writable } = bench.popRequest();
    expect(readable).toEqual([]);
    expect(writable).toEqual([{ gpa: BASE, length: 3 }]);
  });

  it("accepts a chain as long as the queue, direct or indirect", () => {
    const buffers = Array.from({ length: 8 }, (_, index) => ({ gpa: BASE + index, length: 1 }));
    bench.driver.add({ readable: buffers });
    const first = bench.popRequest();
    expect(first.readable).toHaveLength(8);
    bench.push(first);
    bench.driver.used();
    bench.driver.add({ readable: buffers, indirect: true });
    expect(bench.popRequest().readable).toHaveLength(8);
  });
});

describe("the available ring", () => {
  it("rejects an index that runs ahead by more than the queue", () => {
    bench.driver.setAvailIdx(9);
    expect(bench.pop()).toBe(-VirtqError.AVAIL_INDEX);
  });

  it("rejects an index that goes back", () => {
    bench.driver.add({ readable: [{ gpa: BASE, length: 1 }] });
    bench.push(bench.popRequest());
    bench.driver.setAvailIdx(0);
    expect(bench.pop()).toBe(-VirtqError.AVAIL_INDEX);
  });

  it("rejects a descriptor offered again and again while it is in use", () => {
    bench.driver.writeDesc(0, { addr: BASE, len: 1, flags: 0, next: 0 });
    for (let round = 0; round < 8; round++) {
      bench.driver.offer(0);
      bench.popRequest();
    }
    bench.driver.offer(0);
    expect(bench.pop()).toBe(-VirtqError.IN_FLIGHT);
  });

  it("goes on behind 65536 requests, with an index that wraps", () => {
    let right = 0;
    for (let round = 0; round < 65_536 + 20; round++) {
      const head = bench.driver.add({ writable: [{ gpa: BASE + 0x9000, length: 4 }] });
      bench.push(bench.popRequest(), 4);
      const used = bench.driver.used();
      if (used.length === 1 && used[0]?.head === head && used[0].length === 4) right++;
    }
    expect(right).toBe(65_536 + 20);
  });
});

describe("requests under way", () => {
  it("can complete in any order", () => {
    const heads = Array.from({ length: 4 }, () =>
      bench.driver.add({ readable: [{ gpa: BASE, length: 1 }], writable: [{ gpa: BASE + 8, length: 8 }] }),
    );
    const popped = heads.map(() => bench.popRequest());
    for (const index of [2, 0, 3, 1]) bench.push(popped[index] as never, index);
    expect(bench.driver.used()).toEqual([2, 0, 3, 1].map((index) => ({ head: heads[index], length: index })));
  });

  it("wait in the ring while there is no room for their records, and lose nothing", () => {
    // Records of 1024 segments: only a few fit, however many are offered.
    bench.restart({ size: 1024, indirect: true });
    const buffers = Array.from({ length: 1024 }, (_, index) => ({ gpa: BASE + index, length: 1 }));
    const heads = Array.from({ length: 20 }, () => bench.driver.add({ readable: buffers, indirect: true }));
    const underWay: ReturnType<QueueBench["popRequest"]>[] = [];
    const order: number[] = [];
    while (order.length < heads.length) {
      const popped = bench.pop();
      if (typeof popped !== "number") underWay.push(popped);
      else {
        expect(popped).toBe(underWay.length + order.length < heads.length ? VirtqPop.FULL : VirtqPop.EMPTY);
        // The youngest first: the room behind the oldest comes free last.
        const done = underWay.pop();
        if (done === undefined) throw new Error("nothing under way, and no room");
        expect(done.readable).toEqual(buffers);
        bench.push(done);
        order.push(...bench.driver.used().map(({ head }) => head));
      }
    }
    expect([...order].sort((a, b) => a - b)).toEqual(heads);
  });

  it("fill the room for their records to its last byte, and not beyond", () => {
    // 811 records of 5 units and one of 33 are all the room there is; one is always left under way, or it starts over.
    bench.restart({ size: 32, indirect: true });
    const buffers = Array.from({ length: 32 }, (_, index) => ({ gpa: BASE + index, length: 1 }));
    const neighbour = bench.virtq.virtqAddress(0, 1);
    const next = (length: number): ReturnType<QueueBench["popRequest"]> => {
      bench.driver.add({ readable: buffers.slice(0, length), indirect: true });
      return bench.popRequest();
    };
    const mark = bench.memory.mark();
    const first = next(4).record;
    let last = { record: first, readable: buffers, writable: buffers };
    for (let count = 1; count < 811; count++) {
      const popped = next(4);
      bench.push(last);
      bench.driver.used();
      last = popped as typeof last;
      bench.memory.release(mark);
    }
    const longest = next(32);
    expect(longest.readable).toEqual(buffers);
    expect(longest.record + 16 * 33).toBe(neighbour);
    bench.push(last);
    expect(next(1).record).toBe(first);
    expect(bench.core.bytes.subarray(neighbour, neighbour + 256).every((byte) => byte === 0)).toBe(true);
  });

  it("are listed oldest first for a device that takes them up again", () => {
    for (let index = 0; index < 5; index++) bench.driver.add({ readable: [{ gpa: BASE + index, length: 1 }] });
    const popped = Array.from({ length: 5 }, () => bench.popRequest());
    bench.push(popped[0] as never);
    bench.push(popped[3] as never);
    const listed: number[] = [];
    for (let index = 0; ; index++) {
      const record = bench.virtq.virtqUnderWay(bench.queue, index);
      if (record === 0) break;
      listed.push(record);
    }
    expect(listed).toEqual([1, 2, 4].map((index) => popped[index]?.record));
  });
});

describe("marks on written memory", () => {
  it("cover the used ring and as much of the buffers as was written", () => {
    const writable = [
      { gpa: BASE + 0x10_0ff0, length: 0x20 },
      { gpa: BASE + 0x20_0000, length: 0x3000 },
    ];
    bench.driver.add({ readable: [{ gpa: BASE + 0x30_0000, length: 64 }], writable });
    const popped = bench.popRequest();
    clearDirty(bench.core);
    bench.push(popped, 0x20 + 0x1001);
    expect(isDirty(bench.core, BASE + 0x10_0000)).toBe(true);
    expect(isDirty(bench.core, BASE + 0x10_1000)).toBe(true);
    expect(isDirty(bench.core, BASE + 0x20_0000)).toBe(true);
    expect(isDirty(bench.core, BASE + 0x20_1000)).toBe(true);
    expect(isDirty(bench.core, BASE + 0x20_2000)).toBe(false);
    expect(isDirty(bench.core, BASE + 0x30_0000)).toBe(false);
    expect(isDirty(bench.core, bench.driver.usedGpa)).toBe(true);
  });

  it("can be set for any part of the writable buffers", () => {
    const writable = [
      { gpa: BASE + 0x10_0000, length: 0x1000 },
      { gpa: BASE + 0x20_0000, length: 0x3000 },
    ];
    bench.driver.add({ readable: [{ gpa: BASE + 0x30_0000, length: 0x1000 }], writable });
    const { record } = bench.popRequest();
    clearDirty(bench.core);
    bench.virtq.virtqWrote(record, 0x2000, 0x800);
    const dirty = [0x10_0000, 0x20_0000, 0x20_1000, 0x20_2000, 0x30_0000].map((at) => isDirty(bench.core, BASE + at));
    expect(dirty).toEqual([false, false, true, false, false]);
  });

  it("stay inside the buffers when a device claims to have written more", () => {
    bench.driver.add({ writable: [{ gpa: BASE + 0x10_0000, length: 16 }] });
    const popped = bench.popRequest();
    clearDirty(bench.core);
    bench.push(popped, 0xffff_ffff);
    expect(isDirty(bench.core, BASE + 0x10_0000)).toBe(true);
    expect(isDirty(bench.core, BASE + 0x10_1000)).toBe(false);
  });
});

describe("interrupts", () => {
  function complete(): void {
    bench.driver.add({ readable: [{ gpa: BASE, length: 1 }] });
    bench.push(bench.popRequest());
    bench.driver.used();
  }

  it("are due once for any number of completions, and not without one", () => {
    expect(bench.interruptDue()).toBe(false);
    complete();
    complete();
    expect(bench.interruptDue()).toBe(true);
    expect(bench.interruptDue()).toBe(false);
  });

  it("are not due while NO_INTERRUPT is set", () => {
    bench.driver.disableInterrupts();
    complete();
    expect(bench.interruptDue()).toBe(false);
    bench.driver.enableInterrupts();
    complete();
    expect(bench.interruptDue()).toBe(true);
  });

  it("are due with event_idx when used_event is passed, whatever NO_INTERRUPT says", () => {
    bench.restart({ size: 8, eventIdx: true });
    bench.memory.data.setUint16(bench.memory.at(bench.driver.availGpa), 1, true);
    bench.driver.setUsedEvent(2);
    complete();
    expect(bench.interruptDue()).toBe(false);
    complete();
    expect(bench.interruptDue()).toBe(false);
    complete();
    expect(bench.interruptDue()).toBe(true);
    complete();
    expect(bench.interruptDue()).toBe(false);
  });
});

describe("notifications", () => {
  it("are asked for only once the device has found the queue empty (event_idx)", () => {
    bench.restart({ size: 8, eventIdx: true });
    const request = { readable: [{ gpa: BASE, length: 1 }] };
    bench.driver.add(request);
    expect(bench.driver.kick()).toBe(true);
    bench.driver.add(request);
    expect(bench.driver.kick()).toBe(false);
    bench.push(bench.popRequest());
    bench.push(bench.popRequest());
    bench.driver.add(request);
    expect(bench.driver.kick()).toBe(false);
    bench.push(bench.popRequest());
    expect(bench.pop()).toBe(VirtqPop.EMPTY);
    expect(bench.driver.availEvent).toBe(3);
    bench.driver.add(request);
    expect(bench.driver.kick()).toBe(true);
  });

  it("are asked for only once the device has found the queue empty (flags)", () => {
    const request = { readable: [{ gpa: BASE, length: 1 }] };
    bench.driver.add(request);
    expect(bench.driver.kick()).toBe(true);
    bench.push(bench.popRequest());
    expect(bench.driver.usedFlags).toBe(VirtqUsed.NO_NOTIFY);
    bench.driver.add(request);
    expect(bench.driver.kick()).toBe(false);
    bench.push(bench.popRequest());
    expect(bench.pop()).toBe(VirtqPop.EMPTY);
    expect(bench.driver.usedFlags).toBe(0);
  });
});

describe("saved queues", () => {
  const saved = () => bench.core.bytes.slice(bench.queue, bench.queue + bench.virtq.virtqSavedLength(bench.queue));

  it("come back with requests under way", () => {
    for (let index = 0; index < 3; index++) {
      bench.driver.add({ readable: [{ gpa: BASE + index, length: 1 }], writable: [{ gpa: BASE + 64, length: 2 }] });
    }
    bench.push(bench.popRequest(), 2);
    const popped = bench.popRequest();
    const state = saved();
    bench.virtq.virtqReset(bench.queue);
    expect(bench.pop()).toBe(VirtqPop.EMPTY);
    bench.core.bytes.set(state, bench.queue);
    expect(bench.virtq.virtqRestored(bench.queue)).toBe(VirtqError.NONE);
    expect(bench.virtq.virtqUnderWay(bench.queue, 0)).toBe(popped.record);
    bench.push(popped, 1);
    bench.push(bench.popRequest(), 0);
    expect(bench.driver.used().map(({ length }) => length)).toEqual([2, 1, 0]);
  });

  it("are small when nothing is under way", () => {
    expect(saved().length).toBeLessThanOrEqual(256);
  });

  it("are refused when their records were tampered with", () => {
    bench.driver.add({ readable: [{ gpa: BASE, length: 1 }] });
    const { record } = bench.popRequest();
    const state = saved();
    const fields = new DataView(state.buffer);
    const at = record - bench.queue;
    const tamper = (change: () => void): number => {
      const before = state.slice();
      change();
      bench.core.bytes.set(state, bench.queue);
      state.set(before);
      return bench.virtq.virtqRestored(bench.queue);
    };
    expect(tamper(() => {})).toBe(VirtqError.NONE);
    // A segment behind RAM; one whose linear address is another; a record longer than the ring; a count of its own.
    expect(tamper(() => fields.setBigUint64(at + 16, BigInt(END), true))).toBe(VirtqError.RECORD);
    expect(tamper(() => fields.setUint32(at + 24, 0, true))).toBe(VirtqError.RECORD);
    expect(tamper(() => fields.setUint32(at, 0x10_0000, true))).toBe(VirtqError.RECORD);
    expect(tamper(() => fields.setUint16(at + 6, 1000, true))).toBe(VirtqError.RECORD);
    // A ring that is not in RAM any more.
    expect(tamper(() => fields.setBigUint64(0, BigInt(END), true))).toBe(VirtqError.RING_ADDRESS);
  });
});
