import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { gather, scatter, slices, totalLength } from "../../src/backends/scatter.js";

/** A run of bytes cut at arbitrary places, empty pieces included. */
const cutBytes = fc
  .record({ bytes: fc.uint8Array({ maxLength: 40 }), cuts: fc.array(fc.nat(40), { maxLength: 6 }) })
  .map(({ bytes, cuts }) => {
    const edges = [0, ...cuts.map((cut) => Math.min(cut, bytes.length)).sort((a, b) => a - b), bytes.length];
    return edges.slice(1).map((end, index) => bytes.slice(edges[index], end));
  });

const whole = (buffers: readonly Uint8Array[]) => Uint8Array.from(buffers.flatMap((buffer) => [...buffer]));

describe("scattered buffers", () => {
  it("read like one run of bytes", () => {
    fc.assert(
      fc.property(cutBytes, fc.nat(50), fc.nat(50), (buffers, offset, length) => {
        const run = whole(buffers);
        expect(totalLength(buffers)).toBe(run.length);
        expect(whole(slices(buffers, offset, length))).toEqual(run.slice(offset, offset + length));
        const target = new Uint8Array(length).fill(0xee);
        const count = gather(buffers, offset, target);
        expect(count).toBe(Math.max(0, Math.min(length, run.length - offset)));
        expect(target.slice(0, count)).toEqual(run.slice(offset, offset + count));
        expect(target.slice(count)).toEqual(new Uint8Array(length - count).fill(0xee));
      }),
    );
  });

  it("are written like one run of bytes", () => {
    fc.assert(
      fc.property(cutBytes, fc.nat(50), fc.uint8Array({ maxLength: 50 }), (buffers, offset, source) => {
        const expected = whole(buffers);
        const room = Math.max(0, expected.length - offset);
        if (room > 0) expected.set(source.subarray(0, room), offset);
        expect(scatter(buffers, offset, source)).toBe(Math.min(room, source.length));
        expect(whole(buffers)).toEqual(expected);
      }),
    );
  });
});
