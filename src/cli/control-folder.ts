/**
 * Where running vkernels are found: a folder of this user's, with two files for each vkernel.
 *
 *     ID.json  its name and process; the process holds a lock on it for as long as it lives, so a name is taken once
 *     ID.sock  what it listens on
 *
 * A process that was killed leaves both behind. Nobody holds the lock then, and whoever finds them removes them.
 */
import { createHash } from "node:crypto";
import { constants } from "node:fs";
import { type FileHandle, lstat, mkdir, open, readdir, readFile, stat, unlink } from "node:fs/promises";
import { connect } from "node:net";
import { isAbsolute, join } from "node:path";
import { VkrunError } from "../errors.js";
import { cacheDirectory } from "../images/cache-home.js";
import { native, nativeUnavailable } from "../native.js";

/** A name of these characters is its own ID. */
const PLAIN_NAME = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,31}$/;
const HASH_LENGTH = 24;
/** sun_path has 108 bytes, with a zero behind. */
const SOCKET_PATH_MAX = 107;
/** As many vkernels as anybody can use; what else lies in the folder is not looked at. */
const ENTRIES_MAX = 10_000;
const DESCRIPTION_MAX = 64 * 1024;

export interface VKernelEntry {
  readonly name: string;
  readonly pid: number;
  /** Of its socket. */
  readonly path: string;
}

/** $XDG_RUNTIME_DIR/vkrun; without that /run/vkrun for root, and a folder in the cache for others. */
export function controlFolder(env: NodeJS.ProcessEnv = process.env, uid = process.geteuid?.()): string {
  const base = env["XDG_RUNTIME_DIR"];
  if (base !== undefined && isAbsolute(base)) return join(base, "vkrun");
  return uid === 0 ? "/run/vkrun" : join(cacheDirectory(env), "run");
}

/** A name that is taken, for as long as this is not disposed of. */
export class ClaimedName implements AsyncDisposable {
  readonly socketPath: string;
  readonly #descriptionPath: string;
  readonly #lock: FileHandle;

  private constructor(base: string, lock: FileHandle) {
    this.socketPath = `${base}.sock`;
    this.#descriptionPath = `${base}.json`;
    this.#lock = lock;
  }

  /** Takes `name` for this process, or rejects when another vkernel has it. */
  static async take(name: string, folder = controlFolder()): Promise<ClaimedName> {
    await prepareFolder(folder);
    const base = join(folder, idOf(name));
    if (Buffer.byteLength(`${base}.sock`) > SOCKET_PATH_MAX) {
      throw folderError(folder, "its path is too long for sockets in it", "Set XDG_RUNTIME_DIR to a shorter path.");
    }
    for (;;) {
      const lock = await tryLock(base, folder);
      if (lock === undefined) throw await nameTaken(name, base);
      // Who had it before may have removed the file between our opening and our locking it.
      if (!(await isStill(lock, `${base}.json`))) {
        await lock.close();
        continue;
      }
      const claimed = new ClaimedName(base, lock);
      // Left by a process that was killed.
      await remove(claimed.socketPath);
      await lock.truncate();
      await lock.write(`${JSON.stringify({ name, pid: process.pid })}\n`, 0);
      return claimed;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await remove(this.socketPath);
    // While the lock is held: from here on nobody can have it but through a new file.
    await remove(this.#descriptionPath);
    await this.#lock.close();
  }
}

/** The vkernels that are running, or starting, by name. Removes what dead ones have left. */
export async function listEntries(folder = controlFolder()): Promise<VKernelEntry[]> {
  let files: string[];
  try {
    files = await readdir(folder);
  } catch {
    return [];
  }
  const ids = files.filter((file) => file.endsWith(".json")).map((file) => file.slice(0, -".json".length));
  const entries: VKernelEntry[] = [];
  for (const id of ids.slice(0, ENTRIES_MAX)) {
    const entry = await readEntry(join(folder, id));
    if (entry === undefined) continue;
    if (await isAlive(join(folder, id), folder)) entries.push(entry);
  }
  return entries.sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** From here on `count` names NAME-1, NAME-2 and so on, one after the other, are nobody's. */
export async function firstFreeNumber(name: string, count: number): Promise<number> {
  const taken = new Set((await listEntries()).map((entry) => entry.name));
  let first = 1;
  for (let number = first; number < first + count; number++) if (taken.has(`${name}-${number}`)) first = number + 1;
  return first;
}

/** Where the vkernel of that name listens, if there is one. */
export function socketOf(name: string, folder = controlFolder()): string {
  return join(folder, `${idOf(name)}.sock`);
}

function idOf(name: string): string {
  if (PLAIN_NAME.test(name)) return name;
  return `.${createHash("sha256").update(name).digest("hex").slice(0, HASH_LENGTH)}`;
}

/** Makes the folder if need be. It has to be this user's alone: who can reach a socket in it owns the guest. */
async function prepareFolder(folder: string): Promise<void> {
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const { uid, mode } = await lstat(folder).then((found) => {
      if (!found.isDirectory()) throw new Error("it is no folder");
      return found;
    });
    if (uid !== process.geteuid?.()) throw new Error("it is somebody else's");
    if ((mode & 0o077) !== 0) throw new Error("others can reach it");
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw folderError(folder, why, "Make it yours alone (mode 0700), or set XDG_RUNTIME_DIR to such a folder.", cause);
  }
}

/** The open and locked description of the vkernel; undefined when its process lives. */
async function tryLock(base: string, folder: string): Promise<FileHandle | undefined> {
  let file: FileHandle;
  try {
    file = await open(`${base}.json`, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW, 0o600);
  } catch (cause) {
    throw folderError(folder, (cause as Error).message, "Check the permissions of what lies in it.", cause);
  }
  // Without the addon there are no locks: then a vkernel lives if somebody listens.
  const isFree =
    nativeUnavailable() === undefined
      ? native().lockFile({ fd: file.fd, exclusive: true })
      : !(await somebodyListens(`${base}.sock`));
  if (isFree) return file;
  await file.close();
  return undefined;
}

/** Otherwise removes what is left of it. */
async function isAlive(base: string, folder: string): Promise<boolean> {
  const lock = await tryLock(base, folder);
  if (lock === undefined) return true;
  if (await isStill(lock, `${base}.json`)) {
    await remove(`${base}.sock`);
    await remove(`${base}.json`);
  }
  await lock.close();
  return false;
}

async function isStill(file: FileHandle, path: string): Promise<boolean> {
  const [mine, there] = await Promise.all([file.stat(), stat(path).catch(() => undefined)]);
  return mine.ino === there?.ino && mine.dev === there.dev;
}

async function readEntry(base: string): Promise<VKernelEntry | undefined> {
  try {
    const { size } = await lstat(`${base}.json`);
    if (size > DESCRIPTION_MAX) return undefined;
    const { name, pid } = JSON.parse(await readFile(`${base}.json`, "utf8")) as Partial<VKernelEntry>;
    if (typeof name !== "string" || typeof pid !== "number") return undefined;
    return { name, pid, path: `${base}.sock` };
  } catch {
    // It is being written, or has just gone.
    return undefined;
  }
}

function somebodyListens(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ path });
    socket.once("connect", () => resolve(true)).once("error", () => resolve(false));
    socket.once("connect", () => socket.destroy());
  });
}

async function remove(path: string): Promise<void> {
  await unlink(path).catch(() => undefined);
}

async function nameTaken(name: string, base: string): Promise<VkrunError> {
  const entry = await readEntry(base);
  const who = entry === undefined ? "" : ` (process ${entry.pid})`;
  return new VkrunError("ERR_VKRUN_NAME_TAKEN", `a vkernel named "${name}" is running already${who}`, {
    hint: "Give this one another --name, or end that one with `vkrun stop`.",
  });
}

function folderError(folder: string, why: string, hint: string, cause?: unknown): VkrunError {
  const message = `the folder ${folder} for control sockets cannot be used: ${why}`;
  return new VkrunError("ERR_VKRUN_CONTROL_FOLDER", message, { hint, cause });
}
