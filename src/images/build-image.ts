/** `vkrun image build`: from recipe and lock file to a finished disk in the cache. */
import { mkdir, open, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { execa } from "execa";
import { VkrunError } from "../errors.js";
import { findMirror } from "./apt-sources.js";
import { acquireLock } from "./cache-directory.js";
import { cacheDirectory } from "./cache-home.js";
import { checkDisk, diskUuids, writeDisk } from "./disk-image.js";
import { isNoSpace, noSpace, requireSpace } from "./disk-space.js";
import { type BootFunction, runFirstBoot } from "./first-boot.js";
import { requireTools } from "./host-tools.js";
import { buildTree, IMAGE_MTIME, type ImageInputs } from "./image-files.js";
import type { ProgressListener } from "./image-progress.js";
import { readLockFile } from "./lock-file.js";
import { fetchPackages } from "./package-cache.js";
import { GUEST_DIRECTORY, hashInputs, readOverlay, readRecipe } from "./recipe.js";

export interface BuildImageOptions {
  /** Default: `VKRUN_MIRROR`, else what the host's apt uses. Needed only while a package is not in the cache. */
  mirror?: string | undefined;
  /** Where to put the disk; default: it stays in the cache, and `path` tells where. */
  output?: string | undefined;
  /** Size of the disk; default: the recipe's. */
  sizeMiB?: number | undefined;
  /** Default: `$XDG_CACHE_HOME/vkrun` or `~/.cache/vkrun`. */
  cache?: string | undefined;
  /** Where recipes and lock files are; default: those that ship with vkrun. */
  guestDirectory?: string | undefined;
  /** Boots the new image so that its packages get configured; needed for recipes with `firstBoot`. */
  boot?: BootFunction | undefined;
  signal?: AbortSignal | undefined;
  onProgress?: ProgressListener | undefined;
}

export interface BuiltImage {
  /** The disk. */
  readonly path: string;
  /** Kernel and initramfs as they are on the disk, to boot without reading it. */
  readonly kernelPath: string;
  readonly initrdPath: string;
  /** The kernel command line of its extlinux.conf. */
  readonly append: string;
  /** Whether it was there already. */
  readonly cached: boolean;
}

/** Part of every image's hash: raised when this code makes other images out of the same inputs. */
const FORMAT = "1";
/** Below this no kernel fits; above it a raw file is no sensible form. */
const SIZE_MIB = { min: 64, max: 64 * 1024 * 1024 };
/** Packages unpack to about this many times their size, and are there twice (staging and disk) for a while. */
const SPACE_FACTOR = 8;

export async function buildImage(name: string, options: BuildImageOptions = {}): Promise<BuiltImage> {
  const { signal, onProgress } = options;
  const { inputs, hash, sizeMiB, cache, directory } = await plan(name, options);
  await makeDirectory(dirname(directory));
  let image = await readBuilt(directory);
  if (image === undefined) {
    await using _lock = await acquireLock(directory, { signal, onWait: () => onProgress?.({ stage: "waiting" }) });
    image = (await readBuilt(directory)) ?? (await build(inputs, { ...options, cache, directory, hash, sizeMiB }));
  }
  if (options.output !== undefined) image = { ...image, path: await copyDisk(image.path, options.output, signal) };
  onProgress?.({ stage: "done", path: image.path, cached: image.cached });
  return image;
}

/** The image that `buildImage` would find in the cache; undefined when it would have to build it. */
export async function findBuiltImage(name: string, options: BuildImageOptions = {}): Promise<BuiltImage | undefined> {
  return readBuilt((await plan(name, options)).directory);
}

interface Plan {
  inputs: ImageInputs;
  hash: string;
  sizeMiB: number;
  cache: string;
  directory: string;
}

async function plan(name: string, options: BuildImageOptions): Promise<Plan> {
  const inputs = await readInputs(name, options.guestDirectory ?? GUEST_DIRECTORY);
  const sizeMiB = checkedSize(options.sizeMiB ?? inputs.recipe.sizeMiB);
  const hash = hashInputs([
    FORMAT,
    String(sizeMiB),
    JSON.stringify([inputs.recipe, inputs.lock]),
    inputs.overlay,
    inputs.initramfsOverlay,
    inputs.recipe.firstBoot ? inputs.firstBootOverlay : [],
  ]);
  const cache = options.cache ?? cacheDirectory();
  return { inputs, hash, sizeMiB, cache, directory: join(cache, "images", `${name}-${hash.slice(0, 16)}`) };
}

interface BuildTarget {
  cache: string;
  directory: string;
  hash: string;
  sizeMiB: number;
}

async function build(inputs: ImageInputs, options: BuildImageOptions & BuildTarget): Promise<BuiltImage> {
  const { cache, directory, signal, onProgress } = options;
  const building = `${directory}.building`;
  const { boot } = options;
  if (inputs.recipe.firstBoot && boot === undefined) {
    throw new VkrunError(
      "ERR_VKRUN_INVALID_OPTION",
      `the image ${inputs.recipe.name} is booted once while it is built`,
      {
        hint: "Give buildImage a function to boot it with: option `boot`.",
      },
    );
  }
  await requireTools(["xz", "mke2fs", "debugfs", "e2fsck", "sfdisk"]);
  await fetchPackages(cache, inputs.lock.packages, {
    mirror: () => findMirror({ mirror: options.mirror }),
    signal,
    onProgress,
  });
  // The lock is ours: whatever is here was left by a build that was killed.
  await rm(building, { recursive: true, force: true });
  try {
    const packed = inputs.lock.packages.reduce((sum, { size }) => sum + size, 0);
    await mkdir(building, { recursive: true });
    await requireSpace(building, Math.min(packed * SPACE_FACTOR, 2 * options.sizeMiB * 2 ** 20));
    const uuids = diskUuids(options.hash);
    const stagingDirectory = join(building, "staging");
    const { tree, kernel, initrd } = await buildTree(inputs, {
      cache,
      stagingDirectory,
      rootUuid: uuids.fileSystem,
      mirror: await mirrorForGuest(options.mirror),
      signal,
      onProgress,
    });
    onProgress?.({ stage: "write", entries: tree.size });
    await writeDisk(tree, {
      path: join(building, DISK),
      sizeBytes: options.sizeMiB * 2 ** 20,
      uuids,
      label: inputs.recipe.name,
      mtime: IMAGE_MTIME,
      signal,
    });
    await writeFile(join(building, KERNEL), kernel);
    await writeFile(join(building, INITRD), initrd);
    const append = `root=UUID=${uuids.fileSystem} ${inputs.recipe.append}`;
    await writeFile(join(building, DESCRIPTION), `${JSON.stringify({ append }, null, 2)}\n`);
    await rm(stagingDirectory, { recursive: true });
    if (inputs.recipe.firstBoot && boot !== undefined) {
      await runFirstBoot({
        boot,
        disk: join(building, DISK),
        kernelPath: join(building, KERNEL),
        initrdPath: join(building, INITRD),
        append,
        packages: inputs.lock.packages.length,
        signal,
        onProgress,
      });
      await checkDisk(join(building, DISK), signal);
    }
    for (const name of [DISK, KERNEL, INITRD, DESCRIPTION]) await syncFile(join(building, name));
    await rename(building, directory);
  } catch (error) {
    await rm(building, { recursive: true, force: true });
    throw isNoSpace(error) ? noSpace(error) : error;
  }
  const image = await readBuilt(directory);
  if (image === undefined) throw new VkrunError("ERR_VKRUN_IMAGE_BUILD_FAILED", `${directory} vanished`);
  return { ...image, cached: false };
}

/** With all packages in the cache a host without a mirror can build too: the image's apt then has no sources. */
async function mirrorForGuest(given: string | undefined): Promise<string | undefined> {
  if (given !== undefined) return findMirror({ mirror: given });
  return findMirror().catch(() => undefined);
}

const DISK = "disk.img";
const KERNEL = "vmlinuz";
const INITRD = "initrd";
const DESCRIPTION = "image.json";

async function readBuilt(directory: string): Promise<BuiltImage | undefined> {
  // The directory got its name after everything in it was on disk: if it is here, it is whole.
  const text = await readFile(join(directory, DESCRIPTION), "utf8").catch(() => undefined);
  if (text === undefined) return undefined;
  const { append } = JSON.parse(text) as { append: string };
  return {
    path: join(directory, DISK),
    kernelPath: join(directory, KERNEL),
    initrdPath: join(directory, INITRD),
    append,
    cached: true,
  };
}

async function readInputs(name: string, directory: string): Promise<ImageInputs> {
  const recipe = await readRecipe(name, directory);
  return {
    recipe,
    lock: await readLockFile(name, directory),
    overlay: await readOverlay(join(directory, name)),
    initramfsOverlay: await readOverlay(join(directory, "initramfs")),
    firstBootOverlay: await readOverlay(join(directory, "first-boot")),
  };
}

function checkedSize(sizeMiB: number): number {
  if (!Number.isInteger(sizeMiB) || sizeMiB < SIZE_MIB.min || sizeMiB > SIZE_MIB.max) {
    throw new VkrunError("ERR_VKRUN_INVALID_OPTION", `a disk of ${sizeMiB} MiB cannot be made`, {
      hint: `Its size is a whole number of MiB, from ${SIZE_MIB.min} to ${SIZE_MIB.max}.`,
    });
  }
  return sizeMiB;
}

/** Node's copyFile fills holes in; cp leaves them, and shares blocks where the file system can. */
async function copyDisk(from: string, to: string, signal?: AbortSignal): Promise<string> {
  const temporary = `${to}.${process.pid}.part`;
  try {
    await requireSpace(dirname(to), (await stat(from)).blocks * 512);
    await execa("cp", ["--sparse=always", "--reflink=auto", "--", from, temporary], {
      env: { LC_ALL: "C" },
      ...(signal && { cancelSignal: signal }),
    });
    await syncFile(temporary);
    await rename(temporary, to);
    return to;
  } catch (error) {
    await rm(temporary, { force: true });
    signal?.throwIfAborted();
    if (error instanceof VkrunError) throw error;
    if (/No space left on device|File too large/.test(String((error as { stderr?: unknown }).stderr))) {
      throw noSpace(error);
    }
    throw new VkrunError("ERR_VKRUN_IMAGE_BUILD_FAILED", `cannot write ${to}: ${(error as Error).message}`, {
      cause: error,
    });
  }
}

async function makeDirectory(path: string): Promise<void> {
  try {
    await mkdir(path, { recursive: true });
  } catch (cause) {
    throw new VkrunError("ERR_VKRUN_CACHE_UNUSABLE", `cannot make ${path}: ${(cause as Error).message}`, {
      hint: "Set XDG_CACHE_HOME to a directory that you may write to.",
      cause,
    });
  }
}

async function syncFile(path: string): Promise<void> {
  const file = await open(path, "r+");
  try {
    await file.datasync();
  } finally {
    await file.close();
  }
}
