/**
 * Opens disk images: finds out their format, locks them against whoever else would write them, and opens what they stand on.
 */
import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { VkrunError } from "../errors.js";
import { native, nativeUnavailable } from "../native.js";
import type { BlockBackend } from "./block-backend.js";
import type { ByteFile } from "./byte-file.js";
import { type CacheMode, directFlags, HostFile } from "./host-file.js";
import { overlayOf } from "./overlay-file.js";
import { QCOW2_MAGIC, type Qcow2Header } from "./qcow2/header.js";
import { RawFile } from "./raw-file.js";

export type ImageFormat = "raw" | "qcow2";

export interface ImageOptions {
  /** A path, or an http or https URL. */
  readonly path: string;
  readonly readOnly: boolean;
  /** Found out from the content if not given. */
  readonly format?: ImageFormat;
  readonly cache?: CacheMode;
  readonly discards?: boolean;
}

/** Images that stand on one another; more are a mistake. */
const MAX_CHAIN = 64;

export function isUrl(path: string): boolean {
  return /^https?:\/\//i.test(path);
}

/** A disk and the files that it is made of. */
export interface OpenDisk {
  readonly disk: BlockBackend;
  /** The topmost first; each stands on the next. */
  readonly files: readonly ImageFile[];
}

/** One file of a disk, open as long as the disk is. */
export interface ImageFile {
  /** Absolute, or a URL. */
  readonly path: string;
  readonly format: ImageFormat;
  /** Undefined behind a URL. */
  readonly handle: FileHandle | undefined;
}

export async function openImage(options: ImageOptions): Promise<BlockBackend> {
  return (await openDisk(options)).disk;
}

export function openDisk(options: ImageOptions): Promise<OpenDisk> {
  return openInChain(options, []);
}

/** An overlay over a disk that is open already, and that is disposed with it. */
export async function openOver(options: ImageOptions, backing: OpenDisk): Promise<OpenDisk> {
  const { file, handle } = await openFile(options, []);
  try {
    const { Qcow2Image, readQcow2Header } = await import("./qcow2/image.js");
    const header = await readQcow2Header(file);
    const { discards = true, path } = options;
    const disk = await Qcow2Image.open({ file, header, discards, backing: backing.disk });
    return { disk, files: [{ path: resolve(path), format: "qcow2", handle }, ...backing.files] };
  } catch (error) {
    await file[Symbol.asyncDispose]();
    throw error;
  }
}

/** Others may read the file now. */
export function allowReaders({ handle }: ImageFile): void {
  if (handle !== undefined && nativeUnavailable() === undefined) {
    native().lockFile({ fd: handle.fd, exclusive: false });
  }
}

/** `above`: what identifies the images that led here. */
async function openInChain(options: ImageOptions, above: readonly string[]): Promise<OpenDisk> {
  const { path, format, discards = true } = options;
  const { file, identity, handle } = await openFile(options, above);
  try {
    const found = format ?? (await probe(file));
    const own = { path: isUrl(path) ? path : resolve(path), format: found, handle };
    if (found === "raw") {
      return { disk: new RawFile({ file, discards, probed: format === undefined }), files: [own] };
    }
    const { Qcow2Image, readQcow2Header } = await import("./qcow2/image.js");
    const header = await readQcow2Header(file);
    const backing = await openBacking(options, header, [...above, identity]);
    try {
      const disk = await Qcow2Image.open({ file, header, discards, ...(backing && { backing: backing.disk }) });
      return { disk, files: [own, ...(backing?.files ?? [])] };
    } catch (error) {
      await backing?.disk[Symbol.asyncDispose]();
      throw error;
    }
  } catch (error) {
    await file[Symbol.asyncDispose]();
    throw error;
  }
}

async function openBacking(
  { path, cache }: ImageOptions,
  { backingFile, backingFormat }: Qcow2Header,
  above: readonly string[],
): Promise<OpenDisk | undefined> {
  if (backingFile === undefined) return undefined;
  if (backingFormat !== undefined && backingFormat !== "raw" && backingFormat !== "qcow2") {
    throw new VkrunError(
      "ERR_VKRUN_IMAGE_UNSUPPORTED",
      `the backing file ${backingFile} of ${path} has the format ${backingFormat}, which vkrun does not know`,
      { hint: "raw and qcow2 are known. Convert it with qemu-img convert." },
    );
  }
  const options = {
    path: backingPath(path, backingFile),
    readOnly: true,
    ...(backingFormat !== undefined && { format: backingFormat as ImageFormat }),
    ...(cache !== undefined && { cache }),
  };
  try {
    return await openInChain(options, above);
  } catch (cause) {
    if (!(cause instanceof VkrunError) || cause.code === "ERR_VKRUN_IMAGE_BACKING") throw cause;
    throw new VkrunError(cause.code, `the backing file of ${path}: ${cause.message}`, {
      ...(cause.hint && { hint: cause.hint }),
      cause,
    });
  }
}

/** Relative to the image. One from a web server cannot name files of this host. */
function backingPath(image: string, backing: string): string {
  if (isUrl(image)) {
    const url = URL.canParse(backing, image) ? new URL(backing, image).href : "";
    if (isUrl(url)) return url;
  } else if (isUrl(backing)) return backing;
  else if (backing.startsWith("file:")) return resolve(dirname(image), backing.slice("file:".length));
  else if (!/^[a-z][a-z0-9+.-]*:/i.test(backing)) return resolve(dirname(image), backing);
  throw new VkrunError("ERR_VKRUN_IMAGE_UNSUPPORTED", `the backing file ${backing} of ${image} cannot be opened`, {
    hint: "Files and http(s) URLs are known.",
  });
}

async function probe(file: ByteFile): Promise<ImageFormat> {
  const head = new Uint8Array(4);
  await file.read(0, [head]);
  return new DataView(head.buffer).getUint32(0) === QCOW2_MAGIC ? "qcow2" : "raw";
}

/** Before anything is locked: an image that is its own backing file would find itself in use. */
function checkChain(path: string, identity: string, above: readonly string[]): void {
  const loop = above.includes(identity);
  if (!loop && above.length < MAX_CHAIN) return;
  const why = loop ? "its backing files form a loop" : `more than ${MAX_CHAIN} backing files follow each other`;
  throw new VkrunError("ERR_VKRUN_IMAGE_BACKING", `the disk image ${path} cannot be used: ${why}`, {
    hint: "See qemu-img info --backing-chain, and correct it with qemu-img rebase -u.",
  });
}

async function openFile(
  { path, readOnly, cache }: ImageOptions,
  above: readonly string[],
): Promise<{ file: ByteFile; identity: string; handle: FileHandle | undefined }> {
  if (isUrl(path)) {
    checkChain(path, path, above);
    if (!readOnly) {
      throw new VkrunError("ERR_VKRUN_IMAGE_READ_ONLY", `${path} can only be read`, {
        hint: "Use --snapshot, or a local overlay: qemu-img create -f qcow2 -b URL -F FORMAT overlay.qcow2",
      });
    }
    const { HttpFile } = await import("./http-file.js");
    return { file: await HttpFile.open(path), identity: path, handle: undefined };
  }
  const handle = await openHandle(path, readOnly);
  let direct: FileHandle | undefined;
  try {
    const { dev, ino } = await handle.stat();
    const identity = `${dev}:${ino}`;
    checkChain(path, identity, above);
    if (!readOnly) await refuseImmutable(path);
    lock(handle, path, !readOnly);
    if (cache === "none") direct = await openDirect(path, readOnly);
    const options = { handle, path, readOnly, ...(cache && { cache }), ...(direct && { direct }) };
    return { file: await HostFile.fromHandle(options), identity, handle };
  } catch (error) {
    await direct?.close();
    await handle.close();
    throw error;
  }
}

async function refuseImmutable(path: string): Promise<void> {
  const overlay = await overlayOf(path);
  if (overlay === undefined) return;
  throw new VkrunError("ERR_VKRUN_IMAGE_IMMUTABLE", `a checkpoint needs the disk image ${path} as it is`, {
    hint: `What was written since then is in ${overlay}: use that, or a copy, or --snapshot.`,
  });
}

async function openHandle(path: string, readOnly: boolean): Promise<FileHandle> {
  let handle: FileHandle;
  try {
    // Not blocking: the name may be a FIFO.
    handle = await open(path, (readOnly ? constants.O_RDONLY : constants.O_RDWR) | constants.O_NONBLOCK);
  } catch (cause) {
    throw openError(path, readOnly, cause as NodeJS.ErrnoException);
  }
  const stat = await handle.stat();
  if (stat.isFile() || stat.isBlockDevice()) return handle;
  await handle.close();
  throw stat.isDirectory() ? directoryError(path) : notAnImage(path);
}

async function openDirect(path: string, readOnly: boolean): Promise<FileHandle> {
  // Memory has to be aligned, and only the addon can see to that.
  native();
  try {
    return await open(path, directFlags(readOnly));
  } catch (cause) {
    throw new VkrunError("ERR_VKRUN_IMAGE_OPEN", `the disk image ${path} cannot be opened past the host's cache`, {
      hint: "Its file system has no O_DIRECT: use cache=writeback.",
      cause,
    });
  }
}

function openError(path: string, readOnly: boolean, cause: NodeJS.ErrnoException): VkrunError {
  switch (cause.code) {
    case "ENOENT":
    case "ENOTDIR":
      return new VkrunError("ERR_VKRUN_IMAGE_NOT_FOUND", `there is no disk image ${path}`, {
        hint: "Check the path, or make an image with `vkrun image build tiny`.",
        cause,
      });
    case "EISDIR":
      return directoryError(path);
    case "EACCES":
    case "EPERM":
    case "EROFS":
      return new VkrunError(
        "ERR_VKRUN_IMAGE_ACCESS",
        `the disk image ${path} may not be ${readOnly ? "read" : "written"}`,
        {
          hint: readOnly
            ? "Check the permissions of the file."
            : "Check its permissions, or use --snapshot to leave it unchanged.",
          cause,
        },
      );
    default:
      return new VkrunError("ERR_VKRUN_IMAGE_OPEN", `the disk image ${path} cannot be opened: ${cause.message}`, {
        cause,
      });
  }
}

function directoryError(path: string): VkrunError {
  return new VkrunError("ERR_VKRUN_IMAGE_INVALID", `${path} is a directory, not a disk image`, {
    hint: "Name a disk image inside it.",
  });
}

function notAnImage(path: string): VkrunError {
  return new VkrunError("ERR_VKRUN_IMAGE_INVALID", `${path} is neither a file nor a block device`, {
    hint: "Name a disk image.",
  });
}

/**
 * A writer excludes everybody, readers exclude writers. Without the addon there are no locks: the machine says so
 * once and goes on.
 */
function lock(handle: FileHandle, path: string, exclusive: boolean): void {
  if (nativeUnavailable() !== undefined) return;
  if (native().lockFile({ fd: handle.fd, exclusive })) return;
  throw new VkrunError(
    "ERR_VKRUN_IMAGE_LOCKED",
    `the disk image ${path} is in use by another vkrun or QEMU${exclusive ? "" : " that writes it"}`,
    { hint: exclusive ? "Stop the other one, or use --snapshot on both." : "Stop the other one, or copy the image." },
  );
}
