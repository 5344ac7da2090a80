/**
 * The words that may stand behind `vkrun`, and what loads each. Loading is put off until a word is on the command line: what
 * builds images, for one, takes longer to load than a guest to start.
 */
import type { Command } from "commander";

const control = () => import("./control-command.js");

const LOADERS: Readonly<Record<string, () => Promise<Command>>> = {
  image: async () => (await import("./image-command.js")).imageCommand(),
  ckpt: async () => (await import("./ckpt-command.js")).ckptCommand(),
  inspect: async () => (await import("./inspect-command.js")).inspectCommand(),
  thaw: async () => (await import("./thaw-command.js")).thawCommand(),
  fork: async () => (await import("./fork-command.js")).forkCommand(),
  console: async () => (await import("./console-command.js")).consoleCommand(),
  ps: async () => (await control()).psCommand(),
  balloon: async () => (await control()).balloonCommand(),
  vmspaces: async () => (await control()).vmspacesCommand(),
  stop: async () => (await control()).stopCommand(),
  bench: async () => (await import("./bench-command.js")).benchCommand(),
};

/** Those that are meant by these arguments, and some that are not; all of them where they are to be shown. */
export async function subcommands(args: readonly string[]): Promise<Command[]> {
  const all = args.some((word) => word === "--help" || word === "-h");
  const meant = Object.entries(LOADERS).filter(([word]) => all || args.includes(word));
  return Promise.all(meant.map(([, load]) => load()));
}

export function isSubcommand(word: string | undefined): boolean {
  return word !== undefined && Object.hasOwn(LOADERS, word);
}

/** Whether these arguments ask for a guest in this process, as far as can be told without reading them all. */
export function runsGuest(args: readonly string[]): boolean {
  // V8 heeds --perf-map in threads that begin after it was read.
  const others = ["--help", "-h", "--version", "-V", "--perf-map"];
  return !args.some((word) => others.includes(word) || (word !== "thaw" && isSubcommand(word)));
}
