/**
 * The PC partition table in sector 0: four primary entries, and logical partitions in a chain of extended boot
 * records. Partition numbers are Linux's: 1-4 primary, logical ones from 5.
 */
import type { DiskReader } from "./disk-reader.js";
import { SECTOR_SIZE } from "./disk-reader.js";
import type { Partition } from "./partition-table.js";

const TABLE_OFFSET = 0x1be;
const ENTRY_SIZE = 16;
const SIGNATURE_OFFSET = 0x1fe;
const DISK_SIGNATURE_OFFSET = 0x1b8;

const GPT_PROTECTIVE = 0xee;
const EXTENDED_TYPES: ReadonlySet<number> = new Set([0x05, 0x0f, 0x85]);
/** A chain of extended boot records can be made to loop; Linux gives up after 100, and so do we. */
const MAX_LOGICAL = 100;

interface MbrEntry {
  readonly bootIndicator: number;
  readonly type: number;
  readonly firstSector: number;
  readonly sectors: number;
}

function entriesOf(sector: Uint8Array): MbrEntry[] | undefined {
  const view = new DataView(sector.buffer, sector.byteOffset, sector.byteLength);
  if (view.getUint16(SIGNATURE_OFFSET, true) !== 0xaa55) return undefined;
  return [0, 1, 2, 3].map((index) => {
    const offset = TABLE_OFFSET + index * ENTRY_SIZE;
    return {
      bootIndicator: view.getUint8(offset),
      type: view.getUint8(offset + 4),
      firstSector: view.getUint32(offset + 8, true),
      sectors: view.getUint32(offset + 12, true),
    };
  });
}

const isUsed = (entry: MbrEntry): boolean => entry.type !== 0 && entry.sectors !== 0;

/** True when sector 0 says that the disk is partitioned with GPT. */
export function isProtectiveMbr(sector: Uint8Array): boolean {
  return entriesOf(sector)?.some((entry) => entry.type === GPT_PROTECTIVE) ?? false;
}

/**
 * The partitions, or undefined when sector 0 is no partition table. The boot sector of a FAT file system ends in the
 * same 0x55AA, so the boot indicators have to be plausible, too, as Linux demands.
 */
export async function readMbr(disk: DiskReader, sector: Uint8Array): Promise<Partition[] | undefined> {
  const entries = entriesOf(sector);
  if (!entries?.some(isUsed)) return undefined;
  if (entries.some(({ bootIndicator }) => bootIndicator !== 0 && bootIndicator !== 0x80)) return undefined;

  const view = new DataView(sector.buffer, sector.byteOffset, sector.byteLength);
  const signature = view.getUint32(DISK_SIGNATURE_OFFSET, true);
  const partitions: Partition[] = [];
  for (const [index, entry] of entries.entries()) {
    if (!isUsed(entry)) continue;
    if (EXTENDED_TYPES.has(entry.type)) {
      await followExtended(disk, entry, signature, partitions);
    } else {
      partitions.push(toPartition(entry, index + 1, 0, signature));
    }
  }
  return partitions.sort((a, b) => a.number - b.number);
}

async function followExtended(
  disk: DiskReader,
  extended: MbrEntry,
  signature: number,
  partitions: Partition[],
): Promise<void> {
  const seen = new Set<number>();
  let recordSector = extended.firstSector;
  let number = 5 + partitions.filter((partition) => partition.number >= 5).length;
  while (seen.size < MAX_LOGICAL && !seen.has(recordSector)) {
    seen.add(recordSector);
    const offset = recordSector * SECTOR_SIZE;
    if (offset + SECTOR_SIZE > disk.size) return;
    const entries = entriesOf(await disk.bytes(offset, SECTOR_SIZE));
    if (!entries) return;
    const logical = entries.find((entry) => isUsed(entry) && !EXTENDED_TYPES.has(entry.type));
    // A logical partition starts relative to its own record, the next record relative to the extended partition.
    if (logical) partitions.push(toPartition(logical, number++, recordSector, signature));
    const next = entries.find((entry) => isUsed(entry) && EXTENDED_TYPES.has(entry.type));
    if (!next) return;
    recordSector = extended.firstSector + next.firstSector;
  }
}

function toPartition(entry: MbrEntry, number: number, baseSector: number, signature: number): Partition {
  return {
    number,
    start: (baseSector + entry.firstSector) * SECTOR_SIZE,
    size: entry.sectors * SECTOR_SIZE,
    // Linux, block/partitions/msdos.c: the disk signature and the partition number, both in hexadecimal.
    partUuid: `${hex(signature, 8)}-${hex(number, 2)}`,
    type: `0x${hex(entry.type, 2)}`,
    name: "",
    bootable: entry.bootIndicator === 0x80,
  };
}

const hex = (value: number, digits: number): string => value.toString(16).padStart(digits, "0");
