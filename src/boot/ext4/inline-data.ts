/**
 * Small files and directories inside the inode: 60 bytes in i_block, what exceeds them in the extended attribute
 * system.data. Documentation/filesystems/ext4/inlinedata.rst, attributes.rst.
 */
import { I_BLOCK_SIZE, type Inode } from "./inode.js";
import { invalid } from "./superblock.js";

const ATTRIBUTE_MAGIC = 0xea020000;
const ENTRY_HEADER_SIZE = 16;
/** EXT4_XATTR_INDEX_SYSTEM */
const INDEX_SYSTEM = 7;
const NAME = "data";

/** All bytes of an inode that has INLINE_DATA. */
export function inlineData(inode: Inode): Uint8Array {
  const rest = inode.size > I_BLOCK_SIZE ? systemData(inode) : new Uint8Array(0);
  const bytes = new Uint8Array(I_BLOCK_SIZE + rest.length);
  bytes.set(inode.block);
  bytes.set(rest, I_BLOCK_SIZE);
  if (inode.size > bytes.length) throw invalid(`inode ${inode.number} has less inline data than its size`);
  return bytes.subarray(0, inode.size);
}

/** Entries follow the magic number; values are placed relative to the first entry. */
function systemData({ number, attributes }: Inode): Uint8Array {
  const view = new DataView(attributes.buffer, attributes.byteOffset, attributes.byteLength);
  const hasEntry = (offset: number): boolean => offset + ENTRY_HEADER_SIZE <= attributes.length;
  if (!hasEntry(0) || view.getUint32(0, true) !== ATTRIBUTE_MAGIC) throw invalid(`inode ${number} has no attributes`);
  for (let offset = 4; hasEntry(offset) && view.getUint32(offset, true) !== 0; ) {
    const nameLength = view.getUint8(offset);
    const name = attributes.subarray(offset + ENTRY_HEADER_SIZE, offset + ENTRY_HEADER_SIZE + nameLength);
    if (view.getUint8(offset + 1) === INDEX_SYSTEM && String.fromCharCode(...name) === NAME) {
      const start = 4 + view.getUint16(offset + 2, true);
      return attributes.subarray(start, start + view.getUint32(offset + 8, true));
    }
    offset += ENTRY_HEADER_SIZE + Math.ceil(nameLength / 4) * 4;
  }
  throw invalid(`inode ${number} has no inline data`);
}
