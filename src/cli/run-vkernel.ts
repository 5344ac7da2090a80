/** A vkernel on this terminal, however it began: signals, keys, its control socket, and what is said at its end. */
import { resolve } from "node:path";
import { type Exit, type VKernel, VkrunError } from "../index.js";
import { checkpointSummary } from "./checkpoint-summary.js";
import { Control } from "./control.js";
import { ExitStatus, exitStatus, SIGNAL_BASE } from "./exit-status.js";
import { jitStatsTable } from "./jit-stats-table.js";
import type { LogSink } from "./log-sink.js";
import { Terminal } from "./terminal.js";

export interface RunVKernelOptions {
  readonly start: () => Promise<VKernel>;
  /** Under which other commands find it; undefined: under its process. */
  readonly name: string | undefined;
  readonly log: LogSink;
  readonly quiet: boolean;
  /** Its exit code is a bare-metal program's own. */
  readonly bareMetal: boolean;
  /** The vkernel ends with the checkpoint that SIGUSR2 asks for. */
  readonly ckptExit: boolean;
  /** Where checkpoints go that SIGUSR2 and Ctrl-A s ask for. */
  readonly ckptFile: string | undefined;
}

/** Signals that end vkrun, with their numbers. */
const SIGNALS = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 } as const;
const SIGPIPE = 13;
/** What one press of a key takes of the guest's memory, or gives back. */
const MEMORY_STEP = 64 * 2 ** 20;

export async function runVKernel(options: RunVKernelOptions): Promise<number> {
  const { log, quiet } = options;
  await using control = await Control.open(options.name, log);
  // Until there is a guest, a request to save it must not kill the process, as SIGUSR2 does by itself.
  let onSave = (): void => undefined;
  process.on("SIGUSR2", () => onSave());
  await using vkernel = await options.start();

  vkernel.on("jit-stats", (stats) => process.stderr.write(jitStatsTable(stats)));

  let status: number | undefined;
  const stop = (because: number): void => {
    // The second time round, whatever holds up an orderly end is not waited for.
    if (status !== undefined) process.exit(because);
    status = because;
    void vkernel.stop().catch(() => undefined);
  };
  for (const [signal, number] of Object.entries(SIGNALS)) process.on(signal, () => stop(SIGNAL_BASE + number));

  const ckptFile = resolve(options.ckptFile ?? `${fileName(options.name ?? vkernel.name)}.vkckpt`);
  let saving: Promise<string> | undefined;
  /** One at a time: who asks again while one is made is told of that one. */
  const save = (exit: boolean): Promise<string> => {
    saving ??= saveTo(vkernel, ckptFile, exit).finally(() => {
      saving = undefined;
    });
    return saving;
  };

  await control.listen({ vkernel, stop: () => stop(ExitStatus.OK) });
  using terminal = new Terminal({
    console: vkernel.console,
    stdin: process.stdin,
    stdout: process.stdout,
    onQuit: () => stop(ExitStatus.OK),
    onClosed: () => stop(SIGNAL_BASE + SIGPIPE),
    onMemory: (direction) => changeMemory(vkernel, direction),
    onSave: () => save(false),
  });
  onSave = () => void save(options.ckptExit).then((said) => quiet || note(said));
  if (process.stdin.isTTY && !quiet) note("Ctrl-A x ends the guest, Ctrl-A h shows help.");
  const exit = await vkernel.wait();
  await saving;
  await terminal.drained();
  if (!quiet) tellEnd(exit);
  return status ?? exitStatus(exit, options.bareMetal);
}

/** Makes a checkpoint; answers what to say of it. A failure is no reason for the guest to end. */
async function saveTo(vkernel: VKernel, path: string, exit: boolean): Promise<string> {
  try {
    return checkpointSummary(await vkernel.checkpoint(path, { exit }));
  } catch (error) {
    if (error instanceof VkrunError) return `no checkpoint: ${error.message} (${error.code})`;
    throw error;
  }
}

/** A name may have what the name of a file may not. */
function fileName(name: string): string {
  return name.replaceAll("/", "_");
}

/** A press of the memory keys; answers what to tell the user. */
function changeMemory(vkernel: VKernel, direction: -1 | 1): string {
  try {
    vkernel.setMemoryTarget((vkernel.memoryTarget ?? 0) + direction * MEMORY_STEP);
  } catch (error) {
    if (error instanceof VkrunError) return error.message;
    throw error;
  }
  return `the guest is to be left with ${(vkernel.memoryTarget ?? 0) / 2 ** 20} MiB`;
}

function tellEnd(exit: Exit): void {
  if (exit.reason === "panic") note("the guest's kernel panicked.");
  else if (exit.reason === "reboot") note("the guest asked for a reboot.");
  else if (exit.reason === "replayed") note(`the recording ends after ${exit.instructions} instructions.`);
}

function note(text: string): void {
  process.stderr.write(`vkrun: ${text}\n`);
}
