/**
 * What a disk offers to boot: its volumes (partitions, or the whole disk), the kernel that one of them holds, and the
 * root= argument that names the root file system to that kernel.
 *
 * extlinux.conf is looked for on every volume before kernels by name are, and volumes with the bootable flag come
 * first: that is U-Boot's order, so the same disk starts the same way with and without it.
 */
import type { BlockBackend } from "../backends/block-backend.js";
import { VkrunError } from "../errors.js";
import type { ByteSource } from "./byte-source.js";
import { contentName, SIGNATURE_SPAN } from "./content-signature.js";
import { compareKernelVersions } from "./debian-version.js";
import { DiskReader } from "./disk-reader.js";
import { Ext4FileSystem } from "./ext4/file-system.js";
import { type ExtlinuxEntry, parseExtlinux } from "./extlinux.js";
import { type Partition, type PartitionTable, readPartitionTable } from "./partition-table.js";

export interface DiskKernel {
  readonly kernel: ByteSource;
  readonly initrd: ByteSource | undefined;
  readonly commandLine: string;
  /** For the log: which volume, by which configuration. */
  readonly origin: string;
  readonly warnings: readonly string[];
}

interface Volume {
  /** "partition 2" or "the whole disk" */
  readonly name: string;
  readonly partition: Partition | undefined;
  /** What the kernel's root= would call it. */
  readonly rootDevice: string;
  readonly fileSystem: Ext4FileSystem | undefined;
  /** "ext4", "FAT32", "unknown content" */
  readonly content: string;
  /** What kept its file system from being read. */
  readonly defect: VkrunError | undefined;
}

const EXTLINUX_PATHS = ["/boot/extlinux/extlinux.conf", "/extlinux/extlinux.conf"] as const;
const MAX_CONFIG_SIZE = 256 * 1024;
/** Debian's /vmlinuz links point at the kernel that the administrator wants. */
const KERNEL_LINKS = ["/vmlinuz", "/boot/vmlinuz", "/vmlinux", "/boot/vmlinux"] as const;
const KERNEL_DIRECTORIES = ["/boot", "/"] as const;
const KERNEL_NAME = /^(?:vmlinuz|vmlinux|Image)-(.+)$/;
const LEFTOVER_NAME = /\.(?:old|bak|dpkg-\w+|efi\.signed|sig)$|~$/;
/** Any of these makes a volume a root file system. */
const ROOT_MARKS = ["/sbin/init", "/etc/os-release", "/usr/lib/os-release", "/etc/fstab", "/bin/sh"] as const;

/** Discoverable Partitions Specification: "Root Partition (RISC-V 64-bit)". */
const GPT_ROOT_RISCV64 = "72ec70a6-cf74-40e6-bd49-4bda08e8f224";
const LINUX_TYPES: ReadonlySet<string> = new Set([GPT_ROOT_RISCV64, "0fc63daf-8483-4772-8e79-3d69d8477de4", "0x83"]);

/** GPT tables may list thousands of partitions; Linux stops at 256, and disks that boot have a handful. */
const MAX_VOLUMES = 64;

export class BootDisk {
  private constructor(
    private readonly table: PartitionTable,
    private readonly volumes: readonly Volume[],
  ) {}

  /** `device` is the guest's name of the disk, "vda". */
  static async open(backend: BlockBackend, device: string): Promise<BootDisk> {
    const disk = new DiskReader(backend);
    const table = await readPartitionTable(disk);
    const volumes: Volume[] = [];
    if (table.scheme === "none") volumes.push(await openVolume(disk, `/dev/${device}`));
    const ordered = [...table.partitions].sort((a, b) => Number(b.bootable) - Number(a.bootable));
    for (const partition of ordered.slice(0, MAX_VOLUMES)) {
      volumes.push(await openVolume(disk.window(partition.start, partition.size), "", partition));
    }
    return new BootDisk(table, volumes);
  }

  get warnings(): readonly string[] {
    return this.table.warnings;
  }

  /** Words that the kernel's command line needs to see this disk's partitions as we do. */
  get requiredArguments(): readonly string[] {
    return this.table.fromBackup ? ["gpt"] : [];
  }

  async findKernel(): Promise<DiskKernel> {
    const notes: string[] = [];
    const failed = (volume: Volume, error: unknown): void => {
      if (!(error instanceof VkrunError) || !DEFECTS.has(error.code)) throw error;
      notes.push(`${volume.name}: ${error.message}`);
    };
    for (const search of [this.#byExtlinux, this.#byName]) {
      for (const volume of this.volumes) {
        if (!volume.fileSystem) continue;
        rejectTruncated(volume, volume.fileSystem);
        try {
          const found = await search.call(this, volume, volume.fileSystem, notes);
          if (found) return found;
        } catch (error) {
          failed(volume, error);
        }
      }
    }
    throw this.#noKernel(notes);
  }

  /** root=... for a kernel that was given on its own; undefined when nothing on this disk looks like a root file system. */
  async rootArgument(): Promise<string | undefined> {
    const volume = await this.#rootVolume(undefined);
    return volume && `root=${volume.rootDevice}`;
  }

  async #byExtlinux(volume: Volume, fileSystem: Ext4FileSystem, notes: string[]): Promise<DiskKernel | undefined> {
    for (const path of EXTLINUX_PATHS) {
      const text = await fileSystem.readText(path, MAX_CONFIG_SIZE);
      if (text === undefined) continue;
      const { chosen, entries, warnings } = parseExtlinux(text);
      if (!chosen) notes.push(`${volume.name}: ${path} has no entry with a kernel`);
      // Like U-Boot: when the chosen entry cannot be started, the others are tried in turn.
      for (const entry of chosen ? [chosen, ...entries.filter((other) => other !== chosen && other.kernel)] : []) {
        const kernel = await openConfigured(fileSystem, path, entry.kernel as string);
        const initrd = entry.initrd ? await openConfigured(fileSystem, path, entry.initrd) : undefined;
        const missing = !kernel ? entry.kernel : entry.initrd && !initrd ? entry.initrd : undefined;
        if (!kernel || missing) {
          notes.push(`${volume.name}: ${path} entry "${entry.label}" names ${missing}, which is not there`);
          continue;
        }
        return {
          kernel,
          initrd,
          commandLine: entry.append ?? "",
          origin: `${volume.name}, ${path}, entry "${entry.menuLabel ?? entry.label}"`,
          warnings: [...warnings, ...fdtWarnings(entry), ...notes, ...recoveryWarnings(volume, fileSystem)],
        };
      }
    }
    return undefined;
  }

  async #byName(volume: Volume, fileSystem: Ext4FileSystem, notes: string[]): Promise<DiskKernel | undefined> {
    const kernel = (await linkedKernel(fileSystem)) ?? (await newestKernel(fileSystem));
    if (!kernel) return undefined;
    const initrd = await initrdOf(fileSystem, kernel.name);
    const warnings = [...notes, ...recoveryWarnings(volume, fileSystem)];
    if (!initrd) warnings.push(`No initrd was found for ${kernel.name}; starting without one.`);
    const root = (await this.#rootVolume(volume)) ?? volume;
    return {
      kernel,
      initrd,
      // Read-write: without an entry in /etc/fstab nothing would ever remount it.
      commandLine: `root=${root.rootDevice} rw`,
      origin: `${volume.name}, ${kernel.name}`,
      warnings,
    };
  }

  /** `boot` itself if it is a root file system, else another ext4 one, else a partition whose type says so. */
  async #rootVolume(boot: Volume | undefined): Promise<Volume | undefined> {
    const others = this.volumes.filter((volume) => volume !== boot);
    for (const volume of boot ? [boot, ...others] : others) {
      if (volume.fileSystem && (await isRoot(volume.fileSystem))) return volume;
    }
    const byType = others.filter(({ partition }) => partition && LINUX_TYPES.has(partition.type));
    const sizeOf = ({ partition }: Volume): number => partition?.size ?? 0;
    return (
      byType.find(({ partition }) => partition?.type === GPT_ROOT_RISCV64) ??
      (boot ? byType.sort((a, b) => sizeOf(b) - sizeOf(a))[0] : undefined)
    );
  }

  #noKernel(notes: readonly string[]): VkrunError {
    const volumes = this.volumes.map((volume) => `${volume.name} (${volume.content})`);
    const where = volumes.length > 0 ? volumes.join(", ") : "no partitions";
    const defects = this.volumes.flatMap(({ defect }) => defect ?? []);
    const details = [...defects.map(({ message }) => message), ...notes, ...this.warnings].map((note) => ` ${note}`);
    const message =
      `No kernel was found on the disk. Looked in ${where} for ${EXTLINUX_PATHS.join(", ")} and for vmlinuz-*, ` +
      `vmlinux-* and Image-* in ${KERNEL_DIRECTORIES.join(" and ")} on ext2/3/4 file systems.${details.join(".")}`;
    return new VkrunError("ERR_VKRUN_NO_KERNEL", message, {
      hint: this.#hint(),
      ...(defects[0] && { cause: defects[0] }),
    });
  }

  #hint(): string {
    const content = this.volumes.length === 1 ? (this.volumes[0] as Volume).content : "";
    if (content.endsWith("image")) return "Convert it first: qemu-img convert -O raw IMAGE disk.img";
    if (content.endsWith("compressed file") || content === "zip archive") return "Decompress the image first.";
    return "Give a kernel with --kernel (and --initrd), or let the disk's own boot loader run with --firmware.";
  }
}

/** What is wrong with one volume must not keep another one from being booted. */
const DEFECTS: ReadonlySet<string> = new Set([
  "ERR_VKRUN_FILESYSTEM_INVALID",
  "ERR_VKRUN_FILESYSTEM_UNSUPPORTED",
  "ERR_VKRUN_BOOT_CONFIG_INVALID",
]);

async function openVolume(disk: DiskReader, device: string, partition?: Partition): Promise<Volume> {
  const base = {
    name: partition ? `partition ${partition.number}` : "the whole disk",
    partition,
    rootDevice: partition ? `PARTUUID=${partition.partUuid}` : device,
  };
  const head = await disk.bytes(0, Math.min(SIGNATURE_SPAN, disk.size));
  const content = contentName(head) ?? (head.every((byte) => byte === 0) ? "blank" : "unknown content");
  try {
    return { ...base, content, fileSystem: await Ext4FileSystem.open(disk), defect: undefined };
  } catch (error) {
    if (!(error instanceof VkrunError) || !DEFECTS.has(error.code)) throw error;
    return { ...base, content, fileSystem: undefined, defect: error };
  }
}

function rejectTruncated({ name }: Volume, fileSystem: Ext4FileSystem): void {
  if (!fileSystem.truncated) return;
  const message = `The file system on ${name} is ${fileSystem.size} bytes long, but less of it is there.`;
  throw new VkrunError("ERR_VKRUN_DISK_TRUNCATED", message, {
    hint: "The image is truncated; fetch or copy it again.",
  });
}

const recoveryWarnings = ({ name }: Volume, { needsRecovery }: Ext4FileSystem): string[] =>
  needsRecovery ? [`${name} was not unmounted cleanly; files changed just before may be read in their old state.`] : [];

const fdtWarnings = ({ fdt }: ExtlinuxEntry): string[] =>
  fdt ? [`extlinux.conf: FDT ${fdt} describes other hardware; vkrun passes the device tree of its own machine.`] : [];

/**
 * A file that extlinux.conf names, absolute or relative to the configuration's own directory. Where /boot is a
 * partition of its own some tools write paths as they look on the running system, so /boot may be one too many.
 */
async function openConfigured(fileSystem: Ext4FileSystem, configPath: string, path: string) {
  const absolute = path.startsWith("/") ? path : `${configPath.slice(0, configPath.lastIndexOf("/"))}/${path}`;
  const file = await fileSystem.openFile(absolute);
  if (file || !absolute.startsWith("/boot/")) return file;
  return fileSystem.openFile(absolute.slice("/boot".length));
}

async function linkedKernel(fileSystem: Ext4FileSystem): Promise<ByteSource | undefined> {
  for (const path of KERNEL_LINKS) {
    const kernel = await fileSystem.openFile(path);
    if (kernel) return kernel;
  }
  return undefined;
}

async function newestKernel(fileSystem: Ext4FileSystem): Promise<ByteSource | undefined> {
  for (const directory of KERNEL_DIRECTORIES) {
    const names = (await fileSystem.list(directory)).filter(
      (name) => KERNEL_NAME.test(name) && !LEFTOVER_NAME.test(name),
    );
    names.sort((a, b) => compareKernelVersions(versionOf(b) ?? "", versionOf(a) ?? ""));
    for (const name of names) {
      const kernel = await fileSystem.openFile(`${directory}/${name}`);
      if (kernel) return kernel;
    }
  }
  return undefined;
}

const versionOf = (name: string): string | undefined => KERNEL_NAME.exec(name)?.[1];

async function initrdOf(fileSystem: Ext4FileSystem, kernelPath: string): Promise<ByteSource | undefined> {
  const directory = kernelPath.slice(0, kernelPath.lastIndexOf("/"));
  const version = versionOf(kernelPath.slice(directory.length + 1));
  const names = version
    ? [
        `initrd.img-${version}`,
        `initrd-${version}`,
        `initrd-${version}.img`,
        `initramfs-${version}.img`,
        `initramfs-${version}`,
      ]
    : ["initrd.img", "initrd", "initramfs.img"];
  for (const name of names) {
    const initrd = await fileSystem.openFile(`${directory}/${name}`);
    if (initrd) return initrd;
  }
  return undefined;
}

async function isRoot(fileSystem: Ext4FileSystem): Promise<boolean> {
  try {
    for (const mark of ROOT_MARKS) {
      if (await fileSystem.exists(mark)) return true;
    }
  } catch (error) {
    if (!(error instanceof VkrunError)) throw error;
  }
  return false;
}
