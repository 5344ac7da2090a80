/** `vkrun console NAME`: this terminal becomes that of a vkernel that runs in the background. */
import { Command } from "commander";
import { ControlClient } from "./control-client.js";
import { ExitStatus, SIGNAL_BASE } from "./exit-status.js";
import { Terminal } from "./terminal.js";

const SIGPIPE = 13;

export function consoleCommand(): Command {
  return new Command("console")
    .description("connect this terminal to a vkernel that runs in the background")
    .argument("<name>", "name of the vkernel")
    .option("-q, --quiet", "print nothing but what the guest prints, and errors")
    .action(async (name: string, { quiet = false }: { quiet?: boolean }) => {
      process.exitCode = await connect(name, quiet);
    });
}

/** Resolves when the guest has ended, or was left. */
async function connect(name: string, quiet: boolean): Promise<number> {
  using client = await ControlClient.connect(name);
  const { stdin, stdout } = process;
  const socket = await client.takeOver("console");
  // The window's size goes to the same guest by another connection: this one is the guest's bytes and nothing else.
  const resize = (columns: number, rows: number): void => void ask(name, "resize", { columns, rows });
  if (stdout.isTTY) resize(stdout.columns, stdout.rows);
  let leave: (status: number) => void = () => undefined;
  const left = new Promise<number>((resolve) => {
    leave = resolve;
  });
  const console = Object.assign(socket, { resize });
  using terminal = new Terminal({
    ...{ console, stdin, stdout },
    onQuit: () => void ask(name, "stop"),
    onDetach: () => leave(ExitStatus.OK),
    onClosed: () => leave(SIGNAL_BASE + SIGPIPE),
  });
  if (stdin.isTTY && !quiet) process.stderr.write("vkrun: Ctrl-A d leaves the guest, Ctrl-A h shows help.\n");
  return await Promise.race([left, terminal.drained().then(() => ExitStatus.OK)]);
}

/** For what the user sees whether it was done. */
async function ask(name: string, command: string, what: object = {}): Promise<void> {
  try {
    using client = await ControlClient.connect(name);
    await client.request(command, what);
  } catch {
    // The guest has just ended.
  }
}
