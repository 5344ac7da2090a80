// The client's side of 9P2000.L, as far as tests need it: makes messages, takes replies apart, and says no to Rlerror.

import { constants } from "node:os";
import type { MessageServer } from "../../src/backends/message-server.js";

export const Type = {
  STATFS: 8,
  LOPEN: 12,
  LCREATE: 14,
  SYMLINK: 16,
  MKNOD: 18,
  RENAME: 20,
  READLINK: 22,
  GETATTR: 24,
  SETATTR: 26,
  XATTRWALK: 30,
  XATTRCREATE: 32,
  READDIR: 40,
  FSYNC: 50,
  LOCK: 52,
  GETLOCK: 54,
  LINK: 70,
  MKDIR: 72,
  RENAMEAT: 74,
  UNLINKAT: 76,
  VERSION: 100,
  AUTH: 102,
  ATTACH: 104,
  FLUSH: 108,
  WALK: 110,
  READ: 116,
  WRITE: 118,
  CLUNK: 120,
  REMOVE: 122,
} as const;

/** A field of a message: u8, u16, u32, u64, a string with its length, or bytes as they are. */
export type Field = ["b" | "h" | "w", number] | ["d", bigint] | ["s", string | Uint8Array] | ["raw", Uint8Array];

export const w = (value: number): Field => ["w", value];
export const d = (value: bigint | number): Field => ["d", BigInt(value)];
export const s = (value: string | Uint8Array): Field => ["s", value];
export const b = (value: number): Field => ["b", value];
export const h = (value: number): Field => ["h", value];

export function message(type: number, tag: number, fields: readonly Field[]): Uint8Array {
  const body = Buffer.concat(fields.map(encode));
  const header = Buffer.alloc(7);
  header.writeUInt32LE(7 + body.length, 0);
  header.writeUInt8(type, 4);
  header.writeUInt16LE(tag, 5);
  return new Uint8Array(Buffer.concat([header, body]));
}

function encode(field: Field): Buffer {
  const [kind, value] = field;
  if (kind === "raw") return Buffer.from(value);
  if (kind === "s") {
    const bytes = Buffer.from(value as string);
    const length = Buffer.alloc(2);
    length.writeUInt16LE(bytes.length);
    return Buffer.concat([length, bytes]);
  }
  const bytes = Buffer.alloc({ b: 1, h: 2, w: 4, d: 8 }[kind]);
  if (kind === "d") bytes.writeBigUInt64LE(value);
  else bytes.writeUIntLE(value, 0, bytes.length);
  return bytes;
}

/** What an Rlerror said, by name. */
export class NinepError extends Error {
  readonly code: string;

  constructor(errno: number) {
    const code = Object.entries(constants.errno).find(([, number]) => number === errno)?.[0] ?? String(errno);
    super(code);
    this.code = code;
  }
}

export interface Attributes {
  readonly qid: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly nlink: bigint;
  readonly rdev: bigint;
  readonly size: bigint;
  readonly mtime: bigint;
}

export interface Entry {
  readonly name: string;
  readonly type: number;
  readonly offset: bigint;
  readonly path: bigint;
}

const ROOM = 512 << 10;

export class NinepClient {
  #nextFid = 1;
  #nextTag = 1;

  constructor(readonly server: MessageServer) {}

  async call(type: number, ...fields: Field[]): Promise<Buffer> {
    const tag = type === Type.VERSION ? 0xffff : this.#nextTag++ & 0x7fff;
    const reply = Buffer.from(await this.server.handle(message(type, tag, fields), ROOM));
    if (reply.readUInt32LE(0) !== reply.length) throw new Error("the reply's size is not its length");
    if (reply.readUInt16LE(5) !== tag) throw new Error("the reply is to another request");
    if (reply[4] === 7) throw new NinepError(reply.readUInt32LE(7));
    if (reply[4] !== type + 1) throw new Error(`the reply has type ${reply[4]}`);
    return reply.subarray(7);
  }

  /** Version and attach; answers the fid of the root. */
  async start(messageSize = 128 << 10, uid = 0): Promise<number> {
    await this.call(Type.VERSION, w(messageSize), s("9P2000.L"));
    const root = this.fid();
    await this.call(Type.ATTACH, w(root), w(0xffff_ffff), s("root"), s(""), w(uid));
    return root;
  }

  fid(): number {
    return this.#nextFid++;
  }

  async walk(from: number, ...names: (string | Uint8Array)[]): Promise<number> {
    const fid = this.fid();
    const reply = await this.call(Type.WALK, w(from), w(fid), h(names.length), ...names.map(s));
    if (reply.readUInt16LE(0) < names.length) throw new NinepError(constants.errno.ENOENT);
    return fid;
  }

  async open(from: number, name: string, flags = 0): Promise<number> {
    const fid = await this.walk(from, name);
    await this.call(Type.LOPEN, w(fid), w(flags));
    return fid;
  }

  async create(directory: number, name: string | Uint8Array, flags = 0o102, mode = 0o644, gid = 0): Promise<number> {
    const fid = await this.walk(directory);
    await this.call(Type.LCREATE, w(fid), s(name), w(flags), w(mode), w(gid));
    return fid;
  }

  async read(fid: number, offset = 0, count = 1 << 16): Promise<Buffer> {
    const reply = await this.call(Type.READ, w(fid), d(offset), w(count));
    return reply.subarray(4, 4 + reply.readUInt32LE(0));
  }

  async write(fid: number, data: string | Uint8Array, offset = 0): Promise<number> {
    const bytes = Buffer.from(data as string);
    return (await this.call(Type.WRITE, w(fid), d(offset), w(bytes.length), ["raw", bytes])).readUInt32LE(0);
  }

  async attributes(fid: number): Promise<Attributes> {
    const reply = await this.call(Type.GETATTR, w(fid), d(0x7ff));
    return {
      qid: reply.subarray(8, 21).toString("hex"),
      mode: reply.readUInt32LE(21),
      uid: reply.readUInt32LE(25),
      gid: reply.readUInt32LE(29),
      nlink: reply.readBigUInt64LE(33),
      rdev: reply.readBigUInt64LE(41),
      size: reply.readBigUInt64LE(49),
      mtime: reply.readBigUInt64LE(89),
    };
  }

  /** All entries of an open directory, asked for in pieces of `count` bytes. */
  async entries(fid: number, count = 4096): Promise<Entry[]> {
    const entries: Entry[] = [];
    for (;;) {
      const reply = await this.call(Type.READDIR, w(fid), d(entries.at(-1)?.offset ?? 0n), w(count));
      const end = 4 + reply.readUInt32LE(0);
      if (end === 4) return entries;
      for (let at = 4; at < end; ) {
        const length = reply.readUInt16LE(at + 22);
        entries.push({
          path: reply.readBigUInt64LE(at + 5),
          offset: reply.readBigUInt64LE(at + 13),
          type: reply[at + 21] ?? 0,
          name: reply.toString("utf8", at + 24, at + 24 + length),
        });
        at += 24 + length;
      }
    }
  }

  async clunk(...fids: number[]): Promise<void> {
    for (const fid of fids) await this.call(Type.CLUNK, w(fid));
  }
}
