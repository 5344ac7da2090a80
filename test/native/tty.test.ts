import { closeSync, openSync, readSync, writeSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { native, nativeUnavailable } from "../../src/native.js";

function readText(fd: number): string {
  const bytes = Buffer.alloc(64);
  return bytes.toString("latin1", 0, readSync(fd, bytes));
}

function close(...descriptors: number[]): void {
  for (const fd of descriptors) native().closeDescriptor({ fd });
}

describe.runIf(nativeUnavailable() === undefined)("terminals of the addon", () => {
  it("come in pairs, of which others can open the slave by its name", () => {
    const { master, slave, path } = native().openPty({ columns: 80, rows: 24 });
    const other = openSync(path, "r+");
    writeSync(other, "out\n");
    expect(readText(master)).toBe("out\r\n");
    close(master, slave);
    closeSync(other);
  });

  it("pass on every byte in raw mode, and are put back as they were", () => {
    const { master, slave } = native().openPty({ columns: 80, rows: 24 });
    const mode = native().setRawMode({ fd: slave });
    writeSync(slave, "a\n");
    expect(readText(master)).toBe("a\n");
    // Ctrl-C is a byte like others, and nothing is echoed.
    writeSync(master, "\x03");
    expect(readText(slave)).toBe("\x03");
    native().restoreMode({ fd: slave, mode });
    writeSync(slave, "b\n");
    expect(readText(master)).toBe("b\r\n");
    close(master, slave);
  });

  it("have a size, which either side sees change", () => {
    const { master, slave } = native().openPty({ columns: 80, rows: 24 });
    expect(native().windowSize({ fd: slave })).toEqual({ columns: 80, rows: 24 });
    native().setWindowSize({ fd: master, columns: 132, rows: 50 });
    expect(native().windowSize({ fd: slave })).toEqual({ columns: 132, rows: 50 });
    close(master, slave);
  });

  it("say what is not a terminal, and what is no size or mode", () => {
    const fd = openSync("/dev/null", "r+");
    const notATerminal = expect.objectContaining({ code: "ENOTTY" });
    expect(() => native().setRawMode({ fd })).toThrow(notATerminal);
    expect(() => native().windowSize({ fd })).toThrow(notATerminal);
    expect(() => native().setWindowSize({ fd, columns: 1, rows: 1 })).toThrow(notATerminal);
    expect(() => native().setWindowSize({ fd, columns: 65_536, rows: 1 })).toThrow(RangeError);
    expect(() => native().restoreMode({ fd, mode: new Uint8Array(3) })).toThrow(RangeError);
    closeSync(fd);
  });
});
