/** What is said of a checkpoint that was made. */
import type { CheckpointResult } from "../index.js";

export function checkpointSummary(
  { path, bytes, pauseMs, totalMs }: CheckpointResult,
  compressedBytes?: number,
): string {
  const mebibytes = (length: number): string => `${(length / 2 ** 20).toFixed(1)} MiB`;
  const compressed = compressedBytes === undefined ? "" : `, compressed to ${mebibytes(compressedBytes)}`;
  const seconds = (totalMs / 1000).toFixed(2);
  return `${path}: ${mebibytes(bytes)} in ${seconds} s${compressed}; the guest stood still for ${pauseMs.toFixed(1)} ms`;
}
