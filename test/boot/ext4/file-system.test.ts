import { createHash, randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { afterAll, describe, expect, it } from "vitest";
import { readAll } from "../../../src/boot/byte-source.js";
import { DiskReader } from "../../../src/boot/disk-reader.js";
import { Ext4FileSystem } from "../../../src/boot/ext4/file-system.js";
import { FileDisk, MemoryDisk, run, TestDirectory, type Tree } from "../support/disk-images.js";

const directory = new TestDirectory();
afterAll(() => directory[Symbol.dispose]());

async function openImage(path: string): Promise<Ext4FileSystem> {
  const fileSystem = await Ext4FileSystem.open(new DiskReader(new MemoryDisk(new Uint8Array(readFileSync(path)))));
  expect(fileSystem).toBeDefined();
  return fileSystem as Ext4FileSystem;
}

async function contentOf(fileSystem: Ext4FileSystem, path: string): Promise<Uint8Array> {
  const file = await fileSystem.openFile(path);
  expect(file, path).toBeDefined();
  return readAll(file as NonNullable<typeof file>);
}

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
const big = new Uint8Array(randomBytes(3 * 1024 * 1024 + 777));
const longTarget = `${"../boot/".repeat(20)}kernel`;

const tree: Tree = {
  "boot/kernel": big,
  "boot/small.txt": "hello\n",
  "boot/empty": "",
  "etc/hundred.txt": "0123456789".repeat(10),
  vmlinuz: { link: "boot/kernel" },
  absolute: { link: "/boot/small.txt" },
  "usr/long": { link: longTarget },
  "usr/boot/.keep": "",
  loop1: { link: "loop2" },
  loop2: { link: "loop1" },
  dangling: { link: "nowhere" },
};

/** What mke2fs has made by default since the days of ext2, up to today's, and corners of the format. */
const variants: [name: string, args: string[]][] = [
  ["ext4 of today: 64bit, metadata_csum, orphan_file", ["-t", "ext4", "-O", "64bit,metadata_csum,metadata_csum_seed"]],
  ["ext4 with 1 KiB blocks", ["-t", "ext4", "-b", "1024"]],
  ["ext4 without 64bit", ["-t", "ext4", "-O", "^64bit,^metadata_csum"]],
  ["ext4 with large blocks", ["-t", "ext4", "-b", "65536"]],
  ["ext3 with indirect blocks", ["-t", "ext3", "-b", "1024"]],
  ["ext2 of revision 0", ["-t", "ext2", "-r", "0", "-b", "1024"]],
  ["meta block groups", ["-t", "ext4", "-b", "1024", "-O", "meta_bg,^resize_inode", "-g", "1024"]],
  ["sparse_super2", ["-t", "ext4", "-b", "1024", "-O", "sparse_super2", "-g", "1024"]],
  ["bigalloc", ["-t", "ext4", "-O", "bigalloc"]],
  ["inline data", ["-t", "ext4", "-O", "inline_data"]],
];

describe.each(variants)("%s", (_, args) => {
  const image = directory.wholeDisk(tree, args);

  it("reads files of all sizes exactly", async () => {
    const fileSystem = await openImage(image);
    expect(Buffer.compare(await contentOf(fileSystem, "/boot/kernel"), big)).toBe(0);
    expect(text(await contentOf(fileSystem, "/boot/small.txt"))).toBe("hello\n");
    expect(text(await contentOf(fileSystem, "/etc/hundred.txt"))).toBe("0123456789".repeat(10));
    expect(await contentOf(fileSystem, "/boot/empty")).toHaveLength(0);
  });

  it("follows symbolic links, short and long, and reports the real path", async () => {
    const fileSystem = await openImage(image);
    expect((await fileSystem.openFile("/vmlinuz"))?.name).toBe("/boot/kernel");
    expect(text(await contentOf(fileSystem, "/absolute"))).toBe("hello\n");
    expect((await fileSystem.openFile("/usr/long"))?.name).toBe("/boot/kernel");
  });

  it("finds nothing behind loops, dangling links and files taken for directories", async () => {
    const fileSystem = await openImage(image);
    for (const path of ["/loop1", "/dangling", "/boot/kernel/x", "/missing/x", "/boot"]) {
      expect(await fileSystem.openFile(path), path).toBeUndefined();
    }
    expect(await fileSystem.exists("/boot")).toBe(true);
    expect(await fileSystem.exists("/../../boot/./kernel")).toBe(true);
  });

  it("lists a directory without its dots", async () => {
    const fileSystem = await openImage(image);
    expect((await fileSystem.list("/boot")).sort()).toEqual(["empty", "kernel", "small.txt"]);
    expect(await fileSystem.list("/missing")).toEqual([]);
  });
});

it("reads any range of a file, aligned or not", async () => {
  const fileSystem = await openImage(directory.wholeDisk(tree));
  const file = await fileSystem.openFile("/boot/kernel");
  for (const [offset, length] of [
    [0, 1],
    [511, 2],
    [4095, 4098],
    [1_000_001, 70_001],
    [big.length - 3, 3],
  ] as const) {
    const target = new Uint8Array(length);
    await file?.read(offset, target);
    expect(Buffer.compare(target, big.subarray(offset, offset + length)), `${offset}+${length}`).toBe(0);
  }
});

it("reads holes and unwritten extents as zeros", async () => {
  const image = directory.wholeDisk({ "x/y": "" });
  const written = Buffer.alloc(300_000).fill("A", 0, 4096).fill("B", 200_000, 204_096);
  const sparse = directory.file("sparse", written);
  run("debugfs", ["-w", "-R", `write ${sparse} sparse`, image]);
  run("debugfs", ["-w", "-R", "fallocate sparse 10 20", image]);
  expect(run("debugfs", ["-R", "ex sparse", image])).toContain("Uninit");
  const fileSystem = await openImage(image);
  const file = await fileSystem.openFile("/sparse");
  const target = new Uint8Array(300_000).fill(0xee);
  await file?.read(0, target);
  expect(Buffer.compare(target, written)).toBe(0);
});

it("reads a hashed directory of many blocks", async () => {
  const names = Array.from({ length: 1200 }, (_, index) => `module-${index}-${"x".repeat(40)}`);
  const image = directory.wholeDisk(
    Object.fromEntries(names.map((name) => [`d/${name}`, ""])),
    ["-t", "ext4", "-b", "1024", "-N", "2000"],
    32,
  );
  run("sh", ["-c", 'e2fsck -fyD "$1" || test $? -le 1', "sh", image]);
  const fileSystem = await openImage(image);
  expect((await fileSystem.list("/d")).sort()).toEqual(names.sort());
  expect(await fileSystem.exists(`/d/${names[987]}`)).toBe(true);
});

it("reads a fragmented file through several levels of extents", async () => {
  const image = directory.wholeDisk({}, ["-t", "ext4", "-b", "1024"], 32);
  // Every second block taken: no extent can be longer than one block.
  const commands = ["mkdir d"];
  const content = randomBytes(900_000);
  const source = directory.file("source", content);
  const filler = directory.file("filler", "x".repeat(1000));
  for (let index = 0; index < 1000; index++) commands.push(`write ${filler} d/f${index}`);
  for (let index = 0; index < 1000; index += 2) commands.push(`rm d/f${index}`);
  commands.push(`write ${source} fragmented`);
  run("debugfs", ["-w", "-f", "-", image], `${commands.join("\n")}\n`);
  expect(run("debugfs", ["-R", "ex fragmented", image]).split("\n").length).toBeGreaterThan(400);
  expect(Buffer.compare(await contentOf(await openImage(image), "/fragmented"), content)).toBe(0);
}, 120_000);

it("knows the label, an unclean journal and a truncated image", async () => {
  const image = directory.wholeDisk(tree, ["-t", "ext4", "-L", "rootfs"]);
  expect(await openImage(image)).toMatchObject({ label: "rootfs", needsRecovery: false, truncated: false });
  const bytes = new Uint8Array(readFileSync(image));
  bytes[1024 + 0x60] = (bytes[1024 + 0x60] as number) | 4;
  const cut = new MemoryDisk(bytes.subarray(0, bytes.length / 2));
  expect(await Ext4FileSystem.open(new DiskReader(cut))).toMatchObject({ needsRecovery: true, truncated: true });
});

it("reads from a window of the disk as from a disk", async () => {
  const path = directory.partitionedDisk("label: gpt\nstart=1MiB, size=20MiB\n", [{ mib: 1, sizeMib: 20, tree }]);
  await using disk = await FileDisk.open(path);
  const fileSystem = await Ext4FileSystem.open(new DiskReader(disk).window(1024 * 1024, 20 * 1024 * 1024));
  const hash = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");
  expect(hash(await contentOf(fileSystem as Ext4FileSystem, "/vmlinuz"))).toBe(hash(big));
});

it("refuses features that it does not know", async () => {
  const bytes = new Uint8Array(readFileSync(directory.wholeDisk(tree)));
  bytes[1024 + 0x62] = 0x80;
  await expect(Ext4FileSystem.open(new DiskReader(new MemoryDisk(bytes)))).rejects.toMatchObject({
    code: "ERR_VKRUN_FILESYSTEM_UNSUPPORTED",
    message: expect.stringContaining("0x800000"),
  });
});

it("finds no file system where there is none", async () => {
  expect(await Ext4FileSystem.open(new DiskReader(new MemoryDisk(new Uint8Array(65536))))).toBeUndefined();
  expect(await Ext4FileSystem.open(new DiskReader(new MemoryDisk(new Uint8Array(512))))).toBeUndefined();
});
