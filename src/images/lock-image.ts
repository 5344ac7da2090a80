/** `vkrun image lock`: pins an image to what the archive has today. */
import { open, rename, rm } from "node:fs/promises";
import { findMirror } from "./apt-sources.js";
import { formatLockFile, type LockFile, lockFilePath } from "./lock-file.js";
import { resolvePackages } from "./package-resolver.js";
import { fetchPackagesIndex } from "./packages-index.js";
import { GUEST_DIRECTORY, readRecipe } from "./recipe.js";

export interface LockImageOptions {
  mirror?: string | undefined;
  /** Where recipes are read and the lock file is written; default: those that ship with vkrun. */
  guestDirectory?: string | undefined;
  signal?: AbortSignal | undefined;
}

export interface LockImageResult {
  readonly path: string;
  readonly lock: LockFile;
}

export async function lockImage(name: string, options: LockImageOptions = {}): Promise<LockImageResult> {
  const directory = options.guestDirectory ?? GUEST_DIRECTORY;
  const recipe = await readRecipe(name, directory);
  const mirror = await findMirror({ mirror: options.mirror });
  const index = await fetchPackagesIndex({ mirror, ...recipe }, options.signal);
  const { packages, kernel } = resolvePackages(recipe, index.packages);
  const lock: LockFile = {
    lockVersion: 1,
    suite: recipe.suite,
    architecture: recipe.architecture,
    index: { sha256: index.sha256, signed: index.signed },
    kernel,
    packages: packages.map(({ package: name, version, path, size, sha256 }) => ({
      package: name,
      version,
      path,
      size,
      sha256,
    })),
  };
  const path = lockFilePath(name, directory);
  const temporary = `${path}.${process.pid}`;
  try {
    const file = await open(temporary, "wx");
    await file.writeFile(formatLockFile(lock));
    await file.sync();
    await file.close();
    await rename(temporary, path);
  } finally {
    await rm(temporary, { force: true });
  }
  return { path, lock };
}
