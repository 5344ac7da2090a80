// The TypeScript bitmaps and the core's, on the same bits.

import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { Layout } from "../../src/generated/layout.js";
import { ReferenceBitmaps } from "../../src/reference/bitmaps.js";
import type { BitmapOperations } from "../../src/wasm/bitmap-operations.js";
import { HartMachine } from "../support/hart-machine.js";

const { RUNS, SPARE } = Layout.BITMAP;
const DIRTY = Layout.DIRTY.BITMAP;
const PAGES = 1500;
const BYTES = 192;

let machine: HartMachine;
let twin: ReferenceBitmaps;

beforeAll(async () => {
  machine = await HartMachine.create();
  twin = new ReferenceBitmaps(machine.core.memory.buffer);
});

const bits = fc
  .array(fc.tuple(fc.constantFrom(0, 0, 0xff, 0xff, 1, 0x80, 0x5a), fc.integer({ min: 1, max: 40 })), { maxLength: 30 })
  .map((runs) => runs.flatMap(([value, count]) => new Array<number>(count).fill(value)).slice(0, BYTES));
const range = fc.tuple(fc.nat(PAGES), fc.nat(PAGES), fc.integer({ min: 0, max: 40 }));

describe("the TypeScript twin of bitmaps", () => {
  it("answers, and leaves the bits, as the core does", () => {
    const { bytes } = machine.core;
    fc.assert(
      fc.property(bits, bits, range, (a, b, [first, end, capacity]) => {
        const run = (operations: BitmapOperations): unknown[] => {
          const outcomes: unknown[] = [];
          const after = (answer: unknown): void => {
            outcomes.push(answer);
            for (const [from, length] of [
              [SPARE, BYTES + 8],
              [RUNS, 8 * 40],
            ] as const) {
              outcomes.push(Buffer.from(bytes.slice(from, from + length)).toString("latin1"));
            }
          };
          bytes.fill(0, RUNS, RUNS + 8 * 41);
          bytes.fill(0, SPARE, SPARE + BYTES + 8).set(a, SPARE);
          bytes.fill(0, DIRTY, DIRTY + BYTES + 8).set(b, DIRTY);
          after(operations.bitmapCount(SPARE, first, end));
          after(operations.bitmapRuns(SPARE, first, end, RUNS, capacity));
          after(operations.bitmapTest(SPARE, first));
          after(operations.bitmapOr(SPARE, DIRTY, first));
          after(operations.bitmapAnd(SPARE, DIRTY, end));
          after(operations.bitmapSetRange(SPARE, first, end));
          after(operations.bitmapClearRange(SPARE, end, first));
          after(operations.bitmapSet(SPARE, end));
          return outcomes;
        };
        expect(run(twin)).toEqual(run(machine.exports));
      }),
      { numRuns: 2000 },
    );
  });
});
