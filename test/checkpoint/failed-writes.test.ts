import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { CheckpointFile } from "../../src/checkpoint/checkpoint-file.js";
import { CheckpointWriter } from "../../src/checkpoint/writer.js";
import { nativeUnavailable } from "../../src/native.js";
import { full, noteLeftOut } from "../setup/full.js";
import {
  bitmap,
  contents,
  Folder,
  fillPage,
  guestRam,
  newId,
  PAGE,
  thawedRam,
  type Written,
  writeCheckpoint,
} from "./checkpoints.js";

const CHILD = fileURLToPath(new URL("writing-child.mjs", import.meta.url));
const KILLS = full ? 200 : 30;
const isRoot = process.getuid?.() === 0;

noteLeftOut("170 of 200 kills of a process that writes a checkpoint", "about 2 minutes");
if (!isRoot) noteLeftOut("checkpoints on a full disk: mounting one takes root", "1 second");

describe.runIf(nativeUnavailable() === undefined)("a checkpoint that cannot be completed", () => {
  it(`leaves the one before whole when its writer is killed, at any of ${KILLS} instants`, {
    timeout: 400_000,
  }, async () => {
    using folder = new Folder();
    const path = folder.file("guest.vkckpt");
    let completed = 0;
    for (let kill = 0; kill < KILLS; kill++) {
      const child = spawn(process.execPath, [CHILD, path], { stdio: ["ignore", "pipe", "inherit"] });
      const ended = once(child, "exit");
      // From its first complete checkpoint on, at some instant of the rounds behind it.
      const [first] = await Promise.race([once(child.stdout, "data"), ended]);
      expect(String(first)).toMatch(/^1\n/);
      await delay(Math.random() * 60);
      child.kill("SIGKILL");
      await ended;
      await using file = await CheckpointFile.open(path);
      expect(await file.verify()).toEqual([]);
      const round = file.manifest.config as number;
      completed = Math.max(completed, round);
      const ram = await thawedRam(path);
      expect(ram.every((byte) => byte === round % 256)).toBe(true);
      // Each writer clears away what the one before it left.
      expect(readdirSync(folder.path).length).toBeLessThanOrEqual(2);
    }
    expect(completed).toBeGreaterThan(1);
    await writeCheckpoint({ path, ram: guestRam(4) });
    expect(readdirSync(folder.path)).toEqual(["guest.vkckpt"]);
  });

  it("is gone when its writer gives up, and what others are writing stays", async () => {
    using folder = new Folder();
    const ram = guestRam(4);
    const create = (name: string) =>
      CheckpointWriter.create({ path: folder.file(name), ramBytes: ram.length, id: newId() });
    await using one = await create("one.vkckpt");
    {
      await using other = await create("other.vkckpt");
      await other.writePages({ ram, first: 0, pages: 4, wanted: bitmap(4) });
      expect(readdirSync(folder.path)).toHaveLength(2);
    }
    expect(readdirSync(folder.path)).toHaveLength(1);
    await one.writePages({ ram, first: 0, pages: 4, wanted: bitmap(4) });
    await one.finish(contents());
    expect(readdirSync(folder.path)).toEqual(["one.vkckpt"]);
    // A guest's memory is nobody else's business.
    expect(statSync(folder.file("one.vkckpt")).mode & 0o777).toBe(0o600);
  });

  it("is not completed after a write of it has failed", async () => {
    using folder = new Folder();
    const path = folder.file("guest.vkckpt");
    await using writer = await CheckpointWriter.create({ path, ramBytes: PAGE, id: newId() });
    const broken = (function* (): Generator<Uint8Array> {
      yield new Uint8Array(10);
      throw new Error("the disk went away");
    })();
    await expect(writer.addRegion("vda", broken)).rejects.toThrow("went away");
    await expect(writer.finish(contents())).rejects.toThrow("went away");
    expect(existsSync(path)).toBe(false);
  });

  it("cannot be written over its own parent", async () => {
    using folder = new Folder();
    const ram = guestRam(1);
    fillPage(ram, 0, 1);
    const parent = await writeCheckpoint({ path: folder.file("a.vkckpt"), ram });
    await expect(writeCheckpoint({ path: parent.path, ram, parent })).rejects.toMatchObject({
      code: "ERR_VKRUN_CHECKPOINT_CHAIN",
    });
    expect(Buffer.compare(await thawedRam(parent.path), ram)).toBe(0);
  });

  describe("because others would lose what they stand on", () => {
    const chain = async (folder: Folder, ram: Uint8Array): Promise<Written[]> => {
      const files: Written[] = [];
      for (const name of ["a", "b", "c"]) {
        const path = folder.file(`${name}.vkckpt`);
        files.push(
          await writeCheckpoint({ path, ram, ...(files[0] && { parent: files.at(-1) as Written, changed: [] }) }),
        );
      }
      return files;
    };

    it("leaves them as they are: neither an ancestor is overwritten nor what another file stands on", async () => {
      using folder = new Folder();
      using elsewhere = new Folder();
      const ram = guestRam(1);
      fillPage(ram, 0, 1);
      const [a, b, c] = (await chain(folder, ram)) as [Written, Written, Written];
      const chainError = { code: "ERR_VKRUN_CHECKPOINT_CHAIN" };
      await expect(writeCheckpoint({ path: a.path, ram, parent: c })).rejects.toMatchObject(chainError);
      symlinkSync(a.path, elsewhere.file("link.vkckpt"));
      const linked = { path: elsewhere.file("link.vkckpt"), ram, parent: c };
      await expect(writeCheckpoint(linked)).rejects.toMatchObject(chainError);
      const needed = { code: "ERR_VKRUN_CHECKPOINT_NEEDED", message: expect.stringContaining(c.path) };
      await expect(writeCheckpoint({ path: b.path, ram })).rejects.toMatchObject(needed);
      expect(Buffer.compare(await thawedRam(c.path), ram)).toBe(0);
      // Nobody stands on the last one; and of one that there is a copy of, nothing is lost.
      await writeCheckpoint({ path: c.path, ram });
      await chain(elsewhere, ram);
      copyFileSync(elsewhere.file("a.vkckpt"), elsewhere.file("copy.vkckpt"));
      await writeCheckpoint({ path: elsewhere.file("a.vkckpt"), ram });
      expect(Buffer.compare(await thawedRam(elsewhere.file("c.vkckpt")), ram)).toBe(0);
    });

    it("or stands on something itself that is gone, has been replaced, or is of another size", async () => {
      using folder = new Folder();
      const ram = guestRam(1);
      const parent = await writeCheckpoint({ path: folder.file("a.vkckpt"), ram });
      const child = (from: Written, pages = 1) =>
        writeCheckpoint({ path: folder.file("b.vkckpt"), ram: guestRam(pages), parent: from, changed: [] });
      const gone = { id: parent.id, path: folder.file("gone.vkckpt") };
      await expect(child(gone)).rejects.toMatchObject({ code: "ERR_VKRUN_CHECKPOINT_PARENT_MISSING" });
      const other = { id: newId(), path: parent.path };
      await expect(child(other)).rejects.toMatchObject({ code: "ERR_VKRUN_CHECKPOINT_PARENT_CHANGED" });
      await expect(child(parent, 2)).rejects.toMatchObject({ code: "ERR_VKRUN_CHECKPOINT_CHAIN" });
      expect(readdirSync(folder.path)).toEqual(["a.vkckpt"]);
    });
  });

  it("says so where it may not be written, or cannot be", async () => {
    using folder = new Folder();
    writeFileSync(folder.file("file"), "");
    const ram = guestRam(1);
    const refused = { code: "ERR_VKRUN_CHECKPOINT_WRITE" };
    await expect(writeCheckpoint({ path: folder.file("file/a.vkckpt"), ram })).rejects.toMatchObject(refused);
    await expect(writeCheckpoint({ path: folder.file("nowhere/a.vkckpt"), ram })).rejects.toMatchObject(refused);
    mkdirSync(folder.file("folder.vkckpt"));
    await expect(writeCheckpoint({ path: folder.file("folder.vkckpt"), ram })).rejects.toMatchObject(refused);
    if (!isRoot) {
      mkdirSync(folder.file("closed"), 0o500);
      chmodSync(folder.file("closed"), 0o500);
      await expect(writeCheckpoint({ path: folder.file("closed/a.vkckpt"), ram })).rejects.toMatchObject(refused);
    }
    expect(readdirSync(folder.path).filter((name) => name.startsWith("."))).toEqual([]);
  });

  describe.runIf(isRoot)("on a disk of its own (mounting one takes root)", () => {
    function withDisk(options: string, run: (path: string) => Promise<void>): () => Promise<void> {
      return async () => {
        using folder = new Folder();
        const mounted = folder.file("disk");
        mkdirSync(mounted);
        execFileSync("mount", ["-t", "tmpfs", "-o", options, "tmpfs", mounted]);
        try {
          await run(mounted);
        } finally {
          execFileSync("umount", [mounted]);
        }
      };
    }

    it(
      "leaves the one before where there is no more room, and takes none itself",
      withDisk("size=1M", async (mounted) => {
        const path = `${mounted}/guest.vkckpt`;
        const ram = guestRam(1024);
        fillPage(ram, 1, 1);
        await writeCheckpoint({ path, ram });
        const before = readFileSync(path);
        const big = guestRam(1024);
        for (let page = 0; page < 1024; page++) fillPage(big, page, page + 7);
        await expect(writeCheckpoint({ path, ram: big })).rejects.toMatchObject({
          code: "ERR_VKRUN_CHECKPOINT_WRITE",
          hint: expect.stringContaining("Make room"),
        });
        expect(readdirSync(mounted)).toEqual(["guest.vkckpt"]);
        expect(readFileSync(path).equals(before)).toBe(true);
        await writeCheckpoint({ path: `${mounted}/next.vkckpt`, ram });
      }),
    );

    it(
      "says so where nothing can be written",
      withDisk("size=1M,ro", async (mounted) => {
        await expect(writeCheckpoint({ path: `${mounted}/a.vkckpt`, ram: guestRam(1) })).rejects.toMatchObject({
          code: "ERR_VKRUN_CHECKPOINT_WRITE",
        });
      }),
    );
  });
});
