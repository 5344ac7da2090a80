/** Options of every command that has a vkernel on this terminal, however it begins. */
import type { Command } from "commander";
import { EXIT_STATUS_HELP } from "./exit-status.js";

export interface TerminalOptions {
  reboot: boolean;
  ckptExit?: boolean;
  ckptFile?: string;
  record?: string;
  replay?: string;
  quiet?: boolean;
  log?: string;
}

export function addTerminalOptions(command: Command): Command {
  return command
    .option("--no-reboot", "end instead of rebooting")
    .option("--ckpt-exit", "end with the checkpoint that SIGUSR2 asks for")
    .option("--ckpt-file <file>", "where checkpoints go that SIGUSR2 and Ctrl-A s ask for (default: NAME.vkckpt)")
    .option("--record <file>", "record every input, to run exactly the same again")
    .option("--replay <file>", "run a recording")
    .option("-q, --quiet", "print nothing but what the guest prints, and errors")
    .option("--log <file|level>", "log to a file, or from a level on (debug, info, warn, error) to stderr")
    .addHelpText("after", EXIT_STATUS_HELP);
}
