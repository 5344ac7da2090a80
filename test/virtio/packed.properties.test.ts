import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { VirtqError, VirtqEvent, VirtqPop } from "../../assembly/shared/virtq.js";
import type { PackedDesc, PackedDriverQueue } from "../support/packed-driver.js";
import { readList } from "./packed-model.js";
import { type Popped, QueueBench, RAM_BYTES } from "./queue-bench.js";

const BASE = 0x8000_0000;
const END = BASE + RAM_BYTES;

let bench: QueueBench;
let mark: number;

beforeAll(async () => {
  bench = await QueueBench.create();
  mark = bench.memory.mark();
});

function restart(options: { size: number; eventIdx?: boolean; indirect?: boolean }): PackedDriverQueue {
  bench.memory.release(mark);
  return bench.restartPacked(options);
}

const queueSize = fc.constantFrom(1, 2, 3, 5, 8, 16, 63);

const address = fc.oneof(
  { weight: 3, arbitrary: fc.integer({ min: BASE, max: END - 1 }).map(BigInt) },
  fc.constantFrom(0n, BigInt(BASE - 1), BigInt(END - 16), BigInt(END), 2n ** 32n, 2n ** 64n - 16n),
);
const length = fc.oneof(
  { weight: 6, arbitrary: fc.integer({ min: 0, max: 5000 }) },
  fc.constantFrom(0, 16, 32, RAM_BYTES, 0x8000_0000, 0xffff_ffff),
);
const flags = fc.oneof(
  { weight: 12, arbitrary: fc.constantFrom(0, 0, 1, 1, 2, 2, 3, 4) },
  fc.constantFrom(5, 6, 7, 0x100, 0x7f7f),
);
const descriptor: fc.Arbitrary<PackedDesc> = fc.record({
  addr: address,
  len: length,
  id: fc.integer({ min: 0, max: 0xffff }),
  flags,
});

/** Descriptors for some laps of a ring, and a table that some of them point to. */
const hostileQueue = queueSize.chain((size) =>
  fc.record({
    size: fc.constant(size),
    indirect: fc.boolean(),
    ring: fc.array(descriptor, { minLength: 1, maxLength: 4 * size }),
    table: fc.array(descriptor, { minLength: 8, maxLength: 8 }),
    pointers: fc.array(fc.record({ at: fc.nat(4 * size), entries: fc.integer({ min: 1, max: 8 }) }), { maxLength: 2 }),
  }),
);

describe("packed virtqueues", () => {
  it("read every list of any ring as the specification does, or reject it for the same reason", () => {
    const seen = new Set<VirtqError>();
    fc.assert(
      fc.property(hostileQueue, ({ size, indirect, ring, table, pointers }) => {
        const driver = restart({ size, indirect });
        const { memory } = bench;
        const tableGpa = memory.allocate(16 * table.length);
        for (const [index, desc] of table.entries()) driver.writeDescAt(tableGpa, index, desc);
        const descs = ring.slice();
        for (const { at, entries } of pointers) {
          if (at < descs.length) descs[at] = { addr: tableGpa, len: 16 * entries, id: at, flags: 4 };
        }
        const model = { ram: memory.data, base: BigInt(BASE), descGpa: BigInt(driver.descGpa), size, indirect };
        let index = 0;
        let lap: 0 | 1 = 1;
        let underWay = 0;
        while (descs.length > 0) {
          // As many as there is room for; what a bad list leaves in the ring is read as it is found there.
          driver.offer(descs.splice(0, size - underWay));
          const popped: Popped[] = [];
          for (;;) {
            const expected = readList(model, index, lap);
            const request = bench.pop();
            if (expected === undefined) {
              expect(request).toBe(VirtqPop.EMPTY);
              break;
            }
            if (expected.error !== undefined) {
              seen.add(expected.error);
              expect(request).toBe(-expected.error);
              return;
            }
            if (underWay + expected.slots > size) {
              seen.add(VirtqError.IN_FLIGHT);
              expect(request).toBe(-VirtqError.IN_FLIGHT);
              return;
            }
            seen.add(VirtqError.NONE);
            expect(request).toMatchObject({ readable: expected.readable, writable: expected.writable });
            popped.push(request as Popped);
            underWay += expected.slots;
            index += expected.slots;
            if (index >= size) {
              index -= size;
              lap = lap === 1 ? 0 : 1;
            }
          }
          for (const request of popped) bench.push(request);
          if (popped.length === 0) return;
          underWay = 0;
        }
      }),
      { numRuns: 3000, seed: 20_261_123 },
    );
    // The generator is worth something only if it gets this far.
    for (const error of [
      VirtqError.NONE,
      VirtqError.CHAIN_LENGTH,
      VirtqError.BUFFER_ADDRESS,
      VirtqError.BUFFER_ORDER,
      VirtqError.INDIRECT_NOT_NEGOTIATED,
      VirtqError.INDIRECT_WITH_NEXT,
      VirtqError.INDIRECT_LENGTH,
      VirtqError.INDIRECT_ADDRESS,
      VirtqError.IN_FLIGHT,
    ]) {
      expect(seen).toContain(error);
    }
  });

  it("write nothing of the guest's but the ring and the device's event suppression, whatever is in the ring", () => {
    const anything = fc.uint8Array({ minLength: 16 * 8, maxLength: 16 * 8 });
    let taken = 0;
    fc.assert(
      fc.property(anything, fc.boolean(), fc.array(fc.boolean(), { maxLength: 40 }), (bytes, eventIdx, choices) => {
        const driver = restart({ size: 8, eventIdx });
        const { memory } = bench;
        const ring = memory.at(driver.descGpa);
        memory.bytes.set(bytes, ring);
        // Some of it has to look available, and to lie in RAM.
        for (let slot = 0; slot < 8; slot++) {
          memory.data.setUint16(ring + 16 * slot + 14, ((bytes[slot] ?? 0) & 3) | 0x80, true);
          memory.data.setBigUint64(ring + 16 * slot, BigInt(BASE + 0x8000 + 16 * (bytes[16 * slot] ?? 0)), true);
          memory.data.setUint32(ring + 16 * slot + 8, bytes[16 * slot + 8] ?? 0, true);
        }
        const before = bench.core.ram.slice(0, 1 << 16);
        const underWay: Popped[] = [];
        for (const choice of choices) {
          const done = choice ? underWay.shift() : underWay.pop();
          if (done !== undefined) bench.push(done, 0);
          for (const _ of [1, 2]) {
            const popped = bench.pop();
            if (typeof popped === "number") break;
            taken++;
            underWay.push(popped);
          }
        }
        const after = bench.core.ram.slice(0, 1 << 16);
        for (const image of [before, after]) {
          image.fill(0, ring, ring + 16 * 8);
          image.fill(0, memory.at(driver.usedGpa), memory.at(driver.usedGpa) + 4);
        }
        expect(Buffer.compare(before, after)).toBe(0);
      }),
      { numRuns: 500, seed: 7 },
    );
    expect(taken).toBeGreaterThan(500);
  });

  const requests = fc.array(
    fc.record({
      readable: fc.integer({ min: 0, max: 3 }),
      writable: fc.integer({ min: 1, max: 3 }),
      indirect: fc.boolean(),
      written: fc.integer({ min: 0, max: 64 }),
      complete: fc.integer({ min: 0, max: 100 }),
      save: fc.integer({ min: 0, max: 9 }).map((choice) => choice === 0),
    }),
    { minLength: 1, maxLength: 80 },
  );

  it("complete every request once, in any order, with the length that was written, saved and restored in between", () => {
    fc.assert(
      fc.property(requests, fc.constantFrom(6, 7, 16, 33), fc.boolean(), (list, size, eventIdx) => {
        const driver = restart({ size, eventIdx });
        const buffer = { gpa: BASE + 0x10_0000, length: 64 };
        const underWay: { popped: Popped; head: number; written: number }[] = [];
        const expected: { head: number; length: number }[] = [];
        const actual: { head: number; length: number }[] = [];
        const complete = (choice: number): void => {
          const [done] = underWay.splice(choice % underWay.length, 1);
          if (done === undefined) return;
          bench.push(done.popped, done.written);
          expected.push({ head: done.head, length: done.written });
          actual.push(...driver.used());
        };
        for (const { readable, writable, indirect, written, complete: choice, save } of list) {
          while (driver.freeDescriptors < readable + writable) complete(choice);
          const head = driver.add({
            readable: Array.from({ length: readable }, () => buffer),
            writable: Array.from({ length: writable }, () => buffer),
            indirect,
          });
          if (save) expect(bench.restore(bench.save())).toBe(VirtqError.NONE);
          const popped = bench.popRequest();
          expect(popped.readable).toHaveLength(readable);
          expect(popped.writable).toHaveLength(writable);
          underWay.push({ popped, head, written });
        }
        while (underWay.length > 0) complete(0);
        expect(actual).toEqual(expected);
        expect(driver.freeDescriptors).toBe(size);
      }),
      { numRuns: 400, seed: 3 },
    );
  });

  it("interrupt with event_idx exactly when the descriptor that the driver named is used", () => {
    const rounds = fc.array(
      fc.record({
        sizes: fc.array(fc.integer({ min: 1, max: 3 }), { maxLength: 4 }),
        // How far ahead of what it has seen a driver waits; at most a ring's length.
        ahead: fc.integer({ min: 0, max: 6 }),
        mode: fc.constantFrom(VirtqEvent.DESC, VirtqEvent.DESC, VirtqEvent.DESC, VirtqEvent.ENABLE, VirtqEvent.DISABLE),
      }),
      { minLength: 1, maxLength: 60 },
    );
    fc.assert(
      fc.property(rounds, fc.constantFrom(7, 8), (list, size) => {
        const driver = restart({ size, eventIdx: true });
        for (const { sizes, ahead, mode } of list) {
          const { index, lap } = driver.usedPosition;
          const wraps = index + ahead >= size;
          driver.setDriverEvent((index + ahead) % size, wraps ? lap ^ 1 : lap, mode);
          let passed = 0;
          for (const slots of sizes) {
            if (passed + slots > size) break;
            driver.add({ readable: Array.from({ length: slots }, () => ({ gpa: BASE, length: 1 })) });
            bench.push(bench.popRequest());
            passed += slots;
          }
          const expected = mode === VirtqEvent.DESC ? passed > ahead : mode === VirtqEvent.ENABLE && passed > 0;
          expect(bench.interruptDue()).toBe(expected);
          expect(bench.interruptDue()).toBe(false);
          driver.used();
        }
      }),
      { numRuns: 500, seed: 5 },
    );
  });

  it("never leave a driver waiting that notifies only when it is asked to", () => {
    const steps = fc.array(fc.constantFrom("add", "add", "list", "kick", "pop"), {
      minLength: 1,
      maxLength: 120,
      size: "max",
    });
    let spared = 0;
    fc.assert(
      fc.property(steps, fc.boolean(), fc.constantFrom(5, 8), (list, eventIdx, size) => {
        const driver = restart({ size, eventIdx });
        let waiting = 0;
        const drain = (): void => {
          for (let popped = bench.pop(); typeof popped !== "number"; popped = bench.pop()) {
            bench.push(popped);
            waiting--;
          }
          driver.used();
        };
        const add = (segments: number): void => {
          if (driver.freeDescriptors < segments) return;
          driver.add({ readable: Array.from({ length: segments }, () => ({ gpa: BASE, length: 1 })) });
          waiting++;
        };
        for (const step of list) {
          if (step === "add") add(1);
          else if (step === "list") add(3);
          else if (step === "pop") drain();
          else if (driver.kick()) drain();
          else spared++;
        }
        if (driver.kick()) drain();
        expect(waiting).toBe(0);
      }),
      { numRuns: 500, seed: 11 },
    );
    expect(spared).toBeGreaterThan(100);
  });
});
