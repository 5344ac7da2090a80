/** What the command `vkrun` does with its arguments. */
import { Command, CommanderError } from "commander";
import { VkrunError } from "../errors.js";
import { vkrunVersion } from "../version.js";
import { ExitStatus } from "./exit-status.js";
import { reportError } from "./report-error.js";
import { isSubcommand, subcommands } from "./subcommands.js";

async function command(): Promise<Command> {
  const args = process.argv.slice(2);
  // The options of a boot are of no use to the others, and take their time to load.
  const root = isSubcommand(args[0]) ? new Command("vkrun") : (await import("./run-command.js")).runCommand();
  const vkrun = root
    .version(await vkrunVersion(), "-V, --version")
    // `vkrun image build -q` is image's own -q.
    .enablePositionalOptions();
  for (const command of await subcommands(args)) vkrun.addCommand(command);
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

export async function runProgram(): Promise<void> {
  try {
    await (await command()).parseAsync();
  } catch (error) {
    if (!(error instanceof CommanderError)) {
      reportError(error);
      process.exitCode = ExitStatus.FAILED;
    } else if (error.exitCode !== 0) {
      reportError(usageError(error));
      process.exitCode = ExitStatus.USAGE;
    }
  }
}
