/** How far long work on files is: a bar on a terminal, nothing elsewhere. */
import { SingleBar } from "cli-progress";

/** A terminal that shows nothing for longer than a blink looks stuck; more frames than this only cost. */
const FRAMES_PER_SECOND = 10;
const MEBIBYTE = 2 ** 20;

export class WorkBar implements Disposable {
  #bar: SingleBar | undefined;

  /** `what` is a word such as "writing". */
  constructor(what: string, quiet = false) {
    if (quiet || !process.stderr.isTTY) return;
    this.#bar = new SingleBar({
      format: `${what} [{bar}] {value}/{total} MiB`,
      barCompleteChar: "=",
      barIncompleteChar: " ",
      barsize: 24,
      fps: FRAMES_PER_SECOND,
      hideCursor: true,
      clearOnComplete: true,
    });
    this.#bar.start(1, 0);
  }

  readonly show = (doneBytes: number, totalBytes: number): void => {
    this.#bar?.setTotal(Math.ceil(totalBytes / MEBIBYTE));
    this.#bar?.update(Math.floor(doneBytes / MEBIBYTE));
  };

  [Symbol.dispose](): void {
    this.#bar?.stop();
    this.#bar = undefined;
  }
}
