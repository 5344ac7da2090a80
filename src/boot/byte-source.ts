/**
 * Bytes that exist somewhere and can be read in pieces: a file of the host, a file inside a disk image, a buffer.
 * Kernels and initrds of tens of megabytes travel as a `ByteSource` so that they are read straight into guest
 * RAM and never live twice in the host's memory.
 */
import { open, stat } from "node:fs/promises";
import { VkrunError } from "../errors.js";

export interface ByteSource {
  /** What the user knows it by: a path, or "disk:/boot/vmlinuz-6.12". */
  readonly name: string;
  readonly size: number;
  /** Fills `target` from `offset` on. The caller keeps inside `size`. Rejects with a VkrunError only. */
  read(offset: number, target: Uint8Array): Promise<void>;
}

/** A source over a buffer that is already in memory (a decompressed kernel, a device tree). */
export function bytesSource(name: string, bytes: Uint8Array): ByteSource {
  return {
    name,
    size: bytes.length,
    async read(offset, target) {
      target.set(bytes.subarray(offset, offset + target.length));
    },
  };
}

/** The part [start, start + size) of another source. */
export function sliceSource(source: ByteSource, start: number, size: number): ByteSource {
  return { name: source.name, size, read: (offset, target) => source.read(start + offset, target) };
}

/** The first `length` bytes, or fewer when the source is shorter. */
export async function readHead(source: ByteSource, length: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(Math.min(length, source.size));
  await source.read(0, bytes);
  return bytes;
}

export async function readAll(source: ByteSource): Promise<Uint8Array> {
  return readHead(source, source.size);
}

/**
 * A file of the host, opened anew for each read so that nothing has to be closed. `what` names its part in the
 * boot for messages: "kernel", "initrd". A file that shrinks in between is an error, not short data.
 */
export async function hostFile(path: string, what: string): Promise<ByteSource> {
  let size: number;
  try {
    const info = await stat(path);
    if (!info.isFile()) {
      const kind = info.isDirectory() ? "a directory" : "not a regular file";
      throw new VkrunError("ERR_VKRUN_FILE_READ", `The ${what} ${path} is ${kind}.`, {
        hint: `Give the path of a ${what} file.`,
      });
    }
    size = info.size;
  } catch (error) {
    throw fileError(path, what, error);
  }
  if (size === 0) {
    throw new VkrunError("ERR_VKRUN_FILE_READ", `The ${what} ${path} is empty.`, {
      hint: `Give a ${what} that has content; a copy or download may have been cut short.`,
    });
  }
  return { name: path, size, read: (offset, target) => readFileRange(path, what, offset, target) };
}

async function readFileRange(path: string, what: string, offset: number, target: Uint8Array): Promise<void> {
  try {
    await using file = await open(path, "r");
    for (let done = 0; done < target.length; ) {
      const { bytesRead } = await file.read(target, done, target.length - done, offset + done);
      if (bytesRead === 0) {
        throw new VkrunError("ERR_VKRUN_FILE_READ", `The ${what} ${path} ended early while it was read.`, {
          hint: "Do not change the file while vkrun starts.",
        });
      }
      done += bytesRead;
    }
  } catch (error) {
    throw fileError(path, what, error);
  }
}

const FILE_ERRORS: Readonly<Record<string, [message: string, hint: string]>> = {
  ENOENT: ["does not exist", "Check the path."],
  ENOTDIR: ["does not exist: a part of its path is not a directory", "Check the path."],
  EACCES: ["cannot be read: permission denied", "Make it readable for this user."],
  EPERM: ["cannot be read: permission denied", "Make it readable for this user."],
  ELOOP: ["is a loop of symbolic links", "Check the path."],
};

function fileError(path: string, what: string, error: unknown): VkrunError {
  if (error instanceof VkrunError) return error;
  const code = (error as NodeJS.ErrnoException).code ?? "";
  const [message, hint] = FILE_ERRORS[code] ?? [`cannot be read: ${(error as Error).message}`, "Check the file."];
  return new VkrunError("ERR_VKRUN_FILE_READ", `The ${what} ${path} ${message}.`, { hint, cause: error });
}
