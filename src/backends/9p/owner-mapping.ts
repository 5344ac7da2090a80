/**
 * How owners and permissions of the host's files look to the guest, and what the guest's come to on the host: the choice
 * that QEMU calls security_model.
 *
 *   squash  "none": all files belong to the host's user who runs vkrun, and to root in the guest. Changing the owner does nothing.
 *   map     "mapped-xattr": what the guest says is kept in extended attributes, QEMU's own, so that both can use a folder.
 *   pass    "passthrough": owners are the same numbers on both sides. Needs root, unless nobody else's files are made.
 */
import { chmod } from "node:fs/promises";
import { native } from "../../native.js";
import type { Descriptor } from "./descriptor.js";
import { isErrno } from "./linux-error.js";
import { FileType, NO_ID } from "./protocol.js";
import type { Status } from "./status.js";

export type OwnerMode = "squash" | "map" | "pass";

/** What the guest wants a new file to be. */
export interface NewFile {
  /** With the type. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly device?: { readonly major: number; readonly minor: number };
}

export interface OwnerMapping {
  /** Device nodes, sockets and symbolic links are ordinary files on the host. */
  readonly plainFiles: boolean;
  /** Changes what the host says of a file to what the guest is told. */
  present(file: Descriptor, status: Status): Promise<void>;
  /** The permissions that a file is made with, before it is adopted. */
  initialMode(mode: number): number;
  adopt(file: Descriptor, wanted: NewFile): Promise<void>;
  chmod(file: Descriptor, mode: number, type: number): Promise<void>;
  /** An id that is not to change is NO_ID. */
  chown(file: Descriptor, uid: number, gid: number): Promise<void>;
  /** Whether the guest may see and set an extended attribute. */
  allows(attribute: string): boolean;
}

const PERMISSIONS = 0o7777;
/** A file that runs as its owner must not come to the host from a guest. Of directories it says who owns new files. */
const SET_ID = 0o6000;
/** Attributes that programs give their files. Others speak to the kernel, of the host. */
const USER_ATTRIBUTE = "user.";

const squash: OwnerMapping = {
  plainFiles: false,
  present: async (_file, status) => {
    status.uid = 0;
    status.gid = 0;
  },
  initialMode: (mode) => harmless(mode, mode & FileType.MASK),
  // The host's umask may have taken something away that the guest's did not.
  adopt: (file, { mode }) => squash.chmod(file, mode & PERMISSIONS, mode & FileType.MASK),
  chmod: async (file, mode, type) => {
    if (type !== FileType.SYMLINK) await chmod(file.path, harmless(mode, type));
  },
  chown: async () => {},
  allows: (attribute) => attribute.startsWith(USER_ATTRIBUTE),
};

function harmless(mode: number, type: number): number {
  return mode & PERMISSIONS & ~(type === FileType.DIR ? 0 : SET_ID);
}

const pass: OwnerMapping = {
  plainFiles: false,
  present: async () => {},
  initialMode: (mode) => mode & PERMISSIONS,
  adopt: async (file, { mode, uid, gid }) => {
    await pass.chown(file, uid, gid);
    // Behind the change of owner, which takes set-id bits away.
    if ((mode & FileType.MASK) !== FileType.SYMLINK) await chmod(file.path, mode & PERMISSIONS);
  },
  chmod: (file, mode) => chmod(file.path, mode & PERMISSIONS),
  chown: async (file, uid, gid) => {
    await native().changeOwnerOf({ fd: file.fd, uid, gid });
  },
  allows: () => true,
};

/** QEMU's names (hw/9pfs/9p-local.c); 32 bits each, little-endian, and 64 for a device. */
const MAPPED = { uid: "user.virtfs.uid", gid: "user.virtfs.gid", mode: "user.virtfs.mode", rdev: "user.virtfs.rdev" };
const MAPPED_PREFIX = "user.virtfs.";
const MAPPED_FILE_MODE = 0o600;
const MAPPED_DIRECTORY_MODE = 0o700;

const map: OwnerMapping = {
  plainFiles: true,
  present: async (file, status) => {
    const [uid, gid, mode, rdev] = await Promise.all([
      mapped(file, MAPPED.uid, 4),
      mapped(file, MAPPED.gid, 4),
      mapped(file, MAPPED.mode, 4),
      mapped(file, MAPPED.rdev, 8),
    ]);
    if (uid !== undefined) status.uid = uid.getUint32(0, true);
    if (gid !== undefined) status.gid = gid.getUint32(0, true);
    if (mode !== undefined) {
      const wanted = mode.getUint32(0, true);
      // A directory is one, whatever an attribute says, and nothing else can become one.
      const isDirectory = status.type === FileType.DIR;
      if (isDirectory === ((wanted & FileType.MASK) === FileType.DIR)) status.mode = wanted;
      else status.mode = status.type | (wanted & PERMISSIONS);
    }
    if (rdev !== undefined) {
      const device = rdev.getUint32(0, true);
      status.setDevice((device >>> 8) & 0xfff, (device & 0xff) | ((device >>> 12) & 0xfff00));
    }
  },
  initialMode: (mode) => ((mode & FileType.MASK) === FileType.DIR ? MAPPED_DIRECTORY_MODE : MAPPED_FILE_MODE),
  adopt: async (file, { mode, uid, gid, device }) => {
    await map.chown(file, uid, gid);
    await setMapped(file, MAPPED.mode, mode, 4);
    if (device !== undefined) {
      const { major, minor } = device;
      await setMapped(file, MAPPED.rdev, (minor & 0xff) | ((major & 0xfff) << 8) | ((minor & 0xfff00) << 12), 8);
    }
  },
  chmod: (file, mode, type) => setMapped(file, MAPPED.mode, type | (mode & PERMISSIONS), 4),
  chown: async (file, uid, gid) => {
    if (uid !== NO_ID) await setMapped(file, MAPPED.uid, uid, 4);
    if (gid !== NO_ID) await setMapped(file, MAPPED.gid, gid, 4);
  },
  allows: (attribute) => attribute.startsWith(USER_ATTRIBUTE) && !attribute.startsWith(MAPPED_PREFIX),
};

async function mapped(file: Descriptor, name: string, length: number): Promise<DataView | undefined> {
  const into = new Uint8Array(length);
  try {
    if ((await native().getAttribute({ path: file.path, name, into })) === length) return new DataView(into.buffer);
  } catch (error) {
    // Not there, not of this length, or of a kind of file that has none: then the host's own holds.
    if (!["ENODATA", "ENOTSUP", "EOPNOTSUPP", "EPERM", "ERANGE"].some((code) => isErrno(error, code as "EPERM")))
      throw error;
  }
  return undefined;
}

async function setMapped(file: Descriptor, name: string, value: number, length: number): Promise<void> {
  const bytes = new Uint8Array(length);
  new DataView(bytes.buffer).setUint32(0, value >>> 0, true);
  await native().setAttribute({ path: file.path, name, value: bytes, flags: 0 });
}

export const OWNER_MAPPINGS: Readonly<Record<OwnerMode, OwnerMapping>> = { squash, map, pass };
