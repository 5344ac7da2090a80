/** Real disk images for tests, made with the tools that people make them with: sfdisk, mke2fs -d. */
import { execFileSync } from "node:child_process";
import {
  closeSync,
  ftruncateSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { BlockBackend } from "../../../src/backends/block-backend.js";

/** Contents of a directory tree: text, bytes, or a symbolic link as { link: target }. */
export type Tree = Readonly<Record<string, string | Uint8Array | { readonly link: string }>>;

const MIB = 1024 * 1024;

export class TestDirectory implements Disposable {
  readonly path = mkdtempSync(join(tmpdir(), "vkrun-boot-"));
  #count = 0;

  file(name: string, content: string | Uint8Array): string {
    const path = join(this.path, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, content);
    return path;
  }

  empty(name: string, size: number): string {
    const path = join(this.path, name);
    const fd = openSync(path, "w");
    ftruncateSync(fd, size);
    closeSync(fd);
    return path;
  }

  tree(tree: Tree): string {
    const root = join(this.path, `tree${this.#count++}`);
    for (const [name, content] of Object.entries(tree)) {
      const path = join(root, name);
      mkdirSync(dirname(path), { recursive: true });
      if (typeof content === "object" && "link" in content) symlinkSync(content.link, path);
      else writeFileSync(path, content);
    }
    mkdirSync(root, { recursive: true });
    return root;
  }

  /** An ext file system of `sizeMib` with `tree` in it, at `offset` of the file `disk`. */
  makeExt(disk: string, tree: Tree, options: { offset?: number; sizeMib: number; args?: readonly string[] }): void {
    const { offset = 0, sizeMib, args = ["-t", "ext4"] } = options;
    const extended = [`offset=${offset}`, "hash_seed=00000000-0000-0000-0000-000000000001"].join(",");
    run("mke2fs", ["-q", "-F", ...args, "-E", extended, "-d", this.tree(tree), disk, `${sizeMib}M`]);
  }

  /** A file system on the whole disk. */
  wholeDisk(tree: Tree, args?: readonly string[], sizeMib = 16): string {
    const disk = this.empty(`disk${this.#count++}.img`, sizeMib * MIB);
    this.makeExt(disk, tree, { sizeMib, ...(args && { args }) });
    return disk;
  }

  /** A disk with the partitions of an sfdisk script, some of them filled. */
  partitionedDisk(
    script: string,
    volumes: readonly { mib: number; sizeMib: number; tree: Tree }[],
    sizeMib = 64,
  ): string {
    const disk = this.empty(`disk${this.#count++}.img`, sizeMib * MIB);
    run("sfdisk", ["--no-reread", "--no-tell-kernel", "-q", disk], script);
    for (const { mib, sizeMib: size, tree } of volumes) this.makeExt(disk, tree, { offset: mib * MIB, sizeMib: size });
    return disk;
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

/** Debian keeps these in /usr/sbin, which is not on every user's PATH. */
export function run(command: string, args: readonly string[], input?: string): string {
  const env = { ...process.env, PATH: `${process.env["PATH"] ?? ""}:/usr/sbin:/sbin` };
  return execFileSync(command, args, { env, input, encoding: "utf8", stdio: ["pipe", "pipe", "pipe"] });
}

/** A disk in memory. Refuses what a real one would: odd offsets, and anything beyond its end. */
export class MemoryDisk implements BlockBackend {
  readonly readOnly = true;
  reads = 0;
  bytesRead = 0;

  constructor(readonly content: Uint8Array) {}

  get size(): number {
    return Math.floor(this.content.length / 512) * 512;
  }

  async read(offset: number, buffers: readonly Uint8Array[]): Promise<void> {
    let position = offset;
    for (const buffer of buffers) {
      checkSectors(position, buffer.length, this.size);
      buffer.set(this.content.subarray(position, position + buffer.length));
      position += buffer.length;
      this.reads++;
      this.bytesRead += buffer.length;
    }
  }

  async write(): Promise<void> {
    throw new Error("boot must not write to a disk");
  }

  async flush(): Promise<void> {}
  async [Symbol.asyncDispose](): Promise<void> {}
}

/** The same over a file of the host. */
export class FileDisk implements BlockBackend {
  readonly readOnly = true;

  private constructor(
    private readonly file: FileHandle,
    readonly size: number,
  ) {}

  static async open(path: string): Promise<FileDisk> {
    const file = await open(path, "r");
    return new FileDisk(file, Math.floor((await file.stat()).size / 512) * 512);
  }

  async read(offset: number, buffers: readonly Uint8Array[]): Promise<void> {
    let position = offset;
    for (const buffer of buffers) {
      checkSectors(position, buffer.length, this.size);
      await this.file.read(buffer, 0, buffer.length, position);
      position += buffer.length;
    }
  }

  async write(): Promise<void> {
    throw new Error("boot must not write to a disk");
  }

  async flush(): Promise<void> {}

  async [Symbol.asyncDispose](): Promise<void> {
    await this.file.close();
  }
}

function checkSectors(offset: number, length: number, size: number): void {
  if (offset % 512 !== 0 || length % 512 !== 0) throw new Error(`unaligned read of ${length} at ${offset}`);
  if (offset + length > size) throw new Error(`read of ${length} at ${offset} beyond ${size}`);
}
