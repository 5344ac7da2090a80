import { readSync, writeSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { native, nativeUnavailable } from "../../src/native.js";

const PAGE = 4096;

describe.runIf(nativeUnavailable() === undefined)("files behind memory", () => {
  let memory: Uint8Array;
  let fd: number;
  beforeEach(() => {
    memory = new Uint8Array(new WebAssembly.Memory({ initial: 32, maximum: 32, shared: true }).buffer);
    fd = native().createMemfd({ name: "vkrun-test", length: 3 * PAGE });
    writeSync(fd, Buffer.alloc(3 * PAGE, "file"));
  });
  afterEach(() => native().closeDescriptor({ fd }));

  const text = (bytes: Uint8Array) => Buffer.from(bytes).toString("latin1");
  const readFile = (position: number, length: number): string => {
    const bytes = Buffer.alloc(length);
    readSync(fd, bytes, 0, length, position);
    return text(bytes);
  };

  it("show there at once, and keep private what is written to them", () => {
    const bytes = memory.subarray(PAGE, 3 * PAGE);
    native().mapFile({ bytes, fd, offset: PAGE, shared: false });
    expect(text(bytes.subarray(0, 8))).toBe("filefile");
    expect(memory[PAGE - 1]).toBe(0);
    expect(memory[3 * PAGE]).toBe(0);
    bytes.set(Buffer.from("mine"));
    expect(readFile(PAGE, 4)).toBe("file");
  });

  it("follow what is written to them when they are shared", () => {
    const bytes = memory.subarray(PAGE, 2 * PAGE);
    native().mapFile({ bytes, fd, offset: 2 * PAGE, shared: true });
    bytes.set(Buffer.from("ours"));
    expect(readFile(2 * PAGE, 8)).toBe("oursfile");
  });

  it("go when ordinary memory takes their place", () => {
    const bytes = memory.subarray(PAGE, 3 * PAGE);
    native().mapFile({ bytes, fd, offset: 0, shared: true });
    native().mapAnonymous({ bytes });
    expect(bytes.every((byte) => byte === 0)).toBe(true);
    bytes.set(Buffer.from("mine"));
    expect(readFile(0, 4)).toBe("file");
  });

  it("cannot lie on a part of a page, nor begin within one of the file", () => {
    expect(() => native().mapFile({ bytes: memory.subarray(1, PAGE), fd, offset: 0, shared: false })).toThrow(
      RangeError,
    );
    expect(() => native().mapFile({ bytes: memory.subarray(0, PAGE), fd, offset: 1, shared: false })).toThrow(
      expect.objectContaining({ code: "EINVAL", syscall: "mmap" }),
    );
    expect(() => native().mapAnonymous({ bytes: memory.subarray(0, 1) })).toThrow(RangeError);
  });

  it("take advice that there is", () => {
    native().adviseMemory({ bytes: memory.subarray(0, 4 * PAGE), advice: "willneed" });
    native().adviseMemory({ bytes: memory.subarray(0, 4 * PAGE), advice: "normal" });
    expect(() => native().adviseMemory({ bytes: memory.subarray(0, PAGE), advice: "none" as never })).toThrow(
      RangeError,
    );
  });
});
