import {
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { NinepServer } from "../../../src/backends/9p/server.js";
import { SharedFolder, type SharedFolderOptions } from "../../../src/backends/9p/shared-folder.js";
import { nativeUnavailable } from "../../../src/native.js";
import { b, d, h, message, NinepClient, s, Type, w } from "../../support/ninep-client.js";

const code = (name: string) => expect.objectContaining({ code: name });
const FILE = 0o100000;

let outside: string;
let path: string;
let server: NinepServer;
let client: NinepClient;
let root: number;

async function serve(options: Partial<SharedFolderOptions> = {}, fids = 100): Promise<void> {
  await server?.[Symbol.asyncDispose]();
  server = new NinepServer(await SharedFolder.open({ path, readOnly: false, owners: "squash", ...options }), fids);
  client = new NinepClient(server);
  root = await client.start();
}

/** Of the folder and what is in it. */
function openFiles(): number {
  return readdirSync("/proc/self/fd").filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`).startsWith(path);
    } catch {
      // Another test's, and closed by now.
      return false;
    }
  }).length;
}

describe.runIf(nativeUnavailable() === undefined)("a 9P server", () => {
  beforeEach(async () => {
    outside = mkdtempSync(join(tmpdir(), "vkrun-9p-"));
    path = join(outside, "shared");
    mkdirSync(path);
    writeFileSync(join(outside, "secret"), "secret");
    writeFileSync(join(path, "file"), "contents");
    mkdirSync(join(path, "sub"));
    await serve();
  });
  afterEach(async () => {
    await server[Symbol.asyncDispose]();
    rmSync(outside, { recursive: true });
  });

  describe("files", () => {
    it("are created, written at any place, read back and truncated", async () => {
      const fid = await client.create(root, "new", 0o102, 0o640);
      expect(await client.write(fid, "world", 6)).toBe(5);
      expect(await client.write(fid, "hello ")).toBe(6);
      expect((await client.read(fid)).toString()).toBe("hello world");
      expect((await client.read(fid, 6, 3)).toString()).toBe("wor");
      expect((await client.read(fid, 100)).length).toBe(0);
      await client.call(Type.SETATTR, w(fid), w(0x8), w(0), w(0), w(0), d(5), d(0), d(0), d(0), d(0));
      await client.call(Type.FSYNC, w(fid), w(0));
      await client.call(Type.FSYNC, w(fid), w(1));
      await client.clunk(fid);
      expect(readFileSync(join(path, "new"), "utf8")).toBe("hello");
      expect(statSync(join(path, "new")).mode & 0o7777).toBe(0o640);
    });

    it("are opened as the flags say: truncated, appended to, exclusively created", async () => {
      const fid = await client.open(root, "file", 0o2001);
      await client.write(fid, "!", 0);
      expect(readFileSync(join(path, "file"), "utf8")).toBe("contents!");
      await expect(client.read(fid)).rejects.toEqual(code("EBADF"));
      await client.clunk(await client.open(root, "file", 0o1001));
      expect(readFileSync(join(path, "file"), "utf8")).toBe("");
      await expect(client.create(root, "file", 0o302)).rejects.toEqual(code("EEXIST"));
      const again = await client.create(root, "file", 0o102);
      await client.write(again, "kept");
      expect(readFileSync(join(path, "file"), "utf8")).toBe("kept");
    });

    it("keep their identity under another name, and links to them have the same", async () => {
      const before = await client.attributes(await client.walk(root, "file"));
      renameSync(join(path, "file"), join(path, "sub", "moved"));
      linkSync(join(path, "sub", "moved"), join(path, "link"));
      const moved = await client.attributes(await client.walk(root, "sub", "moved"));
      const link = await client.attributes(await client.walk(root, "link"));
      expect(moved.qid).toBe(before.qid);
      expect(link.qid).toBe(before.qid);
      expect(link.nlink).toBe(2n);
    });

    it("that are open can be read when they have been renamed or removed", async () => {
      const fid = await client.open(root, "file");
      renameSync(join(path, "file"), join(path, "elsewhere"));
      expect((await client.read(fid)).toString()).toBe("contents");
      rmSync(join(path, "elsewhere"));
      expect((await client.read(fid)).toString()).toBe("contents");
      expect((await client.attributes(fid)).nlink).toBe(0n);
    });

    it("get times, the host's clock's or given ones to the nanosecond", async () => {
      const fid = await client.walk(root, "file");
      await client.call(
        Type.SETATTR,
        w(fid),
        w(0x1b0),
        w(0),
        w(0),
        w(0),
        d(0),
        d(1),
        d(2),
        d(1_000_000),
        d(987_654_321),
      );
      expect(lstatSync(join(path, "file"), { bigint: true }).mtimeNs).toBe(1_000_000_987_654_321n);
      await client.call(Type.SETATTR, w(fid), w(0x20), w(0), w(0), w(0), d(0), d(0), d(0), d(0), d(0));
      expect(Date.now() - statSync(join(path, "file")).mtimeMs).toBeLessThan(60_000);
      const bad = client.call(
        Type.SETATTR,
        w(fid),
        w(0x1b0),
        w(0),
        w(0),
        w(0),
        d(0),
        d(0),
        d(0),
        d(0),
        d(1_000_000_000),
      );
      await expect(bad).rejects.toEqual(code("EINVAL"));
    });

    it("are no larger than the file system takes", async () => {
      const fid = await client.open(root, "file", 2);
      await expect(client.call(Type.WRITE, w(fid), d(1n << 63n), w(0))).rejects.toEqual(code("EFBIG"));
      await expect(client.call(Type.READ, w(fid), d((1n << 64n) - 1n), w(1))).rejects.toEqual(code("EFBIG"));
    });
  });

  describe("directories", () => {
    it("are listed in pieces, each entry once, whatever the size of the pieces", async () => {
      for (let i = 0; i < 300; i++) writeFileSync(join(path, "sub", `${"n".repeat(i % 200)}${i}`), "");
      const expected = [".", "..", ...readdirSync(join(path, "sub"))].sort();
      const fid = await client.open(root, "sub");
      for (const count of [300, 1000, 60_000]) {
        expect((await client.entries(fid, count)).map(({ name }) => name).sort()).toEqual(expected);
      }
      await expect(client.entries(fid, 30)).rejects.toEqual(code("EINVAL"));
    });

    it("have no directory above the shared one", async () => {
      const [dot, dotDot] = (await client.entries(await client.open(root, "sub"))).sort((x, y) =>
        x.name < y.name ? -1 : 1,
      );
      const own = await client.walk(root);
      await client.call(Type.LOPEN, w(own), w(0));
      const top = (await client.entries(own)).filter(({ name }) => /^\.+$/.test(name));
      expect(new Set(top.map((entry) => entry.path)).size).toBe(1);
      expect(dotDot?.path).toBe(top[0]?.path);
      expect(dot?.path).toBe(BigInt(statSync(join(path, "sub"), { bigint: true }).ino));
      const above = await client.walk(root, "sub", "..", "..", "..", "sub", "..");
      expect((await client.attributes(above)).qid).toBe((await client.attributes(root)).qid);
    });

    it("are made, renamed and removed, with what is in them", async () => {
      await client.call(Type.MKDIR, w(root), s("made"), w(0o1777), w(0));
      expect(statSync(join(path, "made")).mode & 0o7777).toBe(0o1777);
      await client.call(Type.RENAMEAT, w(root), s("file"), w(await client.walk(root, "made")), s("inside"));
      await expect(client.call(Type.UNLINKAT, w(root), s("made"), w(0x200))).rejects.toEqual(code("ENOTEMPTY"));
      await expect(client.call(Type.UNLINKAT, w(root), s("made"), w(0))).rejects.toEqual(code("EISDIR"));
      await client.call(Type.UNLINKAT, w(await client.walk(root, "made")), s("inside"), w(0));
      await client.call(Type.UNLINKAT, w(root), s("made"), w(0x200));
      expect(readdirSync(path)).toEqual(["sub"]);
    });

    it("lose files by their fids too, and these are gone whatever comes of it", async () => {
      const file = await client.walk(root, "file");
      await client.call(Type.RENAME, w(file), w(await client.walk(root, "sub")), s("x"));
      expect(readdirSync(join(path, "sub"))).toEqual(["x"]);
      const sub = await client.walk(root, "sub");
      await expect(client.call(Type.REMOVE, w(sub))).rejects.toEqual(code("ENOTEMPTY"));
      await expect(client.attributes(sub)).rejects.toEqual(code("EBADF"));
      await client.call(Type.REMOVE, w(file));
      expect(readdirSync(join(path, "sub"))).toEqual([]);
    });

    it("are walked as far as there is something, and no fid comes of a walk that ends early", async () => {
      const fid = client.fid();
      const reply = await client.call(Type.WALK, w(root), w(fid), h(3), s("sub"), s("no"), s("more"));
      expect(reply.readUInt16LE(0)).toBe(1);
      await expect(client.attributes(fid)).rejects.toEqual(code("EBADF"));
      await expect(client.walk(root, "no")).rejects.toEqual(code("ENOENT"));
      await expect(client.walk(await client.walk(root, "file"), "x")).rejects.toEqual(code("ENOTDIR"));
    });
  });

  describe("links and nodes", () => {
    it("are made and read, and not followed", async () => {
      await client.call(Type.SYMLINK, w(root), s("up"), s("../secret"), w(0));
      expect(readlinkSync(join(path, "up"))).toBe("../secret");
      const fid = await client.walk(root, "up");
      expect((await client.attributes(fid)).mode & 0o170000).toBe(0o120000);
      expect((await client.call(Type.READLINK, w(fid))).subarray(2).toString()).toBe("../secret");
      await expect(client.call(Type.LOPEN, w(fid), w(0))).rejects.toEqual(code("ELOOP"));
      await client.call(Type.LINK, w(await client.walk(root, "sub")), w(fid), s("second"));
      expect(readlinkSync(join(path, "sub", "second"))).toBe("../secret");
    });

    it("can be FIFOs and sockets, which cannot be opened, but no devices", async () => {
      await client.call(Type.MKNOD, w(root), s("fifo"), w(0o010644), w(0), w(0), w(0));
      expect(lstatSync(join(path, "fifo")).isFIFO()).toBe(true);
      await expect(client.open(root, "fifo")).rejects.toEqual(code("ENXIO"));
      await expect(client.create(root, "fifo")).rejects.toEqual(code("ENXIO"));
      const device = client.call(Type.MKNOD, w(root), s("mem"), w(0o020666), w(1), w(1), w(0));
      await expect(device).rejects.toEqual(code("EPERM"));
      expect(existsSync(join(path, "mem"))).toBe(false);
    });
  });

  describe("names that lead elsewhere", () => {
    const names = ["..", ".", "", "../secret", "sub/..", "/etc/passwd", "a\0b", "/", "x/"];

    it.each(names)("%j is no name of anything", async (name) => {
      if (name !== "..") await expect(client.walk(root, name)).rejects.toEqual(code("EINVAL"));
      await expect(client.create(root, name)).rejects.toEqual(code("EINVAL"));
      await expect(client.call(Type.MKDIR, w(root), s(name), w(0o755), w(0))).rejects.toEqual(code("EINVAL"));
      await expect(client.call(Type.SYMLINK, w(root), s(name), s("x"), w(0))).rejects.toEqual(code("EINVAL"));
      await expect(client.call(Type.MKNOD, w(root), s(name), w(FILE), w(0), w(0), w(0))).rejects.toEqual(
        code("EINVAL"),
      );
      await expect(client.call(Type.UNLINKAT, w(root), s(name), w(0))).rejects.toEqual(code("EINVAL"));
      await expect(client.call(Type.RENAMEAT, w(root), s("file"), w(root), s(name))).rejects.toEqual(code("EINVAL"));
      await expect(client.call(Type.RENAMEAT, w(root), s(name), w(root), s("x"))).rejects.toEqual(code("EINVAL"));
      const file = await client.walk(root, "file");
      await expect(client.call(Type.LINK, w(root), w(file), s(name))).rejects.toEqual(code("EINVAL"));
      await expect(client.call(Type.RENAME, w(file), w(root), s(name))).rejects.toEqual(code("EINVAL"));
      expect(readdirSync(outside).sort()).toEqual(["secret", "shared"]);
      expect(readdirSync(path).sort()).toEqual(["file", "sub"]);
    });

    it("through symbolic links end at the link", async () => {
      symlinkSync(outside, join(path, "out"));
      symlinkSync("/", join(path, "slash"));
      const out = await client.walk(root, "out");
      await expect(client.walk(out, "secret")).rejects.toEqual(code("ENOTDIR"));
      await expect(client.call(Type.LCREATE, w(out), s("new"), w(0o102), w(0o644), w(0))).rejects.toEqual(
        code("ENOTDIR"),
      );
      const through = client.call(Type.WALK, w(root), w(client.fid()), h(2), s("slash"), s("etc"));
      expect((await through).readUInt16LE(0)).toBe(1);
      symlinkSync(join(outside, "secret"), join(path, "leak"));
      await expect(client.create(root, "leak", 0o1102)).rejects.toEqual(code("ELOOP"));
      const leak = await client.walk(root, "leak");
      const size = client.call(Type.SETATTR, w(leak), w(0x8), w(0), w(0), w(0), d(0), d(0), d(0), d(0), d(0));
      await expect(size).rejects.toEqual(code("EINVAL"));
      expect(readFileSync(join(outside, "secret"), "utf8")).toBe("secret");
      expect(readdirSync(outside).sort()).toEqual(["secret", "shared"]);
    });

    it("of a directory that was moved out of the folder end there", async () => {
      mkdirSync(join(path, "sub", "deep"));
      const deep = await client.walk(root, "sub", "deep");
      renameSync(join(path, "sub"), join(outside, "sub"));
      await expect(client.walk(deep, "..")).rejects.toEqual(code("ESTALE"));
      await expect(client.call(Type.REMOVE, w(deep))).rejects.toEqual(code("ESTALE"));
      expect(existsSync(join(outside, "sub", "deep"))).toBe(true);
    });

    it("as long as Linux takes them are taken, and no longer ones", async () => {
      await client.clunk(await client.create(root, "n".repeat(255)));
      await expect(client.create(root, "n".repeat(256))).rejects.toEqual(code("ENAMETOOLONG"));
      const bytes = Uint8Array.of(0xff, 0xfe, 0x80);
      await client.clunk(await client.create(root, bytes));
      expect(readdirSync(path, { encoding: "buffer" }).some((name) => name.equals(bytes))).toBe(true);
    });
  });

  describe("a folder that may only be read", () => {
    it("stays as it is", async () => {
      await serve({ readOnly: true });
      const file = await client.walk(root, "file");
      const attempts: (() => Promise<unknown>)[] = [
        () => client.create(root, "new"),
        () => client.open(root, "file", 1),
        () => client.open(root, "file", 2),
        () => client.open(root, "file", 0o1000),
        () => client.call(Type.MKDIR, w(root), s("d"), w(0o755), w(0)),
        () => client.call(Type.SYMLINK, w(root), s("l"), s("x"), w(0)),
        () => client.call(Type.MKNOD, w(root), s("n"), w(0o010644), w(0), w(0), w(0)),
        () => client.call(Type.UNLINKAT, w(root), s("file"), w(0)),
        () => client.call(Type.RENAMEAT, w(root), s("file"), w(root), s("x")),
        () => client.call(Type.RENAME, w(file), w(root), s("x")),
        () => client.call(Type.LINK, w(root), w(file), s("x")),
        () => client.call(Type.SETATTR, w(file), w(1), w(0o777), w(0), w(0), d(0), d(0), d(0), d(0), d(0)),
        () => client.call(Type.XATTRCREATE, w(file), s("user.x"), d(1), w(0)),
        async () => client.call(Type.REMOVE, w(await client.walk(root, "file"))),
      ];
      for (const attempt of attempts) await expect(attempt()).rejects.toEqual(code("EROFS"));
      expect((await client.read(await client.open(root, "file"))).toString()).toBe("contents");
      expect(readdirSync(path).sort()).toEqual(["file", "sub"]);
    });
  });

  describe("extended attributes", () => {
    it("of the user's own kind are set, listed, read and removed", async () => {
      const set = async (value: string, flags = 0) => {
        const fid = await client.walk(root, "file");
        await client.call(Type.XATTRCREATE, w(fid), s("user.note"), d(value.length), w(flags));
        if (value !== "") await client.write(fid, value);
        await client.clunk(fid);
      };
      const get = async (name: string) => {
        const fid = client.fid();
        const size = await client.call(Type.XATTRWALK, w(await client.walk(root, "file")), w(fid), s(name));
        const value = (await client.read(fid)).toString();
        expect(Number(size.readBigUInt64LE(0))).toBe(value.length);
        await client.clunk(fid);
        return value;
      };
      await set("remember");
      expect(await get("user.note")).toBe("remember");
      expect(await get("")).toBe("user.note\0");
      await expect(set("again", 1)).rejects.toEqual(code("EEXIST"));
      await set("", 2);
      await expect(get("user.note")).rejects.toEqual(code("ENODATA"));
    });

    it("that speak to the host's kernel are neither shown nor set", async () => {
      const file = await client.walk(root, "file");
      for (const name of ["security.capability", "trusted.x", "system.posix_acl_access"]) {
        await expect(client.call(Type.XATTRCREATE, w(file), s(name), d(1), w(0))).rejects.toEqual(code("ENOTSUP"));
        await expect(client.call(Type.XATTRWALK, w(file), w(client.fid()), s(name))).rejects.toEqual(code("ENOTSUP"));
      }
    });

    it("that were not written whole are not set, and not too many are under way", async () => {
      const fid = await client.walk(root, "file");
      await client.call(Type.XATTRCREATE, w(fid), s("user.x"), d(5), w(0));
      await client.write(fid, "abc");
      await expect(client.write(fid, "abc", 3)).rejects.toEqual(code("ENOSPC"));
      await expect(client.clunk(fid)).rejects.toEqual(code("EINVAL"));
      await expect(client.attributes(fid)).rejects.toEqual(code("EBADF"));
      const other = await client.walk(root, "file");
      await expect(client.call(Type.XATTRCREATE, w(other), s("user.x"), d(1 << 30), w(0))).rejects.toEqual(
        code("E2BIG"),
      );
      for (let i = 0; i < 64; i++) {
        await client.call(Type.XATTRCREATE, w(await client.walk(root, "file")), s("user.x"), d(65_536), w(0));
      }
      await expect(client.call(Type.XATTRCREATE, w(other), s("user.x"), d(1), w(0))).rejects.toEqual(code("ENOBUFS"));
    });
  });

  describe("locks", () => {
    const lock = async (fid: number, type: number, start = 0, length = 0) =>
      (await client.call(Type.LOCK, w(fid), b(type), w(0), d(start), d(length), w(7), s("guest"))).readUInt8(0);

    it("of one open file exclude those of another, and go with the fid", async () => {
      const [one, two] = [await client.open(root, "file", 2), await client.open(root, "file", 2)];
      expect(await lock(one, 1, 0, 10)).toBe(0);
      expect(await lock(two, 1, 10, 10)).toBe(0);
      expect(await lock(two, 0, 5, 1)).toBe(1);
      const found = await client.call(Type.GETLOCK, w(two), b(1), d(0), d(0), w(7), s("guest"));
      expect([found.readUInt8(0), found.readBigUInt64LE(1), found.readBigUInt64LE(9)]).toEqual([1, 0n, 10n]);
      await client.clunk(one);
      expect(await lock(two, 0, 5, 1)).toBe(0);
    });

    it("of what nobody holds are free, and need an open file", async () => {
      const fid = await client.open(root, "file", 2);
      const free = await client.call(Type.GETLOCK, w(fid), b(1), d(3), d(4), w(7), s("guest"));
      expect([free.readUInt8(0), free.readBigUInt64LE(1)]).toEqual([2, 3n]);
      await expect(lock(await client.walk(root, "file"), 1)).rejects.toEqual(code("EBADF"));
      await expect(lock(fid, 9)).rejects.toEqual(code("EINVAL"));
    });
  });

  describe("the protocol", () => {
    it("is agreed on first, and in no other dialect", async () => {
      server.reset();
      await expect(client.call(Type.ATTACH, w(1), w(0), s(""), s(""), w(0))).rejects.toEqual(code("EPROTO"));
      const other = await client.call(Type.VERSION, w(8192), s("9P2000.u"));
      expect(other.subarray(6).toString()).toBe("unknown");
      await expect(client.call(Type.ATTACH, w(1), w(0), s(""), s(""), w(0))).rejects.toEqual(code("EPROTO"));
      expect((await client.call(Type.VERSION, w(0xffff_ffff), s("9P2000.L"))).readUInt32LE(0)).toBe(512 << 10);
      await expect(client.call(Type.VERSION, w(100), s("9P2000.L"))).rejects.toEqual(code("EMSGSIZE"));
      await client.start();
      await expect(client.call(Type.AUTH, w(1), s(""), s(""), w(0))).rejects.toEqual(code("ENOTSUP"));
      await expect(client.call(Type.ATTACH, w(99), w(0), s(""), s("/etc"), w(0))).rejects.toEqual(code("ENOENT"));
    });

    it("closes whatever was open when a session begins", async () => {
      const before = openFiles();
      for (let i = 0; i < 40; i++) await client.open(root, "file");
      expect(openFiles()).toBeGreaterThan(before + 39);
      await client.start();
      expect(openFiles()).toBe(before);
    });

    it("opens no more files than it was allowed", async () => {
      const attempts = Array.from({ length: 150 }, () => client.walk(root, "file"));
      const results = await Promise.allSettled(attempts);
      expect(results.filter(({ status }) => status === "fulfilled")).toHaveLength(99);
      expect(results.find(({ status }) => status === "rejected")).toMatchObject({ reason: code("EMFILE") });
    });

    it("keeps replies to the size that was agreed on, and to the room there is", async () => {
      root = await client.start(4096);
      const fid = await client.create(root, "large", 0o102);
      writeFileSync(join(path, "large"), new Uint8Array(100_000));
      expect((await client.read(fid, 0, 100_000)).length).toBe(4096 - 11);
      const reply = await server.handle(message(Type.READ, 1, [w(fid), d(0), w(1000)]), 100);
      expect(reply.length).toBe(100);
      const error = await server.handle(message(Type.GETATTR, 1, [w(fid), d(0)]), 11);
      expect([error.length, error[4]]).toEqual([11, 7]);
    });

    it("answers a flush behind the request that it is about", async () => {
      const order: string[] = [];
      const slow = server.handle(message(Type.GETATTR, 5, [w(root), d(0)]), 1000).then(() => order.push("attributes"));
      const flush = server.handle(message(Type.FLUSH, 6, [h(5)]), 1000).then(() => order.push("flush"));
      await Promise.all([slow, flush]);
      expect(order).toEqual(["attributes", "flush"]);
      await client.call(Type.FLUSH, h(1234));
    });

    it("tells how full the host's file system is", async () => {
      const reply = await client.call(Type.STATFS, w(root));
      expect(reply.readUInt32LE(0)).toBe(0x0102_1997);
      expect(reply.readBigUInt64LE(8)).toBeGreaterThan(0n);
      expect(reply.readUInt32LE(56)).toBe(255);
    });
  });

  describe("a saved session", () => {
    it("finds its files again, open ones with their contents", async () => {
      const open = await client.open(root, "file", 0o1002);
      await client.write(open, "kept");
      const sub = await client.walk(root, "sub");
      const gone = await client.walk(await client.walk(root, "sub"));
      writeFileSync(join(path, "doomed"), "");
      const doomed = await client.walk(root, "doomed");
      rmSync(join(path, "doomed"));
      const state = structuredClone(server.save());
      await server[Symbol.asyncDispose]();
      server = new NinepServer(await SharedFolder.open({ path, readOnly: false, owners: "squash" }), 100);
      server.restore(state);
      const same = new NinepClient(server);
      expect((await same.read(open)).toString()).toBe("kept");
      await same.write(open, "!", 4);
      expect(readFileSync(join(path, "file"), "utf8")).toBe("kept!");
      await same.call(Type.MKDIR, w(sub), s("d"), w(0o755), w(0));
      expect(existsSync(join(path, "sub", "d"))).toBe(true);
      await expect(same.attributes(doomed)).rejects.toEqual(code("ENOENT"));
      await same.clunk(doomed, gone, root);
      await expect(same.attributes(gone)).rejects.toEqual(code("EBADF"));
    });
  });
});

describe("a folder to share", () => {
  it("must be there and be one", async () => {
    const open = (folder: string) => SharedFolder.open({ path: folder, readOnly: false, owners: "squash" });
    await expect(open("/no/such/folder")).rejects.toEqual(code("ERR_VKRUN_SHARE_NOT_FOUND"));
    await expect(open("/etc/passwd")).rejects.toEqual(code("ERR_VKRUN_SHARE_NOT_FOUND"));
  });
});
