/** `vkrun thaw FILE`: a guest goes on, on this terminal, where it was at a checkpoint. */
import { Command, Option } from "commander";
import { CheckpointPart } from "../checkpoint/checkpoint-part.js";
import { type HotPath, type JitMode, type NetworkOptions, type ThawOptions, VKernel, VkrunError } from "../index.js";
import { firstFreeNumber } from "./control-folder.js";
import { openLog } from "./log-sink.js";
import { parseNet } from "./net-option.js";
import { runVKernel } from "./run-vkernel.js";
import { addTerminalOptions, type TerminalOptions } from "./terminal-options.js";

interface ThawCommandOptions extends TerminalOptions {
  clock: "step" | "keep";
  name?: string;
  fork?: boolean;
  snapshot?: boolean;
  drive?: string[];
  net?: NetworkOptions | false;
  jit?: JitMode;
  hotPath?: HotPath;
}

export function thawCommand(): Command {
  return addTerminalOptions(
    new Command("thaw")
      .description("go on from a checkpoint, on this terminal")
      .argument("<file>", "what `vkrun ckpt` wrote")
      .addOption(
        new Option("--clock <what>", "the guest's time has passed meanwhile, or goes on where it was")
          .choices(["step", "keep"])
          .default("step"),
      )
      .option("--name <name>", "name of the vkernel (default: that of the checkpoint)")
      .option("--fork", "as another guest than that of the checkpoint: a new name and network address")
      .option("--snapshot", "throw away what the guest writes to disks")
      .option("--drive <file>", "where the first disk is now; given again, the next one", collect)
      .option(
        "--net <type[:name][,option]...>",
        "where the network cable ends now: user, tap:NAME or link:NAME",
        parseNet,
      )
      .addOption(
        new Option("--jit <mode>", "compile hot guest code, or not, or compare").choices(["on", "off", "verify"]),
      )
      .addOption(
        new Option("--hot-path <form>", "walk page tables and virtqueues in WebAssembly or TypeScript").choices([
          "wasm",
          "ts",
        ]),
      ),
  ).action(async (file: string, options: ThawCommandOptions) => {
    process.exitCode = await thaw(file, options);
  });
}

async function thaw(file: string, options: ThawCommandOptions): Promise<number> {
  const { clock, drive, net, jit, hotPath, reboot, record, replay, quiet = false } = options;
  if (net === false) {
    throw new VkrunError("ERR_VKRUN_USAGE", "a guest that has a network device keeps it", {
      hint: "Say where its cable ends now: user, tap:NAME or link:NAME.",
    });
  }
  const saved = await look(file);
  const { fork = false, snapshot = false } = options;
  const { name = fork ? `${saved.name}-${await firstFreeNumber(saved.name, 1)}` : saved.name } = options;
  const log = await openLog({ log: options.log, name, quiet });
  const { columns, rows } = process.stdout;
  const how: ThawOptions = {
    clock,
    name,
    log,
    fork,
    snapshot,
    ...(drive !== undefined && { drives: drive }),
    ...(net !== undefined && { network: net }),
    ...(jit !== undefined && { jit }),
    ...(hotPath !== undefined && { hotPath }),
    ...(!reboot && { noReboot: true }),
    ...(record !== undefined && { record }),
    ...(replay !== undefined && { replay }),
    ...(process.stdout.isTTY && { consoleSize: { columns, rows } }),
  };
  return runVKernel({
    start: () => VKernel.thaw(file, how),
    name: replay === undefined ? name : undefined,
    log,
    quiet,
    bareMetal: saved.bareMetal,
    ckptExit: options.ckptExit === true,
    ckptFile: options.ckptFile,
  });
}

/** The name is taken before the guest goes on: two of the same name are refused with neither harmed. */
async function look(file: string): Promise<{ name: string; bareMetal: boolean }> {
  await using checkpoint = await CheckpointPart.open(file);
  const { name, config } = checkpoint.manifest;
  return { name, bareMetal: (config as { boot?: { elf?: unknown } } | null)?.boot?.elf !== undefined };
}

function collect(value: string, values: string[] = []): string[] {
  return [...values, value];
}
