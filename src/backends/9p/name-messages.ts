// Tmkdir to Tremove: what changes directories.

import { read, write } from "node:fs";
import { promisify } from "node:util";
import { native } from "../../native.js";
import type { Descriptor } from "./descriptor.js";
import type { Exchange, Handler } from "./exchange.js";
import { LinuxError } from "./linux-error.js";
import type { NewFile } from "./owner-mapping.js";
import { AT_REMOVEDIR, FileType, PATH_MAX } from "./protocol.js";
import { checkName } from "./shared-folder.js";

const readAt = promisify(read);
const writeAt = promisify(write);

const QID_LENGTH = 13;
const PERMISSIONS = 0o7777;
/** The host's AT_SYMLINK_FOLLOW, for the link in /proc that stands for an open file. */
const AT_SYMLINK_FOLLOW = 0x400;
/** The host's AT_REMOVEDIR. */
const HOST_REMOVEDIR = 0x200;
/** Linux knows device numbers of 12 and 20 bits. */
const MAJOR_MAX = 0xfff;
const MINOR_MAX = 0xf_ffff;

/** Has `make` make a file, gives it its owner, and answers with its qid. What cannot be given away is taken back. */
async function made(
  exchange: Exchange,
  directory: Descriptor,
  name: Uint8Array,
  wanted: NewFile,
  make: () => Promise<unknown>,
): Promise<ReturnType<Exchange["reply"]>> {
  const { folder } = exchange;
  exchange.requireWritable();
  checkName(name);
  await make();
  const { file } = await folder.find(directory, name);
  using found = file;
  try {
    await folder.owners.adopt(found, wanted);
  } catch (error) {
    const isDirectory = (wanted.mode & FileType.MASK) === FileType.DIR;
    await native().unlinkAt({ fd: directory.fd, path: name, flags: isDirectory ? HOST_REMOVEDIR : 0 });
    throw error;
  }
  return exchange.reply(QID_LENGTH).bytes(exchange.qid(await folder.status(found)));
}

/** dfid[4] name[s] mode[4] gid[4] -> qid[13] */
export const makeDirectory: Handler = async (exchange) => {
  const { request, session, folder } = exchange;
  const fid = await session.fid(request.u32());
  const name = request.string();
  const mode = FileType.DIR | (request.u32() & PERMISSIONS);
  const gid = request.u32();
  using directory = fid.hold();
  return await made(exchange, directory, name, { mode, uid: fid.uid, gid }, () =>
    native().makeDirectoryAt({ fd: directory.fd, path: name, mode: folder.owners.initialMode(mode) }),
  );
};

/**
 * dfid[4] name[s] mode[4] major[4] minor[4] gid[4] -> qid[13]. Device nodes come into being only as files that say they
 * are some: a real one would give whoever opens it a device of the host's.
 */
export const makeNode: Handler = async (exchange) => {
  const { request, session, folder } = exchange;
  const fid = await session.fid(request.u32());
  const name = request.string();
  const mode = request.u32() & (FileType.MASK | PERMISSIONS);
  const device = { major: request.u32(), minor: request.u32() };
  const gid = request.u32();
  const type = mode & FileType.MASK;
  const isDevice = type === FileType.CHAR || type === FileType.BLOCK;
  if (!isDevice && type !== FileType.FIFO && type !== FileType.SOCKET && type !== FileType.FILE)
    throw new LinuxError("EINVAL");
  const { owners } = folder;
  if (isDevice && !owners.plainFiles) throw new LinuxError("EPERM");
  if (isDevice && (device.major > MAJOR_MAX || device.minor > MINOR_MAX)) throw new LinuxError("EINVAL");
  using directory = fid.hold();
  const wanted = { mode, uid: fid.uid, gid, ...(isDevice && { device }) };
  return await made(exchange, directory, name, wanted, () =>
    native().makeNodeAt({
      fd: directory.fd,
      path: name,
      mode: owners.initialMode(mode) | (owners.plainFiles ? FileType.FILE : type),
      device: 0,
    }),
  );
};

/** fid[4] name[s] symtgt[s] gid[4] -> qid[13] */
export const makeSymlink: Handler = async (exchange) => {
  const { request, session, folder } = exchange;
  const fid = await session.fid(request.u32());
  const name = request.string();
  const target = request.string();
  const gid = request.u32();
  if (target.length === 0 || target.includes(0)) throw new LinuxError("ENOENT");
  if (target.length >= PATH_MAX) throw new LinuxError("ENAMETOOLONG");
  const mode = FileType.SYMLINK | 0o777;
  using directory = fid.hold();
  return await made(exchange, directory, name, { mode, uid: fid.uid, gid }, async () => {
    if (!folder.owners.plainFiles) return await native().symlinkAt({ target, fd: directory.fd, path: name });
    using file = await folder.create(directory, name, WRITE_ONLY, folder.owners.initialMode(mode));
    return await writeWhole(file, target);
  });
};

const WRITE_ONLY = 1;

/** fid[4] -> target[s] */
export const readLink: Handler = async (exchange) => {
  const { request, session, folder } = exchange;
  const fid = await session.fid(request.u32());
  if (fid.type !== FileType.SYMLINK) throw new LinuxError("EINVAL");
  using file = fid.hold();
  const into = new Uint8Array(PATH_MAX);
  let length: number;
  if ((await folder.rawStatus(file)).type === FileType.SYMLINK)
    length = await native().readLinkOf({ fd: file.fd, into });
  else {
    using opened = await folder.reopen(file, FileType.FILE, 0);
    length = await readWhole(opened, into);
  }
  return exchange.reply(2 + length).string(into.subarray(0, length));
};

/** dfid[4] fid[4] name[s] */
export const link: Handler = async (exchange) => {
  const { request, session } = exchange;
  const into = await session.fid(request.u32());
  const fid = await session.fid(request.u32());
  const name = request.string();
  exchange.requireWritable();
  checkName(name);
  using directory = into.hold();
  using file = fid.hold();
  await native().linkAt({ oldFd: 0, oldPath: file.path, newFd: directory.fd, newPath: name, flags: AT_SYMLINK_FOLLOW });
  return exchange.reply();
};

/** olddirfid[4] oldname[s] newdirfid[4] newname[s] */
export const renameAt: Handler = async (exchange) => {
  const { request, session } = exchange;
  const from = await session.fid(request.u32());
  const oldName = request.string();
  const to = await session.fid(request.u32());
  const newName = request.string();
  using oldDirectory = from.hold();
  using newDirectory = to.hold();
  return await moved(exchange, oldDirectory, oldName, newDirectory, newName);
};

/** fid[4] dfid[4] name[s] */
export const rename: Handler = async (exchange) => {
  const { request, session, folder } = exchange;
  const fid = await session.fid(request.u32());
  const to = await session.fid(request.u32());
  const newName = request.string();
  using file = fid.hold();
  using newDirectory = to.hold();
  const { parent, name } = await folder.locate(file);
  using oldDirectory = parent;
  return await moved(exchange, oldDirectory, name, newDirectory, newName);
};

async function moved(
  exchange: Exchange,
  oldDirectory: Descriptor,
  oldName: Uint8Array,
  newDirectory: Descriptor,
  newName: Uint8Array,
): Promise<ReturnType<Exchange["reply"]>> {
  exchange.requireWritable();
  checkName(oldName);
  checkName(newName);
  await native().renameAt({ oldFd: oldDirectory.fd, oldPath: oldName, newFd: newDirectory.fd, newPath: newName });
  return exchange.reply();
}

/** dirfd[4] name[s] flags[4] */
export const unlinkAt: Handler = async (exchange) => {
  const { request, session } = exchange;
  const fid = await session.fid(request.u32());
  const name = request.string();
  const flags = request.u32();
  exchange.requireWritable();
  checkName(name);
  using directory = fid.hold();
  await native().unlinkAt({ fd: directory.fd, path: name, flags: flags & AT_REMOVEDIR ? HOST_REMOVEDIR : 0 });
  return exchange.reply();
};

/** fid[4]. The fid is gone, also when its file cannot be removed. */
export const remove: Handler = async (exchange) => {
  const { request, session, folder } = exchange;
  const number = request.u32();
  const fid = await session.fid(number);
  using file = fid.hold();
  session.remove(number);
  exchange.requireWritable();
  const { parent, name } = await folder.locate(file);
  using directory = parent;
  const flags = fid.type === FileType.DIR ? HOST_REMOVEDIR : 0;
  await native().unlinkAt({ fd: directory.fd, path: name, flags });
  return exchange.reply();
};

async function writeWhole(file: Descriptor, bytes: Uint8Array): Promise<void> {
  const { bytesWritten } = await writeAt(file.fd, bytes, 0, bytes.length, 0);
  if (bytesWritten !== bytes.length) throw new LinuxError("ENOSPC");
}

async function readWhole(file: Descriptor, into: Uint8Array): Promise<number> {
  return (await readAt(file.fd, into, 0, into.length, 0)).bytesRead;
}
