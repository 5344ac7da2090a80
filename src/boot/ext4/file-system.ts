/**
 * Read-only view of an ext2, ext3 or ext4 file system: enough to find and read a kernel. It neither replays the
 * journal nor verifies metadata checksums (the guest's kernel does both); it trusts nothing that it reads.
 */
import { VkrunError } from "../../errors.js";
import { readAll } from "../byte-source.js";
import type { DiskReader } from "../disk-reader.js";
import { type DirectoryEntry, directoryEntries } from "./directory.js";
import { Ext4File } from "./file.js";
import { I_BLOCK_SIZE, type Inode, ROOT_INODE, readInode } from "./inode.js";
import { invalid, readSuperblock, type Superblock } from "./superblock.js";

/** Linux's limits: MAXSYMLINKS and PATH_MAX. */
const MAX_SYMLINKS = 40;
const MAX_PATH = 4096;
/**
 * Directory bytes that are read in a file system's life here. Finding a kernel reads a few dozen kilobytes; a hostile
 * image of links and long directories would have us read for hours.
 */
const DIRECTORY_BUDGET = 16 * 1024 * 1024;

interface Resolved {
  /** Absolute, with every symbolic link followed. */
  readonly path: string;
  readonly inode: Inode;
}

export class Ext4FileSystem {
  #directoryBudget = DIRECTORY_BUDGET;

  private constructor(
    private readonly disk: DiskReader,
    private readonly superblock: Superblock,
  ) {}

  /** Undefined when there is no ext file system here. */
  static async open(disk: DiskReader): Promise<Ext4FileSystem | undefined> {
    const superblock = await readSuperblock(disk);
    return superblock && new Ext4FileSystem(disk, superblock);
  }

  get label(): string {
    return this.superblock.label;
  }

  get needsRecovery(): boolean {
    return this.superblock.needsRecovery;
  }

  /** Bytes that the file system says it has, and whether the disk is too short for them. */
  get size(): number {
    return this.superblock.blockCount * this.superblock.blockSize;
  }

  get truncated(): boolean {
    return this.size > this.disk.size;
  }

  /** The regular file at `path`, links followed; undefined when there is none. Its `name` is the real path. */
  async openFile(path: string): Promise<Ext4File | undefined> {
    const found = await this.#resolve(path);
    if (found?.inode.type !== "regular") return undefined;
    return this.#file(found);
  }

  async exists(path: string): Promise<boolean> {
    return (await this.#resolve(path)) !== undefined;
  }

  /** Names in the directory at `path`, without "." and ".."; empty when there is no such directory. */
  async list(path: string): Promise<string[]> {
    const found = await this.#resolve(path);
    const names: string[] = [];
    if (found?.inode.type !== "directory") return names;
    for await (const { name } of this.#entries(found)) {
      if (name !== "." && name !== "..") names.push(name);
    }
    return names;
  }

  /** A text file; undefined when there is none. */
  async readText(path: string, maxSize: number): Promise<string | undefined> {
    const file = await this.openFile(path);
    if (!file) return undefined;
    if (file.size > maxSize) {
      throw new VkrunError("ERR_VKRUN_BOOT_CONFIG_INVALID", `${path} on the disk is ${file.size} bytes long.`, {
        hint: `At most ${maxSize} bytes are read; check the file, or give --kernel.`,
      });
    }
    return new TextDecoder().decode(await readAll(file));
  }

  #file({ path, inode }: Resolved): Ext4File {
    return new Ext4File(this.disk, this.superblock, inode, path);
  }

  #entries(directory: Resolved): AsyncGenerator<DirectoryEntry> {
    return directoryEntries(this.superblock, directory.inode, this.#file(directory), (bytes) => {
      this.#directoryBudget -= bytes;
      if (this.#directoryBudget < 0) throw invalid("its directories do not end");
    });
  }

  async #inode(path: string, number: number): Promise<Resolved> {
    return { path, inode: await readInode(this.disk, this.superblock, number) };
  }

  async #resolve(path: string): Promise<Resolved | undefined> {
    const root = await this.#inode("/", ROOT_INODE);
    if (root.inode.type !== "directory") throw invalid("its root is not a directory");
    // Directories on the way down, so that ".." needs no look-up; and what is still to be walked.
    const trail: Resolved[] = [root];
    const rest = componentsOf(path);
    let links = 0;
    for (let name = rest.shift(); name !== undefined; name = rest.shift()) {
      const here = trail[trail.length - 1] as Resolved;
      if (name === "..") {
        if (trail.length > 1) trail.pop();
        continue;
      }
      const next = await this.#child(here, name);
      if (!next) return undefined;
      if (next.inode.type === "symlink") {
        if (++links > MAX_SYMLINKS) return undefined;
        const target = await this.#linkTarget(next);
        if (target.startsWith("/")) trail.length = 1;
        rest.unshift(...componentsOf(target));
      } else {
        trail.push(next);
      }
    }
    return trail[trail.length - 1];
  }

  async #child(directory: Resolved, name: string): Promise<Resolved | undefined> {
    if (directory.inode.type !== "directory") return undefined;
    for await (const entry of this.#entries(directory)) {
      if (entry.name === name) {
        return this.#inode(directory.path === "/" ? `/${name}` : `${directory.path}/${name}`, entry.inode);
      }
    }
    return undefined;
  }

  async #linkTarget(link: Resolved): Promise<string> {
    const { size, block } = link.inode;
    if (size > MAX_PATH) throw invalid(`symbolic link ${link.path} of ${size} bytes`);
    // A target that fits stays in the inode itself, zero-terminated.
    const bytes = size < I_BLOCK_SIZE ? block.subarray(0, size) : await readAll(this.#file(link));
    return new TextDecoder().decode(bytes);
  }
}

const componentsOf = (path: string): string[] => path.split("/").filter((name) => name !== "" && name !== ".");
