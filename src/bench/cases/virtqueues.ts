/** Virtqueues, split and packed: requests taken and given back, as devices do with those that wait for them. */
import { Layout } from "../../generated/layout.js";
import type { HotPathCase } from "./case.js";
import { BenchDriver, REQUESTS, type Shape } from "./driver.js";

const { BATCH } = Layout.VIRTQ;
/** As many as a device has room for: that there are no more is found in the same call. */
const CAPACITY = 2 * REQUESTS;

const many = (count: number): number[] => new Array<number>(count).fill(4096);

/** By name: the buffers of a request. */
const CHAINS: Readonly<Record<string, Pick<Shape, "readable" | "writable">>> = {
  "1 buffer": { readable: [], writable: [2048] },
  "3 buffers": { readable: [16], writable: [4096, 1] },
  "18 buffers": { readable: [16], writable: [...many(16), 1] },
  "66 buffers": { readable: [16], writable: [...many(64), 1] },
};

interface Choice {
  readonly chain: string;
  readonly packed: boolean;
  readonly indirect?: boolean;
  readonly eventIdx?: boolean;
}

function shapeOf({ chain, packed, indirect = false, eventIdx = false }: Choice): Shape {
  const buffers = CHAINS[chain];
  if (buffers === undefined) throw new RangeError(`no chain of ${chain}`);
  return { ...buffers, packed, indirect, eventIdx };
}

const writtenTo = ({ writable }: Shape): number => writable.reduce((sum, length) => sum + length, 0);

function titleOf({ chain, packed, indirect, eventIdx }: Choice): string {
  return `${packed ? "packed" : "split"}: ${chain}${indirect ? ", indirect" : ""}${eventIdx ? ", event_idx" : ""}`;
}

function batch(choice: Choice): HotPathCase {
  const title = titleOf(choice);
  return {
    ...{ id: `virtqueue/${title}`, group: "virtqueues", title, ramMiB: 0, unit: "request", operations: REQUESTS },
    prepare(bench) {
      const shape = shapeOf(choice);
      const driver = new BenchDriver(bench, shape);
      const { virtqueues, core } = bench;
      const { queue } = driver;
      const { words } = core;
      const written = writtenTo(shape);
      for (let index = 0; index < REQUESTS; index++) words[(BATCH >>> 2) + 2 * index + 1] = written;
      const run = (): number => {
        driver.offer();
        const count = virtqueues.virtqPopBatch(queue, BATCH, CAPACITY);
        virtqueues.virtqPushBatch(queue, BATCH, count);
        return count + Number(virtqueues.virtqInterruptDue(queue));
      };
      return { run, digest: () => driver.digest() };
    },
  };
}

function single(choice: Choice): HotPathCase {
  const title = titleOf(choice);
  return {
    ...{ id: `virtqueue/single/${title}`, group: "calls", title: `virtqueue: ${title}`, ramMiB: 0 },
    ...{ unit: "request", operations: REQUESTS },
    prepare(bench) {
      const shape = shapeOf(choice);
      const driver = new BenchDriver(bench, shape);
      const { virtqueues } = bench;
      const { queue } = driver;
      const written = writtenTo(shape);
      const run = (): number => {
        driver.offer();
        let due = 0;
        for (;;) {
          const record = virtqueues.virtqPop(queue);
          if (record <= 1) return due;
          virtqueues.virtqPush(queue, record, written);
          due += 1 + Number(virtqueues.virtqInterruptDue(queue));
        }
      };
      return { run, digest: () => driver.digest() };
    },
  };
}

/** What a device asks about each buffer of a request; of the three answers one is a 64-bit integer. */
const segments: HotPathCase = {
  id: "virtqueue/segments",
  ...{ group: "calls", title: "virtqueue: where a buffer lies (a 64-bit answer)", ramMiB: 0 },
  ...{ unit: "buffer", operations: REQUESTS * 18 },
  prepare(bench) {
    const driver = new BenchDriver(bench, shapeOf({ chain: "18 buffers", packed: false }));
    const { virtqueues, core } = bench;
    driver.offer();
    const count = virtqueues.virtqPopBatch(driver.queue, BATCH, CAPACITY);
    const records = Array.from({ length: count }, (_, index) => core.words[(BATCH >>> 2) + 2 * index] as number);
    const run = (): number => {
      let gpa = 0n;
      for (const record of records) {
        for (let index = 0; index < 18; index++) gpa = virtqueues.virtqSegmentGpa(record, index);
      }
      return Number(gpa & 0xffff_ffffn);
    };
    return { run };
  },
};

const KINDS = [false, true];

export const virtqueueCases: readonly HotPathCase[] = [
  ...KINDS.flatMap((packed) => [
    batch({ packed, chain: "1 buffer" }),
    batch({ packed, chain: "1 buffer", eventIdx: true }),
    batch({ packed, chain: "3 buffers" }),
    batch({ packed, chain: "3 buffers", indirect: true }),
    batch({ packed, chain: "3 buffers", indirect: true, eventIdx: true }),
    batch({ packed, chain: "18 buffers" }),
    batch({ packed, chain: "18 buffers", indirect: true }),
  ]),
  // A chain may be as long as the queue: this one is longer than the packed ring here.
  batch({ packed: false, chain: "66 buffers", indirect: true }),
  ...KINDS.map((packed) => single({ packed, chain: "3 buffers" })),
  segments,
];
