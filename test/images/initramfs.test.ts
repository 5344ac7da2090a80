import { execFileSync } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { busyboxApplets } from "../../src/images/busybox-applets.js";
import { buildInitramfs } from "../../src/images/initramfs.js";
import { ModuleCatalogue, moduleInfo, modulesAlias, modulesDep } from "../../src/images/kernel-modules.js";
import { RootTree } from "../../src/images/root-tree.js";

const SECTION_BYTES = 64;

/** A relocatable ELF file with nothing but a `.modinfo` section. */
function elfModule(info: readonly string[]): Buffer {
  const modinfo = Buffer.from(info.map((text) => `${text}\0`).join(""));
  const names = Buffer.from("\0.modinfo\0.shstrtab\0");
  const header = Buffer.alloc(64);
  header.write("\x7fELF", "latin1");
  header.set([2, 1, 1], 4);
  header.writeBigUInt64LE(BigInt(64 + modinfo.length + names.length), 0x28);
  header.writeUInt16LE(3, 0x3c);
  header.writeUInt16LE(2, 0x3e);
  const section = (name: number, offset: number, size: number): Buffer => {
    const bytes = Buffer.alloc(SECTION_BYTES);
    bytes.writeUInt32LE(name, 0);
    bytes.writeBigUInt64LE(BigInt(offset), 0x18);
    bytes.writeBigUInt64LE(BigInt(size), 0x20);
    return bytes;
  };
  const sections = [section(0, 0, 0), section(1, 64, modinfo.length), section(10, 64 + modinfo.length, names.length)];
  return Buffer.concat([header, modinfo, names, ...sections]);
}

/** cpio(5), "New ASCII Format". */
function readCpio(archive: Buffer): { name: string; mode: number; content: string }[] {
  const entries: { name: string; mode: number; content: string }[] = [];
  for (let at = 0; ; ) {
    expect(archive.toString("latin1", at, at + 6)).toBe("070701");
    const field = (index: number) =>
      Number.parseInt(archive.toString("latin1", at + 6 + index * 8, at + 14 + index * 8), 16);
    const [mode, size, nameBytes] = [field(1), field(6), field(11)];
    const name = archive.toString("utf8", at + 110, at + 110 + nameBytes - 1);
    if (name === "TRAILER!!!") return entries;
    const start = (at + 110 + nameBytes + 3) & ~3;
    entries.push({ name, mode, content: archive.toString("utf8", start, start + size) });
    at = (start + size + 3) & ~3;
  }
}

describe("busyboxApplets", () => {
  it("reads the names up to the end of the sorted table", () => {
    const binary = Buffer.from("\x7fELF junk [ [[ \xae [\0[[\0ar\0init\0sh\0zcat\0%s: error\0", "latin1");
    const table = Buffer.from("[\0[[\0");
    expect(binary.indexOf(table)).toBeGreaterThan(0);
    expect(busyboxApplets(binary)).toEqual(["[", "[[", "ar", "init", "sh", "zcat"]);
  });

  it("refuses a binary that has no such table", () => {
    expect(() => busyboxApplets(Buffer.from("\x7fELF"))).toThrow("applets");
    expect(() => busyboxApplets(Buffer.from("[\0[[\0ar\0"))).toThrow("applets");
  });
});

describe("kernel modules", () => {
  let directory: string;
  let tree: RootTree;

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), "vkrun-modules-"));
    tree = new RootTree(directory, 0);
    const add = (path: string, info: string[]) => {
      const compressed = execFileSync("xz", ["-c", "--check=crc32"], { input: elfModule(info) });
      tree.addFile(`/usr/lib/modules/1-test/kernel/${path}.ko.xz`, compressed);
    };
    tree.addSymlink("/lib", "usr/lib");
    add("fs/ext4", ["license=GPL", "depends=jbd2,mbcache", "alias=fs-ext4"]);
    add("fs/jbd2", ["depends="]);
    add("fs/mbcache", ["depends=jbd2"]);
    add("drivers/virtio-rng", ["alias=virtio:d00000004v*", "alias=virtio:d00000005v*"]);
  });
  afterEach(() => rm(directory, { recursive: true }));

  it("come after what they depend on, each once, decompressed", async () => {
    const modules = await new ModuleCatalogue(tree, "1-test").closure(["ext4", "jbd2", "virtio_rng"]);
    expect(modules.map(({ name }) => name)).toEqual(["jbd2", "mbcache", "ext4", "virtio_rng"]);
    expect(moduleInfo(modules[2]?.content ?? Buffer.alloc(0))).toContainEqual(["license", "GPL"]);
  });

  it("are indexed the way modprobe reads it", async () => {
    const modules = await new ModuleCatalogue(tree, "1-test").closure(["ext4", "virtio-rng"]);
    expect(modulesDep(modules)).toBe(
      "kernel/fs/jbd2.ko:\nkernel/fs/mbcache.ko: kernel/fs/jbd2.ko\n" +
        "kernel/fs/ext4.ko: kernel/fs/jbd2.ko kernel/fs/mbcache.ko\nkernel/drivers/virtio-rng.ko:\n",
    );
    expect(modulesAlias(modules)).toBe(
      "alias fs-ext4 ext4\nalias virtio:d00000004v* virtio_rng\nalias virtio:d00000005v* virtio_rng\n",
    );
  });

  it("fail by name when the kernel has no such module", async () => {
    await expect(new ModuleCatalogue(tree, "1-test").closure(["zfs"])).rejects.toThrow("no module zfs");
  });

  it("that are no ELF files are refused", () => {
    expect(() => moduleInfo(Buffer.from("#!/bin/sh"))).toThrow("ELF");
    const headersOutside = elfModule([]);
    headersOutside.writeBigUInt64LE(2n ** 40n, 0x28);
    expect(() => moduleInfo(headersOutside)).toThrow("ELF");
  });

  it("go into the initramfs in loading order, beside busybox and init", async () => {
    const modules = await new ModuleCatalogue(tree, "1-test").closure(["ext4"]);
    const overlay = [{ path: "/init", executable: true, content: Buffer.from("#!/bin/sh\n") }];
    const archive = buildInitramfs({ busybox: Buffer.from("busybox"), modules, overlay, mtime: 0 });
    expect(archive.length % 4).toBe(0);
    const entries = readCpio(archive);
    expect(entries.map(({ name }) => name)).toEqual([
      ...["bin", "dev", "modules", "proc", "root", "run", "sys", "bin/sh", "bin/busybox"],
      ...["modules/00-jbd2.ko", "modules/01-mbcache.ko", "modules/02-ext4.ko", "init"],
    ]);
    expect(entries.find(({ name }) => name === "bin/sh")).toMatchObject({ mode: 0o120777, content: "busybox" });
    expect(entries.at(-1)).toMatchObject({ mode: 0o100755, content: "#!/bin/sh\n" });
  });
});
