// A guest under test, driven as a person at its console would: wait for words, type a line. Uses the built package.

import { type BootOptions, type LogRecord, VKernel } from "vkrun";

/** How much of the console's end a failed wait shows. */
const SHOWN = 3000;

interface Waiter {
  readonly pattern: RegExp;
  readonly found: (match: RegExpMatchArray) => void;
}

/** Boots a guest; dispose of it (`await using`) to end it, whatever state it is in. */
export async function bootGuest(options: BootOptions): Promise<Guest> {
  const log: LogRecord[] = [];
  const vkernel = await VKernel.boot({
    ...options,
    log: (record) => {
      log.push(record);
      options.log?.(record);
    },
  });
  return new Guest(vkernel, log);
}

export class Guest implements AsyncDisposable {
  /** Everything that the guest has printed. */
  output = "";
  #seen = 0;
  #waiter: Waiter | undefined;

  constructor(
    readonly vkernel: VKernel,
    readonly log: readonly LogRecord[],
  ) {
    vkernel.console.setEncoding("utf8").on("data", (text: string) => {
      this.output += text;
      this.#look();
    });
  }

  /**
   * Resolves when the console shows `pattern` behind what earlier waits have matched. Rejects when the guest ends first,
   * or after `timeoutMs`, with the end of what it printed.
   */
  async waitFor(pattern: RegExp, timeoutMs = 60_000): Promise<RegExpMatchArray> {
    if (this.#waiter !== undefined) throw new Error("one wait at a time");
    let timer: NodeJS.Timeout | undefined;
    const timeout = new Promise<string>((resolve) => {
      timer = setTimeout(() => resolve(`${timeoutMs} ms passed`), timeoutMs);
    });
    const ended = this.vkernel.wait().then(
      ({ reason }) => `the guest ended (${reason})`,
      (error: Error) => `the vkernel failed (${error.message})`,
    );
    const found = new Promise<RegExpMatchArray>((resolve) => {
      this.#waiter = { pattern, found: resolve };
    });
    this.#look();
    try {
      // What the guest printed last may still be on its way when its end is known.
      const drained = ended.then(async (why) => {
        if (!this.vkernel.console.readableEnded) await new Promise((end) => this.vkernel.console.once("end", end));
        return why;
      });
      const result = await Promise.race([found, timeout, drained]);
      if (typeof result !== "string") return result;
      throw new Error(`${result} before ${pattern} was printed; the console ends with:\n${this.output.slice(-SHOWN)}`);
    } finally {
      clearTimeout(timer);
      this.#waiter = undefined;
    }
  }

  send(text: string): void {
    this.vkernel.console.write(text);
  }

  sendLine(line: string): void {
    this.send(`${line}\n`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.vkernel[Symbol.asyncDispose]();
  }

  #look(): void {
    const waiter = this.#waiter;
    const match = waiter && this.output.slice(this.#seen).match(waiter.pattern);
    if (!match) return;
    this.#seen += (match.index ?? 0) + match[0].length;
    this.#waiter = undefined;
    waiter.found(match);
  }
}
