// What virtio-blk says of itself: feature bits (virtio 1.2, 5.2.3) and configuration space (5.2.4).

import type { BlockBackend } from "../../backends/block-backend.js";

export const SECTOR = 512;

export const enum BlkFeature {
  SEG_MAX = 2,
  RO = 5,
  BLK_SIZE = 6,
  FLUSH = 9,
  TOPOLOGY = 10,
  CONFIG_WCE = 11,
  MQ = 12,
  DISCARD = 13,
  WRITE_ZEROES = 14,
}

/** Offsets in struct virtio_blk_config. */
export const enum BlkConfig {
  CAPACITY = 0,
  SEG_MAX = 12,
  BLK_SIZE = 20,
  PHYSICAL_BLOCK_EXP = 24,
  ALIGNMENT_OFFSET = 25,
  MIN_IO_SIZE = 26,
  OPT_IO_SIZE = 28,
  WRITEBACK = 32,
  NUM_QUEUES = 34,
  MAX_DISCARD_SECTORS = 36,
  MAX_DISCARD_SEG = 40,
  DISCARD_SECTOR_ALIGNMENT = 44,
  MAX_WRITE_ZEROES_SECTORS = 48,
  MAX_WRITE_ZEROES_SEG = 52,
  WRITE_ZEROES_MAY_UNMAP = 56,
  LENGTH = 60,
}

/** Ranges in one discard or write-zeroes request: bounds what a guest has the host do at a time. */
export const MAX_RANGES = 64;
/** Sectors in one of them: a gigabyte. */
export const MAX_RANGE_SECTORS = (1 << 30) / SECTOR;

/** opt_io_size counts blocks in 32 bits, but Linux reads bytes into 32: no more than it can hold. */
const MAX_OPTIMAL = 1 << 30;

export interface BlkConfigOptions {
  readonly backend: BlockBackend;
  /** The logical block. */
  readonly blockSize: number;
  readonly segMax: number;
  readonly queues: number;
}

export function blkFeatures({ backend, queues }: BlkConfigOptions): number[] {
  const features = [BlkFeature.SEG_MAX, BlkFeature.BLK_SIZE, BlkFeature.FLUSH, BlkFeature.TOPOLOGY];
  if (queues > 1) features.push(BlkFeature.MQ);
  if (backend.readOnly) return [...features, BlkFeature.RO];
  features.push(BlkFeature.CONFIG_WCE);
  if (backend.discard !== undefined) features.push(BlkFeature.DISCARD);
  if (backend.writeZeroes !== undefined) features.push(BlkFeature.WRITE_ZEROES);
  return features;
}

/** Configuration space at power-on. */
export function blkConfig({ backend, blockSize, segMax, queues }: BlkConfigOptions): Uint8Array {
  const bytes = new Uint8Array(BlkConfig.LENGTH);
  const config = new DataView(bytes.buffer);
  const { physicalBlock = SECTOR, optimalTransfer = 0, discardUnit = SECTOR } = backend.geometry ?? {};
  const physical = Math.max(blockSize, physicalBlock);
  config.setBigUint64(BlkConfig.CAPACITY, BigInt(backend.size / SECTOR), true);
  config.setUint32(BlkConfig.SEG_MAX, segMax, true);
  config.setUint32(BlkConfig.BLK_SIZE, blockSize, true);
  bytes[BlkConfig.PHYSICAL_BLOCK_EXP] = Math.log2(physical / blockSize);
  config.setUint16(BlkConfig.MIN_IO_SIZE, Math.min(0xffff, physical / blockSize), true);
  config.setUint32(BlkConfig.OPT_IO_SIZE, Math.min(optimalTransfer, MAX_OPTIMAL) / blockSize, true);
  bytes[BlkConfig.WRITEBACK] = 1;
  config.setUint16(BlkConfig.NUM_QUEUES, queues, true);
  config.setUint32(BlkConfig.MAX_DISCARD_SECTORS, MAX_RANGE_SECTORS, true);
  config.setUint32(BlkConfig.MAX_DISCARD_SEG, MAX_RANGES, true);
  config.setUint32(BlkConfig.DISCARD_SECTOR_ALIGNMENT, Math.max(discardUnit, blockSize) / SECTOR, true);
  config.setUint32(BlkConfig.MAX_WRITE_ZEROES_SECTORS, MAX_RANGE_SECTORS, true);
  config.setUint32(BlkConfig.MAX_WRITE_ZEROES_SEG, MAX_RANGES, true);
  bytes[BlkConfig.WRITE_ZEROES_MAY_UNMAP] = 1;
  return bytes;
}
