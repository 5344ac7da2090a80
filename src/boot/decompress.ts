/** Decompression of kernels, bounded by what the guest's RAM can hold: a bomb costs no more than that. */
import { promisify } from "node:util";
import { gunzip } from "node:zlib";
import { decompress as decompressZstd } from "fzstd";
import { boundZstdFrame } from "../backends/zstd-frame.js";
import { VkrunError } from "../errors.js";

const COMPRESSIONS = [
  { name: "gzip", magic: [0x1f, 0x8b] },
  { name: "zstd", magic: [0x28, 0xb5, 0x2f, 0xfd] },
  { name: "xz", magic: [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00] },
  { name: "lz4", magic: [0x02, 0x21, 0x4c, 0x18] },
  { name: "lz4", magic: [0x04, 0x22, 0x4d, 0x18] },
  { name: "bzip2", magic: [0x42, 0x5a, 0x68] },
  { name: "lzma", magic: [0x5d, 0x00, 0x00] },
  { name: "lzo", magic: [0x89, 0x4c, 0x5a, 0x4f, 0x00] },
] as const;

/** The compression whose magic number `head` starts with. */
export function compressionOf(head: Uint8Array): string | undefined {
  return COMPRESSIONS.find(({ magic }) => magic.every((byte, index) => head[index] === byte))?.name;
}

/**
 * The contents of `bytes`. `exactSize` is the size that a container states, for zstd frames that do not say it
 * themselves; without either, up to one zstd block of scratch may follow the contents.
 */
export async function decompress(
  name: string,
  compression: string,
  bytes: Uint8Array,
  limit: number,
  exactSize?: number,
): Promise<Uint8Array> {
  switch (compression) {
    case "gzip":
      return gunzipBounded(name, bytes, limit);
    case "zstd":
      return unzstdBounded(name, bytes, limit, exactSize);
    default:
      throw new VkrunError("ERR_VKRUN_KERNEL_COMPRESSION", `The kernel ${name} is compressed with ${compression}.`, {
        hint: "vkrun reads uncompressed, gzip and zstd kernels; decompress it first.",
      });
  }
}

async function gunzipBounded(name: string, bytes: Uint8Array, limit: number): Promise<Uint8Array> {
  try {
    return await promisify(gunzip)(bytes, { maxOutputLength: limit });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ERR_BUFFER_TOO_LARGE") throw tooBig(name, limit, error);
    throw corrupt(name, "gzip", error);
  }
}

function unzstdBounded(name: string, bytes: Uint8Array, limit: number, exactSize: number | undefined): Uint8Array {
  const bound = boundZstdFrame(bytes, limit);
  if ("reason" in bound) throw bound.reason === "too big" ? tooBig(name, limit) : corrupt(name, "zstd");
  const size = !bound.exact && exactSize !== undefined ? Math.min(exactSize, bound.size) : bound.size;
  try {
    // With the output at hand fzstd needs neither a window nor its own guess at the size.
    return decompressZstd(bytes.subarray(0, bound.frameLength), new Uint8Array(size));
  } catch (error) {
    throw corrupt(name, "zstd", error);
  }
}

const corrupt = (name: string, compression: string, cause?: unknown): VkrunError =>
  new VkrunError("ERR_VKRUN_KERNEL_INVALID", `The ${compression} compressed kernel ${name} is corrupt or cut short.`, {
    hint: "Fetch or copy it again.",
    cause,
  });

const tooBig = (name: string, limit: number, cause?: unknown): VkrunError =>
  new VkrunError(
    "ERR_VKRUN_MEMORY_TOO_SMALL",
    `The kernel ${name} decompresses to more than the guest's ${Math.floor(limit / 2 ** 20)} MiB of memory.`,
    { hint: "Give the guest more memory with -m, or check that this is a kernel.", cause },
  );
