/** `vkrun ckpt merge`, `rm` and `compress`: what is done with the files of checkpoints. */
import { resolve } from "node:path";
import { Command } from "commander";
import {
  compressCheckpoint,
  mergeCheckpoint,
  removeCheckpoint,
  type WrittenCheckpoint,
} from "../api/checkpoint-files.js";
import { VkrunError } from "../errors.js";
import { printable } from "./text-table.js";
import { WorkBar } from "./work-bar.js";

interface OutputOptions {
  output?: string;
  quiet?: boolean;
}

export function ckptFileCommands(): Command[] {
  return [
    new Command("merge")
      .description("make one file of a checkpoint and those that it stands on; a compressed one is expanded")
      .argument("<file>", "the last one of a chain")
      .option("-o, --output <out>", "write to another file, instead of replacing this one")
      .option("--rm", "remove what it no longer stands on, as far as nobody else does")
      .option("-q, --quiet", "print nothing but errors")
      .action(merge),
    new Command("compress")
      .description("compress a checkpoint with zstd, to keep it; it is expanded when it is thawed")
      .argument("<file>", "what `vkrun ckpt` wrote; not those that it stands on")
      .option("-o, --output <out>", "write to another file, instead of replacing this one")
      .option("-q, --quiet", "print nothing but errors")
      .action(async (file: string, { output, quiet = false }: OutputOptions) =>
        tell(await compress(file, quiet, output), quiet),
      ),
    new Command("rm")
      .description("remove checkpoints; not those that others in their folder stand on")
      .argument("<file...>", "what to remove; one that stands on another goes first")
      .action(remove),
  ];
}

/** With a bar. */
export async function compress(file: string, quiet: boolean, output?: string): Promise<WrittenCheckpoint> {
  using bar = new WorkBar("compressing", quiet);
  return await compressCheckpoint(file, { onProgress: bar.show, ...(output !== undefined && { output }) });
}

async function merge(
  file: string,
  { output, rm = false, quiet = false }: OutputOptions & { rm?: boolean },
): Promise<void> {
  using bar = new WorkBar("merging", quiet);
  const merged = await mergeCheckpoint(file, { onProgress: bar.show, ...(output !== undefined && { output }) });
  bar[Symbol.dispose]();
  tell(merged, quiet);
  for (const parent of [...merged.parents].reverse()) {
    const removed = rm && (await removedUnlessNeeded(parent));
    if (!quiet) process.stdout.write(`${printable(parent)}: ${removed ? "removed" : "not needed by it any more"}\n`);
  }
}

/** Each when nobody stands on it any more, whatever the order they are given in. */
async function remove(files: readonly string[]): Promise<void> {
  let left = [...new Set(files.map((file) => resolve(file)))];
  while (left.length > 0) {
    const kept: string[] = [];
    for (const file of left) if (!(await removedUnlessNeeded(file))) kept.push(file);
    // None of them can go: says why.
    if (kept.length === left.length) await removeCheckpoint(kept[0] as string);
    left = kept;
  }
}

async function removedUnlessNeeded(file: string): Promise<boolean> {
  try {
    await removeCheckpoint(file);
    return true;
  } catch (error) {
    if (error instanceof VkrunError && error.code === "ERR_VKRUN_CHECKPOINT_NEEDED") return false;
    throw error;
  }
}

function tell({ path, bytes }: WrittenCheckpoint, quiet: boolean): void {
  if (!quiet) process.stdout.write(`${printable(path)}: ${(bytes / 2 ** 20).toFixed(1)} MiB\n`);
}
