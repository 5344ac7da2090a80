/** What statx(2) says of a file, and what 9P makes of it. */
import { FileType, QidType } from "./protocol.js";

/** sizeof(struct statx) */
export const STATUS_LENGTH = 256;
const QID_LENGTH = 13;

/** struct statx: the same on all processors. */
const enum Field {
  NLINK = 16,
  UID = 20,
  GID = 24,
  MODE = 28,
  INO = 32,
  SIZE = 40,
  BLOCKS = 48,
  BLKSIZE = 4,
  ATIME = 64,
  CTIME = 96,
  MTIME = 112,
  RDEV_MAJOR = 128,
  RDEV_MINOR = 132,
  DEV_MAJOR = 136,
  DEV_MINOR = 140,
}

export class Status {
  readonly bytes = new Uint8Array(STATUS_LENGTH);
  readonly #view = new DataView(this.bytes.buffer);

  get mode(): number {
    return this.#view.getUint16(Field.MODE, true);
  }

  set mode(value: number) {
    this.#view.setUint16(Field.MODE, value, true);
  }

  get type(): number {
    return this.mode & FileType.MASK;
  }

  get uid(): number {
    return this.#view.getUint32(Field.UID, true);
  }

  set uid(value: number) {
    this.#view.setUint32(Field.UID, value, true);
  }

  get gid(): number {
    return this.#view.getUint32(Field.GID, true);
  }

  set gid(value: number) {
    this.#view.setUint32(Field.GID, value, true);
  }

  get nlink(): number {
    return this.#view.getUint32(Field.NLINK, true);
  }

  get ino(): bigint {
    return this.#view.getBigUint64(Field.INO, true);
  }

  /** The file system. */
  get dev(): bigint {
    return (
      (BigInt(this.#view.getUint32(Field.DEV_MAJOR, true)) << 32n) | BigInt(this.#view.getUint32(Field.DEV_MINOR, true))
    );
  }

  /** As Linux's new_decode_dev reads it. */
  get rdev(): number {
    return encodeDevice(this.#view.getUint32(Field.RDEV_MAJOR, true), this.#view.getUint32(Field.RDEV_MINOR, true));
  }

  setDevice(major: number, minor: number): void {
    this.#view.setUint32(Field.RDEV_MAJOR, major, true);
    this.#view.setUint32(Field.RDEV_MINOR, minor, true);
  }

  get size(): bigint {
    return this.#view.getBigUint64(Field.SIZE, true);
  }

  get blocks(): bigint {
    return this.#view.getBigUint64(Field.BLOCKS, true);
  }

  get blksize(): number {
    return this.#view.getUint32(Field.BLKSIZE, true);
  }

  /** Seconds and nanoseconds, as Rgetattr has them. */
  get atime(): [bigint, bigint] {
    return this.#time(Field.ATIME);
  }

  get mtime(): [bigint, bigint] {
    return this.#time(Field.MTIME);
  }

  get ctime(): [bigint, bigint] {
    return this.#time(Field.CTIME);
  }

  isSameFile(other: Status): boolean {
    return this.ino === other.ino && this.dev === other.dev;
  }

  #time(at: Field): [bigint, bigint] {
    return [this.#view.getBigUint64(at, true), BigInt(this.#view.getUint32(at + 8, true))];
  }
}

/** Device numbers as Linux hands them to programs: 12 and 20 bits, interleaved. */
export function encodeDevice(major: number, minor: number): number {
  return ((minor & 0xff) | ((major & 0xfff) << 8) | ((minor & 0xfff00) << 12)) >>> 0;
}

/** A file's identity to the guest: type[1] version[4] path[8]. */
export function qid(status: Status, rootDev: bigint): Uint8Array {
  const [seconds, nanoseconds] = status.mtime;
  // Changes when the content does, as far as the host's clock tells.
  const version = Number(BigInt.asUintN(32, seconds ^ (nanoseconds << 2n) ^ (status.size << 8n)));
  return packQid(qidType(status.type), version, qidPath(status.dev, status.ino, rootDev));
}

export function packQid(type: QidType, version: number, path: bigint): Uint8Array {
  const bytes = new Uint8Array(QID_LENGTH);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, type);
  view.setUint32(1, version, true);
  view.setBigUint64(5, path, true);
  return bytes;
}

export function qidType(fileType: number): QidType {
  if (fileType === FileType.DIR) return QidType.DIR;
  return fileType === FileType.SYMLINK ? QidType.SYMLINK : QidType.FILE;
}

/**
 * The inode number; the guest shows it as its own. Other file systems mounted below the folder have the same numbers for
 * other files, so theirs are mixed with the device's (splitmix64), in the upper half of the range.
 */
export function qidPath(dev: bigint, ino: bigint, rootDev: bigint): bigint {
  if (dev === rootDev) return ino;
  let mixed = BigInt.asUintN(64, ino + dev * 0x9e37_79b9_7f4a_7c15n);
  mixed = BigInt.asUintN(64, (mixed ^ (mixed >> 30n)) * 0xbf58_476d_1ce4_e5b9n);
  mixed = BigInt.asUintN(64, (mixed ^ (mixed >> 27n)) * 0x94d0_49bb_1331_11ebn);
  return (mixed ^ (mixed >> 31n)) | (1n << 63n);
}
