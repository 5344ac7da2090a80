import { randomBytes } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { type FileHandle, mkdtemp, open, readFile, rm, stat, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type CacheMode, directFlags, HostFile } from "../../src/backends/host-file.js";
import { RawFile } from "../../src/backends/raw-file.js";
import { nativeUnavailable } from "../../src/native.js";

const addon = nativeUnavailable() === undefined;

/** Some block device of this host that is not empty, if there is one. */
const blockDevice = findBlockDevice();

function findBlockDevice(): { rdev: number; size: number } | undefined {
  const numbers = existsSync("/sys/dev/block") ? readdirSync("/sys/dev/block") : [];
  for (const number of numbers) {
    const [major = 0, minor = 0] = number.split(":").map(Number);
    const size = Number(readFileSync(`/sys/dev/block/${number}/size`, "ascii")) * 512;
    // glibc: gnu_dev_makedev.
    const rdev = (minor & 0xff) + ((major & 0xfff) << 8) + (minor >> 8) * 2 ** 20;
    if (size > 0) return { rdev, size };
  }
  return undefined;
}

let directory: string;
let path: string;
let disk: RawFile | undefined;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "vkrun-raw-file-"));
  path = join(directory, "disk.img");
});

afterEach(async () => {
  await disk?.[Symbol.asyncDispose]();
  disk = undefined;
  await rm(directory, { recursive: true });
});

async function openDisk(
  content: Uint8Array | number,
  readOnly = false,
  options: { cache?: CacheMode; discards?: boolean } = {},
): Promise<RawFile> {
  if (typeof content === "number") {
    await writeFile(path, "");
    await truncate(path, content);
  } else await writeFile(path, content);
  const handle = await open(path, readOnly ? "r" : "r+");
  const direct = options.cache === "none" ? await open(path, directFlags(readOnly)) : undefined;
  const file = await HostFile.fromHandle({ handle, path, readOnly, ...options, ...(direct && { direct }) });
  try {
    disk = new RawFile({ file, ...options });
  } catch (error) {
    await file[Symbol.asyncDispose]();
    throw error;
  }
  return disk;
}

async function read(from: RawFile, offset: number, length: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(length).fill(0xee);
  await from.read(offset, [bytes]);
  return bytes;
}

describe("a raw image", () => {
  it("has the size of its file", async () => {
    expect((await openDisk(8192)).size).toBe(8192);
  });

  it("reads and writes any number of buffers at any sector", async () => {
    const content = randomBytes(64 << 10);
    const file = await openDisk(content);
    const buffers = [new Uint8Array(512), new Uint8Array(0), new Uint8Array(5000), new Uint8Array(120)];
    await file.read(1024, buffers);
    expect(Buffer.concat(buffers)).toEqual(content.subarray(1024, 1024 + 5632));
    await file.write(2048, [new Uint8Array(500).fill(1), new Uint8Array(12).fill(2)]);
    await file.flush();
    const after = await readFile(path);
    content.fill(1, 2048, 2548).fill(2, 2548, 2560);
    expect(after).toEqual(content);
  });

  it("takes more buffers than one system call does", async () => {
    const content = randomBytes(3000 * 4);
    const file = await openDisk(Buffer.concat([content, Buffer.alloc(288)]));
    const buffers = Array.from({ length: 3000 }, () => new Uint8Array(4));
    await file.read(0, buffers);
    expect(Buffer.concat(buffers)).toEqual(content);
    await file.write(0, buffers.reverse());
    expect((await readFile(path)).subarray(0, 12_000)).toEqual(Buffer.concat(buffers));
  });

  it("reads into and writes from shared memory, which guest RAM is", async () => {
    const file = await openDisk(4096);
    const shared = new Uint8Array(new SharedArrayBuffer(1024));
    shared.fill(7);
    await file.write(0, [shared.subarray(0, 512)]);
    shared.fill(0);
    await file.read(0, [shared.subarray(512)]);
    expect(shared[511]).toBe(0);
    expect(shared[512]).toBe(7);
  });

  it("leaves holes in a sparse file", async () => {
    const file = await openDisk(1 << 30);
    await file.write(1 << 29, [new Uint8Array(4096).fill(1)]);
    expect(await read(file, 0, 512)).toEqual(new Uint8Array(512));
    await file.flush();
    expect((await stat(path)).blocks * 512).toBeLessThan(1 << 20);
  });

  it("pads a last sector that is not whole, and makes it whole when written", async () => {
    const file = await openDisk(new Uint8Array(1000).fill(3));
    expect(file.size).toBe(1024);
    const bytes = await read(file, 0, 1024);
    expect(bytes).toEqual(Uint8Array.from({ length: 1024 }, (_, index) => (index < 1000 ? 3 : 0)));
    expect((await stat(path)).size).toBe(1000);
    await file.write(512, [new Uint8Array(512).fill(4)]);
    expect((await stat(path)).size).toBe(1024);
    expect(await read(file, 512, 512)).toEqual(new Uint8Array(512).fill(4));
  });

  it("refuses what is not on the disk", async () => {
    const file = await openDisk(1024);
    await expect(read(file, 1024, 512)).rejects.toThrow(RangeError);
    await expect(file.write(512, [new Uint8Array(1024)])).rejects.toThrow(RangeError);
    await expect(read(file, -512, 512)).rejects.toThrow(RangeError);
    expect((await stat(path)).size).toBe(1024);
  });

  it("says that an image is empty", async () => {
    await expect(openDisk(0)).rejects.toMatchObject({
      code: "ERR_VKRUN_IMAGE_INVALID",
      message: expect.stringContaining(path),
      hint: expect.any(String),
    });
  });

  it("says that an image became shorter while in use", async () => {
    const file = await openDisk(8192);
    await truncate(path, 4096);
    await expect(read(file, 0, 8192)).rejects.toMatchObject({ code: "ERR_VKRUN_IMAGE_TRUNCATED" });
    expect(await read(file, 0, 4096)).toEqual(new Uint8Array(4096));
  });

  it.skipIf(blockDevice === undefined)("knows the size of a block device", async () => {
    const { rdev, size } = blockDevice as { rdev: number; size: number };
    // A stand-in for the handle: opening a real device takes root, asking sysfs for its size does not.
    const handle = { stat: async () => ({ isBlockDevice: () => true, size: 0, rdev }) } as unknown as FileHandle;
    expect((await HostFile.fromHandle({ handle, path: "a block device", readOnly: true })).size).toBe(size);
  });

  it("says when the size of a block device cannot be found out", async () => {
    const handle = { stat: async () => ({ isBlockDevice: () => true, size: 0, rdev: 0xffff_ffff }) };
    const opened = HostFile.fromHandle({ handle: handle as unknown as FileHandle, path: "/dev/none", readOnly: true });
    await expect(opened).rejects.toMatchObject({ code: "ERR_VKRUN_IMAGE_OPEN", hint: expect.any(String) });
  });

  it("cannot be written when opened for reading", async () => {
    const file = await openDisk(1024, true);
    expect(file.readOnly).toBe(true);
    await expect(file.write(0, [new Uint8Array(512)])).rejects.toMatchObject({ code: "ERR_VKRUN_IMAGE_READ_ONLY" });
    await expect(file.flush()).resolves.toBeUndefined();
  });

  it("passes on an error of the host with its errno", async () => {
    const file = await openDisk(1024);
    await file[Symbol.asyncDispose]();
    await expect(read(file, 0, 512)).rejects.toMatchObject({ code: "EBADF" });
  });

  it("can be disposed twice", async () => {
    const file = await openDisk(1024);
    await file[Symbol.asyncDispose]();
    await expect(file[Symbol.asyncDispose]()).resolves.toBeUndefined();
  });

  it.runIf(addon)("reads and writes at once what the host's cache has", async () => {
    const content = randomBytes(16 << 10);
    const file = await openDisk(content);
    const bytes = new Uint8Array(8192);
    expect(file.tryRead(4096, [bytes])).toBe(8192);
    expect(Buffer.from(bytes)).toEqual(content.subarray(4096, 12_288));
    expect(file.tryWrite(512, [new Uint8Array(512).fill(5)])).toBe(true);
    expect((await readFile(path)).subarray(512, 1024)).toEqual(Buffer.alloc(512, 5));
    expect(() => file.tryRead(16 << 10, [bytes])).toThrow(RangeError);
  });

  it.runIf(addon)("leaves the end of a file of no whole sectors to those who can wait", async () => {
    const file = await openDisk(randomBytes(1000));
    expect(file.tryRead(0, [new Uint8Array(1024)])).toBe(1000);
    expect((await read(file, 512, 512)).subarray(488).every((byte) => byte === 0)).toBe(true);
  });

  it.runIf(addon)("gives back what is discarded", async () => {
    const file = await openDisk(randomBytes(1 << 20));
    await file.flush();
    const before = (await stat(path)).blocks;
    await file.discard(4096, 512 << 10);
    expect((await stat(path)).blocks).toBeLessThanOrEqual(before - 1024);
    expect((await stat(path)).size).toBe(1 << 20);
    expect((await read(file, 4096, 4096)).every((byte) => byte === 0)).toBe(true);
  });

  it.runIf(addon)("keeps what is discarded where it was told to", async () => {
    const content = randomBytes(64 << 10);
    const file = await openDisk(content, false, { discards: false });
    await file.discard(0, 64 << 10);
    expect(await readFile(path)).toEqual(content);
    await file.writeZeroes(4096, 8192, true);
    expect((await readFile(path)).subarray(4096, 12_288).every((byte) => byte === 0)).toBe(true);
  });

  it.each([true, false])("zeroes ranges of any length (unmap: %s)", async (unmap) => {
    const content = randomBytes(3 << 20);
    const file = await openDisk(content);
    await file.writeZeroes(512, (2 << 20) + 1024, unmap);
    content.fill(0, 512, (2 << 20) + 1536);
    expect(Buffer.compare(await readFile(path), content)).toBe(0);
  });

  it.runIf(addon)(
    "goes past the host's cache with cache=none, also where memory or length are not aligned",
    async () => {
      const content = randomBytes(256 << 10);
      const file = await openDisk(content, false, { cache: "none" });
      const odd = new Uint8Array((64 << 10) + 1).subarray(1);
      await file.read(4096, [odd]);
      expect(Buffer.compare(odd, content.subarray(4096, 4096 + odd.length))).toBe(0);
      await file.write(8192, [odd.subarray(0, 4096)]);
      await file.write(512, [odd.subarray(0, 512)]);
      content.set(odd.subarray(0, 4096), 8192);
      content.set(odd.subarray(0, 512), 512);
      await file.flush();
      expect(Buffer.compare(await readFile(path), content)).toBe(0);
      expect(file.tryRead(0, [new Uint8Array(512)])).toBe(0);
      expect(file.tryWrite(0, [new Uint8Array(512)])).toBe(false);
    },
  );

  it("reports a full disk", async () => {
    const handle = await open("/dev/full", "r+");
    const full = await HostFile.fromHandle({ handle, path: "/dev/full", readOnly: false });
    await expect(full.write(0, [new Uint8Array(512)])).rejects.toMatchObject({ code: "ENOSPC" });
    await full[Symbol.asyncDispose]();
  });
});
