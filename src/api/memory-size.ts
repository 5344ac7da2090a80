/** Amounts of memory as people write them. */
import { VkrunError } from "../errors.js";
import { MemoryLimits } from "../machine/machine-config.js";

const UNITS: Readonly<Record<string, number>> = { "": 2 ** 20, K: 2 ** 10, M: 2 ** 20, G: 2 ** 30 };
/** Linear memory comes in pages of 64 KiB. */
const GRANULE = 2 ** 16;

const mebibytes = (bytes: number): string => `${Math.floor(bytes / 2 ** 20)} MiB`;

/** Bytes from a number of bytes, or from text: "512M", "2G", "0.5G"; without a unit it counts MiB, as QEMU's -m does. */
export function parseMemorySize(size: string | number): number {
  const bytes = typeof size === "number" ? size : parseText(size);
  if (!Number.isFinite(bytes) || bytes < 0) throw invalid(size);
  if (bytes < MemoryLimits.MIN) {
    throw new VkrunError("ERR_VKRUN_MEMORY_SIZE", `${describe(size)} of memory is too little for a guest`, {
      hint: `Give it at least ${mebibytes(MemoryLimits.MIN)}; Debian wants ${mebibytes(MemoryLimits.DEFAULT)}.`,
    });
  }
  if (bytes > MemoryLimits.MAX) {
    throw new VkrunError("ERR_VKRUN_MEMORY_SIZE", `${describe(size)} of memory is more than a guest can have`, {
      hint: `The most is ${mebibytes(MemoryLimits.MAX)}.`,
    });
  }
  return Math.ceil(bytes / GRANULE) * GRANULE;
}

/** What a balloon is to leave a guest with that has `ramBytes`: as much as that, or less. */
export function parseMemoryTarget(size: string | number, ramBytes: number): number {
  const bytes = parseMemorySize(size);
  if (bytes <= ramBytes) return bytes;
  throw new VkrunError("ERR_VKRUN_MEMORY_SIZE", `${describe(size)} of memory is more than the guest was booted with`, {
    hint: `It has ${mebibytes(ramBytes)}; a balloon can only take some of that.`,
  });
}

function parseText(text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*([KMG]?)(?:i?B)?$/i.exec(text.trim());
  if (match === null) throw invalid(text);
  return Math.round(Number(match[1]) * (UNITS[(match[2] ?? "").toUpperCase()] ?? Number.NaN));
}

function describe(size: string | number): string {
  return typeof size === "number" ? `${size} bytes` : `"${size}"`;
}

function invalid(size: string | number): VkrunError {
  return new VkrunError("ERR_VKRUN_MEMORY_SIZE", `"${size}" is not an amount of memory`, {
    hint: "Write it as 512M or 2G; a number without a unit counts MiB.",
  });
}
