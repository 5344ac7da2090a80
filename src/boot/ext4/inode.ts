/** Inodes and where they lie: Linux Documentation/filesystems/ext4/inodes.rst, group_descr.rst. */
import type { DiskReader } from "../disk-reader.js";
import { invalid, SUPERBLOCK_OFFSET, type Superblock } from "./superblock.js";

export const ROOT_INODE = 2;

const FileType = { MASK: 0xf000, DIRECTORY: 0x4000, REGULAR: 0x8000, SYMLINK: 0xa000 } as const;

export const InodeFlags = { ENCRYPT: 0x800, EXTENTS: 0x80000, INLINE_DATA: 0x10000000 } as const;

/** i_block: 15 block numbers, the root of the extent tree, or the text of a short symbolic link. */
export const I_BLOCK_SIZE = 60;
const I_BLOCK_OFFSET = 0x28;
/** Size of ext2's inode; larger ones go on with i_extra_isize, further fields, and extended attributes. */
const BASE_INODE_SIZE = 128;
const NONE = new Uint8Array(0);

export interface Inode {
  readonly number: number;
  readonly type: "directory" | "regular" | "symlink" | "other";
  readonly size: number;
  readonly flags: number;
  readonly block: Uint8Array;
  /** The rest of the inode on disk: extended attributes, if any. */
  readonly attributes: Uint8Array;
}

export async function readInode(disk: DiskReader, superblock: Superblock, number: number): Promise<Inode> {
  if (number < 1 || number > superblock.inodeCount) throw invalid(`there is no inode ${number}`);
  const group = Math.floor((number - 1) / superblock.inodesPerGroup);
  if (group >= superblock.groupCount) throw invalid(`inode ${number} lies in a missing group`);
  const index = (number - 1) % superblock.inodesPerGroup;
  const table = await readInodeTableBlock(disk, superblock, group);
  const offset = table * superblock.blockSize + index * superblock.inodeSize;
  if (offset + superblock.inodeSize > disk.size) throw invalid(`inode ${number} lies beyond the end of the disk`);
  return parseInode(number, await disk.bytes(offset, superblock.inodeSize));
}

async function readInodeTableBlock(disk: DiskReader, superblock: Superblock, group: number): Promise<number> {
  const { descriptorSize, blockCount } = superblock;
  const offset = descriptorOffset(superblock, group);
  if (offset + descriptorSize > disk.size) {
    throw invalid(`descriptor of group ${group} lies beyond the end of the disk`);
  }
  const view = new DataView((await disk.bytes(offset, descriptorSize)).buffer);
  const high = descriptorSize >= 64 ? view.getUint32(0x28, true) : 0;
  const table = high * 2 ** 32 + view.getUint32(0x08, true);
  if (table === 0 || table >= blockCount) throw invalid(`inode table of group ${group} at block ${table}`);
  return table;
}

/** The usual table follows the superblock; from META_BG's first group on, each block of it leads its own groups. */
function descriptorOffset(superblock: Superblock, group: number): number {
  const { blockSize, descriptorSize, firstDataBlock, blocksPerGroup, firstMetaGroup } = superblock;
  const perBlock = blockSize / descriptorSize;
  const block = Math.floor(group / perBlock);
  const within = (group % perBlock) * descriptorSize;
  const superblockBlock = Math.floor(SUPERBLOCK_OFFSET / blockSize);
  if (block < firstMetaGroup) return (superblockBlock + 1 + block) * blockSize + within;
  const first = block * perBlock;
  const groupStart = Math.max(firstDataBlock + first * blocksPerGroup, first === 0 ? superblockBlock : 0);
  return (groupStart + (superblock.hasSuperblock(first) ? 1 : 0)) * blockSize + within;
}

function parseInode(number: number, bytes: Uint8Array): Inode {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return {
    number,
    type: typeOf(view.getUint16(0x00, true)),
    // The high half is bounded by the block map's 2^32 blocks in practice; a hostile one only makes reads fail.
    size: view.getUint32(0x6c, true) * 2 ** 32 + view.getUint32(0x04, true),
    flags: view.getUint32(0x20, true),
    block: bytes.subarray(I_BLOCK_OFFSET, I_BLOCK_OFFSET + I_BLOCK_SIZE),
    attributes: bytes.length > BASE_INODE_SIZE ? bytes.subarray(BASE_INODE_SIZE + view.getUint16(0x80, true)) : NONE,
  };
}

function typeOf(mode: number): Inode["type"] {
  switch (mode & FileType.MASK) {
    case FileType.DIRECTORY:
      return "directory";
    case FileType.REGULAR:
      return "regular";
    case FileType.SYMLINK:
      return "symlink";
    default:
      return "other";
  }
}
