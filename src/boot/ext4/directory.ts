/**
 * Directories, read linearly: Documentation/filesystems/ext4/directory.rst. Blocks of a hash tree look like
 * directory blocks with one empty entry, and so does the checksum at the end of a block, so neither needs a case of its own.
 */
import type { Ext4File } from "./file.js";
import { inlineData } from "./inline-data.js";
import { I_BLOCK_SIZE, type Inode, InodeFlags } from "./inode.js";
import { invalid, type Superblock } from "./superblock.js";

export interface DirectoryEntry {
  readonly name: string;
  readonly inode: number;
}

const ENTRY_HEADER_SIZE = 8;
const INLINE_PARENT_SIZE = 4;
/** /boot has a few dozen names. This holds 15 000 of the longest. */
const MAX_DIRECTORY_SIZE = 4 * 1024 * 1024;

const decoder = new TextDecoder();

export async function* directoryEntries(
  superblock: Superblock,
  inode: Inode,
  file: Ext4File,
  charge: (bytes: number) => void,
): AsyncGenerator<DirectoryEntry> {
  if (inode.flags & InodeFlags.INLINE_DATA) {
    const data = inlineData(inode);
    // The parent's number stands in for "." and "..". Entries do not cross from i_block into the attribute.
    yield* entriesOf(data.subarray(INLINE_PARENT_SIZE, I_BLOCK_SIZE), file.name);
    yield* entriesOf(data.subarray(I_BLOCK_SIZE), file.name);
    return;
  }
  if (inode.size > MAX_DIRECTORY_SIZE) throw invalid(`directory ${file.name} of ${inode.size} bytes`);
  const { blockSize } = superblock;
  const block = new Uint8Array(blockSize);
  for (let offset = 0; offset + blockSize <= inode.size; offset += blockSize) {
    charge(blockSize);
    await file.read(offset, block);
    yield* entriesOf(block, file.name);
  }
}

function* entriesOf(block: Uint8Array, directory: string): Generator<DirectoryEntry> {
  const view = new DataView(block.buffer, block.byteOffset, block.byteLength);
  for (let offset = 0; offset + ENTRY_HEADER_SIZE <= block.length; ) {
    const inode = view.getUint32(offset, true);
    const stored = view.getUint16(offset + 4, true);
    // A 64 KiB block does not fit 16 bits: 0 and 65535 both stand for it.
    const length = block.length === 65536 && (stored === 0 || stored === 65535) ? 65536 : stored;
    const nameLength = view.getUint8(offset + 6);
    if (length < ENTRY_HEADER_SIZE || length % 4 !== 0 || offset + length > block.length) {
      throw invalid(`directory ${directory} has an entry of ${length} bytes`);
    }
    if (inode !== 0) {
      if (ENTRY_HEADER_SIZE + nameLength > length) throw invalid(`directory ${directory} has a name outside its entry`);
      const start = offset + ENTRY_HEADER_SIZE;
      yield { name: decoder.decode(block.subarray(start, start + nameLength)), inode };
    }
    offset += length;
  }
}
