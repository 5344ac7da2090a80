import { native } from "../../native.js";
import { LinuxError } from "./linux-error.js";

/**
 * An open file of the host that several may hold: fids, and calls under way. It is closed when the last one lets go, for
 * a number that was closed under a call on its way could by then be another file's.
 */
export class Descriptor implements Disposable {
  #holders = 1;
  #last: Promise<unknown> = Promise.resolve();

  constructor(readonly fd: number) {}

  /** The file itself as a path, for calls that know no descriptors opened with O_PATH. Not followed if a symbolic link. */
  get path(): string {
    return `/proc/self/fd/${this.fd}`;
  }

  /** One holder more, who disposes of it: behind all calls with the number, so what is returned must have been awaited. */
  hold(): this {
    if (this.#holders === 0) throw new LinuxError("EBADF");
    this.#holders++;
    return this;
  }

  /** Runs `call` after those before it: for calls that move the file's position. */
  inTurn<T>(call: () => Promise<T>): Promise<T> {
    const result = this.#last.then(call, call);
    this.#last = result.catch(() => undefined);
    return result;
  }

  [Symbol.dispose](): void {
    // Never twice: by then the number may be another file's.
    if (this.#holders === 0 || --this.#holders > 0) return;
    try {
      native().closeDescriptor({ fd: this.fd });
    } catch {
      // What close(2) reports of a written file has no one to go to: Tfsync is there to ask.
    }
  }
}
