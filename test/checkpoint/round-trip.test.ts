import { statSync } from "node:fs";
import { rename } from "node:fs/promises";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Bitmap } from "../../src/checkpoint/bitmap.js";
import { CheckpointFile } from "../../src/checkpoint/checkpoint-file.js";
import { CheckpointWriter } from "../../src/checkpoint/writer.js";
import { nativeUnavailable } from "../../src/native.js";
import {
  bitmap,
  contents,
  Folder,
  fillPage,
  guestRam,
  newId,
  PAGE,
  readAll,
  thawedRam,
  type Written,
  writeCheckpoint,
} from "./checkpoints.js";

describe.runIf(nativeUnavailable() === undefined)("what goes into a checkpoint", () => {
  it("comes out again: pages, state, whole numbers of 64 bits, regions", async () => {
    using folder = new Folder();
    const ram = guestRam(100);
    for (const page of [0, 1, 7, 8, 64, 99]) fillPage(ram, page, page);
    const disk = Buffer.alloc(200_000, "disk data");
    const { path, id } = await writeCheckpoint({
      path: folder.file("a.vkckpt"),
      ram,
      contents: contents({ "x-note": { text: "hello" } }),
      regions: { vda: disk, empty: new Uint8Array(0) },
    });
    await using file = await CheckpointFile.open(path);
    expect(file.manifest).toMatchObject({
      ...contents(),
      "x-note": { text: "hello" },
      format: 1,
      id: new Uint8Array(id),
      ramBytes: ram.length,
      parent: undefined,
    });
    expect(file.present()).toEqual(bitmap(100, [0, 1, 7, 8, 64, 99]));
    expect(await readAll(file.readRegion("vda"))).toEqual(disk);
    expect(await readAll(file.readRegion("empty"))).toHaveLength(0);
    await expect(readAll(file.readRegion("vdb"))).rejects.toMatchObject({ code: "ERR_VKRUN_CHECKPOINT_DAMAGED" });
    expect(await file.verify()).toEqual([]);
    expect(Buffer.compare(await thawedRam(path), ram)).toBe(0);
  });

  it("takes no room where pages are zero", async () => {
    using folder = new Folder();
    const ram = guestRam(16_384);
    fillPage(ram, 9000, 1);
    await using writer = await CheckpointWriter.create({
      path: folder.file("a.vkckpt"),
      ramBytes: ram.length,
      id: newId(),
    });
    expect(await writer.writePages({ ram, first: 0, pages: 16_384, wanted: bitmap(16_384) })).toEqual({
      written: 1,
      zero: 16_383,
    });
    const { bytes } = await writer.finish(contents());
    expect(bytes).toBeLessThan(64 * 1024);
    const { size, blocks } = statSync(folder.file("a.vkckpt"));
    expect(size).toBeGreaterThan(ram.length);
    expect(blocks * 512).toBeLessThan(256 * 1024);
  });

  it("is of a page what was written of it last, also when that is nothing but zeroes", async () => {
    using folder = new Folder();
    const ram = guestRam(4);
    for (const page of [0, 1, 2]) fillPage(ram, page, page);
    const path = folder.file("a.vkckpt");
    await using writer = await CheckpointWriter.create({ path, ramBytes: ram.length, id: newId() });
    await writer.writePages({ ram, first: 0, pages: 4, wanted: bitmap(4) });
    const copies = new Uint8Array(2 * PAGE);
    copies.set(ram.subarray(2 * PAGE, 3 * PAGE));
    await writer.writeCopies(Uint32Array.of(1, 2), copies);
    await expect(writer.writeCopies(Uint32Array.of(4), copies.subarray(PAGE))).rejects.toThrow(RangeError);
    await writer.finish(contents());
    ram.copyWithin(PAGE, 2 * PAGE, 3 * PAGE);
    ram.fill(0, 2 * PAGE, 3 * PAGE);
    expect(Buffer.compare(await thawedRam(path), ram)).toBe(0);
    await using file = await CheckpointFile.open(path);
    expect(file.present()).toEqual(bitmap(4, [0, 1]));
    expect(await file.verify()).toEqual([]);
  });

  it("of a child is only what changed, zero pages too; parents are found where both have been moved", async () => {
    using folder = new Folder();
    using elsewhere = new Folder();
    const ram = guestRam(64);
    for (const page of [1, 2, 3]) fillPage(ram, page, page);
    const parent = await writeCheckpoint({ path: folder.file("base.vkckpt"), ram });
    fillPage(ram, 2, 77);
    ram.fill(0, 3 * PAGE, 4 * PAGE);
    await writeCheckpoint({ path: folder.file("child.vkckpt"), ram, parent, changed: [2, 3] });
    // Under another name it is found by its id.
    await rename(folder.file("base.vkckpt"), elsewhere.file("renamed.vkckpt"));
    await rename(folder.file("child.vkckpt"), elsewhere.file("child.vkckpt"));
    expect(Buffer.compare(await thawedRam(elsewhere.file("child.vkckpt")), ram)).toBe(0);
    await using file = await CheckpointFile.open(elsewhere.file("child.vkckpt"));
    expect(file.chain.map(({ path }) => path)).toEqual([elsewhere.file("renamed.vkckpt"), file.path]);
    expect([...file.top.present.indices()]).toEqual([2]);
    expect([...file.top.zero.indices()]).toEqual([3]);
    expect(file.present()).toEqual(bitmap(64, [1, 2]));
  });

  it("stays private to who mapped it", async () => {
    using folder = new Folder();
    const ram = guestRam(8);
    fillPage(ram, 5, 5);
    const { path } = await writeCheckpoint({ path: folder.file("a.vkckpt"), ram });
    const one = await thawedRam(path);
    one.fill(0xff);
    expect(Buffer.compare(await thawedRam(path), ram)).toBe(0);
  });

  it("is what a chain of ten says, whatever changed in each", async () => {
    const PAGES = 40;
    const change = fc.record({ page: fc.nat(PAGES - 1), value: fc.oneof(fc.constant(0), fc.integer({ min: 1 })) });
    const step = fc.array(change, { maxLength: 30 });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 10 }), async (steps) => {
        using folder = new Folder();
        const ram = guestRam(PAGES);
        const models: Buffer[] = [];
        let parent: Written | undefined;
        for (const [index, changes] of steps.entries()) {
          for (const { page, value } of changes) {
            if (value === 0) ram.fill(0, page * PAGE, (page + 1) * PAGE);
            else fillPage(ram, page, value);
          }
          const path = folder.file(`${index}.vkckpt`);
          const changed = changes.map(({ page }) => page);
          parent = await writeCheckpoint({ path, ram, ...(parent === undefined ? {} : { parent, changed }) });
          models.push(Buffer.from(ram));
        }
        for (const [index, model] of models.entries()) {
          const path = folder.file(`${index}.vkckpt`);
          expect(Buffer.compare(await thawedRam(path), model)).toBe(0);
          await using file = await CheckpointFile.open(path);
          expect(file.chain).toHaveLength(index + 1);
          const zero = Buffer.alloc(PAGE);
          const nonzero = Array.from({ length: PAGES }, (_, page) => page).filter(
            (page) => model.compare(zero, 0, PAGE, page * PAGE, (page + 1) * PAGE) !== 0,
          );
          expect(file.present()).toEqual(bitmap(PAGES, nonzero));
        }
      }),
      { numRuns: 12 },
    );
  });
});

it("bitmaps list their runs as a set does", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 200 }), fc.array(fc.nat(199)), (length, wanted) => {
      const members = [...new Set(wanted.filter((index) => index < length))].sort((one, other) => one - other);
      const bits = new Bitmap(length);
      for (const index of members) bits.add(index);
      expect([...bits.indices()]).toEqual(members);
      expect(bits.count()).toBe(members.length);
      expect(bits.complement().count()).toBe(length - members.length);
      expect(bits.complement().intersects(bits)).toBe(false);
      const runs = [...bits.runs()];
      for (const [index, [first]] of runs.slice(1).entries()) {
        const [before, count] = runs[index] as readonly [number, number];
        expect(first).toBeGreaterThan(before + count);
      }
    }),
  );
});
