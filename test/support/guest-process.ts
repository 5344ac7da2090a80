// A guest that the command runs, driven as by a person at its terminal: for what has to be a process, such as in a namespace.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { COMMAND } from "./command.js";
import { TINY_PROMPT, tinyImage } from "./tiny-image.js";

/** How much of the output's end a failed wait shows. */
const SHOWN = 3000;
const BOOT_MS = 400_000;

export class GuestProcess implements AsyncDisposable {
  output = "";
  errors = "";
  readonly #child: ChildProcess;
  #seen = 0;
  #changed: () => void = () => undefined;

  /** `wrap` makes the command into another one, such as one that runs it elsewhere. */
  constructor(args: readonly string[], wrap = (command: string[]): [string, ...string[]] => command as [string]) {
    const [program, ...rest] = wrap([process.execPath, COMMAND, ...args]);
    this.#child = spawn(program, rest, { stdio: ["pipe", "pipe", "pipe"] });
    const listen = (text: string): void => {
      this.output += text;
      this.#changed();
    };
    this.#child.stdout?.setEncoding("utf8").on("data", listen);
    this.#child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      this.errors += text;
    });
    this.#child.once("exit", () => this.#changed());
  }

  /** The tiny image, or a copy of it, at its prompt. */
  static async tiny(
    args: readonly string[],
    wrap?: ConstructorParameters<typeof GuestProcess>[1],
    image?: string,
  ): Promise<GuestProcess> {
    const guest = new GuestProcess(["-m", "256M", "--snapshot", ...args, image ?? (await tinyImage())], wrap);
    try {
      await guest.waitFor(TINY_PROMPT, BOOT_MS);
      // From now on there is nothing between a command's output and the next one's.
      guest.sendLine(`stty -echo; PS1=; echo "<"quiet">"`);
      await guest.waitFor(/<quiet>\r?\n/);
      return guest;
    } catch (error) {
      await guest[Symbol.asyncDispose]();
      throw error;
    }
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Resolves when there is `pattern` behind what earlier waits have matched. */
  async waitFor(pattern: RegExp, timeoutMs = 60_000): Promise<RegExpMatchArray> {
    const endMs = performance.now() + timeoutMs;
    for (;;) {
      const match = this.output.slice(this.#seen).match(pattern);
      if (match !== null) {
        this.#seen += (match.index ?? 0) + match[0].length;
        return match;
      }
      const leftMs = endMs - performance.now();
      if (leftMs <= 0 || this.#child.exitCode !== null) {
        const end = `${this.output.slice(-SHOWN)}\n${this.errors.slice(-SHOWN)}`;
        throw new Error(`${pattern} was not printed; the console ends with:\n${end}`);
      }
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, leftMs);
        this.#changed = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  sendLine(line: string): void {
    this.#child.stdin?.write(`${line}\n`);
  }

  /** Runs a command of the guest's shell, which must end well, and answers what it printed. */
  async run(command: string, timeoutMs = 60_000): Promise<string> {
    this.sendLine(`${command}; echo "<end $?>"`);
    const [, printed = "", status] = await this.waitFor(/^(.*?)<end (\d+)>\r?\n/s, timeoutMs);
    const text = printed.replaceAll("\r", "");
    if (status !== "0") throw new Error(`${command} ended with ${status}:\n${text}`);
    return text;
  }

  /** Resolves with the status of the process when it ends. */
  async ended(): Promise<number | null> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) await once(this.#child, "exit");
    return this.#child.exitCode;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGTERM");
    await this.ended();
  }
}
