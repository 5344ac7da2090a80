/**
 * Ties the guest's console to this process's stdin and stdout. A terminal goes into raw mode, and comes out of it on
 * every way out of the process; pipes are passed through byte by byte.
 */
import type { Duplex, Readable, Writable } from "node:stream";
import type { ReadStream, WriteStream } from "node:tty";
import { EscapeKeys, escapeHelp } from "./escape-keys.js";

export interface TerminalOptions {
  readonly console: Duplex & { resize(columns: number, rows: number): void };
  readonly stdin: Readable & Partial<Pick<ReadStream, "isTTY" | "setRawMode" | "isRaw">>;
  readonly stdout: Writable & Partial<Pick<WriteStream, "isTTY" | "columns" | "rows">>;
  /** The user pressed Ctrl-A x. */
  readonly onQuit?: () => void;
  /** The user pressed Ctrl-A d. */
  readonly onDetach?: () => void;
  /** Nobody reads stdout any more. */
  readonly onClosed: () => void;
  /** The user wants the guest to have less memory, or more; answers what to say about it. */
  readonly onMemory?: (direction: -1 | 1) => string;
  /** The user wants a checkpoint; resolves to what to say about it. */
  readonly onSave?: () => Promise<string>;
}

export class Terminal implements Disposable {
  readonly #options: TerminalOptions;
  readonly #undo: (() => void)[] = [];
  /** Nobody reads stdout any more: what is still to be written goes nowhere. */
  readonly #closed: Promise<void>;

  constructor(options: TerminalOptions) {
    this.#options = options;
    this.#closed = new Promise((resolve) => options.stdout.on("error", () => resolve()));
    void this.#closed.then(options.onClosed);
    this.#connectInput();
    this.#connectOutput();
  }

  /** Resolves when everything that the guest printed has been handed to the operating system. */
  async drained(): Promise<void> {
    const { console, stdout } = this.#options;
    if (!console.readableEnded) {
      const end = new Promise<void>((resolve) => console.once("end", resolve));
      await Promise.race([end, this.#closed]);
    }
    const written = new Promise<void>((resolve) => stdout.write("", () => resolve()));
    await Promise.race([written, this.#closed]);
  }

  /** Safe to call at any time and more than once, also while the process exits. */
  [Symbol.dispose](): void {
    for (const undo of this.#undo.splice(0).reverse()) undo();
  }

  #connectInput(): void {
    const { stdin, console, onQuit, onDetach, onMemory, onSave } = this.#options;
    // A terminal that hung up reads as an error; for the guest it is nobody typing any more.
    const ignore = (): void => undefined;
    stdin.on("error", ignore);
    if (stdin.isTTY !== true || stdin.setRawMode === undefined) {
      // The end of a pipe is not the end of the guest: it has yet to work on what was piped.
      stdin.pipe(console, { end: false });
      this.#undo.push(() => stdin.unpipe(console));
    } else {
      const actions = {
        quit: onQuit,
        detach: onDetach,
        save: onSave && (() => void onSave().then((said) => this.#tell([said]))),
        memory: onMemory && ((direction: -1 | 1) => this.#tell([onMemory(direction)])),
      };
      const keys = new EscapeKeys({ ...actions, help: () => this.#tell(escapeHelp(actions)) });
      stdin.pipe(keys).pipe(console, { end: false });
      this.#undo.push(() => stdin.unpipe(keys));
      this.#enterRawMode();
    }
    this.#undo.push(() => stdin.pause());
  }

  #enterRawMode(): void {
    const { stdin } = this.#options;
    const raw = (on: boolean): void => {
      try {
        stdin.setRawMode?.(on);
      } catch {
        // The terminal is gone (EIO after a hang-up): there is nothing left to restore.
      }
    };
    const restore = (): void => raw(false);
    // Stopped and continued from outside, the shell has had the terminal in between.
    const again = (): void => {
      raw(false);
      raw(true);
    };
    // `exit` also comes after process.exit and after an uncaught exception.
    process.on("exit", restore);
    process.on("SIGCONT", again);
    raw(true);
    this.#undo.push(() => {
      process.off("exit", restore);
      process.off("SIGCONT", again);
      restore();
    });
  }

  #connectOutput(): void {
    const { stdout, console } = this.#options;
    console.pipe(stdout, { end: false });
    if (stdout.isTTY !== true) return;
    const resize = (): void => {
      if (stdout.columns !== undefined && stdout.rows !== undefined) console.resize(stdout.columns, stdout.rows);
    };
    stdout.on("resize", resize);
    this.#undo.push(() => stdout.off("resize", resize));
  }

  #tell(lines: readonly string[]): void {
    this.#options.stdout.write(`\r\n${lines.map((line) => `  ${line}\r\n`).join("")}`);
  }
}
