/** Puts together the tree of an image: packages, kernel modules, links, overlay, boot files. */
import { posix } from "node:path";
import { VkrunError } from "../errors.js";
import { busyboxApplets } from "./busybox-applets.js";
import { visitDeb } from "./deb-archive.js";
import { DpkgDatabase } from "./dpkg-database.js";
import type { ProgressListener } from "./image-progress.js";
import { buildInitramfs } from "./initramfs.js";
import { ModuleCatalogue, modulesAlias, modulesDep } from "./kernel-modules.js";
import type { LockFile } from "./lock-file.js";
import { packagePath } from "./package-cache.js";
import type { OverlayFile, Recipe } from "./recipe.js";
import { RootTree } from "./root-tree.js";

export interface ImageInputs {
  readonly recipe: Recipe;
  readonly lock: LockFile;
  /** Laid over the root file system. */
  readonly overlay: readonly OverlayFile[];
  readonly initramfsOverlay: readonly OverlayFile[];
  /** Laid over it too when the recipe says `firstBoot`, and removed by that boot. */
  readonly firstBootOverlay: readonly OverlayFile[];
}

export interface TreeOptions {
  readonly cache: string;
  readonly stagingDirectory: string;
  readonly rootUuid: string;
  /** For the image's own apt; none: it has no sources. */
  readonly mirror: string | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ProgressListener | undefined;
}

export interface ImageTree {
  readonly tree: RootTree;
  readonly kernelVersion: string;
  readonly kernel: Buffer;
  readonly initrd: Buffer;
}

/** What image files are dated that come from no package: the day of the recipe's suite, 2025-08-09. */
export const IMAGE_MTIME = 1_754_697_600;

export async function buildTree(inputs: ImageInputs, options: TreeOptions): Promise<ImageTree> {
  const { recipe, lock } = inputs;
  const tree = new RootTree(options.stagingDirectory, IMAGE_MTIME);
  for (const path of recipe.directories) tree.addDirectory(path);
  for (const [path, target] of Object.entries(recipe.symlinks)) tree.addSymlink(path, target);
  await unpackAll(tree, inputs, options);

  const { kernelVersion, kernelPath } = findKernel(tree, lock.kernel);
  const kernel = required(tree, kernelPath);
  const catalogue = new ModuleCatalogue(tree, kernelVersion);
  const busybox = required(tree, "/usr/bin/busybox");
  const initrd = buildInitramfs({
    busybox,
    modules: await catalogue.closure(recipe.initramfsModules, options.signal),
    overlay: inputs.initramfsOverlay,
    mtime: IMAGE_MTIME,
  });
  if (recipe.rootModules.length > 0) await pickModules(tree, catalogue, recipe, options.signal);
  if (recipe.busyboxApplets) {
    for (const applet of busyboxApplets(busybox)) {
      if (applet !== "busybox") tree.addSymlink(`/usr/bin/${applet}`, "busybox");
    }
  }
  const initrdPath = `/boot/initrd.img-${kernelVersion}`;
  tree.addFile(initrdPath, initrd);
  tree.addFile("/boot/extlinux/extlinux.conf", extlinuxConf(recipe, kernelPath, initrdPath, options.rootUuid));
  tree.addCharacterDevice("/dev/console", 5, 1, 0o600);
  tree.addCharacterDevice("/dev/null", 1, 3, 0o666);
  if (recipe.firstBoot) addSystemFiles(tree, inputs, options);
  for (const { path, executable, content } of [
    ...inputs.overlay,
    ...(recipe.firstBoot ? inputs.firstBootOverlay : []),
  ]) {
    tree.addFile(path, content, executable ? 0o755 : 0o644);
  }
  return { tree, kernelVersion, kernel, initrd };
}

async function unpackAll(tree: RootTree, { recipe, lock }: ImageInputs, options: TreeOptions): Promise<void> {
  const excluded = recipe.exclude.map(excludePattern);
  const total = lock.packages.length;
  const files = new Map<string, string[]>();
  for (const [done, entry] of lock.packages.entries()) {
    options.onProgress?.({ stage: "unpack", name: entry.package, done, total });
    const paths: string[] = [];
    files.set(entry.package, paths);
    await visitDeb(
      packagePath(options.cache, entry),
      "data",
      (file) => {
        if (excluded.some((pattern) => pattern.test(file.path))) return undefined;
        paths.push(file.path);
        return tree.add(file);
      },
      options.signal,
    );
  }
  if (recipe.firstBoot) {
    const { architecture, standIns, packages } = recipe;
    const database = new DpkgDatabase(tree, { architecture, standIns, manual: new Set([...packages, lock.kernel]) });
    for (const entry of lock.packages) {
      await database.addPackage(packagePath(options.cache, entry), files.get(entry.package) ?? [], options.signal);
    }
    database.finish();
  }
  options.onProgress?.({ stage: "unpack", name: "", done: total, total });
}

/** What an installer would write, and what guest/first-boot/ reads. */
function addSystemFiles(tree: RootTree, { recipe, lock }: ImageInputs, options: TreeOptions): void {
  tree.addFile("/etc/fstab", `UUID=${options.rootUuid} / ext4 errors=remount-ro 0 1\n`);
  if (recipe.exclude.length > 0) {
    const lines = recipe.exclude.map((glob) => `path-exclude=${glob}${glob.endsWith("/") ? "*" : ""}\n`);
    tree.addFile("/etc/dpkg/dpkg.cfg.d/vkrun", `# Not in this image, nor after an upgrade of it.\n${lines.join("")}`);
  }
  if (options.mirror !== undefined) {
    tree.addFile(
      "/etc/apt/sources.list.d/debian.sources",
      `Types: deb\nURIs: ${options.mirror}\nSuites: ${recipe.suite}\nComponents: ${recipe.component}\n` +
        "Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg\n",
    );
  }
  tree.addFile("/usr/share/vkrun/packages", lock.packages.map((entry) => `${entry.package}\n`).join(""));
  tree.addFile("/usr/share/vkrun/configure-first", recipe.configureFirst.map((name) => `${name}\n`).join(""));
}

/** `*` stands for anything within a name; a trailing `/` for everything below. */
export function excludePattern(glob: string): RegExp {
  const literal = glob.replace(/[.+^${}()|[\]\\?]/g, "\\$&").replaceAll("*", "[^/]*");
  return new RegExp(`^${literal}${glob.endsWith("/") ? "" : "$"}`);
}

/** Debian's riscv64 kernel is a flat Image under the name vmlinux-VERSION; other builds say vmlinuz. */
function findKernel(tree: RootTree, name: string): { kernelVersion: string; kernelPath: string } {
  for (const [path] of tree.entries()) {
    const match = /^\/boot\/vmlinu[xz]-(.+)$/.exec(path);
    if (match?.[1] !== undefined) return { kernelVersion: match[1], kernelPath: path };
  }
  throw new VkrunError("ERR_VKRUN_IMAGE_BUILD_FAILED", `the package ${name} holds no /boot/vmlinux-VERSION`);
}

async function pickModules(
  tree: RootTree,
  catalogue: ModuleCatalogue,
  recipe: Recipe,
  signal?: AbortSignal,
): Promise<void> {
  const modules = await catalogue.closure([...recipe.initramfsModules, ...recipe.rootModules], signal);
  const directory = tree.resolve(`/lib/modules/${catalogue.kernelVersion}/`);
  tree.remove(directory);
  for (const { path, content } of modules) tree.addFile(posix.join(directory, path), content);
  tree.addFile(posix.join(directory, "modules.dep"), modulesDep(modules));
  tree.addFile(posix.join(directory, "modules.alias"), modulesAlias(modules));
}

/** The Boot Loader menu that U-Boot and `vkrun` read. No FDT line: the firmware's device tree is the right one. */
function extlinuxConf(recipe: Recipe, kernelPath: string, initrdPath: string, rootUuid: string): string {
  return [
    "default vkrun",
    "timeout 1",
    "",
    "label vkrun",
    `  menu label ${recipe.name}`,
    `  linux ${kernelPath}`,
    `  initrd ${initrdPath}`,
    `  append root=UUID=${rootUuid} ${recipe.append}`,
    "",
  ].join("\n");
}

function required(tree: RootTree, path: string): Buffer {
  const content = tree.read(path);
  if (content === undefined) {
    throw new VkrunError("ERR_VKRUN_IMAGE_BUILD_FAILED", `no package of the image has ${path}`);
  }
  return content;
}
