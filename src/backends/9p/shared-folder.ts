/**
 * A folder of the host that a guest may use, and the ways into it. None leads out: each step is one name, looked up in an
 * open directory and not followed if it is a symbolic link (what links mean is for the guest to find out, in its own
 * file system). Whatever is opened for reading or writing is opened by the inode that was found. So there is no moment at
 * which somebody who swaps names and links in the folder could win anything.
 */
import { constants, readlinkSync } from "node:fs";
import { readFile, readlink } from "node:fs/promises";
import { VkrunError } from "../../errors.js";
import { native } from "../../native.js";
import { Descriptor } from "./descriptor.js";
import { isErrno, LinuxError } from "./linux-error.js";
import { OWNER_MAPPINGS, type OwnerMapping, type OwnerMode } from "./owner-mapping.js";
import { FileType, NAME_MAX } from "./protocol.js";
import { Status } from "./status.js";

/** Linux's number, which Node does not name. The same on all processors that Node runs on. */
const O_PATH = 0o10000000;
/** openat2(2): not above the directory, and not through /proc/PID/fd and its like. A second wall behind O_NOFOLLOW. */
const RESOLVE_BENEATH = 0x08;
const RESOLVE_NO_MAGICLINKS = 0x02;

const SLASH = "/".charCodeAt(0);
const DOT = ".".charCodeAt(0);

export interface SharedFolderOptions {
  readonly path: string;
  readonly readOnly: boolean;
  readonly owners: OwnerMode;
}

export interface FoundFile {
  readonly file: Descriptor;
  readonly status: Status;
}

export class SharedFolder implements AsyncDisposable {
  readonly readOnly: boolean;
  readonly owners: OwnerMapping;
  readonly root: Descriptor;
  readonly rootStatus: Status;
  readonly #resolve: number;

  static async open({ path, readOnly, owners }: SharedFolderOptions): Promise<SharedFolder> {
    const mapping = OWNER_MAPPINGS[owners];
    const found = await openRoot(path);
    try {
      await requireProc(found.file, path);
      if (owners === "map") await requireAttributes(found.file, path);
      return new SharedFolder(found, readOnly, mapping, await resolveFlags(found.file));
    } catch (error) {
      found.file[Symbol.dispose]();
      throw error;
    }
  }

  private constructor({ file, status }: FoundFile, readOnly: boolean, owners: OwnerMapping, resolve: number) {
    this.root = file;
    this.rootStatus = status;
    this.readOnly = readOnly;
    this.owners = owners;
    this.#resolve = resolve;
  }

  /** What `name` is in the directory: a descriptor that says which file, and gives no access to what is in it. */
  async find(directory: Descriptor, name: Uint8Array): Promise<FoundFile> {
    checkName(name);
    const status = new Status();
    const fd = await native().openAt({
      fd: directory.fd,
      path: name,
      flags: O_PATH | constants.O_NOFOLLOW,
      mode: 0,
      resolve: this.#resolve,
      status: status.bytes,
    });
    return this.#presented(fd, status);
  }

  /** The directory that `directory` is in; the folder itself for the folder. */
  async parent(directory: Descriptor): Promise<FoundFile> {
    if ((await this.rawStatus(directory)).isSameFile(this.rootStatus)) {
      return { file: this.root.hold(), status: await this.status(this.root) };
    }
    using place = (await this.locate(directory)).parent;
    return { file: place.hold(), status: await this.status(place) };
  }

  /**
   * Where a file is just now, by the name that it has in the host's file system. The name is checked to be the file's; when
   * somebody renames it right then, the caller's next step is done to another file of this folder, or fails.
   */
  async locate(file: Descriptor): Promise<{ parent: Descriptor; name: Uint8Array }> {
    const [path, root] = await Promise.all([
      readlink(file.path, { encoding: "buffer" }),
      readlink(this.root.path, { encoding: "buffer" }),
    ]);
    const names = namesBelow(root, path);
    const name = names?.pop();
    if (names === undefined || name === undefined) throw new LinuxError("ESTALE");
    const parent = await this.descend(names);
    try {
      using found = (await this.find(parent, name)).file;
      if (!(await this.rawStatus(found)).isSameFile(await this.rawStatus(file))) throw new LinuxError("ESTALE");
      return { parent, name };
    } catch (error) {
      parent[Symbol.dispose]();
      throw error;
    }
  }

  /** Follows names from the folder down. */
  async descend(names: readonly Uint8Array[]): Promise<Descriptor> {
    let at = this.root.hold();
    for (const name of names) {
      using directory = at;
      at = (await this.find(directory, name)).file;
    }
    return at;
  }

  /** The names from the folder down to `file`, or undefined when it is not there any more. At once, for a saved state. */
  namesOf(file: Descriptor): Uint8Array[] | undefined {
    const [root, path] = [this.root, file].map((each) => readlinkSync(each.path, { encoding: "buffer" }));
    return namesBelow(root as Buffer, path as Buffer);
  }

  /** Opens what was found for reading or writing: files and directories, for to open a device or a FIFO has effects. */
  async reopen(file: Descriptor, type: number, flags: number): Promise<Descriptor> {
    if (type === FileType.SYMLINK) throw new LinuxError("ELOOP");
    if (type !== FileType.FILE && type !== FileType.DIR) throw new LinuxError("ENXIO");
    const directory = type === FileType.DIR ? constants.O_DIRECTORY : 0;
    const status = new Status();
    const fd = await native().openAt({
      fd: 0,
      path: file.path,
      flags: flags | directory | constants.O_NONBLOCK | constants.O_NOCTTY,
      mode: 0,
      resolve: 0,
      status: status.bytes,
    });
    const opened = new Descriptor(fd);
    // With owners mapped, the guest's "file" can be a device that somebody put there.
    if (status.type === type) return opened;
    opened[Symbol.dispose]();
    throw new LinuxError("ENXIO");
  }

  /** Makes and opens a file that must not be there yet. */
  async create(directory: Descriptor, name: Uint8Array, flags: number, mode: number): Promise<Descriptor> {
    checkName(name);
    const fd = await native().openAt({
      fd: directory.fd,
      path: name,
      flags: flags | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW,
      mode,
      resolve: this.#resolve,
    });
    return new Descriptor(fd);
  }

  /** As the guest sees it. */
  async status(file: Descriptor): Promise<Status> {
    const status = await this.rawStatus(file);
    await this.owners.present(file, status);
    return status;
  }

  async rawStatus(file: Descriptor): Promise<Status> {
    const status = new Status();
    await native().statusOf({ fd: file.fd, status: status.bytes });
    return status;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.root[Symbol.dispose]();
  }

  async #presented(fd: number, status: Status): Promise<FoundFile> {
    const file = new Descriptor(fd);
    try {
      await this.owners.present(file, status);
      return { file, status };
    } catch (error) {
      file[Symbol.dispose]();
      throw error;
    }
  }
}

/** A name is one step, and a step down. */
export function checkName(name: Uint8Array): void {
  const isDots = name[0] === DOT && (name.length === 1 || (name.length === 2 && name[1] === DOT));
  if (name.length === 0 || isDots || name.includes(SLASH) || name.includes(0)) throw new LinuxError("EINVAL");
  if (name.length > NAME_MAX) throw new LinuxError("ENAMETOOLONG");
}

export function isDotDot(name: Uint8Array): boolean {
  return name.length === 2 && name[0] === DOT && name[1] === DOT;
}

function namesBelow(root: Buffer, path: Buffer): Uint8Array[] | undefined {
  if (path.equals(root)) return [];
  const prefix = root.length === 1 ? root : Buffer.concat([root, Buffer.of(SLASH)]);
  if (!path.subarray(0, prefix.length).equals(prefix)) return undefined;
  const names: Uint8Array[] = [];
  for (let at = prefix.length; at <= path.length; ) {
    const slash = path.indexOf(SLASH, at);
    const end = slash === -1 ? path.length : slash;
    names.push(new Uint8Array(path.subarray(at, end)));
    at = end + 1;
  }
  return names;
}

async function openRoot(path: string): Promise<FoundFile> {
  const status = new Status();
  try {
    // Links on the way to the folder are the user's own.
    const fd = await native().openAt({
      fd: 0,
      path,
      flags: O_PATH | constants.O_DIRECTORY,
      mode: 0,
      resolve: 0,
      status: status.bytes,
    });
    return { file: new Descriptor(fd), status };
  } catch (cause) {
    if (cause instanceof VkrunError) throw cause;
    if (isErrno(cause, "ENOENT")) {
      throw new VkrunError("ERR_VKRUN_SHARE_NOT_FOUND", `there is no folder ${path} to share`, {
        hint: "Check the path, or make the folder.",
        cause,
      });
    }
    if (isErrno(cause, "ENOTDIR")) {
      throw new VkrunError("ERR_VKRUN_SHARE_NOT_FOUND", `${path} is not a folder, and only folders can be shared`, {
        hint: "Name the folder that the file is in, or use --drive for a disk image.",
        cause,
      });
    }
    throw new VkrunError("ERR_VKRUN_SHARE_ACCESS", `the folder ${path} cannot be opened: ${(cause as Error).message}`, {
      hint: "Check the permissions of the folder and of those above it.",
      cause,
    });
  }
}

async function requireProc(root: Descriptor, path: string): Promise<void> {
  try {
    await readlink(root.path);
  } catch (cause) {
    throw new VkrunError("ERR_VKRUN_SHARE_ACCESS", `the folder ${path} cannot be shared without /proc`, {
      hint: "Mount it: mount -t proc proc /proc",
      cause,
    });
  }
}

async function requireAttributes(root: Descriptor, path: string): Promise<void> {
  try {
    await native().getAttribute({ path: root.path, name: "user.virtfs.uid", into: new Uint8Array(4) });
  } catch (cause) {
    if (!isErrno(cause, "ENOTSUP") && !isErrno(cause, "EOPNOTSUPP")) return;
    throw new VkrunError("ERR_VKRUN_SHARE_ACCESS", `the file system of ${path} keeps no extended attributes`, {
      hint: "Owners can be mapped on ext4, xfs, btrfs and the like; elsewhere use uid=squash.",
      cause,
    });
  }
}

/** Before Linux 5.6, and in containers that do not let it through, there is no openat2. */
async function resolveFlags(root: Descriptor): Promise<number> {
  const resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
  try {
    const fd = await native().openAt({ fd: root.fd, path: ".", flags: O_PATH, mode: 0, resolve });
    new Descriptor(fd)[Symbol.dispose]();
    return resolve;
  } catch {
    return 0;
  }
}

/** How many fids the shares of a machine may have: half of the files that the process may open, and not without end. */
export async function fidLimit(shares: number): Promise<number> {
  const limits = await readFile("/proc/self/limits", "latin1").catch(() => "");
  const files = Number(/^Max open files +(\d+)/m.exec(limits)?.[1] ?? 1024);
  return Math.max(FIDS_MIN, Math.min(FIDS_MAX, Math.floor(files / 2 / Math.max(1, shares))));
}

const FIDS_MIN = 64;
const FIDS_MAX = 32_768;
