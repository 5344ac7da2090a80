// Topen to Tfsync: what is in files and directories.

import { constants, fdatasync, fsync, read, write } from "node:fs";
import { promisify } from "node:util";
import { native } from "../../native.js";
import type { Descriptor } from "./descriptor.js";
import type { Handler } from "./exchange.js";
import type { Fid } from "./fid.js";
import { isErrno, LinuxError } from "./linux-error.js";
import { FileType, OpenFlag } from "./protocol.js";
import { isDotDot, type SharedFolder } from "./shared-folder.js";
import { packQid, qidPath, qidType } from "./status.js";

const readAt = promisify(read);
const writeAt = promisify(write);
const syncAll = promisify(fsync);
const syncData = promisify(fdatasync);

const QID_LENGTH = 13;
/** An entry of Rreaddir: qid[13] offset[8] type[1] name[s]. */
const ENTRY_LENGTH = 24;
/** struct linux_dirent64: d_ino, d_off, d_reclen, d_type, d_name. */
const enum Dirent {
  INO = 0,
  OFF = 8,
  RECLEN = 16,
  TYPE = 18,
  NAME = 19,
}
/** d_type is st_mode's type, shifted. */
const DIRENT_TYPE_SHIFT = 12;
/** Linux asks for directories in pieces of the message size; more than this at once gains nothing. */
const READDIR_MAX = 64 << 10;

/** The host's flags for those of the guest that matter to the host. Hints and what is the client's affair are left out. */
function hostFlags(flags: number): number {
  let host = flags & OpenFlag.ACCESS;
  if (flags & OpenFlag.TRUNC) host |= constants.O_TRUNC;
  if (flags & OpenFlag.APPEND) host |= constants.O_APPEND;
  if ((flags & OpenFlag.SYNC) === OpenFlag.SYNC) host |= constants.O_SYNC;
  else if (flags & OpenFlag.DSYNC) host |= constants.O_DSYNC;
  return host;
}

function requireAccess(folder: SharedFolder, flags: number): void {
  const writes = (flags & OpenFlag.ACCESS) !== 0 || (flags & OpenFlag.TRUNC) !== 0;
  if (writes && folder.readOnly) throw new LinuxError("EROFS");
}

/** fid[4] flags[4] -> qid[13] iounit[4] */
export const open: Handler = async (exchange) => {
  const { request, session, folder } = exchange;
  const fid = await session.fid(request.u32());
  const flags = request.u32();
  requireAccess(folder, flags);
  if (fid.flags !== undefined || fid.attribute !== undefined) throw new LinuxError("EBUSY");
  using file = fid.hold();
  const opened = await folder.reopen(file, fid.type, hostFlags(flags));
  // What a state that was saved opens again must not be emptied again.
  fid.become(opened, fid.type, hostFlags(flags & ~OpenFlag.TRUNC));
  using held = fid.hold();
  // An iounit of 0: whatever the message size allows.
  return exchange
    .reply(QID_LENGTH + 4)
    .bytes(exchange.qid(await folder.status(held)))
    .u32(0);
};

/** fid[4] name[s] flags[4] mode[4] gid[4] -> qid[13] iounit[4]. The fid becomes the new file. */
export const create: Handler = async (exchange) => {
  const { request, session, folder } = exchange;
  const fid = await session.fid(request.u32());
  const name = request.string();
  const flags = request.u32();
  const mode = FileType.FILE | (request.u32() & 0o7777);
  const gid = request.u32();
  exchange.requireWritable();
  if (fid.flags !== undefined || fid.attribute !== undefined) throw new LinuxError("EBUSY");
  using directory = fid.hold();
  const opened = await createFile(folder, directory, name, flags, { mode, uid: fid.uid, gid });
  fid.become(opened, FileType.FILE, hostFlags(flags & ~OpenFlag.TRUNC));
  using held = fid.hold();
  return exchange
    .reply(QID_LENGTH + 4)
    .bytes(exchange.qid(await folder.status(held)))
    .u32(0);
};

async function createFile(
  folder: SharedFolder,
  directory: Descriptor,
  name: Uint8Array,
  flags: number,
  wanted: { mode: number; uid: number; gid: number },
): Promise<Descriptor> {
  let opened: Descriptor;
  try {
    opened = await folder.create(directory, name, hostFlags(flags), folder.owners.initialMode(wanted.mode));
  } catch (error) {
    if (!isErrno(error, "EEXIST") || flags & OpenFlag.EXCL) throw error;
    // Somebody on the host was faster. Opening what is there is a matter of its own: it may be no file.
    const { file, status } = await folder.find(directory, name);
    using found = file;
    if (status.type === FileType.DIR) throw new LinuxError("EISDIR");
    return await folder.reopen(found, status.type, hostFlags(flags));
  }
  try {
    await folder.owners.adopt(opened, wanted);
    return opened;
  } catch (error) {
    opened[Symbol.dispose]();
    await native().unlinkAt({ fd: directory.fd, path: name, flags: 0 });
    throw error;
  }
}

/** fid[4] offset[8] count[4] -> count[4] data[count] */
export const readFile: Handler = async (exchange) => {
  const { request, session } = exchange;
  const fid = await session.fid(request.u32());
  const offset = request.offset();
  const count = exchange.fitting(request.u32(), 4);
  const reply = exchange.reply(4 + count);
  if (fid.attribute !== undefined) {
    if (fid.attribute.kind !== "read") throw new LinuxError("EBADF");
    const piece = fid.attribute.value.subarray(offset, offset + count);
    return reply.u32(piece.length).bytes(piece);
  }
  requireOpen(fid, FileType.FILE);
  using file = fid.hold();
  const into = reply.room(4 + count).subarray(4);
  const { bytesRead } = count === 0 ? { bytesRead: 0 } : await readAt(file.fd, into, 0, count, offset);
  return reply.u32(bytesRead).keep(bytesRead);
};

/** fid[4] offset[8] count[4] data[count] -> count[4] */
export const writeFile: Handler = async (exchange) => {
  const { request, session } = exchange;
  const fid = await session.fid(request.u32());
  const offset = request.offset();
  const data = request.bytes(request.u32());
  exchange.requireWritable();
  if (fid.attribute !== undefined) {
    const { attribute } = fid;
    if (attribute.kind !== "write") throw new LinuxError("EBADF");
    if (offset !== attribute.written || offset + data.length > attribute.value.length) throw new LinuxError("ENOSPC");
    attribute.value.set(data, offset);
    attribute.written += data.length;
    return exchange.reply(4).u32(data.length);
  }
  requireOpen(fid, FileType.FILE);
  using file = fid.hold();
  const { bytesWritten } =
    data.length === 0 ? { bytesWritten: 0 } : await writeAt(file.fd, data, 0, data.length, offset);
  return exchange.reply(4).u32(bytesWritten);
};

/** fid[4] datasync[4] */
export const sync: Handler = async (exchange) => {
  const { request, session } = exchange;
  const fid = await session.fid(request.u32());
  const dataOnly = request.u32() !== 0;
  if (fid.flags === undefined) throw new LinuxError("EBADF");
  using file = fid.hold();
  await (dataOnly ? syncData : syncAll)(file.fd);
  return exchange.reply();
};

/** fid[4] offset[8] count[4] -> count[4] data[count] */
export const readDirectory: Handler = async (exchange) => {
  const { request, session, folder } = exchange;
  const fid = await session.fid(request.u32());
  const offset = request.u64();
  const count = exchange.fitting(request.u32(), 4);
  requireOpen(fid, FileType.DIR);
  // Linux's file offsets are signed.
  if (offset >> 63n !== 0n) throw new LinuxError("EINVAL");
  using file = fid.hold();
  const entries = new Uint8Array(Math.min(count, READDIR_MAX));
  const length = await file.inTurn(() => native().readDirectory({ fd: file.fd, offset, into: entries }));
  const reply = exchange.reply(4 + count);
  const status = await folder.rawStatus(file);
  const rootDev = folder.rootStatus.dev;
  const isRoot = status.isSameFile(folder.rootStatus);
  const view = new DataView(entries.buffer);
  const packed = reply.room(4 + count).subarray(4);
  const packedView = new DataView(packed.buffer, packed.byteOffset, packed.length);
  let filled = 0;
  for (let at = 0; at < length; at += view.getUint16(at + Dirent.RECLEN, true)) {
    const nameAt = at + Dirent.NAME;
    const name = entries.subarray(nameAt, entries.indexOf(0, nameAt));
    if (filled + ENTRY_LENGTH + name.length > count) break;
    // Above the folder there is nothing.
    const ino = isRoot && isDotDot(name) ? status.ino : view.getBigUint64(at + Dirent.INO, true);
    const type = entries[at + Dirent.TYPE] ?? 0;
    packed.set(packQid(qidType(type << DIRENT_TYPE_SHIFT), 0, qidPath(status.dev, ino, rootDev)), filled);
    packedView.setBigUint64(filled + 13, view.getBigUint64(at + Dirent.OFF, true), true);
    // With owners mapped, what a file is has to be asked.
    packedView.setUint8(filled + 21, folder.owners.plainFiles && type << DIRENT_TYPE_SHIFT !== FileType.DIR ? 0 : type);
    packedView.setUint16(filled + 22, name.length, true);
    packed.set(name, filled + ENTRY_LENGTH);
    filled += ENTRY_LENGTH + name.length;
  }
  // An answer of nothing would be the directory's end.
  if (filled === 0 && length > 0) throw new LinuxError("EINVAL");
  return reply.u32(filled).keep(filled);
};

function requireOpen(fid: Fid, type: FileType): void {
  if (fid.flags === undefined) throw new LinuxError("EBADF");
  if (fid.type !== type) throw new LinuxError(fid.type === FileType.DIR ? "EISDIR" : "ENOTDIR");
}
