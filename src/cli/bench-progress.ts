/** How far a comparison is: a line that changes on a terminal, a line for each part elsewhere. */
import type { Writable } from "node:stream";
import { SingleBar } from "cli-progress";
import type { Progress } from "../bench/hot-paths.js";

const FRAMES_PER_SECOND = 10;

export class BenchProgress implements Disposable {
  readonly #output: Writable & { isTTY?: boolean };
  #bar: SingleBar | undefined;
  #part: string | undefined;

  constructor(output: Writable & { isTTY?: boolean }) {
    this.#output = output;
  }

  show({ part, done, total, what }: Progress): void {
    if (part !== this.#part) this.#begin(part, total);
    this.#bar?.update(done, { what: what.slice(0, 44) });
  }

  [Symbol.dispose](): void {
    this.#bar?.stop();
    this.#bar = undefined;
  }

  #begin(part: string, total: number): void {
    this[Symbol.dispose]();
    this.#part = part;
    if (this.#output.isTTY !== true) {
      this.#output.write(`vkrun bench: ${part}\n`);
      return;
    }
    this.#bar = new SingleBar({
      stream: this.#output as NodeJS.WriteStream,
      format: `${part} [{bar}] {value}/{total} {what}`,
      barCompleteChar: "=",
      barIncompleteChar: " ",
      barsize: 24,
      fps: FRAMES_PER_SECOND,
      hideCursor: true,
      clearOnComplete: true,
      gracefulExit: false,
    });
    this.#bar.start(total, 0, { what: "" });
  }
}
