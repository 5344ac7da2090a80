// A network of the test's own: a network namespace, in which the test makes what interfaces it likes. Neither needs root.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { execa, type Options, type Result } from "execa";

export interface RunOptions {
  readonly input?: string;
  readonly timeoutMs?: number;
}

export class NetworkNamespace implements AsyncDisposable {
  readonly #holder: ChildProcess;

  private constructor(holder: ChildProcess) {
    this.#holder = holder;
  }

  static async create(): Promise<NetworkNamespace> {
    // Being root in a user namespace of one's own is enough for everything that tests do here.
    const user = process.getuid?.() === 0 ? [] : ["--user", "--map-root-user"];
    const holder = spawn("unshare", [...user, "--net", "sh", "-c", "ip link set lo up && echo ready && exec cat"], {
      stdio: ["pipe", "pipe", "inherit"],
    });
    const [chunk] = await Promise.race([once(holder.stdout, "data"), once(holder, "exit")]);
    if (String(chunk) !== "ready\n") throw new Error(`no network namespace (unshare ended with ${String(chunk)})`);
    return new NetworkNamespace(holder);
  }

  /** The command that runs `command` in here. */
  command(command: readonly string[]): [string, ...string[]] {
    const user = process.getuid?.() === 0 ? [] : ["--user", "--preserve-credentials"];
    return ["nsenter", "--target", String(this.#holder.pid), ...user, "--net", ...command];
  }

  /** Runs a command to its end, which must be a good one, and answers what it printed. */
  async run(command: readonly string[], { input = "", timeoutMs = 60_000 }: RunOptions = {}): Promise<string> {
    const settings: Options = { input, timeout: timeoutMs };
    const [program, ...args] = this.command(command);
    const result: Result = await execa(program, args, settings);
    return String(result.stdout);
  }

  /** `ip ARGS`, as words of one text. */
  async ip(args: string): Promise<string> {
    return this.run(["ip", ...args.split(" ")]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#holder.exitCode !== null) return;
    const gone = once(this.#holder, "exit");
    // cat(1) ends with its input, and the namespace with cat.
    this.#holder.stdin?.end();
    await gone;
  }
}
