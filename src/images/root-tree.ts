/**
 * The files of an image before there is a file system to hold them. Names, owners, modes and devices live in
 * memory, contents in numbered files of a staging directory: so no root is needed, no path of a package is
 * ever a path of the host, and the same tree results whoever builds it.
 */
import { closeSync, mkdirSync, openSync, readFileSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { VkrunError } from "../errors.js";
import type { DebEntry, FileSink } from "./deb-archive.js";

export interface Ownership {
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Seconds since 1970. */
  readonly mtime: number;
}

export type TreeNode = Ownership &
  (
    | { readonly type: "directory" }
    | { readonly type: "file"; readonly contentPath: string; readonly size: number }
    | { readonly type: "symlink"; readonly target: string }
    /** Another name of the file at `target`. */
    | { readonly type: "hardlink"; readonly target: string }
    | { readonly type: "character"; readonly major: number; readonly minor: number }
  );

const ROOT_OWNED = { uid: 0, gid: 0 } as const;
/** Linux gives up at 40 (MAXSYMLINKS); a loop must not hang the build. */
const MAX_SYMLINKS = 40;

export class RootTree {
  readonly #nodes = new Map<string, TreeNode>();
  readonly #stagingDirectory: string;
  readonly #mtime: number;
  #contents = 0;

  /** `mtime`: of everything that comes from no package. */
  constructor(stagingDirectory: string, mtime: number) {
    this.#stagingDirectory = stagingDirectory;
    this.#mtime = mtime;
    mkdirSync(stagingDirectory, { recursive: true });
    this.#nodes.set("/", { type: "directory", mode: 0o755, ...ROOT_OWNED, mtime });
  }

  /** Sorted by path, so a directory comes before what is in it. */
  *entries(): Generator<[path: string, node: TreeNode]> {
    const paths = [...this.#nodes.keys()].sort(comparePaths);
    for (const path of paths) yield [path, this.#nodes.get(path) as TreeNode];
  }

  get size(): number {
    return this.#nodes.size;
  }

  /** The node at `path`, its directories' symbolic links followed, its own not. */
  get(path: string): TreeNode | undefined {
    return this.#nodes.get(this.resolve(path));
  }

  /** Takes in an entry of a package; a file's bytes go to the sink. */
  add(entry: DebEntry): FileSink | undefined {
    const owner = { mode: entry.mode, uid: entry.uid, gid: entry.gid, mtime: entry.mtime };
    switch (entry.type) {
      case "directory":
        this.#addDirectory(entry.path, owner);
        return undefined;
      case "symlink":
        this.#put(entry.path, { type: "symlink", target: entry.target, ...owner });
        return undefined;
      case "hardlink":
        this.#put(entry.path, { type: "hardlink", target: this.#original(entry.target), ...owner });
        return undefined;
      case "file":
        return this.#openFile(entry.path, entry.size, owner);
    }
  }

  addDirectory(path: string, mode = 0o755): void {
    this.#addDirectory(path, { mode, ...ROOT_OWNED, mtime: this.#mtime });
  }

  addFile(path: string, content: string | Uint8Array, mode = 0o644): void {
    const contentPath = this.#nextContentPath();
    writeFileSync(contentPath, content);
    const size = Buffer.byteLength(content);
    this.#put(path, { type: "file", contentPath, size, mode, ...ROOT_OWNED, mtime: this.#mtime });
  }

  addSymlink(path: string, target: string): void {
    this.#put(path, { type: "symlink", target, mode: 0o777, ...ROOT_OWNED, mtime: this.#mtime });
  }

  addCharacterDevice(path: string, major: number, minor: number, mode: number): void {
    this.#put(path, { type: "character", major, minor, mode, ...ROOT_OWNED, mtime: this.#mtime });
  }

  /** Takes out `path` and everything below it. */
  remove(path: string): void {
    const resolved = this.resolve(path);
    for (const key of this.#nodes.keys()) {
      if (key === resolved || key.startsWith(`${resolved}/`)) this.#nodes.delete(key);
    }
  }

  /** The contents of a file, links followed; undefined when there is none. */
  read(path: string): Buffer | undefined {
    let at = path;
    for (let i = 0; i < MAX_SYMLINKS; i++) {
      const node = this.get(at);
      if (node?.type === "file") return readFileSync(node.contentPath);
      if (node?.type === "hardlink") at = node.target;
      else if (node?.type === "symlink") at = join(this.resolve(at), "..", node.target);
      else return undefined;
    }
    return undefined;
  }

  /** `path` with the symbolic links among its directories followed: `/bin/sh` is `/usr/bin/sh` on merged-/usr. */
  resolve(path: string): string {
    let resolved = "/";
    const names = path.split("/").filter((name) => name !== "" && name !== ".");
    let followed = 0;
    while (names.length > 0) {
      const name = names.shift() as string;
      if (name === "..") {
        resolved = join(resolved, "..");
        continue;
      }
      const next = join(resolved, name);
      const node = this.#nodes.get(next);
      if (node?.type === "symlink" && names.length > 0) {
        if (++followed > MAX_SYMLINKS) throw invalid(`${path} goes through a loop of symbolic links`);
        names.unshift(...node.target.split("/").filter((part) => part !== "" && part !== "."));
        if (node.target.startsWith("/")) resolved = "/";
      } else {
        resolved = next;
      }
    }
    return resolved;
  }

  #addDirectory(path: string, owner: Ownership): void {
    const resolved = this.resolve(path);
    // Packages name /lib or /bin as directories where another made them links (merged /usr): the link stays.
    const present = this.#nodes.get(resolved);
    if (present?.type === "symlink") return;
    this.#put(resolved, { type: "directory", ...owner });
  }

  #openFile(path: string, size: number, owner: Ownership): FileSink {
    const contentPath = this.#nextContentPath();
    const descriptor = openSync(contentPath, "wx");
    this.#put(path, { type: "file", contentPath, size, ...owner });
    return {
      write: (chunk) => {
        for (let at = 0; at < chunk.length; ) at += writeSync(descriptor, chunk, at);
      },
      end: () => closeSync(descriptor),
    };
  }

  #put(path: string, node: TreeNode): void {
    const resolved = this.resolve(path);
    const parent = join(resolved, "..");
    if (!this.#nodes.has(parent)) this.addDirectory(parent);
    else if (this.#nodes.get(parent)?.type !== "directory") throw invalid(`${parent} is not a directory`);
    if (this.#nodes.get(resolved)?.type === "directory" && node.type !== "directory") {
      throw invalid(`${resolved} is a directory in one package and none in another`);
    }
    this.#nodes.set(resolved, node);
  }

  /** Hard links all point at the node that holds the contents. */
  #original(path: string): string {
    const resolved = this.resolve(path);
    const node = this.#nodes.get(resolved);
    if (node?.type === "hardlink") return node.target;
    if (node?.type !== "file") throw invalid(`a hard link names ${path}, which is no file`);
    return resolved;
  }

  #nextContentPath(): string {
    return join(this.#stagingDirectory, String(this.#contents++));
  }
}

/** By directory: everything in `/a` comes right after `/a`, before `/a-b`. */
function comparePaths(a: string, b: string): number {
  const left = a.replaceAll("/", "\0");
  const right = b.replaceAll("/", "\0");
  return left < right ? -1 : left > right ? 1 : 0;
}

function invalid(why: string): VkrunError {
  return new VkrunError("ERR_VKRUN_IMAGE_BUILD_FAILED", `the packages do not fit together: ${why}`);
}
