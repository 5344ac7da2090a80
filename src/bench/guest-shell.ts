/** A guest in a process of its own, whose shell is typed into: as a user would, and so from the start of the process on. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import { VkrunError } from "../errors.js";

/** The shell of `tiny` waits. */
const PROMPT = /:~# $/;
/** The console's echo of what was typed, and its answer, are told apart by this: the shell puts the parts together. */
const DONE = { typed: "echo bench''-done", printed: "bench-done" };
const FAILED = { typed: "echo bench''-failed", printed: "bench-failed" };
const KEPT = 4096;
/** By which the shell asks the terminal where its cursor is. */
const CURSOR_QUERY = "\x1b[6n";
/** A guest that does not come to its prompt, or to the end of a command, in that time never will. */
const PATIENCE_MS = 300_000;

export class GuestShell implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #start = performance.now();
  #output = "";
  #complaints = "";

  /** `command` is vkrun with all of its arguments. */
  constructor([program = "", ...args]: readonly string[]) {
    this.#child = spawn(program, args, { stdio: ["pipe", "pipe", "pipe"] });
    this.#child.stdout?.setEncoding("utf8").on("data", (text: string) => {
      this.#output = (this.#output + text).replaceAll(CURSOR_QUERY, "").slice(-KEPT);
    });
    this.#child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      this.#complaints = (this.#complaints + text).slice(-KEPT);
    });
    // What is typed into a guest that has just ended is nobody's.
    this.#child.stdin?.on("error", () => undefined);
  }

  /** Seconds from the start of the process to the prompt. */
  async prompt(signal: AbortSignal): Promise<number> {
    await this.#until(() => PROMPT.test(this.#output), signal);
    return (performance.now() - this.#start) / 1000;
  }

  /** What a command prints, and how many seconds of the host's clock it takes. */
  async run(command: string, signal: AbortSignal): Promise<{ seconds: number; output: string }> {
    this.#output = "";
    const start = performance.now();
    this.#child.stdin?.write(`if ${command}; then ${DONE.typed}; else ${FAILED.typed}; fi\n`);
    const marks = [DONE.printed, FAILED.printed];
    await this.#until(() => marks.some((mark) => this.#output.includes(mark)), signal);
    if (this.#output.includes(FAILED.printed)) throw this.#failed(`this fails in it: ${command}`);
    const seconds = (performance.now() - start) / 1000;
    await this.#until(() => PROMPT.test(this.#output), signal);
    return { seconds, output: this.#output };
  }

  async #until(done: () => boolean, signal: AbortSignal): Promise<void> {
    const { stdout } = this.#child;
    if (stdout === null) throw this.#failed("it has no console");
    while (!done()) {
      const waiting = new AbortController();
      const either = { signal: AbortSignal.any([signal, waiting.signal]) };
      try {
        await Promise.race([
          once(stdout, "data", either),
          once(this.#child, "exit", either).then(([status, by]) => {
            throw this.#failed(`it ended with ${by ?? status}`);
          }),
          delay(PATIENCE_MS, undefined, either).then(() => {
            throw this.#failed("it has nothing more to say");
          }),
        ]);
      } finally {
        waiting.abort();
      }
    }
  }

  #failed(what: string): VkrunError {
    return new VkrunError("ERR_VKRUN_BENCH_FAILED", `a guest of the comparison failed: ${what}`, {
      hint: `Its last words: ${(this.#complaints || this.#output).trim().slice(-200) || "none"}`,
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exit = once(this.#child, "exit");
    this.#child.kill("SIGKILL");
    await exit;
  }
}
