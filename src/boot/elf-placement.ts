/** Puts an ELF's segments into guest memory and says where it starts. */
import { VkrunError } from "../errors.js";
import { sliceSource } from "./byte-source.js";
import type { Elf } from "./elf.js";
import type { MemoryMap } from "./memory-map.js";

/**
 * Segments go to their physical addresses. A vmlinux is linked for physical addresses from 0 on and finds out by
 * itself where it runs: with `relocateTo`, an ELF that lies below RAM altogether moves there as a whole.
 * Returns the entry's gpa.
 */
export function placeElf(map: MemoryMap, elf: Elf, label: string, relocateTo?: number): number {
  const lowest = Number(elf.segments[0]?.physical ?? 0n);
  const delta = relocateTo !== undefined && lowest < map.ram.base ? relocateTo - lowest : 0;
  let entry: number | undefined;
  for (const { physical, virtual, offset, fileSize, memorySize } of elf.segments) {
    const gpa = Number(physical) + delta;
    map.place({ label, gpa, size: memorySize, content: sliceSource(elf.source, offset, fileSize) });
    if (elf.entry >= virtual && elf.entry < virtual + BigInt(memorySize)) entry ??= gpa + Number(elf.entry - virtual);
  }
  if (entry === undefined) {
    throw new VkrunError(
      "ERR_VKRUN_ELF_INVALID",
      `The ELF file ${elf.source.name} starts outside of its own segments.`,
      {
        hint: "Link it with an entry point (the linker's -e option).",
      },
    );
  }
  return entry;
}
