/** Image recipes: `guest/NAME.json`, and beside it `guest/NAME/`, a tree of files laid over the packages' own. */
import { createHash } from "node:crypto";
import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { VkrunError } from "../errors.js";

export interface Recipe {
  readonly name: string;
  /** One line for `vkrun image list`. */
  readonly summary: string;
  readonly suite: string;
  readonly component: string;
  readonly architecture: string;
  /** Size of disk.img unless asked otherwise. It is sparse: this is a limit, not a cost. */
  readonly sizeMiB: number;
  /** The package to take the kernel from; a metapackage stands for the kernel that it depends on. */
  readonly kernelPackage: string;
  /** Further packages asked for by name. */
  readonly packages: readonly string[];
  /** Whether dependencies are followed, and Priority: required and Essential packages added. */
  readonly dependencies: boolean;
  /** Whether the packages are configured, by booting the image once. Else they are merely unpacked. */
  readonly firstBoot: boolean;
  /** Packages that are not installed because the image does by other means what they are for. */
  readonly standIns: readonly StandIn[];
  /** Packages whose maintainer scripts run before all others, in this order: all others rely on these. */
  readonly configureFirst: readonly string[];
  /** Paths that are not unpacked: a trailing `/` stands for everything below. */
  readonly exclude: readonly string[];
  /** Modules of the initramfs, loaded in this order after what they depend on. */
  readonly initramfsModules: readonly string[];
  /** Modules of the root file system, decompressed and with what they depend on; empty: the package's own, all. */
  readonly rootModules: readonly string[];
  readonly symlinks: Readonly<Record<string, string>>;
  readonly directories: readonly string[];
  /** A symbolic link in /usr/bin for every applet of busybox. */
  readonly busyboxApplets: boolean;
  /** Added to the kernel command line after `root=`. */
  readonly append: string;
}

export interface StandIn {
  readonly name: string;
  /** What other packages depend on. */
  readonly provides: string;
  readonly description: string;
}

/** A file laid over the image: path inside it, and contents. */
export interface OverlayFile {
  readonly path: string;
  readonly executable: boolean;
  readonly content: Buffer;
}

/** The folder of recipes that ships with vkrun: the same two levels up from `src/images` and `dist/images`. */
export const GUEST_DIRECTORY = fileURLToPath(new URL("../../guest/", import.meta.url));

export async function recipeNames(directory = GUEST_DIRECTORY): Promise<string[]> {
  const names = await readdir(directory);
  return names
    .filter((name) => /^[a-z0-9-]+\.json$/.test(name))
    .map((name) => name.slice(0, -".json".length))
    .sort();
}

export async function readRecipe(name: string, directory = GUEST_DIRECTORY): Promise<Recipe> {
  const names = await recipeNames(directory);
  if (!names.includes(name)) {
    throw new VkrunError("ERR_VKRUN_IMAGE_UNKNOWN", `there is no image named "${name}"`, {
      hint: `The images are: ${names.join(", ")}.`,
    });
  }
  return JSON.parse(await readFile(join(directory, `${name}.json`), "utf8")) as Recipe;
}

/** The files under `directory`, sorted by path; none when it does not exist. */
export async function readOverlay(directory: string): Promise<OverlayFile[]> {
  const names = await readdir(directory, { recursive: true }).catch((error) => {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  });
  const files: OverlayFile[] = [];
  for (const name of names) {
    const file = join(directory, name);
    const stats = await stat(file);
    if (!stats.isFile()) continue;
    files.push({ path: `/${name}`, executable: (stats.mode & 0o100) !== 0, content: await readFile(file) });
  }
  return files.sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** Changes whenever anything does that goes into the image. */
export function hashInputs(parts: readonly (string | readonly OverlayFile[])[]): string {
  const hash = createHash("sha256");
  for (const part of parts) {
    if (typeof part === "string") {
      hash.update(`${part.length}:${part}\n`);
    } else {
      for (const { path, executable, content } of part) {
        hash.update(`${path} ${executable} ${content.length}\n`).update(content);
      }
    }
  }
  return hash.digest("hex");
}
