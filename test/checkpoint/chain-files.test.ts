import { copyFileSync, existsSync, readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  compressCheckpoint,
  diffCheckpoints,
  exportCheckpointRam,
  mergeCheckpoint,
  removeCheckpoint,
  verifyCheckpoint,
} from "../../src/api/checkpoint-files.js";
import { CheckpointFile } from "../../src/checkpoint/checkpoint-file.js";
import { mergeFiles } from "../../src/checkpoint/merge.js";
import { nativeUnavailable } from "../../src/native.js";
import {
  contents,
  Folder,
  fillPage,
  guestRam,
  PAGE,
  readAll,
  thawedRam,
  type Written,
  writeCheckpoint,
} from "./checkpoints.js";

/** More than a window (1024) and no multiple of 8. */
const PAGES = 2061;

interface Chain {
  readonly files: readonly Written[];
  /** What RAM was at each. */
  readonly rams: readonly Buffer[];
}

/** A chain whose files change some pages, and make some of them zero again. */
async function writeChain(folder: Folder, length = 4): Promise<Chain> {
  const ram = guestRam(PAGES);
  const files: Written[] = [];
  const rams: Buffer[] = [];
  for (let index = 0; index < length; index++) {
    const changed = [0, 7, 1000 + index, 1023, 1024, 2000 + 2 * index, PAGES - 1];
    for (const page of changed) fillPage(ram, page, page * 100 + index);
    if (index > 0) {
      const zeroed = 1000 + index - 1;
      ram.fill(0, zeroed * PAGE, (zeroed + 1) * PAGE);
      changed.push(zeroed);
    }
    const parent = files.at(-1);
    files.push(
      await writeCheckpoint({
        ...{ path: folder.file(`${index}.vkckpt`), ram, ...(parent && { parent, changed }) },
        contents: contents({ clock: { instructions: index }, "x-note": index }),
        regions: { vda: Buffer.alloc(70_000, `disk of ${index}`) },
      }),
    );
    rams.push(Buffer.from(ram));
  }
  return { files, rams };
}

async function expectSame(path: string, ram: Buffer, index: number): Promise<void> {
  expect(Buffer.compare(await thawedRam(path), ram)).toBe(0);
  await using file = await CheckpointFile.open(path);
  expect(await file.verify()).toEqual([]);
  expect(file.manifest).toMatchObject({ ...contents({ clock: { instructions: index } }), "x-note": index });
  expect(await readAll(file.readRegion("vda"))).toEqual(Buffer.alloc(70_000, `disk of ${index}`));
}

describe.runIf(nativeUnavailable() === undefined)("a chain of checkpoints", () => {
  it("becomes one file, which is the same checkpoint: what stands on it still does", async () => {
    using folder = new Folder();
    const { files, rams } = await writeChain(folder);
    const paths = files.map(({ path }) => path);
    const told: [number, number][] = [];
    const merged = await mergeCheckpoint(paths[2] as string, { onProgress: (done, total) => told.push([done, total]) });
    expect(merged).toMatchObject({ path: paths[2], parents: paths.slice(0, 2) });
    expect(told.at(-1)).toEqual([PAGES * PAGE, PAGES * PAGE]);
    for (const path of paths.slice(0, 2).reverse()) await removeCheckpoint(path);
    await expectSame(paths[2] as string, rams[2] as Buffer, 2);
    await expectSame(paths[3] as string, rams[3] as Buffer, 3);
    await using file = await CheckpointFile.open(paths[3] as string);
    expect(file.chain.map(({ path }) => path)).toEqual(paths.slice(2));
  });

  it("becomes shorter in its middle, with what became zero there", async () => {
    using folder = new Folder();
    const { files, rams } = await writeChain(folder);
    const paths = files.map(({ path }) => path) as [string, string, string, string];
    {
      await using file = await CheckpointFile.open(paths[2]);
      await mergeFiles(file.chain.slice(1), { path: paths[2], parent: file.chain[0] });
    }
    await removeCheckpoint(paths[1]);
    for (const index of [0, 2, 3]) await expectSame(paths[index] as string, rams[index] as Buffer, index);
    await using file = await CheckpointFile.open(paths[2]);
    expect(file.chain).toHaveLength(2);
  });

  it("can have compressed files anywhere, which are the same checkpoints, and can be expanded", async () => {
    using folder = new Folder();
    const { files, rams } = await writeChain(folder);
    for (const [index, { path }] of files.entries()) {
      if (index === 1) continue;
      const { bytes } = await compressCheckpoint(path);
      expect(statSync(path).size).toBeGreaterThanOrEqual(bytes);
      expect(statSync(path).size).toBeLessThan(PAGES * PAGE);
    }
    for (const [index, { path }] of files.entries()) await expectSame(path, rams[index] as Buffer, index);
    // Elsewhere, it still finds what it stands on.
    using elsewhere = new Folder();
    await compressCheckpoint(files[1]?.path as string, { output: elsewhere.file("b.vkckpt") });
    await expectSame(elsewhere.file("b.vkckpt"), rams[1] as Buffer, 1);
    await mergeCheckpoint(elsewhere.file("b.vkckpt"));
    await expectSame(elsewhere.file("b.vkckpt"), rams[1] as Buffer, 1);
    expect(statSync(elsewhere.file("b.vkckpt")).size).toBeGreaterThan(PAGES * PAGE);
  });

  it("comes out of merging and compressing as it went in, whatever is in it", async () => {
    const run = fc.record({ first: fc.nat(PAGES - 1), count: fc.integer({ min: 1, max: 400 }), seed: fc.nat(3) });
    await fc.assert(
      fc.asyncProperty(fc.array(fc.array(run, { maxLength: 4 }), { minLength: 2, maxLength: 4 }), async (steps) => {
        using folder = new Folder();
        const ram = guestRam(PAGES);
        let parent: Written | undefined;
        for (const [index, runs] of steps.entries()) {
          const changed: number[] = [];
          for (const { first, count, seed } of runs) {
            for (let page = first; page < Math.min(PAGES, first + count); page++) {
              if (seed === 0) ram.fill(0, page * PAGE, (page + 1) * PAGE);
              else fillPage(ram, page, page * seed);
              changed.push(page);
            }
          }
          const path = folder.file(`${index}.vkckpt`);
          parent = await writeCheckpoint({ path, ram, ...(parent && { parent, changed }) });
          if (index % 2 === 0) await compressCheckpoint(path);
        }
        const path = parent?.path as string;
        expect(Buffer.compare(await thawedRam(path), ram)).toBe(0);
        await mergeCheckpoint(path, { output: folder.file("one.vkckpt") });
        expect(Buffer.compare(await thawedRam(folder.file("one.vkckpt")), ram)).toBe(0);
        expect(await diffCheckpoints(path, folder.file("one.vkckpt"))).toEqual({ pages: 0, runs: [], fields: [] });
      }),
      { numRuns: 10 },
    );
  });

  it("is exported as RAM alone, as long as that is and with holes", async () => {
    using folder = new Folder();
    const { files, rams } = await writeChain(folder);
    const { path, bytes } = await exportCheckpointRam(files[3]?.path as string, folder.file("ram"));
    expect(Buffer.compare(readFileSync(path), rams[3] as Buffer)).toBe(0);
    expect(bytes).toBeLessThan(256 * 1024);
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  it("tells in which pages and fields two of it differ", async () => {
    using folder = new Folder();
    const { files } = await writeChain(folder, 2);
    const [one, other] = files.map(({ path }) => path) as [string, string];
    const difference = await diffCheckpoints(one, other);
    expect(difference.runs).toEqual([
      ...[0, 7].map((first) => ({ first, count: 1 })),
      { first: 1000, count: 2 },
      { first: 1023, count: 2 },
      ...[2002, PAGES - 1].map((first) => ({ first, count: 1 })),
    ]);
    expect(difference.pages).toBe(8);
    expect(difference.fields).toEqual([{ field: "clock.instructions", one: 0, other: 1 }]);
    const ram = guestRam(PAGES + 3);
    const larger = await writeCheckpoint({
      ...{ path: folder.file("larger.vkckpt"), ram },
      contents: contents({ devices: { vda: { version: 1, queue: Uint8Array.of(1, 2, 3) }, rtc: {} } }),
    });
    const { runs, fields } = await diffCheckpoints(one, larger.path);
    expect(runs.at(-1)).toEqual({ first: PAGES - 1, count: 4 });
    expect(fields).toEqual(
      expect.arrayContaining([
        { field: "devices.vda.queue", one: undefined, other: "010203" },
        { field: "devices.rtc", one: undefined, other: {} },
      ]),
    );
  });

  it("is not taken apart: what another file stands on is not removed, nor is what is no checkpoint", async () => {
    using folder = new Folder();
    const { files } = await writeChain(folder, 2);
    const [base, child] = files.map(({ path }) => path) as [string, string];
    await expect(removeCheckpoint(base)).rejects.toMatchObject({
      ...{ code: "ERR_VKRUN_CHECKPOINT_NEEDED", message: expect.stringContaining(child) },
    });
    expect(existsSync(base)).toBe(true);
    copyFileSync(base, folder.file("copy.vkckpt"));
    await removeCheckpoint(base);
    await removeCheckpoint(child);
    await removeCheckpoint(folder.file("copy.vkckpt"));
    writeFileSync(folder.file("text.vkckpt"), "no checkpoint");
    await expect(removeCheckpoint(folder.file("text.vkckpt"))).rejects.toMatchObject({
      code: "ERR_VKRUN_CHECKPOINT_INVALID",
    });
    expect(readdirSync(folder.path)).toEqual(["text.vkckpt"]);
  });

  it("is not merged or compressed where it is damaged, and stays as it was", async () => {
    using folder = new Folder();
    const { files } = await writeChain(folder, 2);
    const [base, child] = files.map(({ path }) => path) as [string, string];
    const bytes = readFileSync(base);
    bytes[65536 + 1000 * PAGE + 5] = (bytes[65536 + 1000 * PAGE + 5] as number) ^ 4;
    writeFileSync(base, bytes);
    // The child says that this page is zero since.
    await mergeCheckpoint(child, { output: folder.file("merged") });
    expect(await verifyCheckpoint(folder.file("merged"))).toEqual([]);
    const damaged = { code: "ERR_VKRUN_CHECKPOINT_DAMAGED", message: expect.stringContaining("page 1000") };
    await expect(compressCheckpoint(base)).rejects.toMatchObject(damaged);
    await expect(mergeCheckpoint(base, { output: folder.file("again") })).rejects.toMatchObject(damaged);
    expect(readFileSync(base).equals(bytes)).toBe(true);
    expect(readdirSync(folder.path).sort()).toEqual(["0.vkckpt", "1.vkckpt", "merged"]);
  });

  it("is left as it was when the work on it is called off", async () => {
    using folder = new Folder();
    const { files } = await writeChain(folder, 2);
    const before = readFileSync(files[1]?.path as string);
    for (const work of [mergeCheckpoint, compressCheckpoint]) {
      const controller = new AbortController();
      const options = { signal: controller.signal, onProgress: () => controller.abort() };
      await expect(work(files[1]?.path as string, options)).rejects.toMatchObject({ name: "AbortError" });
    }
    expect(readFileSync(files[1]?.path as string).equals(before)).toBe(true);
    expect(readdirSync(folder.path)).toHaveLength(2);
  });

  it("is checked as far as it can be opened: the file, what it stands on, compressed pages", async () => {
    using folder = new Folder();
    const { files } = await writeChain(folder, 3);
    const paths = files.map(({ path }) => path) as [string, string, string];
    const told: number[] = [];
    expect(await verifyCheckpoint(paths[2], { onProgress: (done, total) => told.push(done / total) })).toEqual([]);
    expect(told.at(-1)).toBe(1);
    expect(told).toEqual([...told].sort((a, b) => a - b));
    await compressCheckpoint(paths[1]);
    const bytes = readFileSync(paths[1]);
    const at = bytes.indexOf(Buffer.of(0x28, 0xb5, 0x2f, 0xfd)) + 100;
    bytes[at] = (bytes[at] as number) ^ 1;
    writeFileSync(paths[1], bytes);
    truncateSync(paths[0], 5000);
    const [file, ...pages] = await verifyCheckpoint(paths[2]);
    expect(file).toMatchObject({ section: "file", message: expect.stringContaining(`${paths[0]} is cut short`) });
    // All that was in the frame.
    expect(pages.map(({ path, section }) => [path, section])).toEqual(Array(6).fill([paths[1], "pages"]));
    expect(await verifyCheckpoint(folder.file("none"))).toMatchObject([{ path: folder.file("none"), section: "file" }]);
  });
});
