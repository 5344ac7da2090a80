import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { VirtqError, VirtqPop } from "../../assembly/shared/virtq.js";
import { type Desc, needEvent } from "../support/virtqueue-driver.js";
import { walkChain } from "./chain-model.js";
import { QueueBench, RAM_BYTES } from "./queue-bench.js";

const BASE = 0x8000_0000;
const END = BASE + RAM_BYTES;

let bench: QueueBench;
let mark: number;

beforeAll(async () => {
  bench = await QueueBench.create();
  mark = bench.memory.mark();
});

function restart(options: { size: number; eventIdx?: boolean; indirect?: boolean }): void {
  bench.memory.release(mark);
  bench.restart(options);
}

const queueSize = fc.constantFrom(1, 2, 4, 8, 16, 64);

/** Addresses around every edge there is, and ordinary ones. */
const address = fc.oneof(
  fc.integer({ min: BASE, max: END - 1 }).map(BigInt),
  fc.constantFrom(
    0n,
    BigInt(BASE - 1),
    BigInt(BASE),
    BigInt(END - 16),
    BigInt(END - 1),
    BigInt(END),
    2n ** 32n,
    2n ** 63n,
    2n ** 64n - 16n,
    2n ** 64n - 1n,
  ),
  fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
);
const length = fc.oneof(
  { weight: 4, arbitrary: fc.integer({ min: 0, max: 5000 }) },
  fc.constantFrom(0, 1, 16, 32, 48, RAM_BYTES, RAM_BYTES - 1, 0x7fff_ffff, 0x8000_0000, 0xffff_fff0, 0xffff_ffff),
);
const flags = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom(0, 1, 1, 1, 2, 3, 3, 4, 5, 6, 7) },
  fc.integer({ min: 0, max: 0xffff }),
);

function descriptor(size: number): fc.Arbitrary<Desc> {
  const next = fc.oneof(
    { weight: 6, arbitrary: fc.integer({ min: 0, max: size - 1 }) },
    fc.constantFrom(size, size - 1, 0xffff),
  );
  return fc.record({ addr: address, len: length, flags, next });
}

/** A table in the queue, one in memory that some descriptors of the first point to, and heads. */
const hostileQueue = queueSize.chain((size) =>
  fc.record({
    size: fc.constant(size),
    indirect: fc.boolean(),
    table: fc.array(descriptor(size), { minLength: size, maxLength: size }),
    indirectTable: fc.array(descriptor(12), { minLength: 12, maxLength: 12 }),
    pointers: fc.array(
      fc.record({ at: fc.integer({ min: 0, max: size - 1 }), entries: fc.integer({ min: 1, max: 12 }) }),
      {
        maxLength: 2,
      },
    ),
    heads: fc.array(
      fc.oneof({ weight: 9, arbitrary: fc.integer({ min: 0, max: size - 1 }) }, fc.integer({ min: 0, max: 0xffff })),
      { minLength: 1, maxLength: size },
    ),
  }),
);

describe("virtqueues", () => {
  it("read every chain of any table as the specification does, or reject it for the same reason", () => {
    const seen = new Set<VirtqError>();
    fc.assert(
      fc.property(hostileQueue, ({ size, indirect, table, indirectTable, pointers, heads }) => {
        restart({ size, indirect });
        const { driver, memory } = bench;
        for (const [index, desc] of table.entries()) driver.writeDesc(index, desc);
        const tableGpa = memory.allocate(16 * indirectTable.length);
        for (const [index, desc] of indirectTable.entries()) driver.writeDescAt(tableGpa, index, desc);
        for (const { at, entries } of pointers) {
          driver.writeDesc(at, { addr: tableGpa, len: 16 * entries, flags: 4, next: 0 });
        }
        for (const head of heads) driver.offer(head);
        const model = { ram: memory.data, base: BigInt(BASE), descGpa: BigInt(driver.descGpa), size, indirect };
        for (const head of heads) {
          const expected = walkChain(model, head);
          const popped = bench.pop();
          if (expected.error !== undefined) {
            seen.add(expected.error);
            expect(popped).toBe(-expected.error);
            return;
          }
          seen.add(VirtqError.NONE);
          expect(popped).toMatchObject({ readable: expected.readable, writable: expected.writable });
        }
        expect(bench.pop()).toBe(VirtqPop.EMPTY);
      }),
      { numRuns: 3000, seed: 20_261_123 },
    );
    // The generator is worth something only if it gets this far.
    for (const error of [
      VirtqError.NONE,
      VirtqError.HEAD_INDEX,
      VirtqError.NEXT_INDEX,
      VirtqError.CHAIN_LENGTH,
      VirtqError.BUFFER_ADDRESS,
      VirtqError.BUFFER_ORDER,
      VirtqError.INDIRECT_NOT_NEGOTIATED,
      VirtqError.INDIRECT_NESTED,
      VirtqError.INDIRECT_WITH_NEXT,
      VirtqError.INDIRECT_LENGTH,
      VirtqError.INDIRECT_ADDRESS,
    ]) {
      expect(seen).toContain(error);
    }
  });

  it("write nothing of the guest's but the used ring, whatever the driver made available", () => {
    fc.assert(
      fc.property(hostileQueue, fc.integer({ min: 0, max: 0xffff }), (queue, availIdx) => {
        restart({ size: queue.size, indirect: true });
        const { driver, memory } = bench;
        for (const [index, desc] of queue.table.entries()) driver.writeDesc(index, desc);
        for (const [slot, head] of queue.heads.entries()) driver.setAvailEntry(slot, head);
        driver.setAvailIdx(availIdx);
        const used = { from: memory.at(driver.usedGpa), to: memory.at(driver.usedGpa) + 6 + 8 * queue.size };
        const before = bench.core.ram.slice(0, 1 << 16);
        for (let round = 0; round < 2 * queue.size; round++) {
          const popped = bench.pop();
          if (typeof popped !== "number") bench.push(popped);
        }
        const after = bench.core.ram.slice(0, 1 << 16);
        before.fill(0, used.from, used.to);
        after.fill(0, used.from, used.to);
        expect(Buffer.compare(before, after)).toBe(0);
      }),
      { numRuns: 300, seed: 7 },
    );
  });

  it("complete every request once, in any order, with the length that was written", () => {
    const requests = fc.array(
      fc.record({
        readable: fc.integer({ min: 0, max: 4 }),
        writable: fc.integer({ min: 1, max: 4 }),
        indirect: fc.boolean(),
        written: fc.integer({ min: 0, max: 64 }),
        complete: fc.integer({ min: 0, max: 100 }),
      }),
      { minLength: 1, maxLength: 60 },
    );
    fc.assert(
      fc.property(requests, fc.boolean(), (list, eventIdx) => {
        restart({ size: 32, eventIdx });
        const buffer = { gpa: BASE + 0x10_0000, length: 64 };
        const underWay: { popped: ReturnType<QueueBench["popRequest"]>; head: number; written: number }[] = [];
        const expected: { head: number; length: number }[] = [];
        const actual: { head: number; length: number }[] = [];
        const complete = (choice: number): void => {
          const [done] = underWay.splice(choice % underWay.length, 1);
          if (done === undefined) return;
          bench.push(done.popped, done.written);
          expected.push({ head: done.head, length: done.written });
          actual.push(...bench.driver.used());
        };
        for (const { readable, writable, indirect, written, complete: choice } of list) {
          while (bench.driver.freeDescriptors < readable + writable) complete(choice);
          const head = bench.driver.add({
            readable: Array.from({ length: readable }, () => buffer),
            writable: Array.from({ length: writable }, () => buffer),
            indirect,
          });
          const popped = bench.popRequest();
          expect(popped.readable).toHaveLength(readable);
          expect(popped.writable).toHaveLength(writable);
          underWay.push({ popped, head, written });
        }
        while (underWay.length > 0) complete(0);
        expect(actual).toEqual(expected);
      }),
      { numRuns: 200, seed: 3 },
    );
  });

  it("keep every request's record to itself, and to the queue's own room, until it is completed", () => {
    const steps = fc.array(
      fc.record({ length: fc.integer({ min: 1, max: 256 }), keep: fc.nat(40), choice: fc.nat(1000) }),
      {
        minLength: 100,
        maxLength: 200,
        size: "max",
      },
    );
    const neighbour = bench.virtq.virtqAddress(0, 1);
    const reread = (record: number, count: number) =>
      Array.from({ length: count }, (_, index) => bench.virtq.virtqSegmentLength(record, index) >>> 0);
    fc.assert(
      fc.property(steps, (list) => {
        restart({ size: 256 });
        const buffersFrom = bench.memory.mark();
        let intact = true;
        const underWay: { record: number; lengths: number[] }[] = [];
        const complete = (choice: number): void => {
          const [done] = underWay.splice(choice % underWay.length, 1);
          if (done === undefined) return;
          const lengths = reread(done.record, done.lengths.length);
          intact &&= lengths.every((length, index) => length === done.lengths[index]);
          bench.virtq.virtqPush(bench.queue, done.record, 0);
          bench.driver.used();
        };
        for (const [serial, { length: segments, keep, choice }] of list.entries()) {
          bench.memory.release(buffersFrom);
          const lengths = Array.from({ length: segments }, (_, index) => 1 + ((serial * 7 + index) % 1000));
          bench.driver.add({ readable: lengths.map((length) => ({ gpa: BASE, length })), indirect: true });
          let record = bench.virtq.virtqPop(bench.queue);
          while (record === VirtqPop.FULL) {
            expect(underWay.length).toBeGreaterThan(0);
            complete(choice);
            record = bench.virtq.virtqPop(bench.queue);
          }
          expect(record).toBeGreaterThan(VirtqPop.FULL);
          underWay.push({ record, lengths });
          while (underWay.length > keep) complete(choice);
        }
        while (underWay.length > 0) complete(0);
        expect(intact).toBe(true);
        expect(bench.core.bytes.subarray(neighbour, neighbour + 8192).every((byte) => byte === 0)).toBe(true);
      }),
      { numRuns: 30, seed: 17 },
    );
  });

  it("interrupt with event_idx exactly when vring_need_event says so", () => {
    const rounds = fc.array(
      fc.record({ completions: fc.integer({ min: 0, max: 6 }), ahead: fc.integer({ min: -3, max: 8 }) }),
      { minLength: 1, maxLength: 40 },
    );
    fc.assert(
      fc.property(rounds, (list) => {
        restart({ size: 8, eventIdx: true });
        let now = 0;
        for (const { completions, ahead } of list) {
          const before = now;
          const event = (now + ahead) & 0xffff;
          bench.driver.setUsedEvent(event);
          for (let index = 0; index < completions; index++) {
            bench.driver.add({ readable: [{ gpa: BASE, length: 1 }] });
            bench.push(bench.popRequest());
            now = (now + 1) & 0xffff;
          }
          bench.driver.used();
          expect(bench.interruptDue()).toBe(completions > 0 && needEvent(event, now, before));
        }
      }),
      { numRuns: 300, seed: 5 },
    );
  });

  it("never leave a driver waiting that notifies only when it is asked to", () => {
    const steps = fc.array(fc.constantFrom("add", "add", "kick", "pop"), { minLength: 1, maxLength: 80 });
    fc.assert(
      fc.property(steps, fc.boolean(), (list, eventIdx) => {
        restart({ size: 8, eventIdx });
        let waiting = 0;
        const drain = (): void => {
          for (let popped = bench.pop(); typeof popped !== "number"; popped = bench.pop()) {
            bench.push(popped);
            waiting--;
          }
          bench.driver.used();
        };
        for (const step of list) {
          if (step === "add" && bench.driver.freeDescriptors > 0) {
            bench.driver.add({ readable: [{ gpa: BASE, length: 1 }] });
            waiting++;
          } else if (step === "kick" && bench.driver.kick()) drain();
          else if (step === "pop") drain();
        }
        if (bench.driver.kick()) drain();
        expect(waiting).toBe(0);
      }),
      { numRuns: 500, seed: 11 },
    );
  });
});
