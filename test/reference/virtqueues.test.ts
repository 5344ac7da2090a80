// The TypeScript virtqueues and the core's, each over a memory of its own, under the same driver, which is not to be trusted: the same
// answers, the same rings, the same records, the same dirty pages.

import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import type { VirtqueueExports } from "../../src/devices/virtio/virtqueue-core.js";
import { Layout } from "../../src/generated/layout.js";
import { GuestRam } from "../../src/reference/guest-ram.js";
import { referenceVirtqueues } from "../../src/reference/virtqueues.js";
import type { Core } from "../../src/wasm/core.js";
import { instantiateCore, queueExports } from "../devices/support.js";

const RAM_BYTES = 1 << 16;
const BASE = 0x8000_0000;
const DESC = 0x1000;
const AVAIL = 0x2000;
const USED = 0x3000;
const TABLE = 0x4001;
const { BATCH, STRIDE } = Layout.VIRTQ;
const PACKED = 4;

interface Side {
  readonly core: Core;
  readonly queues: VirtqueueExports;
  readonly view: DataView;
}

let sides: Side[];

beforeAll(async () => {
  const wasm = await instantiateCore(RAM_BYTES);
  const ts = await instantiateCore(RAM_BYTES);
  const ram = new GuestRam(ts.memory.buffer, RAM_BYTES, ts.exports);
  const side = (core: Core, queues: VirtqueueExports): Side => ({
    core,
    queues,
    view: new DataView(core.memory.buffer, Layout.RAM.OFFSET, RAM_BYTES),
  });
  sides = [side(wasm, queueExports(wasm)), side(ts, referenceVirtqueues(ram))];
});

const address = fc.oneof(
  { weight: 20, arbitrary: fc.integer({ min: BASE + 0x5000, max: BASE + RAM_BYTES - 1 }).map(BigInt) },
  { weight: 6, arbitrary: fc.constant(BigInt(BASE + TABLE)) },
  fc.constantFrom(
    0n,
    BigInt(BASE - 1),
    BigInt(BASE + RAM_BYTES),
    2n ** 32n,
    2n ** 33n,
    2n ** 64n - 16n,
    0x1_8000_0000n,
  ),
);
const length = fc.oneof(
  { weight: 8, arbitrary: fc.integer({ min: 0, max: 300 }) },
  fc.constantFrom(0, 16, 32, 48, 0x8000_0000, 0xffff_ffff),
);
const descriptor = fc.tuple(
  address,
  length,
  fc.constantFrom(0, 0, 0, 0, 1, 1, 2, 2, 3, 4, 4, 5, 6, 7),
  fc.oneof({ weight: 12, arbitrary: fc.nat(15) }, fc.constantFrom(16, 0xffff)),
);
const step = fc.record({
  kind: fc.constantFrom("offer", "offer", "pop", "popBatch", "push", "pushBatch", "due", "event", "wrote", "restore"),
  a: fc.nat(0xffff),
  b: fc.nat(600),
});
const queue = fc.record({
  packed: fc.boolean(),
  size: fc.constantFrom(1, 2, 4, 8, 16, 16, 16),
  features: fc.nat(3),
  ring: fc.array(descriptor, { minLength: 32, maxLength: 32 }),
  table: fc.array(descriptor, { minLength: 16, maxLength: 16 }),
  steps: fc.array(step, { minLength: 4, maxLength: 60 }),
});

function writeDescriptor(
  view: DataView,
  at: number,
  [addr, len, flags, next]: readonly [bigint, number, number, number],
): void {
  view.setBigUint64(at, addr, true);
  view.setUint32(at + 8, len, true);
  view.setUint16(at + 12, flags, true);
  view.setUint16(at + 14, next, true);
}

/** One side's run: all that it answered, and what its memory came to. */
function run(side: Side, input: typeof queue extends fc.Arbitrary<infer T> ? T : never): unknown[] {
  const { core, queues, view } = side;
  const { packed, size } = input;
  core.ram.fill(0);
  core.exports.clearDirty();
  const q = queues.virtqAddress(3, 2);
  core.bytes.fill(0, q, q + STRIDE);
  const start = queues.virtqStart(
    q,
    size,
    BigInt(BASE + DESC),
    BigInt(BASE + AVAIL),
    BigInt(BASE + USED),
    input.features | (packed ? PACKED : 0),
  );
  const seen: unknown[] = [q, start];
  for (const [index, [addr, len, flags, next]] of input.ring.slice(0, size).entries()) {
    if (packed) writeDescriptor(view, DESC + 16 * index, [addr, len, index, flags]);
    else writeDescriptor(view, DESC + 16 * index, [addr, len, flags, next]);
  }
  for (const [index, entry] of input.table.entries()) writeDescriptor(view, TABLE + 16 * index, entry);
  let offered = 0;
  let records: number[] = [];
  const take = (answer: number): void => {
    seen.push(answer);
    if (answer <= 1) return;
    records.push(answer);
    const count = queues.virtqReadable(answer) + queues.virtqWritable(answer);
    for (let index = 0; index < count; index++) {
      const gpa = queues.virtqSegmentGpa(answer, index);
      seen.push(gpa, queues.virtqSegmentAddress(answer, index), queues.virtqSegmentLength(answer, index));
    }
  };
  for (const { kind, a, b } of input.steps) {
    if (kind === "offer" && packed) {
      // So many more descriptors get the flags of the lap that they are in.
      for (let count = 0; count < (a & 3) + 1; count++, offered++) {
        const at = DESC + 16 * (offered % size) + 14;
        const lap = Math.floor(offered / size) % 2 === 0;
        view.setUint16(at, (view.getUint16(at, true) & 7) | (lap ? 0x80 : 0x8000), true);
      }
    } else if (kind === "offer") {
      for (let count = 0; count < (a & 3) + 1; count++, offered++) {
        view.setUint16(AVAIL + 4 + 2 * (offered % size), (a + count) % (size + (b === 0 ? 1 : 0)), true);
      }
      view.setUint16(AVAIL + 2, offered + (b === 1 ? 40 : 0), true);
    } else if (kind === "pop") take(queues.virtqPop(q));
    else if (kind === "popBatch") {
      const capacity = 1 + (a & 7);
      const count = queues.virtqPopBatch(q, BATCH, capacity);
      seen.push(count);
      for (let index = 0; index < Math.min(count + 1, capacity); index++)
        take(core.words[(BATCH >> 2) + 2 * index] as number);
    } else if (kind === "push" && records.length > 0) {
      const [record] = records.splice(a % records.length, 1);
      queues.virtqPush(q, record as number, b);
    } else if (kind === "pushBatch") {
      const some = records.splice(0, a & 7);
      for (const [index, record] of some.entries()) {
        core.words[(BATCH >> 2) + 2 * index] = record;
        core.words[(BATCH >> 2) + 2 * index + 1] = (b * index) % 500;
      }
      queues.virtqPushBatch(q, BATCH, some.length);
    } else if (kind === "due") seen.push(Number(queues.virtqInterruptDue(q)));
    else if (kind === "event") {
      if (packed) view.setUint32(AVAIL, a | ((b & 3) << 16), true);
      else view.setUint16(AVAIL + 4 + 2 * size, b & 31, true);
    } else if (kind === "wrote" && records.length > 0)
      queues.virtqWrote(records[a % records.length] as number, b, a & 511);
    else if (kind === "restore") {
      // A saved queue that somebody tampered with, now and then.
      const before = core.bytes.slice(q, q + STRIDE);
      if (b < 200) core.bytes[q + (a % 0x180)] = b;
      const error = queues.virtqRestored(q);
      seen.push(error);
      // A queue that was refused has none.
      if (error === 0) seen.push(queues.virtqSavedLength(q));
      if (error !== 0 || b < 200) core.bytes.set(before, q);
      if (b >= 200) records = Array.from({ length: records.length }, (_, index) => queues.virtqUnderWay(q, index));
    }
  }
  const text = (from: number, count: number): string =>
    Buffer.from(core.bytes.slice(from, from + count)).toString("latin1");
  return [seen, text(q, 0x2000), text(Layout.RAM.OFFSET, RAM_BYTES), text(Layout.DIRTY.BITMAP, 2)];
}

describe("the TypeScript twin of virtqueues", () => {
  it("answers a hostile driver as the core does, and leaves the same memory", () => {
    let requests = 0;
    fc.assert(
      fc.property(queue, (input) => {
        const [wasm, ts] = sides.map((side) => run(side, input));
        expect(ts).toEqual(wasm);
        const [answers] = wasm as [unknown[], ...unknown[]];
        requests += answers.filter((answer) => typeof answer === "number" && answer > Layout.VIRTQ.BASE).length;
      }),
      { numRuns: 1500 },
    );
    expect(requests).toBeGreaterThan(1500);
  });
});
