/** Guest images: built from Debian packages, cached, without root. */
export { type BuildImageOptions, type BuiltImage, buildImage, findBuiltImage } from "./build-image.js";
export { cacheDirectory } from "./cache-home.js";
export type { BootFunction, BootRequest } from "./first-boot.js";
export type { ImageProgress, ProgressListener } from "./image-progress.js";
export { type LockImageOptions, type LockImageResult, lockImage } from "./lock-image.js";
export { type Recipe, readRecipe, recipeNames } from "./recipe.js";
