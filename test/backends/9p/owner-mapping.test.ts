import {
  chmodSync,
  chownSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { OwnerMode } from "../../../src/backends/9p/owner-mapping.js";
import { NinepServer } from "../../../src/backends/9p/server.js";
import { SharedFolder } from "../../../src/backends/9p/shared-folder.js";
import { nativeUnavailable } from "../../../src/native.js";
import { d, NinepClient, s, Type, w } from "../../support/ninep-client.js";

const isRoot = process.getuid?.() === 0;
const FIRST = { uid: 1234, gid: 4321 };

let path: string;
let server: NinepServer | undefined;
let client: NinepClient;
let root: number;

/** A guest whose user `uid` attached. */
async function serve(owners: OwnerMode, uid = FIRST.uid): Promise<void> {
  await server?.[Symbol.asyncDispose]();
  server = new NinepServer(await SharedFolder.open({ path, readOnly: false, owners }), 100);
  client = new NinepClient(server);
  root = await client.start(undefined, uid);
}

const seen = async (name: string) => client.attributes(await client.walk(root, name));
const chown = async (name: string, uid: number, gid: number) =>
  client.call(
    Type.SETATTR,
    w(await client.walk(root, name)),
    w(0x6),
    w(0),
    w(uid),
    w(gid),
    d(0),
    d(0),
    d(0),
    d(0),
    d(0),
  );
const chmod = async (name: string, mode: number) =>
  client.call(
    Type.SETATTR,
    w(await client.walk(root, name)),
    w(0x1),
    w(mode),
    w(0),
    w(0),
    d(0),
    d(0),
    d(0),
    d(0),
    d(0),
  );

describe.runIf(nativeUnavailable() === undefined)("owners of shared files", () => {
  beforeEach(() => {
    path = mkdtempSync(join(tmpdir(), "vkrun-owner-"));
    writeFileSync(join(path, "file"), "");
    mkdirSync(join(path, "dir"));
  });
  afterEach(async () => {
    await server?.[Symbol.asyncDispose]();
    server = undefined;
    rmSync(path, { recursive: true });
  });

  describe("squashed", () => {
    it("are root in the guest and vkrun's user on the host, whatever the guest says", async () => {
      await serve("squash");
      if (isRoot) chownSync(join(path, "file"), 7, 8);
      await client.create(root, "new", 0o102, 0o600, FIRST.gid);
      await chown("new", 5, 6);
      for (const name of ["file", "new", "dir"]) expect(await seen(name)).toMatchObject({ uid: 0, gid: 0 });
      expect(statSync(join(path, "new"))).toMatchObject({ uid: process.getuid?.(), gid: process.getgid?.() });
    });

    it("lend nobody on the host their rights", async () => {
      await serve("squash");
      await client.create(root, "made", 0o102, 0o6755);
      await chmod("file", 0o6711);
      for (const name of ["made", "file"]) expect(statSync(join(path, name)).mode & 0o7000).toBe(0);
      expect(statSync(join(path, "file")).mode & 0o777).toBe(0o711);
      await chmod("dir", 0o2770);
      expect(statSync(join(path, "dir")).mode & 0o7777).toBe(0o2770);
    });

    it("get the permissions that the guest asks for, whatever the host's umask", async () => {
      await serve("squash");
      await client.create(root, "open", 0o102, 0o666);
      await client.call(Type.MKDIR, w(root), s("wide"), w(0o777), w(0));
      expect([statSync(join(path, "open")).mode & 0o777, statSync(join(path, "wide")).mode & 0o777]).toEqual([
        0o666, 0o777,
      ]);
    });
  });

  describe("mapped", () => {
    it("are what the guest says, in attributes, and vkrun's user on the host", async () => {
      await serve("map");
      await client.create(root, "new", 0o102, 0o4751, FIRST.gid);
      expect(await seen("new")).toMatchObject({ ...FIRST, mode: 0o104751 });
      expect(statSync(join(path, "new"))).toMatchObject({ uid: process.getuid?.(), mode: 0o100600 });
      await chown("new", 9, 0xffff_ffff);
      await chmod("new", 0o640);
      await serve("map");
      expect(await seen("new")).toMatchObject({ uid: 9, gid: FIRST.gid, mode: 0o100640 });
    });

    it("go for device nodes, links and directories, all of which are there in the guest only as such", async () => {
      await serve("map");
      await client.call(Type.MKNOD, w(root), s("null"), w(0o020666), w(1), w(3), w(7));
      await client.call(Type.SYMLINK, w(root), s("link"), s("/etc/passwd"), w(7));
      await client.call(Type.MKDIR, w(root), s("made"), w(0o1777), w(7));
      expect(await seen("null")).toMatchObject({ mode: 0o020666, rdev: 0x103n, gid: 7 });
      expect(lstatSync(join(path, "null")).isFile()).toBe(true);
      await expect(client.open(root, "null")).rejects.toThrow("ENXIO");
      expect((await seen("link")).mode).toBe(0o120777);
      expect(readFileSync(join(path, "link"), "utf8")).toBe("/etc/passwd");
      const link = await client.walk(root, "link");
      expect((await client.call(Type.READLINK, w(link))).subarray(2).toString()).toBe("/etc/passwd");
      expect((await seen("made")).mode).toBe(0o041777);
      expect(statSync(join(path, "made")).mode & 0o777).toBe(0o700);
    });

    it("are kept as QEMU keeps them, out of the guest's sight", async () => {
      await serve("map");
      await client.create(root, "new", 0o102, 0o644, FIRST.gid);
      const script = "import os,sys; print(os.getxattr(sys.argv[1], 'user.virtfs.uid').hex())";
      const { stdout } = await execa("python3", ["-c", script, join(path, "new")]);
      expect(stdout).toBe("d2040000");
      const fid = client.fid();
      const list = await client.call(Type.XATTRWALK, w(await client.walk(root, "new")), w(fid), s(""));
      expect(list.readBigUInt64LE(0)).toBe(0n);
      const set = client.call(Type.XATTRCREATE, w(await client.walk(root, "new")), s("user.virtfs.uid"), d(4), w(0));
      await expect(set).rejects.toThrow("ENOTSUP");
    });

    it("cannot make a directory of a file, or the other way round", async () => {
      await serve("map");
      const script =
        "import os,sys; os.setxattr(sys.argv[1], 'user.virtfs.mode', int(sys.argv[2]).to_bytes(4, 'little'))";
      await execa("python3", ["-c", script, join(path, "file"), String(0o040755)]);
      await execa("python3", ["-c", script, join(path, "dir"), String(0o100644)]);
      expect((await seen("file")).mode).toBe(0o100755);
      expect((await seen("dir")).mode).toBe(0o040644);
    });
  });

  describe.runIf(isRoot)("passed on", () => {
    it("are the same numbers on both sides", async () => {
      await serve("pass");
      chownSync(join(path, "file"), 7, 8);
      expect(await seen("file")).toMatchObject({ uid: 7, gid: 8 });
      await client.create(root, "new", 0o102, 0o4755, FIRST.gid);
      expect(statSync(join(path, "new"))).toMatchObject({ ...FIRST, mode: 0o104755 });
      await client.call(Type.SYMLINK, w(root), s("link"), s("x"), w(FIRST.gid));
      expect(lstatSync(join(path, "link"))).toMatchObject(FIRST);
      await chown("new", 9, 10);
      expect(statSync(join(path, "new"))).toMatchObject({ uid: 9, gid: 10 });
    });
  });

  it("that cannot be given away are an error, and leave no file", async () => {
    if (isRoot) {
      // As a user who may not: root in a folder that is his own, but in another process.
      chmodSync(path, 0o777);
      const program = `
        import { NinepServer } from "${process.cwd()}/dist/backends/9p/server.js";
        import { SharedFolder } from "${process.cwd()}/dist/backends/9p/shared-folder.js";
        process.setgid(65534); process.setuid(65534);
        const server = new NinepServer(await SharedFolder.open({ path: process.argv[1], readOnly: false, owners: "pass" }), 10);
        const say = (...bytes) => server.handle(Uint8Array.from(bytes), 1000);
        const u32 = (n) => [n & 255, (n >> 8) & 255, (n >> 16) & 255, n >>> 24];
        const text = (t) => [t.length, 0, ...Buffer.from(t)];
        const send = (type, ...body) => say(...u32(7 + body.length), type, 1, 0, ...body);
        await send(100, ...u32(8192), ...text("9P2000.L"));
        await send(104, ...u32(1), ...u32(-1), ...text(""), ...text(""), ...u32(1234));
        console.log((await send(72, ...u32(1), ...text("made"), ...u32(493), ...u32(4321)))[7]);
      `;
      const { stdout } = await execa(process.execPath, ["--input-type=module", "-e", program, path]);
      expect(stdout).toBe("1");
    } else {
      await serve("pass");
      await expect(client.call(Type.MKDIR, w(root), s("made"), w(0o755), w(1))).rejects.toThrow("EPERM");
    }
    expect(() => statSync(join(path, "made"))).toThrow("ENOENT");
  });
});
