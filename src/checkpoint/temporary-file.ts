/**
 * A file that gets its name only when it is complete. Until then it has a temporary name in the same folder and its writer's lock,
 * which ends with the writer however that ends: whoever writes there next removes those that nobody holds.
 */
import { randomBytes } from "node:crypto";
import { type FileHandle, open, readdir, rename, unlink } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { native } from "../native.js";
import { writeError } from "./checkpoint-error.js";

const SUFFIX = ".vkckpt-part";
/** A name is taken twice only if its file is being cleared away at this very moment. */
const ATTEMPTS = 8;

export class TemporaryFile implements AsyncDisposable {
  #state: "open" | "published" | "gone" = "open";

  private constructor(
    readonly handle: FileHandle,
    /** What it is called for now. */
    readonly path: string,
    /** What it will be called. */
    readonly target: string,
  ) {}

  /** Only its owner may read it: it holds a guest's memory. */
  static async create(target: string): Promise<TemporaryFile> {
    const folder = dirname(target);
    try {
      await removeLeftovers(folder);
      for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
        const path = join(folder, `.${basename(target)}.${randomBytes(6).toString("hex")}${SUFFIX}`);
        const handle = await open(path, "wx+", 0o600);
        if (await isOurs(handle, path)) return new TemporaryFile(handle, path, target);
        await handle.close();
      }
    } catch (error) {
      throw writeError(target, error);
    }
    throw writeError(target, Object.assign(new Error("its temporary name is always taken"), { code: "EBUSY" }));
  }

  /**
   * Everything onto stable storage, then the name, then that the name is there: in this order, whatever happens in between. The name
   * alone for a file that is of no use after a crash (`durable: false`).
   */
  async publish({ durable = true }: { durable?: boolean } = {}): Promise<void> {
    if (durable) await this.handle.sync();
    await rename(this.path, this.target);
    this.#state = "published";
    if (durable) await syncFolder(dirname(this.target));
  }

  /** Removes the file unless it was published. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#state === "gone") return;
    const remove = this.#state === "open";
    this.#state = "gone";
    if (remove) await unlink(this.path).catch(() => undefined);
    await this.handle.close();
  }
}

/** Locks a file that was just created. Not if somebody who clears away has seen it before it was locked. */
async function isOurs(handle: FileHandle, path: string): Promise<boolean> {
  try {
    return native().lockFile({ fd: handle.fd, exclusive: true }) && (await handle.stat()).nlink > 0;
  } catch (error) {
    await unlink(path).catch(() => undefined);
    await handle.close();
    throw error;
  }
}

export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } catch (error) {
    // Not every file system has it for folders; those that have not order renames themselves.
    if ((error as NodeJS.ErrnoException).code !== "EINVAL") throw error;
  } finally {
    await handle.close();
  }
}

/** What writers left that did not end well. One that cannot be removed is in nobody's way. */
async function removeLeftovers(folder: string): Promise<void> {
  const names = await readdir(folder);
  for (const name of names.filter((candidate) => candidate.endsWith(SUFFIX))) {
    const path = join(folder, name);
    const handle = await open(path, "r+").catch(() => undefined);
    if (handle === undefined) continue;
    try {
      if (native().lockFile({ fd: handle.fd, exclusive: true })) await unlink(path).catch(() => undefined);
    } finally {
      await handle.close();
    }
  }
}
