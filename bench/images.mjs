// @ts-check
// The images that guests of the suites run from.
import { bootImageOnce } from "../dist/cli/image-boot.js";
import { ImageProgressBar } from "../dist/cli/image-progress-bar.js";
import { buildImage } from "../dist/images/index.js";

/** Recipes of images that only the suites need. */
export const RECIPES = "bench/guest";

/** @typedef {{ disk: string, kernel: string, initrd: string, append: string }} Image */

/**
 * Builds an image unless it is in the cache. `guestDirectory` is where its recipe is, when that is not vkrun's own.
 * @param {string} name
 * @param {string} [guestDirectory]
 * @returns {Promise<Image>}
 */
export async function findImage(name, guestDirectory) {
  const progress = new ImageProgressBar(name, process.stderr);
  try {
    const image = await buildImage(name, {
      guestDirectory,
      boot: bootImageOnce,
      onProgress: (event) => progress.show(event),
    });
    return { disk: image.path, kernel: image.kernelPath, initrd: image.initrdPath, append: image.append };
  } finally {
    progress[Symbol.dispose]();
  }
}
