/**
 * From what the user gave to what the hart needs: which bytes lie where in guest RAM, and how it starts. `planBoot`
 * decides, `loadPlan` carries it out. Neither touches the disk other than by reading.
 */
import type { BlockBackend } from "../backends/block-backend.js";
import { VkrunError } from "../errors.js";
import type { BootOptions } from "./boot-options.js";
import { type BootSource, chooseKernel } from "./boot-source.js";
import { type ByteSource, bytesSource, hostFile, readAll } from "./byte-source.js";
import { buildDeviceTree, type Chosen, type MachineDescription, setChosen } from "./device-tree.js";
import { readElf, readElfSymbols } from "./elf.js";
import { placeElf } from "./elf-placement.js";
import { MAX_FDT_SIZE, readFdt, writeFdt } from "./fdt.js";
import { fwDynamicInfo, NEXT_STAGE_OFFSET, placeFirmware } from "./firmware.js";
import type { KernelImage } from "./kernel-image.js";
import { hex, MemoryMap, range, type Segment } from "./memory-map.js";

export type { BootOptions } from "./boot-options.js";
export type { Segment } from "./memory-map.js";

const StartPrivilege = { S: 1, M: 3 } as const;

export interface BootPlan {
  readonly segments: readonly Segment[];
  readonly start: {
    readonly pc: bigint;
    readonly privilege: 1 | 3;
    /** Hart id. */
    readonly a0: bigint;
    /** Device tree; 0 when there is none. */
    readonly a1: bigint;
    /** struct fw_dynamic_info for firmware; 0 otherwise. */
    readonly a2: bigint;
  };
  /** The kernel starts in S mode and its ecalls go to the built-in SBI. */
  readonly builtinSbi: boolean;
  readonly dtb: { readonly gpa: number; readonly bytes: Uint8Array } | undefined;
  /** Addresses of the program's symbols of these names (riscv-tests' way to report), for `elf` only. */
  readonly tohost: bigint | undefined;
  readonly fromhost: bigint | undefined;
  readonly commandLine: string;
  /** Lines for the log. */
  readonly description: readonly string[];
  readonly warnings: readonly string[];
}

const MIB = 2 ** 20;
const PAGE_SIZE = 4096;
/** The kernel maps its device tree with 2 MiB pages, QEMU aligns it so, and OpenSBI writes into the room behind it. */
const DTB_ALIGNMENT = 2 * MIB;
const DTB_SLACK = 64 * 1024;
/** QEMU keeps the device tree below 3 GiB, within the reach of 32-bit accesses. */
const DTB_TOP = 3 * 1024 * MIB;

export async function planBoot(
  options: BootOptions,
  machine: MachineDescription,
  disk?: BlockBackend,
): Promise<BootPlan> {
  checkOptions(options);
  return options.elf === undefined ? planSystem(options, machine, disk) : planBareMetal(options.elf, options, machine);
}

/** What of guest memory loading needs; every `GuestMemory` is one. */
export interface LoadMemory {
  view(gpa: number, length: number): Uint8Array;
  wrote(gpa: number, length: number): void;
}

/** Puts the plan's contents into RAM, which is zero: power-on, or cleared for a reset. */
export async function loadPlan(plan: BootPlan, memory: LoadMemory): Promise<void> {
  for (const { gpa, content } of plan.segments) {
    if (content.size === 0) continue;
    await content.read(0, memory.view(gpa, content.size));
    memory.wrote(gpa, content.size);
  }
}

function checkOptions(options: BootOptions): void {
  const conflict = (message: string, hint: string): VkrunError =>
    new VkrunError("ERR_VKRUN_BOOT_OPTIONS", message, { hint });
  if (options.elf !== undefined) {
    const excluded = (["kernel", "initrd", "firmware", "append"] as const).find((name) => options[name] !== undefined);
    if (excluded) {
      throw conflict(`--elf and --${excluded} exclude each other.`, "Use --elf for bare metal, --kernel for Linux.");
    }
  }
}

async function planSystem(options: BootOptions, machine: MachineDescription, disk?: BlockBackend): Promise<BootPlan> {
  const map = new MemoryMap(machine.ram);
  const firmware =
    options.firmware === undefined ? undefined : await placeFirmware(map, await hostFile(options.firmware, "firmware"));
  const source = await chooseKernel(options, machine.ram.size, disk, firmware);
  // So that a kernel which does not fit is told of a memory size that is enough for all.
  map.stillToCome = (source.initrd?.size ?? 0) + 2 * DTB_ALIGNMENT;
  const entry = source.kernel && placeKernel(map, source.kernel, firmware !== undefined);
  const pc = firmware?.entry ?? entry;
  if (pc === undefined) throw nothingToBoot();

  const { dtb, initrdLine } = await placeTop(map, options, machine, source, firmware !== undefined);
  const warnings = [...source.warnings];
  let infoGpa = 0;
  if (firmware) {
    if (entry === undefined && !firmware.selfContained) warnings.push("The firmware has no kernel to start.");
    infoGpa = placeAtTop(map, "fw_dynamic_info", fwDynamicInfo(entry ?? 0), dtb.gpa, PAGE_SIZE);
  }
  return {
    segments: map.segments,
    start: {
      pc: BigInt(pc),
      privilege: firmware ? StartPrivilege.M : StartPrivilege.S,
      a0: 0n,
      a1: BigInt(dtb.gpa),
      a2: BigInt(infoGpa),
    },
    builtinSbi: !firmware,
    dtb,
    tohost: undefined,
    fromhost: undefined,
    commandLine: source.commandLine,
    description: [
      ...(firmware ? [`firmware: ${firmware.description}, entry ${hex(firmware.entry)}`] : []),
      ...(source.kernel && entry !== undefined
        ? [`kernel: ${source.origin} (${source.kernel.description}), entry ${hex(entry)}`]
        : []),
      ...initrdLine,
      `command line: ${source.commandLine}`,
      `device tree: ${options.dtb ?? "generated"}, ${range(dtb.gpa, dtb.bytes.length)}`,
    ],
    warnings,
  };
}

const nothingToBoot = (): VkrunError =>
  new VkrunError("ERR_VKRUN_NO_DISK", "There is nothing to boot: no disk, kernel, firmware or program was given.", {
    hint: "Give a disk image (vkrun disk.img), or --kernel, --firmware or --elf; see vkrun --help.",
  });

function placeKernel(map: MemoryMap, kernel: KernelImage, behindFirmware: boolean): number {
  const nextStage = map.ram.base + NEXT_STAGE_OFFSET;
  switch (kernel.format) {
    case "elf":
      return placeElf(map, kernel.elf, "kernel", nextStage);
    case "raw":
      map.place({ label: "kernel", gpa: nextStage, size: kernel.source.size, content: kernel.source });
      return nextStage;
    case "image": {
      // Firmware jumps to a fixed address; a kernel that starts alone lies where its header says.
      const gpa = behindFirmware ? nextStage : map.ram.base + kernel.textOffset;
      map.place({ label: "kernel", gpa, size: kernel.memorySize, content: kernel.source });
      return gpa;
    }
  }
}

/** Device tree and initrd, from the top of RAM down: the kernel grows from below. */
async function placeTop(
  map: MemoryMap,
  options: BootOptions,
  machine: MachineDescription,
  source: BootSource,
  withFirmware: boolean,
): Promise<{ dtb: { gpa: number; bytes: Uint8Array }; initrdLine: string[] }> {
  const makeDtb = await dtbMaker(options, machine);
  const chosen: Chosen = {
    commandLine: source.commandLine,
    ...(options.rngSeed && { rngSeed: options.rngSeed }),
  };
  const initrd = source.initrd;
  map.stillToCome = 0;
  // The size does not depend on where the initrd comes to lie.
  const dtbSize = makeDtb({ ...chosen, ...(initrd && { initrd: { start: 0, end: 0 } }) }).length;
  const slot = dtbSize + DTB_SLACK;
  const needed = map.usedFromBase + (initrd?.size ?? 0) + slot + DTB_ALIGNMENT + (withFirmware ? PAGE_SIZE : 0);
  const dtbGpa = map.findBelow(DTB_TOP, slot, DTB_ALIGNMENT);
  if (dtbGpa === undefined) throw map.tooSmall("device tree", needed);
  map.reserve("device tree", dtbGpa, slot);

  const initrdLine: string[] = [];
  let place: Chosen["initrd"];
  if (initrd) {
    const gpa =
      map.findBelow(dtbGpa - PAGE_SIZE, initrd.size, PAGE_SIZE) ?? map.findBelow(map.ramEnd, initrd.size, PAGE_SIZE);
    if (gpa === undefined) throw map.tooSmall(source.kernel ? "kernel with its initrd" : "initrd", needed);
    map.place({ label: "initrd", gpa, size: initrd.size, content: initrd });
    place = { start: gpa, end: gpa + initrd.size };
    initrdLine.push(`initrd: ${initrd.name}, ${range(gpa, initrd.size)}`);
  }
  const bytes = makeDtb({ ...chosen, ...(place && { initrd: place }) });
  map.segments.push({
    label: "device tree",
    gpa: dtbGpa,
    size: bytes.length,
    content: bytesSource("device tree", bytes),
  });
  return { dtb: { gpa: dtbGpa, bytes }, initrdLine };
}

function placeAtTop(map: MemoryMap, label: string, content: ByteSource, top: number, alignment: number): number {
  const gpa = map.findBelow(top, content.size, alignment);
  if (gpa === undefined) throw map.tooSmall(label, map.usedFromBase + content.size);
  map.place({ label, gpa, size: content.size, content });
  return gpa;
}

/** The machine's own tree, or the user's with the boot's parameters put in. */
async function dtbMaker(options: BootOptions, machine: MachineDescription): Promise<(chosen: Chosen) => Uint8Array> {
  if (options.dtb === undefined) return (chosen) => writeFdt(buildDeviceTree(machine, chosen));
  const file = await hostFile(options.dtb, "device tree");
  if (file.size > MAX_FDT_SIZE) {
    throw new VkrunError("ERR_VKRUN_DTB_INVALID", `The device tree ${file.name} is ${file.size} bytes long.`, {
      hint: `At most ${MAX_FDT_SIZE} bytes are possible; is this a device tree?`,
    });
  }
  const fdt = readFdt(file.name, await readAll(file));
  return (chosen) => {
    setChosen(fdt.root, chosen);
    return writeFdt(fdt);
  };
}

async function planBareMetal(path: string, options: BootOptions, machine: MachineDescription): Promise<BootPlan> {
  const map = new MemoryMap(machine.ram);
  const elf = await readElf(await hostFile(path, "program"));
  const pc = placeElf(map, elf, "program");
  const symbols = await readElfSymbols(elf, new Set(["tohost", "fromhost"]));
  const bytes = (await dtbMaker(options, machine))({
    commandLine: "",
    ...(options.rngSeed && { rngSeed: options.rngSeed }),
  });
  // A program that fills the memory has no use for a device tree.
  const gpa = map.findBelow(DTB_TOP, bytes.length, DTB_ALIGNMENT);
  if (gpa !== undefined) {
    map.place({ label: "device tree", gpa, size: bytes.length, content: bytesSource("device tree", bytes) });
  }
  return {
    segments: map.segments,
    start: { pc: BigInt(pc), privilege: StartPrivilege.M, a0: 0n, a1: BigInt(gpa ?? 0), a2: 0n },
    builtinSbi: false,
    dtb: gpa === undefined ? undefined : { gpa, bytes },
    tohost: symbols.get("tohost"),
    fromhost: symbols.get("fromhost"),
    commandLine: "",
    description: [`program: ${path}, entry ${hex(pc)}`],
    warnings: [],
  };
}
