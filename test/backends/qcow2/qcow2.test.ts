// qcow2 images, with QEMU's own tools on the other side.

import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { BlockBackend } from "../../../src/backends/block-backend.js";
import { type ImageOptions, openImage } from "../../../src/backends/open-image.js";
import { checkImage, qemuImg, qemuIo } from "../../support/qemu-img.js";
import { RandomDisk } from "./random-disk.js";

const MIB = 1 << 20;

let folder: string;
let path: string;
const opened: BlockBackend[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "vkrun-qcow2-"));
  path = join(folder, "disk.qcow2");
});

afterEach(async () => {
  for (const disk of opened.splice(0)) await close(disk).catch(() => undefined);
  rmSync(folder, { recursive: true });
});

async function openDisk(options: Partial<ImageOptions> = {}): Promise<BlockBackend> {
  const disk = await openImage({ path, readOnly: false, cache: "unsafe", ...options });
  opened.push(disk);
  return disk;
}

async function close(disk: BlockBackend): Promise<void> {
  await disk[Symbol.asyncDispose]();
}

function create(size: string | number, options = "", backing: string[] = []): void {
  qemuImg(
    "create",
    "-q",
    "-f",
    "qcow2",
    ...(options === "" ? [] : ["-o", options]),
    ...backing,
    path,
    ...(size === "" ? [] : [String(size)]),
  );
}

function raw(name: string, bytes: Uint8Array): string {
  const file = join(folder, name);
  writeFileSync(file, bytes);
  return file;
}

/** Something that compresses, but not to nothing, and differs everywhere. */
function content(length: number, seed = 1): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length; at += 512) bytes.fill((at >> 9) * 7 + seed, at, at + 300);
  return bytes;
}

function expectSound(): void {
  expect(checkImage(path)).toMatchObject({ status: 0 });
}

/** QEMU sees the same disk. */
function expectSame(model: Uint8Array): void {
  const expected = raw("expected.raw", model);
  qemuImg("compare", "-q", "-f", "qcow2", "-F", "raw", path, expected);
}

describe("random work on a qcow2 image", () => {
  it.each<[string, string, number]>([
    ["with the defaults", "", 24 * MIB],
    ["of version 2", "compat=0.10", 12 * MIB],
    ["with clusters of 512 bytes, whose refcount table has to grow", "cluster_size=512", 9 * MIB + 512],
    ["with clusters of 4 KiB and 64-bit counts", "cluster_size=4k,refcount_bits=64", 12 * MIB],
    ["with clusters of 2 MiB", "cluster_size=2M", 40 * MIB + 512],
    ["with 1-bit counts", "refcount_bits=1", 12 * MIB],
    ["with 4-bit counts in small clusters", "refcount_bits=4,cluster_size=1k", 6 * MIB],
    ["with lazy reference counts", "lazy_refcounts=on", 12 * MIB],
    ["with preallocated metadata", "preallocation=metadata", 12 * MIB],
  ])("%s leaves it sound and the same to QEMU", async (_what, options, size) => {
    create(size, options);
    const disk = await openDisk();
    expect(disk.size).toBe(size);
    const random = new RandomDisk(disk, new Uint8Array(size), options.length + 3);
    await random.work(250);
    expect(await random.verify()).toBe(true);
    await close(disk);
    expectSound();
    expectSame(random.model);
    // And once more on what QEMU has had a look at.
    const again = await openDisk();
    const more = new RandomDisk(again, random.model, 77);
    expect(await more.verify()).toBe(true);
    await more.work(100);
    await close(again);
    expectSound();
    expectSame(more.model);
  });

  it.each([
    ["raw", "", "compat=1.1"],
    ["raw", "", "compat=0.10"],
    ["qcow2", "", "compat=1.1"],
    ["qcow2", "cluster_size=4k", "cluster_size=128k"],
  ])(
    "over a %s backing file (%s) that is shorter than the disk leaves both as they should be (%s)",
    async (format, inner, outer) => {
      const below = content(5 * MIB + 1536);
      const base = join(folder, "base");
      const source = raw("base.raw", below);
      qemuImg("convert", "-q", "-f", "raw", "-O", format, ...(inner ? ["-o", inner] : []), source, base);
      const before = createHash("sha256").update(readFileSync(base)).digest("hex");
      create(12 * MIB, outer, ["-b", base, "-F", format]);
      const model = new Uint8Array(12 * MIB);
      model.set(below);
      const disk = await openDisk();
      const random = new RandomDisk(disk, model, 5);
      expect(await random.verify()).toBe(true);
      await random.work(200);
      expect(await random.verify()).toBe(true);
      await close(disk);
      expectSound();
      expectSame(model);
      expect(createHash("sha256").update(readFileSync(base)).digest("hex")).toBe(before);
    },
  );

  it.each(["zlib", "zstd"])("over %s compressed clusters", async (compression) => {
    const below = content(8 * MIB);
    const source = raw("source.raw", below);
    qemuImg("convert", "-q", "-c", "-f", "raw", "-O", "qcow2", "-o", `compression_type=${compression}`, source, path);
    expect(statSync(path).size).toBeLessThan(MIB);
    const disk = await openDisk();
    const random = new RandomDisk(disk, below, 9);
    expect(await random.verify()).toBe(true);
    await random.work(150, 100 << 10);
    expect(await random.verify()).toBe(true);
    await close(disk);
    expectSound();
    expectSame(below);
  });

  it("by QEMU is read as QEMU reads it", async () => {
    create(64 * MIB, "cluster_size=32k");
    const commands = [
      "write -P 1 0 64k",
      "write -P 2 100k 3M",
      "write -z 200k 64k",
      "discard 1M 512k",
      "write -c -P 3 32M 32k",
      "write -P 4 33562624 512",
    ];
    qemuIo(path, commands, ["-f", "qcow2"]);
    const expected = join(folder, "expected");
    qemuImg("convert", "-q", "-f", "qcow2", "-O", "raw", path, expected);
    const disk = await openDisk({ readOnly: true });
    expect(await new RandomDisk(disk, readFileSync(expected), 1).verify()).toBe(true);
    expect(disk.readOnly).toBe(true);
    await expect(disk.write(0, [new Uint8Array(512)])).rejects.toMatchObject({ code: "ERR_VKRUN_IMAGE_READ_ONLY" });
  });
});

describe("a qcow2 image", () => {
  it("is as long as what was written to it, and shorter again when that is discarded", async () => {
    create(64 * MIB);
    const disk = await openDisk();
    await disk.write(0, [content(16 * MIB)]);
    await disk.flush();
    const used = () => statSync(path).blocks * 512;
    expect(used()).toBeGreaterThan(16 * MIB);
    await disk.discard?.(0, 16 * MIB);
    await disk.flush();
    await disk.flush();
    expect(used()).toBeLessThan(2 * MIB);
    const size = statSync(path).size;
    // The clusters are used again.
    await disk.write(32 * MIB, [content(15 * MIB)]);
    await close(disk);
    expect(statSync(path).size).toBeLessThan(size + MIB);
    expectSound();
  });

  it("keeps the space of what is zeroed without `unmap`", async () => {
    create(8 * MIB);
    const disk = await openDisk();
    await disk.write(0, [content(4 * MIB)]);
    await disk.writeZeroes?.(0, 4 * MIB, false);
    await close(disk);
    expect(statSync(path).blocks * 512).toBeGreaterThan(4 * MIB);
    expectSound();
    expectSame(new Uint8Array(8 * MIB));
  });

  it("is repaired when it was left dirty with lazy reference counts", async () => {
    create(16 * MIB, "lazy_refcounts=on");
    // QEMU dies before it has counted.
    qemuIoAborted(path, ["write -P 5 0 5M", "write -P 6 7M 64k", "abort"]);
    const dirty = readFileSync(path).readBigUInt64BE(72) & 1n;
    expect(dirty).toBe(1n);
    const model = new Uint8Array(16 * MIB).fill(5, 0, 5 * MIB).fill(6, 7 * MIB, 7 * MIB + (64 << 10));
    const disk = await openDisk();
    const random = new RandomDisk(disk, model, 3);
    expect(await random.verify()).toBe(true);
    expect(readFileSync(path).readBigUInt64BE(72) & 1n).toBe(0n);
    await random.work(60);
    await close(disk);
    expectSound();
    expectSame(model);
  });

  it("that is dirty can be read without being changed", async () => {
    create(4 * MIB, "lazy_refcounts=on");
    qemuIoAborted(path, ["write -P 5 0 64k", "abort"]);
    const before = readFileSync(path);
    const disk = await openDisk({ readOnly: true });
    const bytes = new Uint8Array(512);
    await disk.read(0, [bytes]);
    expect(bytes[0]).toBe(5);
    await close(disk);
    expect(Buffer.compare(before, readFileSync(path))).toBe(0);
  });

  it("finds the chain of its backing files relative to itself", async () => {
    writeFileSync(join(folder, "a.raw"), content(MIB));
    const run = (...args: string[]) => qemuImg("create", "-q", "-f", "qcow2", ...args);
    run("-b", "a.raw", "-F", "raw", join(folder, "b.qcow2"));
    run("-b", join(folder, "b.qcow2"), "-F", "qcow2", path);
    const disk = await openDisk();
    expect(await new RandomDisk(disk, content(MIB), 1).verify()).toBe(true);
  });

  it("reports that it was cut off", async () => {
    create(4 * MIB);
    const disk = await openDisk();
    await disk.write(0, [content(2 * MIB)]);
    await disk.flush();
    truncateSync(path, 1 << 20);
    await expect(disk.read(0, [new Uint8Array(2 * MIB)])).rejects.toMatchObject({ code: "ERR_VKRUN_IMAGE_TRUNCATED" });
  });
});

function qemuIoAborted(image: string, commands: string[]): void {
  expect(() => qemuIo(image, commands, ["-f", "qcow2"])).toThrow();
  expect(existsSync(image)).toBe(true);
}

describe("a qcow2 image that is refused", () => {
  const patch = (change: (view: DataView, bytes: Buffer) => void): void => {
    const bytes = readFileSync(path);
    change(new DataView(bytes.buffer, bytes.byteOffset, bytes.length), bytes);
    writeFileSync(path, bytes);
  };

  it.each<[string, string, (view: DataView, bytes: Buffer) => void, RegExp]>([
    ["of version 1", "ERR_VKRUN_IMAGE_UNSUPPORTED", (view) => view.setUint32(4, 1), /version 1/],
    ["that is encrypted", "ERR_VKRUN_IMAGE_ENCRYPTED", (view) => view.setUint32(32, 2), /encrypted/],
    [
      "with an external data file",
      "ERR_VKRUN_IMAGE_UNSUPPORTED",
      (view) => view.setUint8(79, 4),
      /"external data file"/,
    ],
    [
      "with extended L2 entries",
      "ERR_VKRUN_IMAGE_UNSUPPORTED",
      (view) => view.setUint8(79, 16),
      /"extended L2 entries"/,
    ],
    ["with features of the future", "ERR_VKRUN_IMAGE_UNSUPPORTED", (view) => view.setUint8(76, 1), /"bit 24"/],
    ["with impossible clusters", "ERR_VKRUN_IMAGE_CORRUPT", (view) => view.setUint32(20, 40), /clusters/],
    ["with an L1 table that is too short", "ERR_VKRUN_IMAGE_CORRUPT", (view) => view.setUint32(36, 0), /L1 table/],
    ["with a misplaced L1 table", "ERR_VKRUN_IMAGE_CORRUPT", (view) => view.setUint8(47, 1), /L1 table/],
    [
      "with a refcount table as long as the file can be",
      "ERR_VKRUN_IMAGE_CORRUPT",
      (view) => view.setUint32(56, 0xffff_ffff),
      /refcount table/,
    ],
    ["with counts of 2^9 bits", "ERR_VKRUN_IMAGE_CORRUPT", (view) => view.setUint32(96, 9), /reference counts/],
    ["without a size", "ERR_VKRUN_IMAGE_INVALID", (view) => view.setBigUint64(24, 0n), /size of 0/],
    ["marked as corrupt", "ERR_VKRUN_IMAGE_CORRUPT", (view) => view.setUint8(79, 2), /marked as corrupt/],
  ])("%s says so", async (_what, code, change, message) => {
    create(4 * MIB);
    patch(change);
    await expect(openDisk()).rejects.toMatchObject({
      code,
      message: expect.stringMatching(message),
      hint: expect.any(String),
    });
  });

  it("names an unknown feature as the image itself does", async () => {
    create(4 * MIB);
    patch((view, bytes) => {
      // The first row of the feature name table: type, bit, name.
      const table = bytes.indexOf(Buffer.from("dirty bit")) - 2;
      bytes.fill(0, table, table + 48);
      view.setUint8(table + 1, 40);
      bytes.write("time travel", table + 2);
      view.setUint8(72 + 2, 1);
    });
    await expect(openDisk()).rejects.toMatchObject({ message: expect.stringMatching(/"time travel"/) });
  });

  it("for writing, with internal snapshots, is read all the same", async () => {
    create(4 * MIB);
    qemuIo(path, ["write -P 7 0 64k"], ["-f", "qcow2"]);
    qemuImg("snapshot", "-c", "before", path);
    qemuIo(path, ["write -P 8 0 4k"], ["-f", "qcow2"]);
    await expect(openDisk()).rejects.toMatchObject({ code: "ERR_VKRUN_IMAGE_SNAPSHOTS" });
    const disk = await openDisk({ readOnly: true });
    const bytes = new Uint8Array(8192);
    await disk.read(0, [bytes]);
    expect([bytes[0], bytes[4096]]).toEqual([8, 7]);
  });

  it("for writing, with a persistent bitmap", async () => {
    create(4 * MIB);
    qemuImg("bitmap", "--add", path, "changes");
    await expect(openDisk()).rejects.toMatchObject({ code: "ERR_VKRUN_IMAGE_UNSUPPORTED" });
    await expect(openDisk({ readOnly: true })).resolves.toBeDefined();
  });

  it("stands on itself, by way of another or directly", async () => {
    const other = join(folder, "other.qcow2");
    qemuImg("create", "-q", "-f", "qcow2", other, "4M");
    create("", "", ["-b", other, "-F", "qcow2"]);
    qemuImg("rebase", "-u", "-f", "qcow2", "-b", path, "-F", "qcow2", other);
    await expect(openDisk()).rejects.toMatchObject({
      code: "ERR_VKRUN_IMAGE_BACKING",
      message: expect.stringMatching(/loop/),
    });
    qemuImg("rebase", "-u", "-f", "qcow2", "-b", path, "-F", "qcow2", path);
    await expect(openDisk()).rejects.toMatchObject({ code: "ERR_VKRUN_IMAGE_BACKING" });
  });

  it.each([
    ["nbd://host/disk", "raw", "ERR_VKRUN_IMAGE_UNSUPPORTED"],
    ['json:{"driver":"raw"}', "raw", "ERR_VKRUN_IMAGE_UNSUPPORTED"],
    ["gone.img", "raw", "ERR_VKRUN_IMAGE_NOT_FOUND"],
    ["disk.vmdk", "vmdk", "ERR_VKRUN_IMAGE_UNSUPPORTED"],
  ])("stands on %s of format %s", async (backing, format, code) => {
    create(4 * MIB);
    qemuImg("rebase", "-u", "-f", "qcow2", "-b", backing, "-F", format, path);
    await expect(openDisk()).rejects.toMatchObject({ code });
  });

  it("points from data to its own tables", async () => {
    create(4 * MIB);
    qemuIo(path, ["write -P 7 0 64k"], ["-f", "qcow2"]);
    const l1 = Number(readFileSync(path).readBigUInt64BE(40));
    const l2 = Number(readFileSync(path).readBigUInt64BE(l1) & 0xffffffffffff00n);
    patch((view) => view.setBigUint64(l2, BigInt(l1) | (1n << 63n)));
    const disk = await openDisk();
    await expect(disk.write(0, [new Uint8Array(512)])).rejects.toMatchObject({ code: "ERR_VKRUN_IMAGE_CORRUPT" });
  });
});

describe("the format of an image", () => {
  it("is that of its content, or what is said", async () => {
    create(4 * MIB);
    const found = await openDisk({ readOnly: true });
    expect(found.size).toBe(4 * MIB);
    await close(found);
    const said = await openDisk({ readOnly: true, format: "raw" });
    expect(said.size).toBe(Math.ceil(statSync(path).size / 512) * 512);
    await close(said);
    writeFileSync(path, new Uint8Array(MIB));
    await expect(openDisk({ format: "qcow2" })).rejects.toMatchObject({ code: "ERR_VKRUN_IMAGE_CORRUPT" });
  });

  it("cannot be changed by the guest, unless it was said to be raw", async () => {
    writeFileSync(path, new Uint8Array(MIB));
    const sector = new Uint8Array(512);
    sector.set([0x51, 0x46, 0x49, 0xfb]);
    const probed = await openDisk();
    expect(probed.tryWrite?.(0, [sector])).toBe(false);
    await expect(probed.write(0, [sector])).rejects.toMatchObject({ code: "ERR_VKRUN_IMAGE_FORMAT" });
    await probed.write(0, [new Uint8Array(512).fill(1)]);
    await close(probed);
    const said = await openDisk({ format: "raw" });
    await said.write(0, [sector]);
  });
});
