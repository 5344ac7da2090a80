import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { BlockBackend } from "../../src/backends/block-backend.js";
import { MemoryBlock } from "../../src/backends/memory-block.js";
import { Overlay } from "../../src/backends/overlay.js";
import { scatter, totalLength } from "../../src/backends/scatter.js";

const CLUSTER = 64 << 10;
/** Two clusters and a part of a third. */
const SIZE = 2 * CLUSTER + 3 * 512;

function pattern(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, index) => (index * 7) ^ (index >> 8));
}

async function read(disk: BlockBackend, offset: number, length: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(length);
  await disk.read(offset, [bytes]);
  return bytes;
}

function same(left: Uint8Array, right: Uint8Array): boolean {
  return Buffer.compare(left, right) === 0;
}

function readAtOnce(this: MemoryBlock, offset: number, buffers: readonly Uint8Array[]): number {
  return scatter(buffers, 0, this.bytes.subarray(offset, offset + totalLength(buffers)));
}

describe("an overlay", () => {
  it("behaves like a copy of its base, and leaves the base as it is", async () => {
    const step = fc.record({
      action: fc.constantFrom("read", "try read", "write", "try write", "zero"),
      instant: fc.boolean(),
      sector: fc.integer({ min: 0, max: SIZE / 512 - 1 }),
      sectors: fc.oneof(fc.integer({ min: 0, max: 4 }), fc.integer({ min: 0, max: SIZE / 512 })),
      cut: fc.integer({ min: 0, max: 100_000 }),
      fill: fc.integer({ min: 0, max: 255 }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 20 }), async (steps) => {
        const original = pattern(SIZE);
        const base = new MemoryBlock({ bytes: original.slice(), readOnly: true });
        const model = original.slice();
        const overlay = new Overlay(base);
        for (const { action, instant, sector, sectors, cut, fill } of steps) {
          Object.assign(base, { tryRead: instant ? readAtOnce : undefined });
          const offset = sector * 512;
          const bytes = new Uint8Array(Math.min(sectors * 512, SIZE - offset)).fill(fill);
          const at = Math.min(cut, bytes.length);
          const buffers = [bytes.subarray(0, at), bytes.subarray(at)];
          if (action === "zero") {
            await overlay.writeZeroes(offset, bytes.length);
            model.fill(0, offset, offset + bytes.length);
          } else if (action === "write" || action === "try write") {
            const done = action === "try write" && overlay.tryWrite(offset, buffers);
            if (!done) await overlay.write(offset, buffers);
            model.set(bytes, offset);
          } else {
            const got = action === "try read" ? overlay.tryRead(offset, buffers) : bytes.length;
            if (action === "read") await overlay.read(offset, buffers);
            expect(same(bytes.subarray(0, got), model.subarray(offset, offset + got))).toBe(true);
            if (instant) expect(got).toBe(bytes.length);
          }
        }
        expect(same(await read(overlay, 0, SIZE), model)).toBe(true);
        expect(same(base.bytes, original)).toBe(true);
      }),
      { numRuns: 100, seed: 6 },
    );
  });

  it("keeps both of two writes to a cluster that is still being copied", async () => {
    const overlay = new Overlay(new MemoryBlock({ bytes: pattern(SIZE), readOnly: true }));
    await Promise.all([
      overlay.write(0, [new Uint8Array(512).fill(1)]),
      overlay.write(512, [new Uint8Array(512).fill(2)]),
      overlay.write(1024, [new Uint8Array(CLUSTER).fill(3)]),
    ]);
    const expected = pattern(SIZE);
    expected
      .fill(1, 0, 512)
      .fill(2, 512, 1024)
      .fill(3, 1024, 1024 + CLUSTER);
    expect(same(await read(overlay, 0, SIZE), expected)).toBe(true);
  });

  it("can be written where the base cannot be read, if whole clusters are written", async () => {
    const base = new MemoryBlock({ bytes: new Uint8Array(SIZE) });
    base.read = () => Promise.reject(new Error("unreadable"));
    const overlay = new Overlay(base);
    await overlay.write(0, [new Uint8Array(2 * CLUSTER).fill(5)]);
    expect(same(await read(overlay, 0, 2 * CLUSTER), new Uint8Array(2 * CLUSTER).fill(5))).toBe(true);
    await expect(overlay.write(2 * CLUSTER, [new Uint8Array(512)])).rejects.toThrow("unreadable");
    // And the failure is not remembered.
    base.read = async () => {};
    await overlay.write(2 * CLUSTER, [new Uint8Array(512).fill(6)]);
    expect((await read(overlay, 2 * CLUSTER, 512))[0]).toBe(6);
  });

  it("shows the base again where whole clusters were discarded", async () => {
    const overlay = new Overlay(new MemoryBlock({ bytes: pattern(SIZE), readOnly: true }));
    await overlay.write(0, [new Uint8Array(SIZE).fill(1)]);
    await overlay.discard(512, 2 * CLUSTER - 512);
    await overlay.discard(2 * CLUSTER, 3 * 512);
    const expected = pattern(SIZE).fill(1, 0, CLUSTER);
    expect(same(await read(overlay, 0, SIZE), expected)).toBe(true);
  });

  it("refuses what is not on the disk", async () => {
    const overlay = new Overlay(new MemoryBlock({ bytes: new Uint8Array(1024) }));
    await expect(read(overlay, 1024, 512)).rejects.toThrow(RangeError);
    await expect(overlay.write(512, [new Uint8Array(1024)])).rejects.toThrow(RangeError);
  });

  it("is writable, flushes at once, and closes its base", async () => {
    let closed = 0;
    const base = new MemoryBlock({ bytes: new Uint8Array(1024), readOnly: true });
    base[Symbol.asyncDispose] = async () => {
      closed++;
    };
    const overlay = new Overlay(base);
    expect(overlay.readOnly).toBe(false);
    expect(overlay.size).toBe(1024);
    await overlay.flush();
    await overlay[Symbol.asyncDispose]();
    expect(closed).toBe(1);
  });
});

describe("a disk in memory", () => {
  it("must consist of whole sectors", () => {
    expect(() => new MemoryBlock({ bytes: new Uint8Array(100) })).toThrow(
      expect.objectContaining({ code: "ERR_VKRUN_IMAGE_INVALID" }),
    );
  });

  it("cannot be written when read-only, nor outside", async () => {
    const disk = new MemoryBlock({ bytes: new Uint8Array(512), readOnly: true });
    await expect(disk.write(0, [new Uint8Array(512)])).rejects.toMatchObject({ code: "ERR_VKRUN_IMAGE_READ_ONLY" });
    await expect(read(disk, 512, 1)).rejects.toThrow(RangeError);
  });
});
