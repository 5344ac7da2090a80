// A guest that means harm, with a helper on the host who swaps names under it; and messages that make no sense.

import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { NinepServer } from "../../../src/backends/9p/server.js";
import { SharedFolder } from "../../../src/backends/9p/shared-folder.js";
import { nativeUnavailable } from "../../../src/native.js";
import { d, type Field, h, message, NinepClient, s, Type, w } from "../../support/ninep-client.js";

let outside: string;
let path: string;
let server: NinepServer;
let client: NinepClient;
let root: number;

/** What is beside the shared folder, names and contents. */
const surroundings = (): string[] => [
  ...readdirSync(outside).sort(),
  readFileSync(join(outside, "secret"), "utf8"),
  ...readdirSync(join(outside, "elsewhere")).sort(),
  readFileSync(join(outside, "elsewhere", "file"), "utf8"),
];
const UNTOUCHED = ["elsewhere", "secret", "shared", "outside the folder", "file", "outside the folder"];

describe.runIf(nativeUnavailable() === undefined)("a shared folder", () => {
  beforeEach(async () => {
    outside = mkdtempSync(join(tmpdir(), "vkrun-escape-"));
    path = join(outside, "shared");
    mkdirSync(path);
    mkdirSync(join(outside, "elsewhere"));
    writeFileSync(join(outside, "secret"), "outside the folder");
    writeFileSync(join(outside, "elsewhere", "file"), "outside the folder");
    server = new NinepServer(await SharedFolder.open({ path, readOnly: false, owners: "squash" }), 1000);
    client = new NinepClient(server);
    root = await client.start();
  });
  afterEach(async () => {
    await server[Symbol.asyncDispose]();
    rmSync(outside, { recursive: true, force: true });
  });

  it("keeps a guest in while directories are swapped for links to what is outside, and back", async () => {
    mkdirSync(join(path, "dir"));
    writeFileSync(join(path, "dir", "file"), "inside");
    symlinkSync("../elsewhere", join(path, "link"));
    const swap = (): void => {
      for (const [from, to] of [
        ["dir", "held"],
        ["link", "dir"],
        ["held", "link"],
      ] as const) {
        renameSync(join(path, from), join(path, to));
      }
    };
    let read = 0;
    for (let round = 0; round < 300; round++) {
      const attempts = [
        client.walk(root, "dir", "file").then(async (fid) => {
          await client.call(Type.LOPEN, w(fid), w(2));
          const contents = (await client.read(fid)).toString();
          await client.write(fid, "inside");
          await client.clunk(fid);
          return contents;
        }),
        client.walk(root, "dir").then(async (fid) => {
          await client.call(Type.LCREATE, w(fid), s(`new${round}`), w(0o101), w(0o644), w(0));
          await client.clunk(fid);
          return "inside";
        }),
        client.walk(root, "dir").then(async (fid) => {
          await client.call(Type.MKDIR, w(fid), s(`made${round}`), w(0o755), w(0)).finally(() => client.clunk(fid));
          return "inside";
        }),
      ];
      // Some of the calls are under way on other threads by now.
      if (round % 3 !== 0) await new Promise((resolve) => setImmediate(resolve));
      swap();
      for (const result of await Promise.allSettled(attempts)) {
        if (result.status === "fulfilled") {
          expect(result.value).toBe("inside");
          read++;
        }
      }
    }
    expect(read).toBeGreaterThan(0);
    expect(surroundings()).toEqual(UNTOUCHED);
  });

  it("keeps a guest in while a file is swapped for a link to one outside, and back", async () => {
    writeFileSync(join(path, "file"), "inside");
    symlinkSync(join(outside, "secret"), join(path, "link"));
    for (let round = 0; round < 300; round++) {
      const attempts = [
        client.open(root, "file", 0o2).then(async (fid) => {
          const contents = (await client.read(fid)).toString();
          await client.write(fid, "inside");
          await client.clunk(fid);
          return contents;
        }),
        client.walk(root, "file").then(async (fid) => {
          await client
            .call(Type.SETATTR, w(fid), w(0x9), w(0o600), w(0), w(0), d(6), d(0), d(0), d(0), d(0))
            .finally(() => client.clunk(fid));
          return "inside";
        }),
      ];
      if (round % 3 !== 0) await new Promise((resolve) => setImmediate(resolve));
      for (const [from, to] of [
        ["file", "held"],
        ["link", "file"],
        ["held", "link"],
      ] as const) {
        renameSync(join(path, from), join(path, to));
      }
      for (const result of await Promise.allSettled(attempts)) {
        if (result.status === "fulfilled") expect(result.value).toBe("inside");
      }
    }
    expect(surroundings()).toEqual(UNTOUCHED);
  });

  it("answers whatever a guest sends, with as much as there is room for, and stays what it is", async () => {
    const name = fc.oneof(
      fc.constantFrom("..", ".", "", "file", "dir", "link", "up", "/", "../secret", "dir/../../secret", "a\0b"),
      fc.string({ maxLength: 20 }),
    );
    const field: fc.Arbitrary<Field> = fc.oneof(
      { weight: 4, arbitrary: fc.integer({ min: 0, max: 6 }).map((value): Field => ["w", value]) },
      { weight: 3, arbitrary: name.map((value): Field => ["s", value]) },
      fc.nat().map((value): Field => ["w", value]),
      fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }).map((value): Field => ["d", value]),
      fc.integer({ min: 0, max: 20 }).map((value): Field => ["h", value]),
      fc.integer({ min: 0, max: 255 }).map((value): Field => ["b", value]),
      fc.uint8Array({ maxLength: 40 }).map((value): Field => ["raw", value]),
    );
    // Some in the form that the protocol has, with any values; some in none.
    const flags = fc.constantFrom(0, 1, 2, 0o102, 0o1102, 0o200000, 0xffff_ffff);
    const fid = fc.integer({ min: 0, max: 6 });
    const shaped = fc.oneof(
      fc
        .tuple(fid, fid, fc.array(name, { maxLength: 4 }))
        .map(([from, to, names]) => [Type.WALK, [w(from), w(to), h(names.length), ...names.map(s)]] as const),
      fc.tuple(fid, flags).map(([at, flag]) => [Type.LOPEN, [w(at), w(flag)]] as const),
      fc
        .tuple(fid, name, flags)
        .map(([at, n, flag]) => [Type.LCREATE, [w(at), s(n), w(flag), w(0o777), w(0)]] as const),
      fc.tuple(fid, name, name).map(([at, n, to]) => [Type.SYMLINK, [w(at), s(n), s(to), w(0)]] as const),
      fc.tuple(fid, name, fid, name).map(([a, n, c, m]) => [Type.RENAMEAT, [w(a), s(n), w(c), s(m)]] as const),
      fc.tuple(fid, fid, name).map(([a, c, n]) => [Type.LINK, [w(a), w(c), s(n)]] as const),
      fc.tuple(fid, fid, name).map(([a, c, n]) => [Type.RENAME, [w(a), w(c), s(n)]] as const),
      fc.tuple(fid, name, fc.constantFrom(0, 0x200)).map(([a, n, f]) => [Type.UNLINKAT, [w(a), s(n), w(f)]] as const),
      fc.tuple(fid, name).map(([a, n]) => [Type.MKDIR, [w(a), s(n), w(0o755), w(0)]] as const),
      fc.tuple(fid, fc.nat(), fc.nat()).map(([a, o, c]) => [Type.READ, [w(a), d(o), w(c)]] as const),
      fc
        .tuple(fid, fc.nat(1000))
        .map(([a, o]) => [Type.WRITE, [w(a), d(o), w(2), ["raw", Buffer.from("xy")]]] as const),
      fid.map((a) => [Type.REMOVE, [w(a)]] as const),
      fc.tuple(fc.constantFrom(...Object.values(Type)), fc.array(field, { maxLength: 6 })),
    );
    const sent = fc.tuple(shaped, fc.integer({ min: 0, max: 60_000 }), fc.option(fc.nat(60), { nil: undefined }));
    await fc.assert(
      fc.asyncProperty(fc.array(sent, { minLength: 1, maxLength: 40 }), async (messages) => {
        await client.start(8192);
        rmSync(path, { recursive: true });
        // The server has the old one open: a folder that is removed is empty, and stays so.
        mkdirSync(path);
        await server[Symbol.asyncDispose]();
        server = new NinepServer(await SharedFolder.open({ path, readOnly: false, owners: "squash" }), 50);
        client = new NinepClient(server);
        mkdirSync(join(path, "dir"));
        writeFileSync(join(path, "file"), "");
        symlinkSync("../elsewhere", join(path, "link"));
        symlinkSync("..", join(path, "up"));
        root = await client.start(8192);
        const names = ["dir", "file", "link", "up"];
        for (const [index, entry] of names.entries()) {
          await client.call(Type.WALK, w(root), w(index + 2), h(1), s(entry));
        }
        const replies = messages.map(([[type, fields], extra, cut], tag) => {
          const bytes = message(type, tag, fields as Field[]);
          return server.handle(bytes.subarray(0, cut ?? bytes.length), 11 + extra).then((reply) => {
            expect(reply.length).toBeLessThanOrEqual(Math.max(11, Math.min(11 + extra, 512 << 10)));
            expect(new DataView(reply.buffer, reply.byteOffset).getUint32(0, true)).toBe(reply.length);
          });
        });
        await Promise.all(replies);
        expect(surroundings()).toEqual(UNTOUCHED);
      }),
      { numRuns: 300, seed: 9 },
    );
  }, 120_000);
});
