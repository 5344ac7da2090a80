/**
 * Tells that a Linux guest panicked. A kernel that panics asks for a reboot without saying why, or spins for ever, so
 * its last words on the console are what there is to go by. Words can be quoted: a guest that goes on to wait for an
 * interrupt, as every living one does, has not panicked.
 */
import { TICKS_PER_SECOND } from "./host-clock.js";

/** kernel/panic.c: the first line of every panic, and the last where the kernel does not reboot. */
const PANIC = "Kernel panic - not syncing";
const PANIC_END = "---[ end Kernel panic - not syncing";
/** How long after its last line a kernel has to spin. */
const SPIN_TICKS = BigInt(2 * TICKS_PER_SECOND);

export class PanicWatch {
  readonly #decoder = new TextDecoder("latin1");
  /** The end of the output so far: no more than could be the beginning of a line looked for. */
  #tail = "";
  #panicked = false;
  #endedAt: bigint | undefined;

  /** A kernel that asked for a reboot after panicking ends the vkernel as one that panicked. */
  get panicked(): boolean {
    return this.#panicked;
  }

  /** `now` in guest ticks. */
  output(bytes: Uint8Array, now: bigint): void {
    const text = this.#tail + this.#decoder.decode(bytes);
    if (text.includes(PANIC)) this.#panicked = true;
    if (text.includes(PANIC_END)) this.#endedAt = now;
    this.#tail = text.slice(-(PANIC_END.length - 1));
  }

  /** After each slice: whether the guest has stood still since its last words. */
  check(idle: boolean, now: bigint): boolean {
    if (idle) {
      this.#panicked = false;
      this.#endedAt = undefined;
      this.#tail = "";
    }
    return this.#endedAt !== undefined && now - this.#endedAt >= SPIN_TICKS;
  }
}
