/** `vkrun ckpt NAME [FILE]`: has a running vkernel make a checkpoint of its guest. */
import { resolve } from "node:path";
import { Command, Option } from "commander";
import type { CheckpointProgress, CheckpointResult } from "../index.js";
import { checkpointSummary } from "./checkpoint-summary.js";
import { ckptFileCommands, compress } from "./ckpt-files-command.js";
import { ControlClient } from "./control-client.js";
import { WorkBar } from "./work-bar.js";

interface CkptOptions {
  exit?: boolean;
  parent?: string | true;
  diskIn?: boolean;
  compress?: "zstd";
  quiet?: boolean;
}

const PAGE_BYTES = 4096;

export function ckptCommand(): Command {
  const ckpt = new Command("ckpt")
    .description("save a running guest to a file, to go on from there with `vkrun thaw`; or work on such files")
    .usage("[options] <name> [file]\n       vkrun ckpt <command> [options]")
    // `vkrun ckpt merge -q` is merge's own -q.
    .enablePositionalOptions()
    .argument("<name>", "name of the vkernel")
    .argument("[file]", "where to (default: NAME.vkckpt)")
    .option("--exit", "end the vkernel with it")
    .option("--parent [file]", "write only what the guest wrote since that checkpoint (default: since its last one)")
    .option("--disk-in", "put what the guest wrote to its disks into the file, too")
    .addOption(new Option("--compress <how>", "compress the file once it is written, to keep it").choices(["zstd"]))
    .option("-q, --quiet", "print nothing but errors")
    .action(save);
  for (const command of ckptFileCommands()) ckpt.addCommand(command);
  return ckpt;
}

async function save(name: string, file: string | undefined, options: CkptOptions): Promise<void> {
  const { exit = false, parent, diskIn = false, quiet = false } = options;
  using client = await ControlClient.connect(name);
  using bar = new WorkBar("writing", quiet);
  const result = await client.request<CheckpointResult>(
    "checkpoint",
    {
      path: resolve(file ?? `${name.replaceAll("/", "_")}.vkckpt`),
      exit,
      diskIn,
      ...(parent !== undefined && { parent: parent === true ? true : resolve(parent) }),
    },
    {
      onProgress: (progress) => {
        const { pages, totalPages } = progress as CheckpointProgress;
        bar.show(pages * PAGE_BYTES, totalPages * PAGE_BYTES);
      },
    },
  );
  // Who starts a vkernel of that name next must find the name free.
  if (exit) await client.closed();
  bar[Symbol.dispose]();
  // The guest is safe already: compressing replaces the file when it is done.
  const compressed = options.compress && (await compress(result.path, quiet));
  if (!quiet) process.stdout.write(`${checkpointSummary(result, compressed?.bytes)}\n`);
}
