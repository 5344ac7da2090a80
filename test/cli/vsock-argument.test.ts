import { expect, it } from "vitest";
import { resolveOptions } from "../../src/api/boot-options.js";
import type { VsockOptions } from "../../src/api/vsock-port.js";
import { parseVsock } from "../../src/cli/vsock-argument.js";

it.each([
  ["cid=3,uds=/run/v", { cid: 3, path: "/run/v" }],
  ["uds=a,b", { path: "a,b" }],
  ["cid=5", { cid: 5 }],
])("--vsock %s", (value, expected) => {
  expect(parseVsock(value)).toEqual(expected);
});

it.each(["", "3", "cid=x", "uds=", "cid=3,", "path=x"])("--vsock %j is refused", (value) => {
  expect(() => parseVsock(value)).toThrow(/cid=NUMBER,uds=PATH/);
});

it("the option vsock gives an address and a path of its own, and refuses addresses of others", () => {
  expect(resolveOptions({}).vsock).toBeUndefined();
  const [one, two] = [resolveOptions({ vsock: true }).vsock, resolveOptions({ vsock: {} }).vsock];
  expect(one?.cid).toBe(3);
  expect(one?.path).not.toBe(two?.path);
  expect(resolveOptions({ vsock: { cid: 9, path: "v" } }).vsock).toEqual({ cid: 9, path: `${process.cwd()}/v` });
  for (const vsock of [{ cid: 2 }, { cid: 1.5 }, { cid: 2 ** 32 - 1 }, "yes" as VsockOptions]) {
    expect(() => resolveOptions({ vsock })).toThrow(expect.objectContaining({ code: "ERR_VKRUN_BOOT_OPTIONS" }));
  }
});
