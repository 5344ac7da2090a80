/** Finds the partitions of a disk: GPT, MBR, or none at all (a file system on the whole disk). */
import { VkrunError } from "../errors.js";
import type { DiskReader } from "./disk-reader.js";
import { SECTOR_SIZE } from "./disk-reader.js";
import { hasGptSignature, readGpt } from "./gpt.js";
import { isProtectiveMbr, readMbr } from "./mbr.js";

export interface Partition {
  /** Linux's number: /dev/vda<number>. */
  readonly number: number;
  /** Bytes from the start of the disk. A damaged table may place it beyond the end. */
  readonly start: number;
  readonly size: number;
  /** What root=PARTUUID= wants. */
  readonly partUuid: string;
  /** GPT type GUID in lower case, or the MBR type as "0x83". */
  readonly type: string;
  readonly name: string;
  readonly bootable: boolean;
}

export interface PartitionTable {
  readonly scheme: "gpt" | "mbr" | "none";
  readonly partitions: readonly Partition[];
  /** Read from the backup GPT. Linux looks at the backup only when its command line has the word "gpt". */
  readonly fromBackup: boolean;
  readonly warnings: readonly string[];
}

export async function readPartitionTable(disk: DiskReader): Promise<PartitionTable> {
  if (disk.size < SECTOR_SIZE) {
    throw new VkrunError("ERR_VKRUN_DISK_EMPTY", "The disk is empty.", {
      hint: "Give a disk image that holds a system; `vkrun image list` shows those that vkrun can build.",
    });
  }
  const sector = await disk.bytes(0, SECTOR_SIZE);
  if (isProtectiveMbr(sector)) return { scheme: "gpt", ...(await readGpt(disk)) };

  const partitions = await readMbr(disk, sector);
  if (partitions) return { scheme: "mbr", partitions, fromBackup: false, warnings: [] };

  const warnings: string[] = [];
  if (disk.size >= 2 * SECTOR_SIZE && hasGptSignature(await disk.bytes(SECTOR_SIZE, SECTOR_SIZE))) {
    warnings.push(
      "Sector 1 holds a GPT, but sector 0 no protective MBR: Linux ignores such a table, and so does vkrun.",
    );
  }
  return { scheme: "none", partitions: [], fromBackup: false, warnings };
}
