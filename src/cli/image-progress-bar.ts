/** Shows how far the building of an image is: a bar on a terminal, a line per stage elsewhere. */
import type { Writable } from "node:stream";
import { SingleBar } from "cli-progress";
import type { ImageProgress } from "../images/index.js";

const MEBIBYTE = 2 ** 20;
/** A terminal that shows nothing for longer than a blink looks stuck; more frames than this only cost. */
const FRAMES_PER_SECOND = 10;

export class ImageProgressBar implements Disposable {
  readonly #image: string;
  readonly #output: Writable & { isTTY?: boolean };
  #bar: SingleBar | undefined;
  #stage = "";

  constructor(image: string, output: Writable & { isTTY?: boolean }) {
    this.#image = image;
    this.#output = output;
  }

  show(progress: ImageProgress): void {
    const starts = progress.stage !== this.#stage;
    if (starts) {
      this.#stop();
      this.#stage = progress.stage;
    }
    switch (progress.stage) {
      case "waiting":
        this.#line("waiting for another process that builds this image");
        return;
      case "download": {
        const total = Math.ceil(progress.totalBytes / MEBIBYTE);
        if (starts) this.#start("downloading", total, "MiB");
        this.#bar?.update(Math.floor(progress.receivedBytes / MEBIBYTE), { name: progress.name });
        return;
      }
      case "unpack":
        if (starts) this.#start("unpacking", progress.total, "packages");
        this.#bar?.update(progress.done, { name: progress.name });
        return;
      case "write":
        this.#line(`writing ${progress.entries} files`);
        return;
      case "configure":
        if (starts) this.#start("configuring, inside vkrun", progress.total, "packages");
        this.#bar?.update(progress.done, { name: progress.name });
        return;
      case "done":
        return;
    }
  }

  [Symbol.dispose](): void {
    this.#stop();
  }

  #start(what: string, total: number, unit: string): void {
    if (this.#output.isTTY !== true) {
      this.#line(`${what} (${total} ${unit})`);
      return;
    }
    this.#bar = new SingleBar({
      stream: this.#output as NodeJS.WriteStream,
      format: `${this.#image}: ${what} [{bar}] {value}/{total} ${unit} {name}`,
      barCompleteChar: "=",
      barIncompleteChar: " ",
      barsize: 24,
      fps: FRAMES_PER_SECOND,
      hideCursor: true,
      clearOnComplete: true,
      // Signals end the build in their own way, which stops the bar.
      gracefulExit: false,
    });
    this.#bar.start(total, 0, { name: "" });
  }

  #stop(): void {
    this.#bar?.stop();
    this.#bar = undefined;
  }

  #line(text: string): void {
    this.#output.write(`${this.#image}: ${text}\n`);
  }
}
