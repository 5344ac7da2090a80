/** `vkrun ckpt NAME [FILE]`: has a running vkernel make a checkpoint of its guest. */
import { resolve } from "node:path";
import { SingleBar } from "cli-progress";
import { Command } from "commander";
import type { CheckpointProgress, CheckpointResult } from "../index.js";
import { checkpointSummary } from "./checkpoint-summary.js";
import { ControlClient } from "./control-client.js";

interface CkptOptions {
  exit?: boolean;
  parent?: string | true;
  diskIn?: boolean;
  quiet?: boolean;
}

const FRAMES_PER_SECOND = 10;
const PAGES_PER_MEBIBYTE = 256;

export function ckptCommand(): Command {
  return new Command("ckpt")
    .description("save a running guest to a file, to go on from there with `vkrun thaw`")
    .argument("<name>", "name of the vkernel")
    .argument("[file]", "where to (default: NAME.vkckpt)")
    .option("--exit", "end the vkernel with it")
    .option("--parent [file]", "write only what the guest wrote since that checkpoint (default: since its last one)")
    .option("--disk-in", "put what the guest wrote to its disks into the file, too")
    .option("-q, --quiet", "print nothing but errors")
    .action(ckpt);
}

async function ckpt(name: string, file: string | undefined, options: CkptOptions): Promise<void> {
  const { exit = false, parent, diskIn = false, quiet = false } = options;
  using client = await ControlClient.connect(name);
  using bar = new CkptBar(quiet);
  const result = await client.request<CheckpointResult>(
    "checkpoint",
    {
      path: resolve(file ?? `${name.replaceAll("/", "_")}.vkckpt`),
      exit,
      diskIn,
      ...(parent !== undefined && { parent: parent === true ? true : resolve(parent) }),
    },
    { onProgress: (progress) => bar.show(progress as CheckpointProgress) },
  );
  // Who starts a vkernel of that name next must find the name free.
  if (exit) await client.closed();
  bar[Symbol.dispose]();
  if (!quiet) process.stdout.write(`${checkpointSummary(result)}\n`);
}

class CkptBar implements Disposable {
  #bar: SingleBar | undefined;

  constructor(quiet: boolean) {
    if (quiet || !process.stderr.isTTY) return;
    this.#bar = new SingleBar({
      format: "writing [{bar}] {value}/{total} MiB",
      barCompleteChar: "=",
      barIncompleteChar: " ",
      barsize: 24,
      fps: FRAMES_PER_SECOND,
      hideCursor: true,
      clearOnComplete: true,
    });
    this.#bar.start(1, 0);
  }

  show({ pages, totalPages }: CheckpointProgress): void {
    this.#bar?.setTotal(Math.ceil(totalPages / PAGES_PER_MEBIBYTE));
    this.#bar?.update(Math.floor(pages / PAGES_PER_MEBIBYTE));
  }

  [Symbol.dispose](): void {
    this.#bar?.stop();
    this.#bar = undefined;
  }
}
