/** What is said of a checkpoint that was made. */
import type { CheckpointResult } from "../index.js";

export function checkpointSummary({ path, bytes, pauseMs, totalMs }: CheckpointResult): string {
  const mebibytes = (bytes / 2 ** 20).toFixed(1);
  return `${path}: ${mebibytes} MiB in ${(totalMs / 1000).toFixed(2)} s; the guest stood still for ${pauseMs.toFixed(1)} ms`;
}
