import { existsSync, readFileSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { nativeUnavailable } from "../../src/native.js";
import {
  contents,
  Folder,
  fillPage,
  guestRam,
  PAGE,
  thawedRam,
  type Written,
  writeCheckpoint,
} from "../checkpoint/checkpoints.js";
import { vkrun } from "../support/command.js";

const PAGES = 64;
const SPACE = {
  ...{ root: 0x8200_0000, mode: "sv48", asid: 7, isCurrent: true, isComplete: true, tableBytes: 16_384 },
  ...{ mappedBytes: 81_920, residentBytes: 40_960, sharedBytes: 8192, proportionalBytes: 36_864 },
  ...{ accessedBytes: 4096, dirtyBytes: 4096 },
};

/** As a machine saves itself, as far as `inspect` looks into it. */
const MACHINE = contents({
  name: "evil\u001b[2Jname",
  config: {
    console: "virtio",
    network: { mac: Uint8Array.of(0x52, 0x54, 0, 1, 2, 3), backend: { type: "tap", name: "tap9" } },
  },
  hart: { fields: { pc: 0xffff_ffff_8000_0000n, icount: 123_456 } },
  clock: { ticks: 750_000_000 },
  console: { size: { columns: 132, rows: 43 }, waiting: [Uint8Array.of(1, 2, 3)] },
  devices: {
    rtc: { offsetNs: "0" },
    vda: {
      status: 15,
      driverFeatures: [4, 1],
      queues: [
        { num: 256, ready: true },
        { num: 128, ready: false },
      ],
    },
  },
  disks: [
    {
      ...{ name: "vda", method: "memory", size: 2 ** 28, files: [{ path: "/disks/root.img", format: "raw" }] },
      clusters: { clusterBytes: 65_536, places: new Uint8Array(4 * 32) },
    },
  ],
  vmspaces: { spaces: [SPACE] },
});

describe.runIf(nativeUnavailable() === undefined)("vkrun inspect", () => {
  let folder: Folder;
  let base: Written;
  let child: Written;
  beforeAll(async () => {
    folder = new Folder();
    const ram = guestRam(PAGES);
    for (const page of [0, 3, 63]) fillPage(ram, page, page);
    base = await writeCheckpoint({ path: folder.file("base.vkckpt"), ram, contents: MACHINE });
    fillPage(ram, 5, 55);
    const later = { ...MACHINE, clock: { ticks: 760_000_000 } };
    child = await writeCheckpoint({
      path: folder.file("child.vkckpt"),
      ram,
      parent: base,
      changed: [5],
      contents: later,
    });
  });
  afterAll(() => folder[Symbol.dispose]());

  it("says what is in a checkpoint, and prints nothing that could move a cursor", async () => {
    const { status, stdout, stderr } = await vkrun(["inspect", child.path]);
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    expect(stdout).toContain("name:     evil?[2Jname\n");
    expect(stdout).not.toContain("\u001b");
    expect(stdout).toContain("pages:    1 in this file, 0 zero since its parent");
    expect(stdout).toContain("1m16s and 123456 instructions since its reset, at 0xffffffff80000000");
    expect(stdout).toContain("console:  virtio, 132 x 43, 3 bytes typed that it has not taken");
    expect(stdout).toContain("network:  tap, 52:54:00:01:02:03");
    expect(stdout).toMatch(/base\.vkckpt +2026-01-02T03:04:05\.000Z +\d+M +3 +61\n/);
    expect(stdout).toMatch(/^vda +256M +memory +2M +\/disks\/root\.img \(raw\)$/m);
    expect(stdout).toMatch(/^vda +driver +0x100000004 +256$/m);
    expect(stdout).toMatch(/^\*0x82000000 +sv48 +7 +80K +40K +8K +36K /m);
  });

  it("says the same as JSON", async () => {
    const { stdout } = await vkrun(["inspect", "--json", child.path]);
    expect(JSON.parse(stdout)).toMatchObject({
      ...{ path: child.path, presentPages: 1, pages: 4, ramBytes: PAGES * PAGE, format: 1, compressed: false },
      ...{ guest: { instructions: 123_456, seconds: 76 }, chain: [{ path: base.path }, { path: child.path }] },
      hart: { fields: { pc: "0xffffffff80000000" } },
      vmspaces: { spaces: [{ asid: 7 }] },
    });
  });

  it("makes something of a file whose sections are not what a machine saves", async () => {
    const odd = { config: 7, hart: [1], clock: null, console: "x", devices: { vda: { status: 1, queues: [5] } } };
    const path = folder.file("odd.vkckpt");
    await writeCheckpoint({
      path,
      ram: guestRam(1),
      contents: contents({ ...odd, disks: [null], vmspaces: { spaces: [1] } }),
    });
    const { status, stderr } = await vkrun(["inspect", path]);
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  });

  it("--verify names what is damaged, and exits with 1", async () => {
    expect(await vkrun(["inspect", "--verify", child.path])).toMatchObject({
      status: 0,
      stdout: `${child.path} is whole\n`,
    });
    const path = folder.file("damaged.vkckpt");
    const bytes = readFileSync(base.path);
    bytes[65536 + 3 * PAGE] = (bytes[65536 + 3 * PAGE] as number) ^ 1;
    writeFileSync(path, bytes);
    const damaged = await vkrun(["inspect", "--verify", path]);
    expect(damaged).toMatchObject({ status: 1, stdout: expect.stringContaining("page 3 of RAM") });
    truncateSync(path, 70_000);
    const short = await vkrun(["inspect", "--verify", "--json", path]);
    expect(short.status).toBe(1);
    expect(JSON.parse(short.stdout)).toMatchObject([{ path, section: "file" }]);
    expect((await vkrun(["inspect", path])).stderr).toContain("ERR_VKRUN_CHECKPOINT_TRUNCATED");
    expect(await vkrun(["inspect", "--verify", folder.file("none")])).toMatchObject({ status: 1 });
  });

  it("--diff and --export-raw-ram, and not both at once", async () => {
    const { stdout } = await vkrun(["inspect", "--diff", base.path, child.path]);
    expect(stdout).toBe("1 pages differ (4 KiB)\n  page 5\n1 fields differ\n  clock.ticks: 750000000 -> 760000000\n");
    const out = folder.file("ram");
    expect(await vkrun(["inspect", "--export-raw-ram", out, child.path])).toMatchObject({ status: 0 });
    expect(Buffer.compare(readFileSync(out), await thawedRam(child.path))).toBe(0);
    for (const wrong of [
      ["--diff", base.path],
      [base.path, child.path],
      ["--verify", "--diff", base.path, child.path],
    ]) {
      expect(await vkrun(["inspect", ...wrong])).toMatchObject({
        ...{ status: 1, stderr: expect.stringContaining("ERR_VKRUN_USAGE") },
      });
    }
  });

  it("vkrun ckpt compress, merge and rm work on the files", async () => {
    using own = new Folder();
    const ram = guestRam(PAGES);
    for (let page = 0; page < PAGES; page++) fillPage(ram, page, 1);
    const parent = await writeCheckpoint({ path: own.file("a.vkckpt"), ram });
    const last = await writeCheckpoint({ path: own.file("b.vkckpt"), ram, parent, changed: [] });
    const refused = await vkrun(["ckpt", "rm", parent.path]);
    expect(refused).toMatchObject({ status: 1, stderr: expect.stringContaining("ERR_VKRUN_CHECKPOINT_NEEDED") });
    const before = statSync(parent.path).size;
    expect(await vkrun(["ckpt", "compress", "-q", parent.path])).toMatchObject({ status: 0, stdout: "" });
    expect(statSync(parent.path).size).toBeLessThan(before);
    const merged = await vkrun(["ckpt", "merge", "--rm", last.path]);
    expect(merged).toMatchObject({ status: 0, stdout: expect.stringContaining(`${parent.path}: removed`) });
    expect(existsSync(parent.path)).toBe(false);
    expect(Buffer.compare(await thawedRam(last.path), ram)).toBe(0);
    const child = await writeCheckpoint({ path: own.file("c.vkckpt"), ram, parent: last, changed: [] });
    expect(await vkrun(["ckpt", "rm", last.path, child.path])).toMatchObject({ status: 0 });
    expect(existsSync(last.path) || existsSync(child.path)).toBe(false);
  });
});
