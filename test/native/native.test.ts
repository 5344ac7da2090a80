import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { native, nativeUnavailable } from "../../src/native.js";

const PAGE = 4096;

/** Where the addon could not be built there is nothing to test, and build.sh has said so. */
describe.runIf(nativeUnavailable() === undefined)("the addon", () => {
  describe("lockFile", () => {
    let path: string;
    beforeEach(() => {
      const folder = mkdtempSync(join(tmpdir(), "vkrun-lock-"));
      path = join(folder, "disk.img");
      writeFileSync(path, "x");
      return () => rmSync(folder, { recursive: true });
    });

    it("excludes everybody from what one writes, until that one closes it", () => {
      const writer = openSync(path, "r+");
      const other = openSync(path, "r+");
      expect(native().lockFile({ fd: writer, exclusive: true })).toBe(true);
      expect(native().lockFile({ fd: other, exclusive: true })).toBe(false);
      expect(native().lockFile({ fd: other, exclusive: false })).toBe(false);
      closeSync(writer);
      expect(native().lockFile({ fd: other, exclusive: true })).toBe(true);
      closeSync(other);
    });

    it("lets readers share, and excludes writers while they read", () => {
      const [one, two, writer] = [openSync(path, "r"), openSync(path, "r"), openSync(path, "r+")];
      expect(native().lockFile({ fd: one, exclusive: false })).toBe(true);
      expect(native().lockFile({ fd: two, exclusive: false })).toBe(true);
      expect(native().lockFile({ fd: writer, exclusive: true })).toBe(false);
      for (const fd of [one, two, writer]) closeSync(fd);
    });

    it("says by the errno's name what the system refused", () => {
      const fd = openSync(path, "r");
      closeSync(fd);
      expect(() => native().lockFile({ fd: 99_999, exclusive: false })).toThrow(
        expect.objectContaining({ code: "EBADF", syscall: "fcntl" }),
      );
    });

    it.each([
      [{}],
      [{ fd: "1", exclusive: true }],
      [{ fd: -1, exclusive: true }],
      [{ fd: 1.5, exclusive: true }],
      [{ fd: 1 }],
      [undefined],
    ])("refuses %j", (options) => {
      expect(() => native().lockFile(options as never)).toThrow(TypeError);
    });
  });

  describe("memory", () => {
    const allocate = () => new Uint8Array(new WebAssembly.Memory({ initial: 32, maximum: 32, shared: true }).buffer);

    it("is resident where it was written, and nowhere else", () => {
      const bytes = allocate();
      expect(native().residentBytes({ bytes })).toBe(0);
      for (let page = 0; page < 10; page++) bytes[page * 3 * PAGE] = 1;
      expect(native().residentBytes({ bytes })).toBe(10 * PAGE);
      expect(native().residentBytes({ bytes: bytes.subarray(0, 3 * PAGE) })).toBe(PAGE);
    });

    it("is neither resident nor anything but zero once discarded", () => {
      const bytes = allocate().fill(0xff);
      native().discardMemory({ bytes: bytes.subarray(PAGE, 2 * PAGE) });
      expect(native().residentBytes({ bytes })).toBe(bytes.length - PAGE);
      expect([bytes[PAGE - 1], bytes[PAGE], bytes[2 * PAGE - 1], bytes[2 * PAGE]]).toEqual([0xff, 0, 0, 0xff]);
    });

    it("is left alone when the bytes are no whole pages: a neighbour may own the rest", () => {
      const bytes = allocate().fill(0xff);
      for (const part of [bytes.subarray(1), bytes.subarray(0, PAGE + 1), bytes.subarray(8, PAGE + 8)]) {
        expect(() => native().discardMemory({ bytes: part })).toThrow(RangeError);
        expect(() => native().residentBytes({ bytes: part })).toThrow(RangeError);
      }
      expect(native().residentBytes({ bytes })).toBe(bytes.length);
    });

    it("is only ever given as bytes", () => {
      for (const bytes of [undefined, new ArrayBuffer(PAGE), new Uint16Array(PAGE), "x".repeat(PAGE), {}]) {
        expect(() => native().discardMemory({ bytes: bytes as never })).toThrow(TypeError);
      }
    });
  });
});
