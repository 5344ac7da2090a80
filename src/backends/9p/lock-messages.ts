// Tlock, Tgetlock. The guest's kernel settles locks among its own processes before it asks; what is asked is settled with the
// host's programs and other guests, by locks of the open file behind the fid. They go when the fid is clunked.

import { type LockedRange, native } from "../../native.js";
import type { Handler } from "./exchange.js";
import type { Fid } from "./fid.js";
import { isErrno, LinuxError } from "./linux-error.js";
import { LockStatus, LockType } from "./protocol.js";

const TYPES: Readonly<Record<number, LockedRange["type"]>> = {
  [LockType.READ]: "read",
  [LockType.WRITE]: "write",
  [LockType.NONE]: "none",
};

function range(type: number, start: number, length: number): LockedRange {
  const name = TYPES[type];
  if (name === undefined) throw new LinuxError("EINVAL");
  return { type: name, start, length };
}

function requireOpen(fid: Fid): void {
  if (fid.flags === undefined) throw new LinuxError("EBADF");
}

/** fid[4] type[1] flags[4] start[8] length[8] proc_id[4] client_id[s] -> status[1]. A guest that wants to wait asks again. */
export const lock: Handler = async (exchange) => {
  const { request, session } = exchange;
  const fid = await session.fid(request.u32());
  const type = request.u8();
  request.u32();
  const wanted = range(type, request.offset(), request.offset());
  requireOpen(fid);
  using file = fid.hold();
  let status = LockStatus.SUCCESS;
  try {
    if (!native().lockRange({ fd: file.fd, ...wanted })) status = LockStatus.BLOCKED;
  } catch (error) {
    // flock(2) in the guest locks a file exclusively that is open for reading only. The host's kind of lock cannot, so
    // this one holds within the guest alone.
    if (!isErrno(error, "EBADF")) status = LockStatus.ERROR;
  }
  return exchange.reply(1).u8(status);
};

/** fid[4] type[1] start[8] length[8] proc_id[4] client_id[s] -> the lock that is in the way, in the same form */
export const testLock: Handler = async (exchange) => {
  const { request, session } = exchange;
  const fid = await session.fid(request.u32());
  const wanted = range(request.u8(), request.offset(), request.offset());
  const process = request.u32();
  const client = request.string();
  requireOpen(fid);
  using file = fid.hold();
  const found = wanted.type === "none" ? null : native().testLock({ fd: file.fd, ...wanted });
  const type = found === null ? LockType.NONE : found.type === "read" ? LockType.READ : LockType.WRITE;
  const { start, length } = found ?? wanted;
  const reply = exchange.reply(1 + 16 + 4 + 2 + client.length);
  // Who holds it on the host is nobody that the guest could know.
  return reply
    .u8(type)
    .u64(BigInt(start))
    .u64(BigInt(length))
    .u32(found === null ? process : 0)
    .string(client);
};
