#!/usr/bin/env node
/** The command `vkrun`. */
import { type Command, CommanderError } from "commander";
import { VkrunError } from "../errors.js";
import { vkrunVersion } from "../version.js";
import { lowerCompilerThreads } from "./compiler-threads.js";
import { ExitStatus } from "./exit-status.js";
import { reportError } from "./report-error.js";
import { runCommand } from "./run-command.js";
import { subcommands } from "./subcommands.js";

async function program(): Promise<Command> {
  const vkrun = runCommand()
    .version(await vkrunVersion(), "-V, --version")
    // `vkrun image build -q` is image's own -q.
    .enablePositionalOptions();
  for (const command of await subcommands(process.argv.slice(2))) vkrun.addCommand(command);
  for (const command of [vkrun, ...vkrun.commands.flatMap((child) => [child, ...child.commands])]) {
    // Errors are printed below, in the form that all of vkrun's errors have.
    command.exitOverride().configureOutput({ outputError: () => undefined });
  }
  return vkrun;
}

/** commander says "error: unknown option '--snapsot'\n(Did you mean --snapshot?)". */
function usageError(error: CommanderError): VkrunError {
  const [first = "", ...rest] = error.message.split("\n");
  const suggestion = rest.join(" ").replace(/^\((.*)\)$/, "$1");
  return new VkrunError("ERR_VKRUN_USAGE", first.replace(/^error: /, ""), {
    hint: suggestion === "" ? "See `vkrun --help`." : suggestion,
  });
}

lowerCompilerThreads();
try {
  await (await program()).parseAsync();
} catch (error) {
  if (!(error instanceof CommanderError)) {
    reportError(error);
    process.exitCode = ExitStatus.FAILED;
  } else if (error.exitCode !== 0) {
    reportError(usageError(error));
    process.exitCode = ExitStatus.USAGE;
  }
}
// What else could keep the process is a stdin that nobody reads any more.
process.exit();
