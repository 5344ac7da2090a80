/** The option `shares`: folders of the host for the guest. */
import { resolve } from "node:path";
import { VkrunError } from "../errors.js";
import type { ShareConfig, ShareOwners } from "../machine/machine-config.js";

export interface ShareOptions {
  /** A folder of the host. */
  path: string;
  /** What the guest mounts it by: `mount -t 9p -o trans=virtio TAG /mnt`. */
  tag: string;
  /** The guest may only read. Default false. */
  readOnly?: boolean;
  /** Whose the files are, in the guest and on the host. Default "squash": root's, and the user's who runs this. */
  uid?: ShareOwners;
}

const TAG_MAX = 31;
const OWNERS: readonly string[] = ["squash", "map", "pass"] satisfies ShareOwners[];

export function resolveShare(
  { path, tag, readOnly = false, uid = "squash" }: ShareOptions,
  index: number,
  all: readonly ShareOptions[],
): ShareConfig {
  if (typeof tag !== "string" || tag === "" || Buffer.byteLength(tag) > TAG_MAX || tag.includes("\0")) {
    throw new VkrunError("ERR_VKRUN_BOOT_OPTIONS", `"${tag}" cannot be the tag of a shared folder`, {
      hint: `Use 1 to ${TAG_MAX} letters and digits, such as "src".`,
    });
  }
  if (all.findIndex((share) => share.tag === tag) !== index) {
    throw new VkrunError("ERR_VKRUN_BOOT_OPTIONS", `two shared folders have the tag "${tag}"`, {
      hint: "Give each a tag of its own.",
    });
  }
  if (!OWNERS.includes(uid)) {
    throw new VkrunError("ERR_VKRUN_BOOT_OPTIONS", `there is no way "${uid}" to map users`, {
      hint: 'Use "squash", "map" or "pass".',
    });
  }
  return { path: resolve(path), tag, readOnly, owners: uid };
}
