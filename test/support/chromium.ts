// A page in headless Chromium, asked over the pipe of the DevTools protocol: what it says on its console, and what is in it.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable, Writable } from "node:stream";

interface Message {
  id?: number;
  method?: string;
  params?: Record<string, unknown>;
  result?: Record<string, unknown>;
  error?: { message: string };
}

/** Events that mean that something was written to the console, or went wrong. */
const COMPLAINTS = ["Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded", "Network.loadingFailed"];

export class ChromiumPage implements AsyncDisposable {
  /** Whatever the page said on its console, exceptions and requests that failed. */
  readonly complaints: string[] = [];
  readonly #child: ChildProcess;
  readonly #profile: string;
  readonly #input: Writable;
  readonly #answers = new Map<number, (message: Message) => void>();
  readonly #events = new Map<string, () => void>();
  readonly #refusals = new Set<(error: Error) => void>();
  #session: string | undefined;
  #last = 0;
  #rest = "";

  private constructor(profile: string) {
    this.#profile = profile;
    const args = [
      "--headless",
      "--no-sandbox",
      "--disable-gpu",
      "--remote-debugging-pipe",
      `--user-data-dir=${profile}`,
    ];
    this.#child = spawn("chromium", args, { stdio: ["ignore", "ignore", "ignore", "pipe", "pipe"] });
    this.#child.once("exit", (status) => {
      for (const refuse of this.#refusals) refuse(new Error(`chromium ended with ${status}`));
    });
    this.#input = this.#child.stdio[3] as Writable;
    (this.#child.stdio[4] as Readable).setEncoding("utf8").on("data", (text: string) => this.#receive(text));
  }

  /** Opens `url` and waits until it is loaded. */
  static async open(url: string): Promise<ChromiumPage> {
    const page = new ChromiumPage(await mkdtemp(join(tmpdir(), "vkrun-chromium-")));
    try {
      await page.#load(url);
      return page;
    } catch (error) {
      await page[Symbol.asyncDispose]();
      throw error;
    }
  }

  async #load(url: string): Promise<void> {
    const { targetId } = await this.#ask("Target.createTarget", { url: "about:blank" });
    const { sessionId } = await this.#ask("Target.attachToTarget", { targetId, flatten: true });
    this.#session = sessionId as string;
    for (const domain of ["Page", "Runtime", "Log", "Network"]) await this.#ask(`${domain}.enable`);
    const loaded = new Promise<void>((resolve) => this.#events.set("Page.loadEventFired", resolve));
    await this.#ask("Page.navigate", { url });
    await loaded;
  }

  /** The value of an expression in the page. */
  async evaluate(expression: string): Promise<unknown> {
    const { result, exceptionDetails } = await this.#ask("Runtime.evaluate", { expression, returnByValue: true });
    if (exceptionDetails !== undefined) throw new Error(JSON.stringify(exceptionDetails));
    return (result as { value: unknown }).value;
  }

  #ask(method: string, params: object = {}): Promise<Record<string, unknown>> {
    const id = ++this.#last;
    const session = this.#session === undefined ? {} : { sessionId: this.#session };
    this.#input.write(`${JSON.stringify({ id, method, params, ...session })}\0`);
    return new Promise((resolve, reject) => {
      this.#refusals.add(reject);
      this.#answers.set(id, ({ result, error }) =>
        error === undefined ? resolve(result ?? {}) : reject(new Error(`${method}: ${error.message}`)),
      );
    });
  }

  #receive(text: string): void {
    const messages = (this.#rest + text).split("\0");
    this.#rest = messages.pop() ?? "";
    for (const line of messages) {
      const message = JSON.parse(line) as Message;
      if (message.id !== undefined) this.#answers.get(message.id)?.(message);
      else if (message.method !== undefined) {
        if (COMPLAINTS.includes(message.method)) this.complaints.push(JSON.stringify(message.params));
        this.#events.get(message.method)?.();
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      const exit = once(this.#child, "exit");
      this.#child.kill("SIGKILL");
      await exit;
    }
    // Its children may be writing still.
    await rm(this.#profile, { recursive: true, force: true, maxRetries: 20 });
  }
}
