/**
 * The ext2/3/4 superblock: Linux Documentation/filesystems/ext4/super.rst. Only what reading needs is kept, and every
 * number that later arithmetic divides by, shifts by or allocates from is checked here.
 */
import { VkrunError } from "../../errors.js";
import type { DiskReader } from "../disk-reader.js";

export const SUPERBLOCK_OFFSET = 1024;
const SUPERBLOCK_SIZE = 1024;
const MAGIC = 0xef53;

/** s_feature_compat */
const CompatSparseSuper2 = 0x200;
/** s_feature_ro_compat */
const RoCompatSparseSuper = 0x1;
/** s_feature_incompat: features that change where things lie or what they mean. */
const Incompat = {
  COMPRESSION: 0x1,
  FILETYPE: 0x2,
  RECOVER: 0x4,
  JOURNAL_DEV: 0x8,
  META_BG: 0x10,
  EXTENTS: 0x40,
  BITS64: 0x80,
  MMP: 0x100,
  FLEX_BG: 0x200,
  EA_INODE: 0x400,
  DIRDATA: 0x1000,
  CSUM_SEED: 0x2000,
  LARGEDIR: 0x4000,
  INLINE_DATA: 0x8000,
  ENCRYPT: 0x10000,
  CASEFOLD: 0x20000,
} as const;

/** Encrypted files are refused one by one; names in case-folded directories have to be given as they are written. */
const SUPPORTED =
  Incompat.FILETYPE |
  Incompat.RECOVER |
  Incompat.META_BG |
  Incompat.EXTENTS |
  Incompat.BITS64 |
  Incompat.MMP |
  Incompat.FLEX_BG |
  Incompat.EA_INODE |
  Incompat.CSUM_SEED |
  Incompat.LARGEDIR |
  Incompat.INLINE_DATA |
  Incompat.ENCRYPT |
  Incompat.CASEFOLD;

export interface Superblock {
  readonly blockSize: number;
  readonly blockCount: number;
  readonly firstDataBlock: number;
  readonly blocksPerGroup: number;
  readonly groupCount: number;
  readonly inodeCount: number;
  readonly inodesPerGroup: number;
  readonly inodeSize: number;
  readonly descriptorSize: number;
  /** First descriptor block that lies in its own meta block group, or Infinity without META_BG. */
  readonly firstMetaGroup: number;
  /** Does this group begin with a copy of the superblock? */
  hasSuperblock(group: number): boolean;
  readonly label: string;
  /** The journal holds changes that were not written back: what we read may be older than what the guest will see. */
  readonly needsRecovery: boolean;
}

export const invalid = (reason: string): VkrunError =>
  new VkrunError("ERR_VKRUN_FILESYSTEM_INVALID", `The ext4 file system is corrupt: ${reason}.`, {
    hint: "Check it with e2fsck -n, or fetch the image again.",
  });

export const unsupported = (what: string): VkrunError =>
  new VkrunError("ERR_VKRUN_FILESYSTEM_UNSUPPORTED", `The ext4 file system uses ${what}, which vkrun cannot read.`, {
    hint: "Give the kernel with --kernel and --initrd; the guest itself can still use this file system.",
  });

/** The superblock, or undefined when there is no ext file system at all. */
export async function readSuperblock(disk: DiskReader): Promise<Superblock | undefined> {
  if (disk.size < SUPERBLOCK_OFFSET + SUPERBLOCK_SIZE) return undefined;
  const bytes = await disk.bytes(SUPERBLOCK_OFFSET, SUPERBLOCK_SIZE);
  const view = new DataView(bytes.buffer);
  if (view.getUint16(0x38, true) !== MAGIC) return undefined;

  const incompat = view.getUint32(0x60, true);
  const strange = incompat & ~SUPPORTED;
  if (strange !== 0) throw unsupported(`incompatible feature 0x${(strange >>> 0).toString(16)}`);
  const has = (feature: number): boolean => (incompat & feature) !== 0;

  const blockShift = view.getUint32(0x18, true);
  if (blockShift > 6) throw invalid(`block size 2^${blockShift + 10}`);
  const blockSize = 1024 << blockShift;
  const high = has(Incompat.BITS64) ? view.getUint32(0x150, true) : 0;
  const blockCount = high * 2 ** 32 + view.getUint32(0x04, true);
  const firstDataBlock = view.getUint32(0x14, true);
  const blocksPerGroup = view.getUint32(0x20, true);
  const inodesPerGroup = view.getUint32(0x28, true);
  const inodeCount = view.getUint32(0x00, true);
  const inodeSize = view.getUint32(0x4c, true) === 0 ? 128 : view.getUint16(0x58, true);
  const descriptorSize = has(Incompat.BITS64) ? view.getUint16(0xfe, true) : 32;

  if (!Number.isSafeInteger(blockCount * blockSize)) throw invalid(`${blockCount} blocks`);
  if (firstDataBlock >= blockCount) throw invalid(`first data block ${firstDataBlock} of ${blockCount}`);
  if (blocksPerGroup === 0) throw invalid("no blocks in a group");
  if (inodesPerGroup === 0 || inodesPerGroup > blockSize * 8) throw invalid(`${inodesPerGroup} inodes in a group`);
  if (inodeSize < 128 || inodeSize > blockSize || !isPowerOfTwo(inodeSize)) throw invalid(`inode size ${inodeSize}`);
  if (descriptorSize < 32 || descriptorSize > 1024 || !isPowerOfTwo(descriptorSize)) {
    throw invalid(`group descriptor size ${descriptorSize}`);
  }
  const sparseSuper = (view.getUint32(0x64, true) & RoCompatSparseSuper) !== 0;
  const sparseSuper2 = (view.getUint32(0x5c, true) & CompatSparseSuper2) !== 0;
  const backups = [view.getUint32(0x24c, true), view.getUint32(0x250, true)];

  return {
    blockSize,
    blockCount,
    firstDataBlock,
    blocksPerGroup,
    groupCount: Math.ceil((blockCount - firstDataBlock) / blocksPerGroup),
    inodeCount,
    inodesPerGroup,
    inodeSize,
    descriptorSize,
    firstMetaGroup: has(Incompat.META_BG) ? view.getUint32(0x104, true) : Number.POSITIVE_INFINITY,
    hasSuperblock(group) {
      if (group === 0) return true;
      if (sparseSuper2) return backups.includes(group);
      return !sparseSuper || group === 1 || [3, 5, 7].some((base) => isPowerOf(base, group));
    },
    label: textUntilZero(bytes.subarray(0x78, 0x88)),
    needsRecovery: has(Incompat.RECOVER),
  };
}

const isPowerOfTwo = (value: number): boolean => (value & (value - 1)) === 0;

function isPowerOf(base: number, value: number): boolean {
  let power = base;
  while (power < value) power *= base;
  return power === value;
}

function textUntilZero(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  return new TextDecoder().decode(end < 0 ? bytes : bytes.subarray(0, end));
}
