/** Contents of an inode as a `ByteSource`. */
import type { ByteSource } from "../byte-source.js";
import type { DiskReader } from "../disk-reader.js";
import { blockRuns } from "./block-map.js";
import { inlineData } from "./inline-data.js";
import { type Inode, InodeFlags } from "./inode.js";
import { type Superblock, unsupported } from "./superblock.js";

export class Ext4File implements ByteSource {
  constructor(
    private readonly disk: DiskReader,
    private readonly superblock: Superblock,
    private readonly inode: Inode,
    readonly name: string,
  ) {}

  get size(): number {
    return this.inode.size;
  }

  async read(offset: number, target: Uint8Array): Promise<void> {
    if (this.inode.flags & InodeFlags.ENCRYPT) throw unsupported(`encryption (${this.name})`);
    if (this.inode.flags & InodeFlags.INLINE_DATA) {
      target.set(inlineData(this.inode).subarray(offset, offset + target.length));
      return;
    }
    const { blockSize } = this.superblock;
    const end = offset + target.length;
    let position = offset;
    for await (const run of blockRuns(
      this.disk,
      this.superblock,
      this.inode,
      Math.floor(offset / blockSize),
      Math.ceil(end / blockSize),
    )) {
      const runStart = Math.max(run.logical * blockSize, offset);
      const runEnd = Math.min((run.logical + run.count) * blockSize, end);
      target.fill(0, position - offset, runStart - offset);
      const piece = target.subarray(runStart - offset, runEnd - offset);
      if (run.physical === undefined) piece.fill(0);
      else await this.disk.read(run.physical * blockSize + (runStart - run.logical * blockSize), piece);
      position = runEnd;
    }
    target.fill(0, position - offset);
  }
}
