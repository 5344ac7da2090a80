import { InvalidArgumentError } from "commander";
import { describe, expect, it } from "vitest";
import { parseDrive } from "../../src/cli/drive-option.js";

describe("--drive", () => {
  it.each([
    ["disk.img", { path: "disk.img" }],
    ["a,b.img,snapshot,ro", { path: "a,b.img", snapshot: true, readOnly: true }],
    ["file=disk.img", { path: "disk.img" }],
    ["file=a,,b.qcow2,format=qcow2", { path: "a,b.qcow2", format: "qcow2" }],
    ["cache=none,file=d,discard=on,readonly", { path: "d", cache: "none", discard: "unmap", readOnly: true }],
    [
      "file=d,snapshot=off,serial=S 1,num-queues=4,discard=ignore",
      { path: "d", snapshot: false, serial: "S 1", queues: 4, discard: "ignore" },
    ],
    ["file=https://host/disk.qcow2?a=b,snapshot=on", { path: "https://host/disk.qcow2?a=b", snapshot: true }],
  ])("%s", (value, drive) => {
    expect(parseDrive(value)).toEqual(drive);
  });

  it.each([
    [",ro", /names no file/],
    ["file=", /names no file/],
    ["file=d,format=vmdk", /format is raw, qcow2, not "vmdk"/],
    ["file=d,cache=directsync", /cache is/],
    ["file=d,readonly=maybe", /readonly is on, off/],
    ["file=d,num-queues=many", /num-queues wants a number/],
    ["file=d,toString=1", /no "toString"/],
    ["file=d,if=ide", /no "if"\. Known: file, format/],
  ])("%s is refused", (value, message) => {
    expect(() => parseDrive(value)).toThrow(InvalidArgumentError);
    expect(() => parseDrive(value)).toThrow(message);
  });
});
