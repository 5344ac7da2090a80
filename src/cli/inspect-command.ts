/** `vkrun inspect FILE`: looks into a checkpoint, checks it, compares it with another one. */
import { Command } from "commander";
import { diffCheckpoints, exportCheckpointRam, verifyCheckpoint } from "../api/checkpoint-files.js";
import { inspectCheckpoint } from "../api/checkpoint-inspection.js";
import { VkrunError } from "../errors.js";
import { differenceReport, inspectionReport } from "./inspect-report.js";
import { mebibytes, printable } from "./text-table.js";
import { WorkBar } from "./work-bar.js";

interface InspectOptions {
  json?: boolean;
  verify?: boolean;
  diff?: boolean;
  exportRawRam?: string;
}

export function inspectCommand(): Command {
  return new Command("inspect")
    .description("look into a checkpoint: what is in it, whether it is whole, how it differs from another one")
    .argument("<file>", "what `vkrun ckpt` wrote")
    .argument("[other]", "with --diff: the one to compare it with")
    .option("--json", "print JSON instead of text")
    .option("--verify", "read all of it and what it stands on, and compare every checksum")
    .option("--diff", "print the pages and the fields of devices that differ")
    .option("--export-raw-ram <out>", "write the guest's memory to a sparse file, and nothing else")
    .action(async (file: string, other: string | undefined, options: InspectOptions) => {
      process.exitCode = await inspect(file, other, options);
    });
}

async function inspect(file: string, other: string | undefined, options: InspectOptions): Promise<number> {
  const { json = false, verify = false, diff = false, exportRawRam } = options;
  if ([verify, diff, exportRawRam !== undefined].filter(Boolean).length > 1) {
    throw usage("--verify, --diff and --export-raw-ram cannot be combined", "Give one of them.");
  }
  if (diff !== (other !== undefined)) {
    throw usage(diff ? "--diff needs two checkpoints" : "there is one checkpoint too many", "vkrun inspect --diff A B");
  }
  if (verify) return runVerify(file, json);
  if (other !== undefined) return runDiff(file, other, json);
  if (exportRawRam !== undefined) return runExport(file, exportRawRam, json);
  const found = await inspectCheckpoint(file);
  print(json, found, () => inspectionReport(found));
  return 0;
}

async function runVerify(file: string, json: boolean): Promise<number> {
  using bar = new WorkBar("checking");
  const damage = await verifyCheckpoint(file, { onProgress: bar.show });
  bar[Symbol.dispose]();
  print(json, damage, () => {
    if (damage.length === 0) return `${printable(file)} is whole\n`;
    return damage.map(({ message }) => `${printable(message)}\n`).join("");
  });
  return damage.length === 0 ? 0 : 1;
}

async function runDiff(one: string, other: string, json: boolean): Promise<number> {
  using bar = new WorkBar("comparing");
  const difference = await diffCheckpoints(one, other, { onProgress: bar.show });
  bar[Symbol.dispose]();
  print(json, difference, () => differenceReport(difference));
  return 0;
}

async function runExport(file: string, output: string, json: boolean): Promise<number> {
  using bar = new WorkBar("writing");
  const written = await exportCheckpointRam(file, output, { onProgress: bar.show });
  bar[Symbol.dispose]();
  print(json, written, () => `${printable(written.path)}: ${mebibytes(written.bytes)} MiB on the disk\n`);
  return 0;
}

function print(json: boolean, value: unknown, text: () => string): void {
  process.stdout.write(json ? `${JSON.stringify(value, undefined, 2)}\n` : text());
}

function usage(message: string, hint: string): VkrunError {
  return new VkrunError("ERR_VKRUN_USAGE", message, { hint });
}
