/**
 * The names of busybox's applets, read out of its binary: the table that `busybox --list` prints is a run of
 * NUL-terminated names in sorted order that begins with `[` and `[[`. So links can be made without running it,
 * which a host of another architecture could not do.
 */
import { VkrunError } from "../errors.js";

const TABLE_START = Buffer.from("[\0[[\0", "latin1");

export function busyboxApplets(binary: Buffer): string[] {
  const start = binary.indexOf(TABLE_START);
  const applets: string[] = [];
  for (let at = start; start >= 0; ) {
    const end = binary.indexOf(0, at);
    const name = binary.toString("latin1", at, end);
    // The table ends where the order or the alphabet of applet names does.
    if (!/^(\[\[?|[a-z0-9][a-z0-9_.-]*)$/.test(name) || name <= (applets.at(-1) ?? "")) break;
    applets.push(name);
    at = end + 1;
  }
  if (!applets.includes("sh") || !applets.includes("init")) {
    throw new VkrunError("ERR_VKRUN_IMAGE_BUILD_FAILED", "busybox has no table of applets that can be read");
  }
  return applets;
}
