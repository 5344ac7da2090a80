/**
 * By what the file of a disk is known again. A checkpoint stands on files that it does not hold: one that was changed since then
 * would be a disk that changes under a running guest.
 */
import { webcrypto } from "node:crypto";
import { type FileHandle, open, stat } from "node:fs/promises";
import { VkrunError } from "../errors.js";
import { deviceSize } from "./host-file.js";
import { type ImageFile, type ImageFormat, isUrl } from "./open-image.js";

/** Plain data: part of a checkpoint's manifest. */
export interface ImageIdentity {
  readonly path: string;
  readonly format: ImageFormat;
  /** Of the file, in bytes. */
  readonly size: number;
  /** SHA-256 of samples of the content, in hexadecimal: of the beginning only, behind a URL. */
  readonly sha256: string;
  /** Undefined behind a URL. */
  readonly file?: {
    readonly dev: string;
    readonly ino: string;
    /** Of the last change; undefined for a block device, whose node says nothing of its content. */
    readonly mtimeNs?: string;
  };
}

/** Partition tables, image headers and the superblock of the first file system are in the beginning. */
const HEAD = 2 << 20;
/** Pieces elsewhere, evenly spread. */
const PIECES = 128;
const PIECE = 4096;

export async function identify({ path, format, handle }: ImageFile): Promise<ImageIdentity> {
  if (handle === undefined) {
    const { HttpFile } = await import("./http-file.js");
    await using file = await HttpFile.open(path);
    const read = (offset: number, bytes: Uint8Array): Promise<unknown> => file.read(offset, [bytes]);
    return { path, format, size: file.size, sha256: await digest(Math.min(HEAD, file.size), read) };
  }
  const stat = await handle.stat({ bigint: true });
  const size = stat.isBlockDevice() ? await deviceSize(Number(stat.rdev), path) : Number(stat.size);
  const read = async (offset: number, bytes: Uint8Array): Promise<unknown> =>
    handle.read(bytes, 0, bytes.length, offset);
  return {
    path,
    format,
    size,
    sha256: await digest(size, read),
    file: {
      dev: String(stat.dev),
      ino: String(stat.ino),
      ...(stat.isFile() && { mtimeNs: String(stat.mtimeNs) }),
    },
  };
}

/**
 * Throws unless the file is what it was. The same file (inode) must not have been written since; a copy must look the same.
 */
export async function checkIdentity(was: ImageIdentity, path = was.path): Promise<void> {
  if (await isUntouched(was, path)) return;
  const is = await identifyAt(path, was.format);
  const sameFile = was.file !== undefined && is.file?.dev === was.file.dev && is.file.ino === was.file.ino;
  const touched = sameFile && is.file?.mtimeNs !== was.file?.mtimeNs;
  if (is.size === was.size && is.sha256 === was.sha256 && !touched) return;
  throw new VkrunError(
    "ERR_VKRUN_CHECKPOINT_DISK_CHANGED",
    `the disk image ${path} is not what it was when the checkpoint was made`,
    { hint: "Something wrote to it since then. Give a copy of how it was, or boot the guest instead." },
  );
}

/** The same file, not written since: there is no need to look into it. */
async function isUntouched({ file, size }: ImageIdentity, path: string): Promise<boolean> {
  if (file?.mtimeNs === undefined) return false;
  const is = await stat(path, { bigint: true }).catch(() => undefined);
  if (is === undefined || String(is.dev) !== file.dev || String(is.ino) !== file.ino) return false;
  return Number(is.size) === size && String(is.mtimeNs) === file.mtimeNs;
}

async function identifyAt(path: string, format: ImageFormat): Promise<ImageIdentity> {
  if (isUrl(path)) return identify({ path, format, handle: undefined });
  let handle: FileHandle;
  try {
    handle = await open(path, "r");
  } catch (cause) {
    throw new VkrunError(
      "ERR_VKRUN_CHECKPOINT_DISK_MISSING",
      `the disk image ${path}, which the checkpoint needs, cannot be opened`,
      { hint: "Put it back, or say where it is now.", cause },
    );
  }
  try {
    return await identify({ path, format, handle });
  } finally {
    await handle.close();
  }
}

async function digest(size: number, read: (offset: number, bytes: Uint8Array) => Promise<unknown>): Promise<string> {
  const head = Math.min(HEAD, size);
  const rest = size - head;
  const count = Math.min(PIECES, Math.floor(rest / PIECE));
  const bytes = new Uint8Array(head + count * PIECE);
  await read(0, bytes.subarray(0, head));
  const step = count < 2 ? 0 : Math.floor((rest - PIECE) / (count - 1));
  for (let index = 0; index < count; index++) {
    const at = head + index * PIECE;
    await read(head + index * step, bytes.subarray(at, at + PIECE));
  }
  return Buffer.from(await webcrypto.subtle.digest("SHA-256", bytes)).toString("hex");
}
