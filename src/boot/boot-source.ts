/** Which kernel starts, with which initrd and command line: those that were given, or those that the disk holds. */
import type { BlockBackend } from "../backends/block-backend.js";
import { VkrunError } from "../errors.js";
import { BootDisk } from "./boot-disk.js";
import type { BootOptions } from "./boot-options.js";
import { type ByteSource, hostFile } from "./byte-source.js";
import type { Firmware } from "./firmware.js";
import { type KernelImage, readKernel } from "./kernel-image.js";

export interface BootSource {
  /** Undefined when firmware starts alone. */
  readonly kernel: KernelImage | undefined;
  readonly initrd: ByteSource | undefined;
  readonly commandLine: string;
  /** Where the kernel came from, for the log. */
  readonly origin: string;
  readonly warnings: readonly string[];
}

/** COMMAND_LINE_SIZE of RISC-V Linux; what is longer it would cut off. */
const MAX_COMMAND_LINE = 1024;

export async function chooseKernel(
  options: BootOptions,
  ramSize: number,
  disk: BlockBackend | undefined,
  firmware: Firmware | undefined,
): Promise<BootSource> {
  const given = options.initrd === undefined ? undefined : await hostFile(options.initrd, "initrd");
  const source = await findKernel(options, ramSize, disk, firmware);
  const commandLine = withConsole(source.commandLine, options.console);
  const length = Buffer.byteLength(commandLine);
  if (length >= MAX_COMMAND_LINE) {
    throw new VkrunError("ERR_VKRUN_BOOT_OPTIONS", `The kernel's command line is ${length} bytes long.`, {
      hint: `Linux reads less than ${MAX_COMMAND_LINE} bytes; shorten --append or the APPEND line on the disk.`,
    });
  }
  return { ...source, initrd: given ?? source.initrd, commandLine };
}

async function findKernel(
  options: BootOptions,
  ramSize: number,
  disk: BlockBackend | undefined,
  firmware: Firmware | undefined,
): Promise<BootSource> {
  const read = (file: ByteSource) => readKernel(file, { limit: ramSize, allowRaw: firmware !== undefined });
  const device = options.diskDevice ?? "vda";
  if (options.kernel !== undefined) {
    const kernel = await read(await hostFile(options.kernel, "kernel"));
    const { argument, warnings } = await rootFor(options.append ?? "", disk, device);
    return {
      kernel,
      initrd: undefined,
      commandLine: joinArguments(argument, options.append),
      origin: options.kernel,
      warnings,
    };
  }
  if (!disk || firmware?.selfContained) return firmwareAlone(options);
  try {
    const bootDisk = await BootDisk.open(disk, device);
    const found = await bootDisk.findKernel();
    return {
      kernel: await read(found.kernel),
      initrd: found.initrd,
      commandLine: joinArguments(found.commandLine, ...bootDisk.requiredArguments, options.append),
      origin: found.origin,
      warnings: [...bootDisk.warnings, ...found.warnings],
    };
  } catch (error) {
    // The firmware may know disks that we do not.
    if (!firmware || !(error instanceof VkrunError)) throw error;
    return { ...firmwareAlone(options), warnings: [error.message] };
  }
}

const firmwareAlone = (options: BootOptions): BootSource => ({
  kernel: undefined,
  initrd: undefined,
  commandLine: options.append ?? "",
  origin: "",
  warnings: [],
});

/** A kernel given by hand still wants to know its root file system. A disk that cannot tell is no error here. */
async function rootFor(
  append: string,
  disk: BlockBackend | undefined,
  device: string,
): Promise<{ argument: string | undefined; warnings: readonly string[] }> {
  if (!disk || hasParameter(append, "root")) return { argument: undefined, warnings: [] };
  try {
    const bootDisk = await BootDisk.open(disk, device);
    const root = await bootDisk.rootArgument();
    const argument = root && joinArguments(root, "rw", ...bootDisk.requiredArguments);
    return { argument, warnings: bootDisk.warnings };
  } catch (error) {
    if (!(error instanceof VkrunError)) throw error;
    return { argument: undefined, warnings: [error.message] };
  }
}

function withConsole(commandLine: string, device: string | undefined): string {
  if (device === undefined || hasParameter(commandLine, "console")) return commandLine;
  return joinArguments(commandLine, `console=${device}`);
}

const hasParameter = (commandLine: string, name: string): boolean =>
  commandLine.split(/\s+/).some((word) => word.startsWith(`${name}=`));

const joinArguments = (...parts: readonly (string | undefined)[]): string =>
  parts.filter((part) => part?.trim()).join(" ");
