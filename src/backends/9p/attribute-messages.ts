// Tgetattr, Tsetattr, Tstatfs, extended attributes: what is said of files.

import { ftruncate, truncate } from "node:fs";
import { statfs } from "node:fs/promises";
import { promisify } from "node:util";
import { native } from "../../native.js";
import type { Descriptor } from "./descriptor.js";
import type { Exchange, Handler } from "./exchange.js";
import { Fid } from "./fid.js";
import { LinuxError } from "./linux-error.js";
import { FileType, GETATTR_BASIC, NAME_MAX, NO_ID, SetAttr, STATFS_TYPE } from "./protocol.js";

const truncatePath = promisify(truncate);
const truncateOpen = promisify(ftruncate);

const QID_LENGTH = 13;
/** Linux's XATTR_SIZE_MAX and XATTR_LIST_MAX. */
const ATTRIBUTE_MAX = 64 << 10;
/** utimensat(2): leave a time, or take the host's clock. */
const UTIME_OMIT = 0x3fff_fffen;
const UTIME_NOW = 0x3fff_ffffn;
const NS_PER_S = 1_000_000_000n;

/** fid[4] request_mask[8] -> Rgetattr. All of the basic fields are told whatever was asked for. */
export const getAttributes: Handler = async (exchange) => {
  const { request, session, folder } = exchange;
  const fid = await session.fid(request.u32());
  request.u64();
  using file = fid.hold();
  const status = await folder.status(file);
  const reply = exchange.reply(8 + QID_LENGTH + 12 + 5 * 8 + 8 * 8 + 2 * 8);
  reply.u64(GETATTR_BASIC).bytes(exchange.qid(status)).u32(status.mode).u32(status.uid).u32(status.gid);
  reply
    .u64(BigInt(status.nlink))
    .u64(BigInt(status.rdev))
    .u64(status.size)
    .u64(BigInt(status.blksize))
    .u64(status.blocks);
  for (const time of [...status.atime, ...status.mtime, ...status.ctime]) reply.u64(time);
  // Birth time, generation and data version are not in GETATTR_BASIC.
  return reply.u64(0n).u64(0n).u64(0n).u64(0n);
};

/** fid[4] valid[4] mode[4] uid[4] gid[4] size[8] atime_sec[8] atime_nsec[8] mtime_sec[8] mtime_nsec[8] */
export const setAttributes: Handler = async (exchange) => {
  const { request, session, folder } = exchange;
  const fid = await session.fid(request.u32());
  const valid = request.u32();
  const mode = request.u32();
  const uid = request.u32();
  const gid = request.u32();
  const size = valid & SetAttr.SIZE ? request.offset() : Number(request.u64() & 0n);
  const times = [request.u64(), request.u64(), request.u64(), request.u64()] as const;
  exchange.requireWritable();
  using file = fid.hold();
  if (valid & SetAttr.MODE) await folder.owners.chmod(file, mode, fid.type);
  if (valid & (SetAttr.UID | SetAttr.GID)) {
    await folder.owners.chown(file, valid & SetAttr.UID ? uid : NO_ID, valid & SetAttr.GID ? gid : NO_ID);
  }
  if (valid & SetAttr.SIZE) await resize(fid, file, size);
  // Behind the size, a change of which is one of the times too.
  if (valid & (SetAttr.ATIME | SetAttr.MTIME)) await setTimes(file, valid, times);
  return exchange.reply();
};

async function resize(fid: Fid, file: Descriptor, size: number): Promise<void> {
  if (fid.type === FileType.DIR) throw new LinuxError("EISDIR");
  if (fid.type !== FileType.FILE) throw new LinuxError("EINVAL");
  const isWritable = fid.flags !== undefined && (fid.flags & 3) !== 0;
  await (isWritable ? truncateOpen(file.fd, size) : truncatePath(file.path, size));
}

async function setTimes(
  file: Descriptor,
  valid: number,
  times: readonly [bigint, bigint, bigint, bigint],
): Promise<void> {
  const packed = new BigUint64Array(4);
  const put = (at: number, change: number, set: number, seconds: bigint, nanoseconds: bigint): void => {
    if ((valid & set) !== 0 && nanoseconds >= NS_PER_S) throw new LinuxError("EINVAL");
    if ((valid & change) === 0) packed[at + 1] = UTIME_OMIT;
    else if ((valid & set) === 0) packed[at + 1] = UTIME_NOW;
    else packed.set([seconds, nanoseconds], at);
  };
  put(0, SetAttr.ATIME, SetAttr.ATIME_SET, times[0], times[1]);
  put(2, SetAttr.MTIME, SetAttr.MTIME_SET, times[2], times[3]);
  await native().changeTimes({ path: file.path, times: new Uint8Array(packed.buffer) });
}

/** fid[4] -> type[4] bsize[4] blocks[8] bfree[8] bavail[8] files[8] ffree[8] fsid[8] namelen[4] */
export const fileSystem: Handler = async (exchange) => {
  const { request, session, folder } = exchange;
  const fid = await session.fid(request.u32());
  using file = fid.hold();
  const { bsize, blocks, bfree, bavail, files, ffree } = await statfs(file.path, { bigint: true });
  const reply = exchange
    .reply(8 + 6 * 8 + 4)
    .u32(STATFS_TYPE)
    .u32(Number(bsize));
  for (const count of [blocks, bfree, bavail, files, ffree]) reply.u64(count);
  return reply.u64(folder.rootStatus.dev).u32(NAME_MAX);
};

/** fid[4] newfid[4] name[s] -> size[8]. Newfid reads the attribute, or with no name the list of names. */
export const readAttribute: Handler = async (exchange) => {
  const { request, session, folder } = exchange;
  const from = await session.fid(request.u32());
  const newNumber = request.u32();
  const name = request.string();
  using file = from.hold();
  let value: Uint8Array;
  if (name.length === 0)
    value = visible(exchange, await whole((into) => native().listAttributes({ path: file.path, into })));
  else {
    if (!folder.owners.allows(attributeName(name))) throw new LinuxError("EOPNOTSUPP");
    value = await whole((into) => native().getAttribute({ path: file.path, name, into }));
  }
  const fid = new Fid({ file: file.hold(), type: from.type, uid: from.uid });
  session.add(newNumber, fid);
  try {
    session.startAttribute(fid, { kind: "read", value });
  } catch (error) {
    session.remove(newNumber);
    throw error;
  }
  return exchange.reply(8).u64(BigInt(value.length));
};

/** Whatever grows between the question for its length and the answer is asked for again. */
async function whole(get: (into: Uint8Array) => Promise<number>): Promise<Uint8Array> {
  const length = await get(new Uint8Array(0));
  if (length === 0) return new Uint8Array(0);
  if (length > ATTRIBUTE_MAX) throw new LinuxError("E2BIG");
  const value = new Uint8Array(length);
  return value.subarray(0, await get(value));
}

/** The names in a list that the guest may know of. */
function visible({ folder }: Exchange, list: Uint8Array): Uint8Array {
  const names = Buffer.from(list).toString("latin1").split("\0");
  const shown = names.filter((name) => name !== "" && folder.owners.allows(name));
  return Buffer.from(shown.map((name) => `${name}\0`).join(""), "latin1");
}

/** fid[4] name[s] attr_size[8] flags[4]. What is then written to the fid is set when it is clunked. */
export const writeAttribute: Handler = async (exchange) => {
  const { request, session, folder } = exchange;
  const fid = await session.fid(request.u32());
  const name = new Uint8Array(request.string());
  const length = request.u64();
  const flags = request.u32();
  exchange.requireWritable();
  if (!folder.owners.allows(attributeName(name))) throw new LinuxError("EOPNOTSUPP");
  if (length > BigInt(ATTRIBUTE_MAX)) throw new LinuxError("E2BIG");
  session.startAttribute(fid, { kind: "write", name, flags, value: new Uint8Array(Number(length)), written: 0 });
  return exchange.reply();
};

function attributeName(name: Uint8Array): string {
  if (name.includes(0)) throw new LinuxError("EINVAL");
  return Buffer.from(name).toString("latin1");
}
