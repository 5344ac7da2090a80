import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { native, nativeUnavailable } from "../../src/native.js";

const KEEP_SIZE = 1;
const PUNCH_HOLE = 2;

describe.runIf(nativeUnavailable() === undefined)("file I/O of the addon", () => {
  let folder: string;
  let path: string;
  let file: FileHandle;
  let fd: number;

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), "vkrun-file-io-"));
    path = join(folder, "file");
    writeFileSync(
      path,
      Uint8Array.from({ length: 10_000 }, (_, index) => index % 251),
    );
    file = await open(path, "r+");
    fd = file.fd;
  });

  afterEach(async () => {
    await file.close();
    rmSync(folder, { recursive: true });
  });

  const expected = (offset: number, length: number) => readFileSync(path).subarray(offset, offset + length);

  it("reads what is cached at once, into any number of buffers, shared memory included", () => {
    const shared = new Uint8Array(new SharedArrayBuffer(3000));
    const many = Array.from({ length: 1500 }, (_, index) => shared.subarray(2 * index, 2 * index + 2));
    expect(native().readNow({ fd, offset: 77, buffers: many })).toBe(3000);
    expect(Buffer.from(shared)).toEqual(expected(77, 3000));
    expect(native().readNow({ fd, offset: 0, buffers: [] })).toBe(0);
    expect(native().readNow({ fd, offset: 9990, buffers: [new Uint8Array(100)] })).toBe(10);
  });

  it("writes at once", () => {
    const buffers = [new Uint8Array(3).fill(1), new Uint8Array(0), new Uint8Array(2).fill(2)];
    expect(native().writeNow({ fd, offset: 9998, buffers, nowait: false })).toBe(5);
    expect(Array.from(expected(9997, 6))).toEqual([9997 % 251, 1, 1, 1, 2, 2]);
  });

  it("reads and writes on other threads, many at a time", async () => {
    const targets = Array.from({ length: 50 }, () => new Uint8Array(100));
    const reads = targets.map((target, index) =>
      native().readFile({ fd, offset: 100 * index, buffers: [target], alignment: 1 }),
    );
    expect(await Promise.all(reads)).toEqual(targets.map(() => 100));
    expect(Buffer.concat(targets)).toEqual(expected(0, 5000));
    await native().writeFile({ fd, offset: 20_000, buffers: targets, alignment: 1 });
    expect(expected(20_000, 5000)).toEqual(Buffer.concat(targets));
    expect(await native().readFile({ fd, offset: 24_990, buffers: [new Uint8Array(64)], alignment: 1 })).toBe(10);
  });

  it("goes by way of aligned memory where the caller's is not", async () => {
    const odd = new Uint8Array(8193).subarray(1);
    expect(await native().readFile({ fd, offset: 0, buffers: [odd], alignment: 4096 })).toBe(8192);
    expect(Buffer.from(odd)).toEqual(expected(0, 8192));
    odd.fill(9);
    await native().writeFile({ fd, offset: 0, buffers: [odd.subarray(0, 4095), odd.subarray(4095)], alignment: 4096 });
    expect(expected(0, 8192).every((byte) => byte === 9)).toBe(true);
    expect(expected(8192, 1)[0]).toBe(8192 % 251);
  });

  it("makes holes", async () => {
    await native().allocateFile({ fd, offset: 4096, length: 4096, mode: PUNCH_HOLE | KEEP_SIZE });
    expect(expected(4096, 4096).every((byte) => byte === 0)).toBe(true);
    expect(expected(8192, 1)[0]).toBe(8192 % 251);
  });

  it("says by the errno's name what the system refused", async () => {
    const buffers = [new Uint8Array(8)];
    expect(() => native().readNow({ fd: 99_999, offset: 0, buffers })).toThrow(
      expect.objectContaining({ code: "EBADF", syscall: "preadv" }),
    );
    await expect(native().writeFile({ fd: 99_999, offset: 0, buffers, alignment: 1 })).rejects.toMatchObject({
      code: "EBADF",
      syscall: "pwritev",
    });
    const hole = { fd, offset: 0, length: 0, mode: PUNCH_HOLE | KEEP_SIZE };
    await expect(native().allocateFile(hole)).rejects.toMatchObject({ code: "EINVAL", syscall: "fallocate" });
  });

  it.each([
    [{ offset: 0, buffers: [] }],
    [{ fd: 0, offset: -1, buffers: [] }],
    [{ fd: 0, offset: 0 }],
    [{ fd: 0, offset: 0, buffers: [new Uint16Array(1)] }],
    [{ fd: 0, offset: 0, buffers: [undefined] }],
  ])("refuses %j", (options) => {
    expect(() => native().readNow(options as never)).toThrow(TypeError);
    expect(() => native().readFile({ ...options, alignment: 1 } as never)).toThrow(TypeError);
  });
});
