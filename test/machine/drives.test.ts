// Drives that go into checkpoints and come back, on real files, with QEMU's tools as the judge.

import {
  copyFileSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Drive } from "../../src/machine/drive.js";
import { closeDrives, openDrives, openSavedDrive } from "../../src/machine/drives.js";
import type { DriveConfig } from "../../src/machine/machine-config.js";
import type { SavedDrive } from "../../src/machine/saved-drive.js";
import { DiskData } from "../support/disk-data.js";
import { checkImage, qemuImg } from "../support/qemu-img.js";

const SIZE = (4 << 20) + 512;

let folder: string;
let path: string;
let data: DiskData;
const opened: Drive[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "vkrun-drives-"));
  path = join(folder, "disk.img");
  writeFileSync(path, pattern());
  data = new DiskData();
});

afterEach(async () => {
  for (const drive of opened.splice(0)) await drive[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
});

function pattern(): Uint8Array {
  return Uint8Array.from({ length: SIZE }, (_, index) => (index * 13) ^ (index >> 9));
}

async function open(options: Partial<DriveConfig> = {}): Promise<Drive> {
  const [drive] = await openDrives([{ path, discards: true, queues: 1, readOnly: false, snapshot: false, ...options }]);
  opened.push(drive as Drive);
  return drive as Drive;
}

async function thaw(saved: SavedDrive, options: { path?: string } = {}): Promise<Drive> {
  const drive = await openSavedDrive(saved, { data, ...options });
  opened.push(drive);
  return drive;
}

async function checkpoint(drive: Drive, meanwhile?: () => Promise<void>): Promise<SavedDrive> {
  await using checkpoint = await drive.prepareCheckpoint({ folder });
  checkpoint.switch();
  const [saved] = await Promise.all([checkpoint.finish(data), meanwhile?.()]);
  return structuredClone(saved);
}

async function content(drive: Drive): Promise<Uint8Array> {
  const bytes = new Uint8Array(drive.backend.size);
  await drive.backend.read(0, [bytes]);
  return bytes.subarray(0, SIZE);
}

async function fill(drive: Drive, offset: number, length: number, value: number): Promise<void> {
  await drive.backend.write(offset, [new Uint8Array(length).fill(value)]);
}

async function expectContent(drive: Drive, expected: Uint8Array): Promise<void> {
  expect(Buffer.compare(await content(drive), expected)).toBe(0);
}

describe("a drive with its writes in memory", () => {
  it("comes back as it was at the switch, twice, and leaves the image alone", async () => {
    const drive = await open({ snapshot: true, serial: "A1" });
    await fill(drive, 512, 100_352, 1);
    const saved = await checkpoint(drive, () => fill(drive, 1024, 512, 2));
    expect(saved).toMatchObject({ method: "memory", name: "vda", size: SIZE });
    await expectContent(drive, pattern().fill(1, 512, 100_864).fill(2, 1024, 1536));
    const one = await thaw(saved);
    const other = await thaw(saved);
    await fill(one, 1024, 512, 3);
    await expectContent(one, pattern().fill(1, 512, 100_864).fill(3, 1024, 1536));
    await expectContent(other, pattern().fill(1, 512, 100_864));
    expect(one).toMatchObject({ name: "vda", serial: "A1", queues: 1 });
    expect(one.backend.nature).toEqual(drive.backend.nature);
    expect(Buffer.compare(readFileSync(path), pattern())).toBe(0);
  });

  it("goes on as it was when a checkpoint is given up", async () => {
    const drive = await open({ snapshot: true });
    await fill(drive, 0, 512, 1);
    {
      await using given = await drive.prepareCheckpoint({ folder });
      given.switch();
      await fill(drive, 512, 512, 2);
    }
    await checkpoint(drive);
    await expectContent(drive, pattern().fill(1, 0, 512).fill(2, 512, 1024));
  });
});

describe("a drive in files", () => {
  it.each(["raw", "qcow2"])(
    "goes on in an overlay over its %s image, and comes back twice as it was",
    async (format) => {
      if (format === "qcow2") {
        qemuImg("convert", "-q", "-f", "raw", "-O", "qcow2", path, `${path}.new`);
        renameSync(`${path}.new`, path);
      }
      const drive = await open();
      await fill(drive, 512, 100_352, 1);
      const early = fill(drive, 0, 512, 7);
      const saved = await checkpoint(drive, () => fill(drive, 1024, 512, 2));
      await early;
      expect(saved).toMatchObject({ method: "overlay", name: "vda" });
      const before = pattern().fill(7, 0, 512).fill(1, 512, 100_864);
      await expectContent(drive, before.slice().fill(2, 1024, 1536));
      const one = await thaw(saved);
      const other = await thaw(saved);
      await fill(one, 1024, 512, 3);
      await fill(other, 0, 512, 4);
      await expectContent(one, before.slice().fill(3, 1024, 1536));
      await expectContent(other, before.slice().fill(4, 0, 512));
      const again = await thaw(await checkpoint(one));
      await expectContent(again, before.slice().fill(3, 1024, 1536));
      for (const each of opened.splice(0)) await closeDrives([each]);
      const images = readdirSync(folder).filter((name) => name.endsWith(".qcow2"));
      expect(images).toHaveLength(5);
      for (const name of images) expect(checkImage(join(folder, name))).toMatchObject({ status: 0 });
      await expect(open()).rejects.toMatchObject({ code: "ERR_VKRUN_IMAGE_IMMUTABLE" });
      await expectContent(await open({ readOnly: true }), before);
      await expectContent(await thaw(saved), before);
    },
  );

  it("is left as it was when a checkpoint is given up before the switch", async () => {
    const drive = await open();
    {
      await using given = await drive.prepareCheckpoint({ folder });
      expect(given).toBeDefined();
    }
    await fill(drive, 0, 512, 1);
    await closeDrives(opened.splice(0));
    expect(readdirSync(folder)).toEqual(["disk.img"]);
    await expectContent(await open(), pattern().fill(1, 0, 512));
  });

  it("goes on in the overlay when a checkpoint fails after the switch", async () => {
    const drive = await open();
    {
      await using given = await drive.prepareCheckpoint({ folder });
      given.switch();
    }
    await fill(drive, 0, 512, 1);
    await drive.backend.flush();
    await expectContent(drive, pattern().fill(1, 0, 512));
    await closeDrives(opened.splice(0));
    expect(Buffer.compare(readFileSync(path), pattern())).toBe(0);
  });
});

describe("the files that a checkpoint stands on", () => {
  it("are refused when they were written since", async () => {
    const saved = await checkpoint(await open({ readOnly: true }));
    utimesSync(path, 1, 1);
    await expect(thaw(saved)).rejects.toMatchObject({ code: "ERR_VKRUN_CHECKPOINT_DISK_CHANGED" });
  });

  it("are refused when a copy differs, and when there is none", async () => {
    const saved = await checkpoint(await open({ readOnly: true }));
    const copy = join(folder, "copy.img");
    copyFileSync(path, copy);
    await expectContent(await thaw(saved, { path: copy }), pattern());
    writeFileSync(copy, pattern().fill(0, 1024, 1536));
    await expect(thaw(saved, { path: copy })).rejects.toMatchObject({ code: "ERR_VKRUN_CHECKPOINT_DISK_CHANGED" });
    rmSync(path);
    await expect(thaw(saved)).rejects.toMatchObject({ code: "ERR_VKRUN_CHECKPOINT_DISK_MISSING" });
  });
});
