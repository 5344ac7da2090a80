/**
 * disk.img: a sparse raw disk with a GPT and one ext4 partition, written without root and without mounting.
 * The file system is filled by debugfs commands in sorted order, so the same tree gives the same disk.
 */
import { createHash } from "node:crypto";
import { open, rm, writeFile } from "node:fs/promises";
import { posix } from "node:path";
import { VkrunError } from "../errors.js";
import { noSpace } from "./disk-space.js";
import { runTool } from "./host-tools.js";
import type { RootTree, TreeNode } from "./root-tree.js";

export interface DiskOptions {
  readonly path: string;
  readonly sizeBytes: number;
  readonly uuids: DiskUuids;
  readonly label: string;
  /** Of the file system and of all inodes that say nothing else: seconds since 1970. */
  readonly mtime: number;
  readonly signal?: AbortSignal | undefined;
}

export interface DiskUuids {
  readonly disk: string;
  readonly partition: string;
  readonly fileSystem: string;
}

export const PARTITION_OFFSET = 1 << 20;
/** Kept free behind the partition for the backup GPT (33 sectors), rounded up to the partition's alignment. */
const TRAILER_BYTES = 1 << 20;
/** SD_GPT_ROOT_RISCV64 of the Discoverable Partitions Specification. */
const ROOT_RISCV64_TYPE = "72EC70A6-CF74-40E6-BD49-4BDA08E8F224";
const BLOCK_BYTES = 4096;

/** Named one by one: defaults vary with the host's version, and U-Boot's reader knows no later ones. */
const EXT4_FEATURES = [
  "none",
  "has_journal",
  "ext_attr",
  "resize_inode",
  "dir_index",
  "filetype",
  "extent",
  "64bit",
  "flex_bg",
  "sparse_super",
  "large_file",
  "huge_file",
  "dir_nlink",
  "extra_isize",
  "metadata_csum",
];

/** Identifiers that differ between images but not between builds of the same one (RFC 9562, version 8 form). */
export function diskUuids(imageHash: string): DiskUuids {
  const uuid = (use: string): string => {
    const bytes = createHash("sha256").update(`${use}:${imageHash}`).digest().subarray(0, 16);
    bytes.writeUInt8(((bytes[6] ?? 0) & 0x0f) | 0x80, 6);
    bytes.writeUInt8(((bytes[8] ?? 0) & 0x3f) | 0x80, 8);
    return bytes.toString("hex").replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
  };
  return { disk: uuid("disk"), partition: uuid("partition"), fileSystem: uuid("file system") };
}

export async function writeDisk(tree: RootTree, options: DiskOptions): Promise<void> {
  const { path, sizeBytes, uuids, signal } = options;
  const file = await open(path, "w");
  await file.truncate(sizeBytes);
  await file.close();
  await writePartitionTable(options);

  const env = { E2FSPROGS_FAKE_TIME: String(options.mtime), SOURCE_DATE_EPOCH: String(options.mtime) };
  const blocks = Math.floor((sizeBytes - PARTITION_OFFSET - TRAILER_BYTES) / BLOCK_BYTES);
  await runTool(
    "mke2fs",
    [
      ...["-q", "-F", "-t", "ext4", "-b", String(BLOCK_BYTES), "-I", "256", "-m", "1"],
      ...["-O", EXT4_FEATURES.join(","), "-U", uuids.fileSystem, "-L", options.label],
      // A new sparse file reads as zeros: a journal or inode table need not be written out.
      ...["-E", `offset=${PARTITION_OFFSET},hash_seed=${uuids.partition},root_owner=0:0,lazy_journal_init=1`],
      ...[path, `${blocks}`],
    ],
    { env, signal },
  );
  const fileSystem = `${path}?offset=${PARTITION_OFFSET}`;
  const script = `${path}.debugfs`;
  try {
    await writeFile(script, [...debugfsCommands(tree)].join("\n"));
    const { stderr } = await runTool("debugfs", ["-w", "-f", script, fileSystem], { env, signal });
    // debugfs exits with 0 whatever happened: anything on stderr but its banner is an error.
    const complaint = stderr.split("\n").find((line) => line !== "" && !/^debugfs \d/.test(line));
    if (complaint !== undefined) {
      if (stderr.includes("No space left on device")) throw noSpace(new Error(complaint));
      if (/Could not allocate|no free/i.test(stderr)) throw tooSmall(sizeBytes, complaint);
      throw new VkrunError("ERR_VKRUN_IMAGE_BUILD_FAILED", `debugfs failed: ${complaint}`);
    }
  } finally {
    await rm(script, { force: true });
  }
  await checkDisk(path, signal);
}

/** Throws unless the file system of the disk is whole and was properly unmounted. */
export async function checkDisk(path: string, signal?: AbortSignal): Promise<void> {
  await runTool("e2fsck", ["-f", "-n", `${path}?offset=${PARTITION_OFFSET}`], { signal });
}

async function writePartitionTable({ path, sizeBytes, uuids, signal }: DiskOptions): Promise<void> {
  const sectors = (sizeBytes - PARTITION_OFFSET - TRAILER_BYTES) / 512;
  const script = [
    "label: gpt",
    `label-id: ${uuids.disk}`,
    // U-Boot looks for extlinux.conf on the partition that has the legacy BIOS bootable attribute.
    `start=${PARTITION_OFFSET / 512}, size=${sectors}, type=${ROOT_RISCV64_TYPE}, uuid=${uuids.partition}, ` +
      'name="root", attrs="LegacyBIOSBootable"',
    "",
  ].join("\n");
  await runTool("sfdisk", ["--quiet", "--no-reread", "--no-tell-kernel", path], { input: script, signal });
}

const TYPE_BITS: Record<TreeNode["type"], number> = {
  directory: 0o040000,
  file: 0o100000,
  hardlink: 0o100000,
  symlink: 0o120000,
  character: 0o020000,
};

/**
 * Makes the tree in an empty file system. Names are given relative to their directory: debugfs takes the parent
 * of an absolute `/name` to be the current directory. No name holds a newline (deb-archive.ts).
 */
export function* debugfsCommands(tree: RootTree): Generator<string> {
  let directory = "";
  function* enter(path: string): Generator<string> {
    const parent = posix.dirname(path);
    if (parent !== directory) yield `cd ${quote(parent)}`;
    directory = parent;
  }
  const links: [path: string, target: string][] = [];
  for (const [path, node] of tree.entries()) {
    const name = quote(posix.basename(path));
    if (node.type === "hardlink") {
      // After all files: the original may come later in the order.
      links.push([path, node.target]);
      continue;
    }
    // mke2fs has made these two.
    if (path !== "/" && path !== "/lost+found") {
      yield* enter(path);
      yield creation(name, node);
    }
    yield* inodeFields(path, node);
  }
  const counts = new Map<string, number>();
  for (const [path, target] of links) {
    const count = (counts.get(target) ?? 1) + 1;
    counts.set(target, count);
    yield* enter(path);
    // `ln` adds a name but does not count it.
    yield `ln ${quote(target)} ${quote(posix.basename(path))}`;
    yield `sif ${quote(target)} links_count ${count}`;
  }
}

function creation(name: string, node: Exclude<TreeNode, { type: "hardlink" }>): string {
  switch (node.type) {
    case "directory":
      return `mkdir ${name}`;
    case "file":
      return `write ${quote(node.contentPath)} ${name}`;
    case "symlink":
      return `symlink ${name} ${quote(node.target)}`;
    case "character":
      return `mknod ${name} c ${node.major} ${node.minor}`;
  }
}

function* inodeFields(path: string, node: TreeNode): Generator<string> {
  const at = quote(path);
  yield `sif ${at} mode 0${(TYPE_BITS[node.type] | node.mode).toString(8)}`;
  yield `sif ${at} uid ${node.uid}`;
  yield `sif ${at} gid ${node.gid}`;
  for (const field of ["mtime", "atime", "ctime", "crtime"]) yield `sif ${at} ${field} @${node.mtime}`;
}

/** libss: an argument in double quotes, a quote inside it doubled. */
function quote(text: string): string {
  return `"${text.replaceAll('"', '""')}"`;
}

function tooSmall(sizeBytes: number, complaint: string): VkrunError {
  return new VkrunError(
    "ERR_VKRUN_IMAGE_TOO_SMALL",
    `the image's files do not fit on a disk of ${sizeBytes / 2 ** 20} MiB (${complaint})`,
    { hint: "Ask for a larger one with --size." },
  );
}
