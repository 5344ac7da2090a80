/**
 * GUID partition table, UEFI 2.10 section 5.3. Both checksums are verified; when the primary table is damaged the
 * backup in the last sector serves. `block/partitions/efi.c` in Linux is the model for what counts as valid, because
 * the guest's kernel has to come to the same partitions.
 */
import { VkrunError } from "../errors.js";
import { crc32 } from "./crc32.js";
import type { DiskReader } from "./disk-reader.js";
import { SECTOR_SIZE } from "./disk-reader.js";
import type { Partition } from "./partition-table.js";

const SIGNATURE = "EFI PART";
const MIN_HEADER_SIZE = 92;
const MIN_ENTRY_SIZE = 128;
/** 16 KiB is usual; a table that claims gigabytes must not make us allocate them. */
const MAX_TABLE_SIZE = 1024 * 1024;
/** Attribute bit 2, "legacy BIOS bootable": what U-Boot looks for as the bootable flag. */
const ATTRIBUTE_BOOTABLE = 4;
const UNUSED_TYPE = "00000000-0000-0000-0000-000000000000";

export interface Gpt {
  readonly partitions: readonly Partition[];
  /** True when the primary header or table was damaged. */
  readonly fromBackup: boolean;
  readonly warnings: readonly string[];
}

interface Table {
  readonly partitions: readonly Partition[];
  readonly warnings: readonly string[];
}

/** Why one copy cannot be used; `truncated` when its checksums hold but the disk is shorter than it says. */
interface Defect {
  readonly reason: string;
  readonly truncated?: boolean;
}

export async function readGpt(disk: DiskReader): Promise<Gpt> {
  const lastLba = Math.floor(disk.size / SECTOR_SIZE) - 1;
  const primary = await readTable(disk, 1, lastLba);
  if (!("reason" in primary)) return { ...primary, fromBackup: false };
  if (primary.truncated) {
    throw new VkrunError("ERR_VKRUN_DISK_TRUNCATED", `The disk image is truncated: ${primary.reason}.`, {
      hint: "Fetch or copy the image again; it is incomplete.",
    });
  }
  const backup = await readTable(disk, lastLba, lastLba);
  if (!("reason" in backup)) {
    const warning = `The primary GPT is damaged (${primary.reason}); using its backup. Repair it with "sgdisk -e" or "gdisk".`;
    return { partitions: backup.partitions, fromBackup: true, warnings: [warning, ...backup.warnings] };
  }
  throw new VkrunError(
    "ERR_VKRUN_PARTITION_TABLE_INVALID",
    `The disk's GPT is corrupt: primary: ${primary.reason}; backup: ${backup.reason}.`,
    { hint: "Restore the partition table (for instance with gdisk), or fetch the image again." },
  );
}

async function readTable(disk: DiskReader, lba: number, lastLba: number): Promise<Table | Defect> {
  if (lba < 1 || lba > lastLba) return { reason: "the disk is too small for one" };
  const sector = await disk.bytes(lba * SECTOR_SIZE, SECTOR_SIZE);
  const header = new DataView(sector.buffer);
  if (!hasGptSignature(sector)) return { reason: 'no "EFI PART" signature' };
  const headerSize = header.getUint32(12, true);
  if (headerSize < MIN_HEADER_SIZE || headerSize > SECTOR_SIZE) return { reason: `header size ${headerSize}` };
  const storedCrc = header.getUint32(16, true);
  header.setUint32(16, 0, true);
  if (crc32(sector.subarray(0, headerSize)) !== storedCrc) return { reason: "header checksum does not match" };
  if (header.getBigUint64(24, true) !== BigInt(lba)) return { reason: "header is not in its own place" };

  const firstUsable = header.getBigUint64(40, true);
  const lastUsable = header.getBigUint64(48, true);
  if (firstUsable > lastUsable + 1n) return { reason: "usable area ends before it starts" };
  if (lastUsable > BigInt(lastLba)) {
    const reason = `its partition table covers ${lastUsable + 1n} sectors, the image has ${lastLba + 1}`;
    return { reason, truncated: true };
  }
  const tableLba = header.getBigUint64(72, true);
  const count = header.getUint32(80, true);
  const entrySize = header.getUint32(84, true);
  const tableSize = count * entrySize;
  if (entrySize < MIN_ENTRY_SIZE || entrySize % 8 !== 0 || tableSize > MAX_TABLE_SIZE) {
    return { reason: `${count} entries of ${entrySize} bytes` };
  }
  const tableStart = tableLba * BigInt(SECTOR_SIZE);
  if (tableStart + BigInt(tableSize) > BigInt(disk.size)) return { reason: "entries lie beyond the end of the disk" };
  const entries = await disk.bytes(Number(tableStart), tableSize);
  if (crc32(entries) !== header.getUint32(88, true)) return { reason: "checksum of the entries does not match" };
  return parseEntries(entries, count, entrySize, firstUsable, lastUsable);
}

export function hasGptSignature(sector: Uint8Array): boolean {
  return String.fromCharCode(...sector.subarray(0, SIGNATURE.length)) === SIGNATURE;
}

function parseEntries(table: Uint8Array, count: number, entrySize: number, first: bigint, last: bigint): Table {
  const partitions: Partition[] = [];
  const warnings: string[] = [];
  const view = new DataView(table.buffer, table.byteOffset, table.byteLength);
  for (let index = 0; index < count; index++) {
    const offset = index * entrySize;
    const type = guidAt(view, offset);
    if (type === UNUSED_TYPE) continue;
    const start = view.getBigUint64(offset + 32, true);
    const end = view.getBigUint64(offset + 40, true);
    if (start < first || end > last || start > end) {
      warnings.push(`GPT partition ${index + 1} lies outside the usable area; ignored.`);
      continue;
    }
    partitions.push({
      number: index + 1,
      start: Number(start) * SECTOR_SIZE,
      size: Number(end - start + 1n) * SECTOR_SIZE,
      partUuid: guidAt(view, offset + 16),
      type,
      name: nameAt(view, offset + 56),
      bootable: (view.getUint8(offset + 48) & ATTRIBUTE_BOOTABLE) !== 0,
    });
  }
  return { partitions, warnings };
}

/** Textual form of a GUID: the first three groups are little-endian numbers, the rest are bytes. UEFI appendix A. */
function guidAt(view: DataView, offset: number): string {
  const hex = (value: number, digits: number) => value.toString(16).padStart(digits, "0");
  const bytes = (from: number, to: number) => {
    let text = "";
    for (let i = from; i < to; i++) text += hex(view.getUint8(offset + i), 2);
    return text;
  };
  return [
    hex(view.getUint32(offset, true), 8),
    hex(view.getUint16(offset + 4, true), 4),
    hex(view.getUint16(offset + 6, true), 4),
    bytes(8, 10),
    bytes(10, 16),
  ].join("-");
}

/** 36 UTF-16LE code units, zero-terminated. */
function nameAt(view: DataView, offset: number): string {
  let name = "";
  for (let i = 0; i < 36; i++) {
    const unit = view.getUint16(offset + i * 2, true);
    if (unit === 0) break;
    name += String.fromCharCode(unit);
  }
  return name;
}
