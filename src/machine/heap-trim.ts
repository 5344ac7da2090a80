/**
 * Memory that compiling needed for a moment. The C library keeps it for the next time, in an arena for each of V8's threads:
 * 60 MB when a guest has booted, which then may have nothing to compile for hours.
 */
import { native, nativeUnavailable } from "../native.js";

/** Without anything new being compiled. */
const QUIET_MS = 1000;
/** From one time to the next: an idle guest still has a few regions compiled now and then, for which it would not pay. */
const REST_MS = 30_000;

export class HeapTrim {
  #timer: NodeJS.Timeout | undefined;

  #resting = false;

  /** Something was compiled. */
  compiled(): void {
    if (this.#resting) return;
    if (this.#timer === undefined) this.#timer = setTimeout(() => this.#trim(), QUIET_MS).unref();
    else this.#timer.refresh();
  }

  #trim(): void {
    if (nativeUnavailable() === undefined) void native().trimHeap({});
    this.#resting = true;
    setTimeout(() => {
      this.#resting = false;
      this.#timer?.refresh();
    }, REST_MS).unref();
  }
}
