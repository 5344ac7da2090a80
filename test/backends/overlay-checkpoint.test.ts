// Overlays in memory that are written to checkpoints, and come from them.

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ClusterStore, type SavedClusters } from "../../src/backends/disk-data.js";
import { MemoryBlock } from "../../src/backends/memory-block.js";
import { type FrozenOverlay, Overlay } from "../../src/backends/overlay.js";
import { DiskData } from "../support/disk-data.js";

const CLUSTER = 64 << 10;
/** Three clusters and a part of a fourth. */
const SIZE = 3 * CLUSTER + 5 * 512;

function pattern(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, index) => (index * 7) ^ (index >> 8));
}

function base(): MemoryBlock {
  return new MemoryBlock({ bytes: pattern(SIZE), readOnly: true });
}

async function content(overlay: Overlay): Promise<Uint8Array> {
  const bytes = new Uint8Array(SIZE);
  const done = overlay.tryRead(0, [bytes]);
  const first = bytes.slice(0, done);
  await overlay.read(0, [bytes]);
  expect(Buffer.compare(first, bytes.subarray(0, done))).toBe(0);
  return bytes;
}

async function expectContent(overlay: Overlay, expected: Uint8Array): Promise<void> {
  expect(Buffer.compare(await content(overlay), expected)).toBe(0);
}

/** What a discard of whole clusters does to a disk over `pattern`. */
function discard(model: Uint8Array, offset: number, end: number): void {
  const original = pattern(SIZE);
  for (let at = Math.ceil(offset / CLUSTER) * CLUSTER; at < end; at += CLUSTER) {
    const stop = Math.min(at + CLUSTER, SIZE);
    if (stop <= end) model.set(original.subarray(at, stop), at);
  }
}

describe("an overlay in a checkpoint", () => {
  it("is what it was at the instant, and the one that goes on is what it would have been without", async () => {
    const step = fc.record({
      action: fc.constantFrom("write", "try write", "zero", "discard", "freeze", "save", "thaw", "slow"),
      sector: fc.integer({ min: 0, max: SIZE / 512 - 1 }),
      sectors: fc.oneof(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: SIZE / 512 })),
      fill: fc.integer({ min: 0, max: 255 }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
        const data = new DiskData();
        let overlay = new Overlay(base());
        let model = pattern(SIZE);
        let frozen: { overlay: FrozenOverlay; model: Uint8Array } | undefined;
        let saved: { clusters: SavedClusters; model: Uint8Array } | undefined;
        for (const { action, sector, sectors, fill } of steps) {
          const offset = sector * 512;
          const bytes = new Uint8Array(Math.min(sectors * 512, SIZE - offset)).fill(fill);
          const end = offset + bytes.length;
          if (action === "freeze" && frozen === undefined) {
            frozen = { overlay: overlay.freeze(), model: model.slice() };
          } else if (action === "save" && frozen !== undefined) {
            saved = { clusters: await frozen.overlay.save(data), model: frozen.model };
            frozen.overlay[Symbol.dispose]();
            frozen = undefined;
          } else if (action === "thaw" && saved !== undefined) {
            frozen = undefined;
            overlay = new Overlay(base(), new ClusterStore(saved.clusters, data, SIZE));
            model = saved.model.slice();
          } else if (action === "slow") {
            data.instant = fill % 2 === 0;
          } else if (action === "zero") {
            await overlay.writeZeroes(offset, bytes.length);
            model.fill(0, offset, end);
          } else if (action === "discard") {
            await overlay.discard(offset, bytes.length);
            discard(model, offset, end);
          } else if (action === "write" || (action === "try write" && !overlay.tryWrite(offset, [bytes]))) {
            await overlay.write(offset, [bytes]);
            model.set(bytes, offset);
          } else if (action === "try write") {
            model.set(bytes, offset);
          }
          await expectContent(overlay, model);
        }
        if (saved === undefined) return;
        await expectContent(new Overlay(base(), new ClusterStore(saved.clusters, data, SIZE)), saved.model);
      }),
      { numRuns: 50, seed: 11 },
    );
  });

  it("takes no room for what was not written, nor for zeroes", async () => {
    const overlay = new Overlay(base());
    await overlay.writeZeroes(0, CLUSTER);
    await overlay.write(3 * CLUSTER, [new Uint8Array(512).fill(1)]);
    const data = new DiskData();
    using frozen = overlay.freeze();
    const { numbers, zeroes } = await frozen.save(data);
    expect([...numbers]).toEqual([3, 0, 0, 0]);
    expect([...zeroes]).toEqual([0, 0, 0, 0]);
    expect(data.bytes).toHaveLength(CLUSTER);
  });

  it("can be saved again after a save that failed", async () => {
    const overlay = new Overlay(base());
    await overlay.write(0, [new Uint8Array(CLUSTER).fill(9)]);
    {
      using frozen = overlay.freeze();
      const full = { appendData: () => Promise.reject(new Error("no space")) };
      await expect(frozen.save(full)).rejects.toThrow("no space");
      await overlay.write(512, [new Uint8Array(512).fill(8)]);
    }
    const data = new DiskData();
    using again = overlay.freeze();
    await again.save(data);
    expect(data.bytes[0]).toBe(9);
    expect(data.bytes[512]).toBe(8);
  });

  it.each([
    ["a cluster behind the end of the disk", { numbers: Uint8Array.of(4, 0, 0, 0), places: new Uint8Array(4) }],
    ["a cluster that is there twice", { numbers: new Uint8Array(8), places: new Uint8Array(8) }],
    [
      "a cluster that is zero and not",
      { numbers: new Uint8Array(4), places: new Uint8Array(4), zeroes: new Uint8Array(4) },
    ],
    ["a cluster without a place", { numbers: new Uint8Array(4) }],
    ["half a number", { zeroes: new Uint8Array(3) }],
    ["clusters of another size", { clusterBytes: 4096 }],
    ["no list at all", { zeroes: undefined as unknown as Uint8Array }],
  ])("refuses %s", (_, damage) => {
    const none = new Uint8Array(0);
    const saved = { clusterBytes: CLUSTER, numbers: none, places: none, zeroes: none, ...damage };
    expect(() => new ClusterStore(saved, new DiskData(), SIZE)).toThrow(
      expect.objectContaining({ code: "ERR_VKRUN_CHECKPOINT_INVALID" }),
    );
  });
});
