/**
 * A 9P2000.L server for one shared folder: a message in, its reply out. What carries the messages is not its affair.
 *
 * Not served: authentication (Tauth), the messages of 9P2000 and 9P2000.u that 9P2000.L has replaced, device nodes other
 * than with uid=map.
 */
import { fileSystem, getAttributes, readAttribute, setAttributes, writeAttribute } from "./attribute-messages.js";
import { MessageWriter } from "./codec.js";
import { Exchange, type Handler } from "./exchange.js";
import { attach, clunk, flush, walk } from "./fid-messages.js";
import { create, open, readDirectory, readFile, sync, writeFile } from "./file-messages.js";
import { errnoOf, LinuxError } from "./linux-error.js";
import { lock, testLock } from "./lock-messages.js";
import {
  link,
  makeDirectory,
  makeNode,
  makeSymlink,
  readLink,
  remove,
  rename,
  renameAt,
  unlinkAt,
} from "./name-messages.js";
import { HEADER_LENGTH, T } from "./protocol.js";
import { type SavedFid, Session } from "./session.js";
import type { SharedFolder } from "./shared-folder.js";

/** The longest message: Linux's own bound for virtio is 500 KiB. */
export const MESSAGE_MAX = 512 << 10;
/** A file name fits in, with everything that goes with it. */
const MESSAGE_MIN = 4096;
const DIALECT = "9P2000.L";

const HANDLERS: Readonly<Record<number, Handler>> = {
  [T.STATFS]: fileSystem,
  [T.LOPEN]: open,
  [T.LCREATE]: create,
  [T.SYMLINK]: makeSymlink,
  [T.MKNOD]: makeNode,
  [T.RENAME]: rename,
  [T.READLINK]: readLink,
  [T.GETATTR]: getAttributes,
  [T.SETATTR]: setAttributes,
  [T.XATTRWALK]: readAttribute,
  [T.XATTRCREATE]: writeAttribute,
  [T.READDIR]: readDirectory,
  [T.FSYNC]: sync,
  [T.LOCK]: lock,
  [T.GETLOCK]: testLock,
  [T.LINK]: link,
  [T.MKDIR]: makeDirectory,
  [T.RENAMEAT]: renameAt,
  [T.UNLINKAT]: unlinkAt,
  [T.ATTACH]: attach,
  [T.FLUSH]: flush,
  [T.WALK]: walk,
  [T.READ]: readFile,
  [T.WRITE]: writeFile,
  [T.CLUNK]: clunk,
  [T.REMOVE]: remove,
};

export interface SavedServer {
  readonly messageSize: number;
  readonly fids: readonly SavedFid[];
}

export class NinepServer implements AsyncDisposable {
  readonly #folder: SharedFolder;
  readonly #fidsMax: number;
  #session: Session;

  constructor(folder: SharedFolder, fidsMax: number) {
    this.#folder = folder;
    this.#fidsMax = fidsMax;
    this.#session = this.#newSession(0);
  }

  /** Answers a message whose reply may be `room` long, which is enough for Rlerror at least. Never rejects. */
  handle(message: Uint8Array, room: number): Promise<Uint8Array> {
    const session = this.#session;
    const header = new DataView(message.buffer, message.byteOffset, message.byteLength);
    const tag = message.length < HEADER_LENGTH ? 0xffff : header.getUint16(5, true);
    const reply = this.#answer(session, message, tag, room).catch((error: unknown) => {
      return new MessageWriter(T.LERROR + 1, tag, 4).u32(errnoOf(error)).end();
    });
    session.pending.set(tag, reply);
    void reply.then(() => {
      if (session.pending.get(tag) === reply) session.pending.delete(tag);
    });
    return reply;
  }

  /** Forgets all that a guest has open. */
  reset(): void {
    this.#session.end();
    this.#session = this.#newSession(0);
  }

  save(): SavedServer {
    return { messageSize: this.#session.messageSize, fids: this.#session.save() };
  }

  /** Fids find their files again by name when they are next used. */
  restore({ messageSize, fids }: SavedServer): void {
    this.#session.end();
    this.#session = this.#newSession(Math.min(messageSize, MESSAGE_MAX));
    this.#session.restore(fids.slice(0, this.#fidsMax));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#session.end();
    await this.#folder[Symbol.asyncDispose]();
  }

  async #answer(session: Session, message: Uint8Array, tag: number, room: number): Promise<Uint8Array> {
    if (message.length < HEADER_LENGTH) throw new LinuxError("EPROTO");
    const size = new DataView(message.buffer, message.byteOffset).getUint32(0, true);
    const type = message[4] ?? 0;
    if (size < HEADER_LENGTH || size > message.length) throw new LinuxError("EPROTO");
    const exchange = new Exchange(session, message.subarray(0, size), type, tag, room);
    if (type === T.VERSION) return this.#agree(exchange);
    const handler = HANDLERS[type];
    if (handler === undefined) throw new LinuxError("EOPNOTSUPP");
    if (session.messageSize === 0 || size > session.messageSize) throw new LinuxError("EPROTO");
    const reply = (await handler(exchange)).end();
    if (reply.length > Math.min(room, session.messageSize)) throw new LinuxError("EMSGSIZE");
    return reply;
  }

  /** msize[4] version[s]: the beginning of a session, and the end of the one before. */
  #agree(exchange: Exchange): Uint8Array {
    const { request } = exchange;
    const wanted = request.u32();
    const version = Buffer.from(request.string()).toString("latin1");
    if (wanted < MESSAGE_MIN) throw new LinuxError("EMSGSIZE");
    const messageSize = Math.min(wanted, MESSAGE_MAX);
    // 9P2000.L.something is the same dialect (version(5) of Plan 9's manual).
    const known = version === DIALECT || version.startsWith(`${DIALECT}.`);
    this.#session.end();
    this.#session = this.#newSession(known ? messageSize : 0);
    const answer = Buffer.from(known ? DIALECT : "unknown");
    const reply = exchange
      .reply(4 + 2 + answer.length)
      .u32(messageSize)
      .string(answer)
      .end();
    if (reply.length > exchange.room) throw new LinuxError("EMSGSIZE");
    return reply;
  }

  #newSession(messageSize: number): Session {
    return new Session(this.#folder, messageSize, this.#fidsMax);
  }
}
