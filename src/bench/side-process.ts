/** A child that measures one form: see side.ts. */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { VkrunError } from "../errors.js";
import type { Form } from "./forms.js";
import type { Answer, Answers, Question } from "./side-protocol.js";

const PROGRAM = fileURLToPath(new URL("side.js", import.meta.url));

export class SideProcess implements AsyncDisposable {
  readonly #child: ChildProcess;

  private constructor(
    readonly form: Form,
    child: ChildProcess,
  ) {
    this.#child = child;
  }

  static async start(form: Form): Promise<SideProcess> {
    const child = fork(PROGRAM, [form], { execArgv: ["--expose-gc"] });
    const side = new SideProcess(form, child);
    await side.#next();
    return side;
  }

  async ask<Kind extends keyof Answers>(question: Question & { kind: Kind }): Promise<Answers[Kind]> {
    this.#child.send(question);
    return (await this.#next()) as Answers[Kind];
  }

  async #next(): Promise<unknown> {
    const ended = new AbortController();
    try {
      const [answer] = (await Promise.race([
        once(this.#child, "message", ended),
        once(this.#child, "exit", ended).then(([status, signal]) => {
          throw this.#failed(`its process ended with ${signal ?? status}`);
        }),
      ])) as [Answer];
      if ("failed" in answer) throw this.#failed(answer.failed);
      return "value" in answer ? answer.value : undefined;
    } finally {
      ended.abort();
    }
  }

  #failed(what: string): VkrunError {
    return new VkrunError("ERR_VKRUN_BENCH_FAILED", `the hot paths in ${this.form} could not be measured: ${what}`, {
      hint: "What the process printed is above; a limit on address space (`ulimit -v`) is one reason.",
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exit = once(this.#child, "exit");
    this.#child.kill("SIGKILL");
    await exit;
  }
}
