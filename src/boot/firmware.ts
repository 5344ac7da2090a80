/**
 * Firmware that starts in M mode: OpenSBI (fw_jump, fw_dynamic, fw_payload) or an M-mode U-Boot. Raw firmware lies at the
 * start of RAM; what it starts next lies 2 MiB above, where OpenSBI's generic platform (FW_JUMP_OFFSET) and U-Boot for
 * S mode expect it.
 */
import { VkrunError } from "../errors.js";
import { type ByteSource, bytesSource, readHead } from "./byte-source.js";
import { compressionOf } from "./decompress.js";
import { isElf, readElf } from "./elf.js";
import { placeElf } from "./elf-placement.js";
import { isUBoot } from "./kernel-image.js";
import type { MemoryMap } from "./memory-map.js";

export const NEXT_STAGE_OFFSET = 0x20_0000;

export interface Firmware {
  readonly entry: number;
  /** It brings or finds what it starts next: a payload behind it, or U-Boot, which reads disks itself. */
  readonly selfContained: boolean;
  readonly description: string;
}

const RISCV_IMAGE_MAGIC2 = "RSC\x05";

export async function placeFirmware(map: MemoryMap, source: ByteSource): Promise<Firmware> {
  const head = await readHead(source, 4096);
  const compression = compressionOf(head);
  const isImage = String.fromCharCode(...head.subarray(56, 60)) === RISCV_IMAGE_MAGIC2;
  if (compression || isImage) {
    const what = compression ? `compressed with ${compression}` : "a Linux kernel";
    throw new VkrunError("ERR_VKRUN_FIRMWARE_INVALID", `The firmware ${source.name} is ${what}.`, {
      hint: compression ? "Decompress it first." : "Give it with --kernel instead.",
    });
  }
  const { base } = map.ram;
  let entry = base;
  if (isElf(head)) {
    entry = placeElf(map, await readElf(source), "firmware");
  } else {
    map.place({ label: "firmware", gpa: base, size: source.size, content: source });
  }
  const end = map.usedFromBase;
  // OpenSBI's heap and stacks follow its image.
  if (end < NEXT_STAGE_OFFSET && map.ram.size > NEXT_STAGE_OFFSET) {
    map.reserve("firmware's own memory", base + end, NEXT_STAGE_OFFSET - end);
  }
  const uBoot = await isUBoot(source);
  return {
    entry,
    selfContained: uBoot || end > NEXT_STAGE_OFFSET,
    description: uBoot ? `${source.name} (U-Boot)` : source.name,
  };
}

/** OpenSBI include/sbi/fw_dynamic.h, version 2. */
const DynamicInfo = { MAGIC: 0x4942534fn, VERSION: 2n, NEXT_MODE_S: 1n, OPTIONS: 0n, BOOT_HART: 0n } as const;

/** What fw_dynamic reads at a2: where to go next, and in which mode. */
export function fwDynamicInfo(nextAddress: number): ByteSource {
  const bytes = new Uint8Array(48);
  const view = new DataView(bytes.buffer);
  const { MAGIC, VERSION, NEXT_MODE_S, OPTIONS, BOOT_HART } = DynamicInfo;
  for (const [index, word] of [MAGIC, VERSION, BigInt(nextAddress), NEXT_MODE_S, OPTIONS, BOOT_HART].entries()) {
    view.setBigUint64(index * 8, word, true);
  }
  return bytesSource("fw_dynamic_info", bytes);
}
