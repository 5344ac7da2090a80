/** What can be done with the files of checkpoints, without going on from them. */
import { stat } from "node:fs/promises";
import { resolve } from "node:path";
import type { Bitmap } from "../checkpoint/bitmap.js";
import { CheckpointFile } from "../checkpoint/checkpoint-file.js";
import { CheckpointPart } from "../checkpoint/checkpoint-part.js";
import { differingPages } from "../checkpoint/compare.js";
import { differingFields, type FieldDifference } from "../checkpoint/compare-state.js";
import { compressFile } from "../checkpoint/compress.js";
import { PAGE_BYTES } from "../checkpoint/header.js";
import { mergeFiles } from "../checkpoint/merge.js";
import { writeRawRam } from "../checkpoint/raw-ram.js";
import { removeFile } from "../checkpoint/remove.js";
import { type Damage, verifyFile } from "../checkpoint/verify.js";

export interface CheckpointFileOptions {
  /** Calls it off: what was to be written is not there, and what was there still is. */
  signal?: AbortSignal;
  /** Bytes of memory, or of files, that were gone through. */
  onProgress?: (doneBytes: number, totalBytes: number) => void;
}

export interface CheckpointOutputOptions extends CheckpointFileOptions {
  /** Where to. Default: the file itself, which is replaced when all is written. */
  output?: string;
}

export interface WrittenCheckpoint {
  readonly path: string;
  /** Written to the file, holes left out. */
  readonly bytes: number;
}

export interface MergedCheckpoint extends WrittenCheckpoint {
  /** The files that it stood on, and no longer does. */
  readonly parents: readonly string[];
}

/** A run of pages of 4096 bytes of the guest's RAM. */
export interface PageRun {
  readonly first: number;
  readonly count: number;
}

export interface CheckpointDifference {
  /** How many pages differ, and which. */
  readonly pages: number;
  readonly runs: readonly PageRun[];
  /** Of the configuration, the processor, devices and disks. */
  readonly fields: readonly FieldDifference[];
}

/**
 * Reads all of a checkpoint, and of those that it stands on, and compares it with its checksums. Answers what is damaged, by name; also
 * when the file cannot even be opened.
 */
export async function verifyCheckpoint(path: string, options: CheckpointFileOptions = {}): Promise<Damage[]> {
  return verifyFile(resolve(path), options);
}

export async function diffCheckpoints(
  one: string,
  other: string,
  { signal, onProgress }: CheckpointFileOptions = {},
): Promise<CheckpointDifference> {
  await using left = await CheckpointFile.open(one);
  await using right = await CheckpointFile.open(other);
  const options = { signal, onProgress: inBytes(left.ramBytes, onProgress) };
  const pages = await differingPages(left.chain, right.chain, options);
  return { pages: pages.count(), runs: runsOf(pages), fields: differingFields(left.manifest, right.manifest) };
}

/** Makes one file of a checkpoint and those that it stands on. It stays the same checkpoint: others can go on standing on it. */
export async function mergeCheckpoint(
  path: string,
  { output = path, signal, onProgress }: CheckpointOutputOptions = {},
): Promise<MergedCheckpoint> {
  await using file = await CheckpointFile.open(path);
  const to = resolve(output);
  const options = { path: to, signal, onProgress: inBytes(file.ramBytes, onProgress) };
  const { bytes } = await mergeFiles(file.chain, options);
  return { path: to, bytes, parents: file.chain.slice(0, -1).map((part) => part.path) };
}

/** Compresses a checkpoint with zstd, not those that it stands on. It can be gone on from as before, but takes longer to begin. */
export async function compressCheckpoint(
  path: string,
  { output = path, signal, onProgress }: CheckpointOutputOptions = {},
): Promise<WrittenCheckpoint> {
  await using part = await CheckpointPart.open(path);
  const to = resolve(output);
  const options = { path: to, signal, onProgress: inBytes(part.ramBytes, onProgress) };
  return { path: to, ...(await compressFile(part, options)) };
}

/** Writes the guest's RAM alone to a sparse file, which is exactly as long. */
export async function exportCheckpointRam(
  path: string,
  output: string,
  { signal, onProgress }: CheckpointFileOptions = {},
): Promise<WrittenCheckpoint> {
  await using file = await CheckpointFile.open(path);
  const to = resolve(output);
  await writeRawRam(file.chain, { path: to, signal, onProgress: inBytes(file.ramBytes, onProgress) });
  return { path: to, bytes: (await stat(to)).blocks * 512 };
}

/** Removes a checkpoint; not one that another in its folder stands on (ERR_VKRUN_CHECKPOINT_NEEDED). */
export async function removeCheckpoint(path: string): Promise<void> {
  await removeFile(resolve(path));
}

function inBytes(
  total: number,
  onProgress: CheckpointFileOptions["onProgress"],
): ((pages: number) => void) | undefined {
  return onProgress && ((pages) => onProgress(pages * PAGE_BYTES, total));
}

function runsOf(pages: Bitmap): PageRun[] {
  return Array.from(pages.runs(), ([first, count]) => ({ first, count }));
}
