/**
 * Memory that compiling needed for a moment. The C library keeps it for the next time, in an arena for each of V8's threads:
 * 60 MB when a guest has booted, which then may have nothing to compile for hours.
 */
import { native, nativeUnavailable } from "../native.js";

/** Without anything new being compiled. */
const QUIET_MS = 1000;

export class HeapTrim {
  #timer: NodeJS.Timeout | undefined;

  /** Something was compiled. */
  compiled(): void {
    if (this.#timer === undefined) this.#timer = setTimeout(() => this.#trim(), QUIET_MS).unref();
    else this.#timer.refresh();
  }

  #trim(): void {
    if (nativeUnavailable() === undefined) void native().trimHeap({});
  }
}
