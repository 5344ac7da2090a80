/**
 * Overlays that begin at a checkpoint or a thaw: qcow2 images over files that must not change any more. Those say so in an extended
 * attribute, which stays with the file when it is moved, and does not go to copies.
 */
import { randomBytes } from "node:crypto";
import { unlink } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { VkrunError } from "../errors.js";
import { native, nativeUnavailable } from "../native.js";
import type { ImageFormat } from "./open-image.js";

const ATTRIBUTE = "user.vkrun.overlay";
const MAX_NAME = 1023;

/** Makes an empty image over `path`, beside it; answers where it is. */
export async function addOverlay(path: string, format: ImageFormat, size: number): Promise<string> {
  const stem = basename(path).replace(/\.[0-9a-f]{8}\.qcow2$/, "");
  const overlay = join(dirname(path), `${stem}.${randomBytes(4).toString("hex")}.qcow2`);
  if (Buffer.byteLength(basename(path)) > MAX_NAME) throw cannot(path);
  try {
    const { createOverlay } = await import("./qcow2/create.js");
    await createOverlay({ path: overlay, size, backingFile: basename(path), backingFormat: format });
  } catch (cause) {
    // What is left of it, when there was no room.
    if ((cause as NodeJS.ErrnoException).code !== "EEXIST") await unlink(overlay).catch(() => undefined);
    throw cannot(path, cause);
  }
  return overlay;
}

/** From now on `path` is refused to whoever wants to write it; `overlay` is where it goes on. Where that cannot be said, it is not. */
export async function markImmutable(path: string, overlay: string): Promise<void> {
  if (nativeUnavailable() !== undefined) return;
  const value = Buffer.from(basename(overlay));
  await native()
    .setAttribute({ path, name: ATTRIBUTE, value, flags: 0 })
    .catch(() => undefined);
}

export async function unmarkImmutable(path: string): Promise<void> {
  if (nativeUnavailable() !== undefined) return;
  await native()
    .removeAttribute({ path, name: ATTRIBUTE })
    .catch(() => undefined);
}

/** The overlay that a file went on in, if it did. */
export async function overlayOf(path: string): Promise<string | undefined> {
  if (nativeUnavailable() !== undefined) return undefined;
  const into = new Uint8Array(256);
  try {
    const length = await native().getAttribute({ path, name: ATTRIBUTE, into });
    return join(dirname(path), Buffer.from(into.subarray(0, length)).toString());
  } catch {
    return undefined;
  }
}

function cannot(path: string, cause?: unknown): VkrunError {
  return new VkrunError("ERR_VKRUN_CHECKPOINT_DISK", `no overlay can be made beside the disk image ${path}`, {
    hint: "Its folder must be writable and have room. Or use snapshot for the drive.",
    cause,
  });
}
