// Runs the command `vkrun` as it is installed: dist/, as a process of its own.

import { execa, type Options, type Result } from "execa";

export const COMMAND = "dist/cli/main.js";

export interface CommandResult {
  readonly status: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CommandOptions {
  readonly input?: string | Uint8Array;
  readonly env?: Readonly<Record<string, string>>;
  readonly timeoutMs?: number;
  /** Run as this user and group; for root only. */
  readonly user?: number;
}

/** Runs `vkrun ARGS` to its end. A process that has to be killed is an error. */
export async function vkrun(args: readonly string[], options: CommandOptions = {}): Promise<CommandResult> {
  const settings: Options = {
    reject: false,
    timeout: options.timeoutMs ?? 60_000,
    stripFinalNewline: false,
    input: options.input ?? "",
    ...(options.env && { env: options.env }),
    ...(options.user !== undefined && { uid: options.user, gid: options.user }),
  };
  const result: Result = await execa(process.execPath, [COMMAND, ...args], settings);
  if (result.timedOut)
    throw new Error(`vkrun ${args.join(" ")} did not end; it printed:\n${result.stdout}\n${result.stderr}`);
  return { status: result.exitCode, stdout: String(result.stdout), stderr: String(result.stderr) };
}
