/** The console port that nobody is turned to: what the guest writes there goes to the log, line by line. */
import type { CharBackend } from "../backends/char-backend.js";

/** A guest that never ends a line gets it cut here. */
const LINE_LIMIT = 1024;

export class LineLog implements CharBackend {
  readonly #log: (line: string) => void;
  readonly #decoder = new TextDecoder();
  #line = "";

  constructor(log: (line: string) => void) {
    this.#log = log;
  }

  write(bytes: Uint8Array): void {
    const lines = (this.#line + this.#decoder.decode(bytes, { stream: true })).split(/\r*\n/);
    this.#line = lines.pop() ?? "";
    for (const line of lines) this.#log(line);
    if (this.#line.length > LINE_LIMIT) {
      this.#log(this.#line);
      this.#line = "";
    }
  }

  /** Nobody types here. */
  attach(): void {}
}
