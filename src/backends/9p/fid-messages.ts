// Twalk, Tclunk: which files the guest's numbers stand for.

import { native } from "../../native.js";
import type { Descriptor } from "./descriptor.js";
import type { Exchange, Handler } from "./exchange.js";
import { Fid } from "./fid.js";
import { LinuxError } from "./linux-error.js";
import { FileType, NO_ID, WALK_MAX } from "./protocol.js";
import { isDotDot } from "./shared-folder.js";
import type { Status } from "./status.js";

const QID_LENGTH = 13;

/** fid[4] afid[4] uname[s] aname[s] n_uname[4] */
export const attach: Handler = async (exchange) => {
  const { request, session, folder } = exchange;
  const number = request.u32();
  request.u32();
  request.string();
  const tree = Buffer.from(request.string()).toString("latin1");
  const uid = request.u32();
  if (tree !== "" && tree !== "/") throw new LinuxError("ENOENT");
  const status = await folder.status(folder.root);
  session.add(number, new Fid({ file: folder.root.hold(), type: FileType.DIR, uid: uid === NO_ID ? 0 : uid }));
  return exchange.reply(QID_LENGTH).bytes(exchange.qid(status));
};

/** fid[4] newfid[4] nwname[2] nwname*(wname[s]) */
export const walk: Handler = async (exchange) => {
  const { request, session, folder } = exchange;
  const number = request.u32();
  const newNumber = request.u32();
  const count = request.u16();
  if (count > WALK_MAX) throw new LinuxError("EINVAL");
  const names: Uint8Array[] = [];
  for (let index = 0; index < count; index++) names.push(request.string());
  const from = await session.fid(number);
  if (newNumber !== number && session.has(newNumber)) throw new LinuxError("EBADF");

  let at: Descriptor = from.hold();
  let { type } = from;
  const qids: Uint8Array[] = [];
  try {
    for (const name of names) {
      let found: { file: Descriptor; status: Status };
      try {
        if (type !== FileType.DIR) throw new LinuxError("ENOTDIR");
        found = isDotDot(name) ? await folder.parent(at) : await folder.find(at, name);
      } catch (error) {
        // The first step's failure is the walk's. Behind it the reply says how far it went.
        if (qids.length === 0) throw error;
        break;
      }
      at[Symbol.dispose]();
      at = found.file;
      ({ type } = found.status);
      qids.push(exchange.qid(found.status));
    }
    if (qids.length === count) {
      if (newNumber === number) session.remove(number);
      session.add(newNumber, new Fid({ file: at.hold(), type, uid: from.uid }));
    }
  } finally {
    at[Symbol.dispose]();
  }
  const reply = exchange.reply(2 + qids.length * QID_LENGTH).u16(qids.length);
  for (const qid of qids) reply.bytes(qid);
  return reply;
};

/** fid[4]. The fid is gone, also when what it had to finish fails. */
export const clunk: Handler = async (exchange) => {
  const number = exchange.request.u32();
  const { session } = exchange;
  if (!session.has(number)) throw new LinuxError("EBADF");
  const fid = await Promise.resolve(session.fid(number)).catch(() => undefined);
  const attribute = fid?.attribute;
  if (fid === undefined || attribute?.kind !== "write") {
    session.remove(number);
    return exchange.reply();
  }
  using file = fid.hold();
  session.remove(number);
  await finishAttribute(file, attribute);
  return exchange.reply();
};

async function finishAttribute(
  file: Descriptor,
  attribute: NonNullable<Fid["attribute"]> & { kind: "write" },
): Promise<void> {
  const { name, value, flags, written } = attribute;
  if (written !== value.length) throw new LinuxError("EINVAL");
  // Linux says "remove" by setting nothing with XATTR_REPLACE.
  if (value.length === 0 && flags === XATTR_REPLACE) await native().removeAttribute({ path: file.path, name });
  else await native().setAttribute({ path: file.path, name, value, flags });
}

const XATTR_REPLACE = 2;

/** oldtag[2]. The reply comes behind that of the old request, which is not cut short. */
export const flush: Handler = async (exchange: Exchange) => {
  const old = exchange.request.u16();
  await exchange.session.pending.get(old)?.catch(() => undefined);
  return exchange.reply();
};
