/**
 * From a file's logical blocks to blocks of the disk: extent trees (Documentation/filesystems/ext4/ifork.rst) and the
 * indirect blocks of ext2/ext3. Runs come out in logical order; what no run covers is a hole and reads as zeros.
 *
 * A hostile tree is bounded three ways: its depth, the strictly rising order of logical blocks, and the number of
 * blocks of metadata that one walk may read.
 */
import type { DiskReader } from "../disk-reader.js";
import { type Inode, InodeFlags } from "./inode.js";
import { invalid, type Superblock } from "./superblock.js";

export interface BlockRun {
  readonly logical: number;
  readonly count: number;
  /** First block on the disk; undefined for blocks that are allocated but not written: they read as zeros. */
  readonly physical: number | undefined;
}

const EXTENT_MAGIC = 0xf30a;
const EXTENT_ENTRY_SIZE = 12;
/** EXT4_MAX_EXTENT_DEPTH: five levels reach every one of 2^32 blocks. */
const MAX_DEPTH = 5;
/** An extent longer than this is unwritten; its length is what exceeds it. */
const MAX_INITIALIZED = 32768;
/** A 3.5 GiB file in single 1 KiB extents needs 44 000 leaves; nothing that boots comes near. */
const MAX_METADATA_BLOCKS = 65536;

const DIRECT_BLOCKS = 12;

interface Walk {
  readonly disk: DiskReader;
  readonly superblock: Superblock;
  readonly inode: Inode;
  /** Only runs that touch [first, end) are of interest. */
  readonly first: number;
  readonly end: number;
  /** Blocks of metadata that may still be read. */
  budget: number;
  /** Logical block after the last run: extents may only rise. */
  reached: number;
}

export async function* blockRuns(
  disk: DiskReader,
  superblock: Superblock,
  inode: Inode,
  first: number,
  end: number,
): AsyncGenerator<BlockRun> {
  const walk: Walk = { disk, superblock, inode, first, end, budget: MAX_METADATA_BLOCKS, reached: 0 };
  if (inode.flags & InodeFlags.EXTENTS) yield* extentRuns(walk, inode.block, undefined);
  else yield* indirectRuns(walk);
}

function checkBlocks({ superblock, inode }: Walk, physical: number, count: number): void {
  if (physical < 1 || physical + count > superblock.blockCount) {
    throw invalid(`inode ${inode.number} refers to blocks ${physical}+${count} of ${superblock.blockCount}`);
  }
}

async function readMetadata(walk: Walk, block: number): Promise<Uint8Array> {
  checkBlocks(walk, block, 1);
  if (--walk.budget < 0) throw invalid(`the block map of inode ${walk.inode.number} does not end`);
  return walk.disk.bytes(block * walk.superblock.blockSize, walk.superblock.blockSize);
}

async function* extentRuns(walk: Walk, node: Uint8Array, expectedDepth: number | undefined): AsyncGenerator<BlockRun> {
  const view = new DataView(node.buffer, node.byteOffset, node.byteLength);
  const entries = view.getUint16(2, true);
  const depth = view.getUint16(6, true);
  if (view.getUint16(0, true) !== EXTENT_MAGIC) throw invalid(`inode ${walk.inode.number} has no extent tree`);
  if ((entries + 1) * EXTENT_ENTRY_SIZE > node.length || depth > MAX_DEPTH || depth !== (expectedDepth ?? depth)) {
    throw invalid(`inode ${walk.inode.number} has an extent node of ${entries} entries at depth ${depth}`);
  }
  for (let index = 1; index <= entries; index++) {
    const offset = index * EXTENT_ENTRY_SIZE;
    const logical = view.getUint32(offset, true);
    if (logical >= walk.end) return;
    if (logical < walk.reached) throw invalid(`the extents of inode ${walk.inode.number} are out of order`);
    if (depth === 0) {
      const run = extentAt(view, offset, logical);
      walk.reached = logical + run.count;
      if (run.count === 0) throw invalid(`inode ${walk.inode.number} has an empty extent`);
      if (run.physical !== undefined) checkBlocks(walk, run.physical, run.count);
      if (walk.reached > walk.first) yield run;
      continue;
    }
    // All of this subtree lies before the next entry's first block.
    const next = index < entries ? view.getUint32(offset + EXTENT_ENTRY_SIZE, true) : 2 ** 32;
    if (next <= walk.first) continue;
    const child = view.getUint16(offset + 8, true) * 2 ** 32 + view.getUint32(offset + 4, true);
    yield* extentRuns(walk, await readMetadata(walk, child), depth - 1);
  }
}

function extentAt(view: DataView, offset: number, logical: number): BlockRun {
  const length = view.getUint16(offset + 4, true);
  const physical = view.getUint16(offset + 6, true) * 2 ** 32 + view.getUint32(offset + 8, true);
  if (length > MAX_INITIALIZED) return { logical, count: length - MAX_INITIALIZED, physical: undefined };
  return { logical, count: length, physical };
}

/** Twelve direct blocks, then trees of one, two and three levels. Neighbouring blocks are joined into one run. */
async function* indirectRuns(walk: Walk): AsyncGenerator<BlockRun> {
  const view = new DataView(walk.inode.block.buffer, walk.inode.block.byteOffset);
  const perBlock = walk.superblock.blockSize / 4;
  let pending: { logical: number; count: number; physical: number } | undefined;
  for await (const [logical, physical] of mappedBlocks()) {
    if (pending && pending.logical + pending.count === logical && pending.physical + pending.count === physical) {
      pending.count++;
      continue;
    }
    if (pending) yield pending;
    pending = { logical, count: 1, physical };
  }
  if (pending) yield pending;

  async function* mappedBlocks(): AsyncGenerator<readonly [logical: number, physical: number]> {
    for (let index = 0; index < DIRECT_BLOCKS; index++) yield* below(view.getUint32(index * 4, true), 0, index);
    let start = DIRECT_BLOCKS;
    for (let level = 1; level <= 3; level++) {
      yield* below(view.getUint32((DIRECT_BLOCKS + level - 1) * 4, true), level, start);
      start += perBlock ** level;
    }
  }

  async function* below(
    block: number,
    level: number,
    start: number,
  ): AsyncGenerator<readonly [logical: number, physical: number]> {
    if (block === 0 || start >= walk.end || start + perBlock ** level <= walk.first) return;
    if (level === 0) {
      checkBlocks(walk, block, 1);
      yield [start, block];
      return;
    }
    const pointers = new DataView((await readMetadata(walk, block)).buffer);
    const span = perBlock ** (level - 1);
    for (let index = 0; index < perBlock; index++) {
      yield* below(pointers.getUint32(index * 4, true), level - 1, start + index * span);
    }
  }
}
