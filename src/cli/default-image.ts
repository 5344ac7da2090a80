/** What `vkrun` boots when it is given nothing to boot: the tiny image, made on first use and kept in the cache. */
import type { BootOptions } from "../index.js";

const DEFAULT_IMAGE = "tiny";

/** The image in the cache belongs to everybody who uses it: what the guest writes is thrown away. */
export async function defaultImage(): Promise<Pick<BootOptions, "disk" | "snapshot">> {
  const { buildImage } = await import("../images/index.js");
  const image = await buildImage(DEFAULT_IMAGE);
  return { disk: image.path, snapshot: true };
}
