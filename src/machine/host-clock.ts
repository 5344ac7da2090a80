/**
 * The host's time, in guest ticks, counted from a reset and standing still while the vkernel is paused. Its readings
 * reach the guest only as recorded inputs: the runner anchors the guest's clock to them between slices.
 */

/** The timebase of QEMU's `virt`: 10 MHz. */
export const TICKS_PER_SECOND = 10_000_000;
export const NS_PER_TICK = 100n;
const NS_PER_MS = 1e6;

export class HostClock {
  #originNs: bigint;
  #pausedAtNs: bigint | undefined;

  /** Shows `ticks` now. */
  constructor(ticks = 0n) {
    this.#originNs = process.hrtime.bigint() - ticks * NS_PER_TICK;
  }

  /** Ticks of 100 ns since the reset, less the time spent paused. */
  ticks(): bigint {
    return ((this.#pausedAtNs ?? process.hrtime.bigint()) - this.#originNs) / NS_PER_TICK;
  }

  pause(): void {
    this.#pausedAtNs ??= process.hrtime.bigint();
  }

  resume(): void {
    if (this.#pausedAtNs === undefined) return;
    this.#originNs += process.hrtime.bigint() - this.#pausedAtNs;
    this.#pausedAtNs = undefined;
  }
}

/** For measuring how long something took, in milliseconds with fractions. */
export function elapsedMs(sinceNs: bigint): number {
  return Number(process.hrtime.bigint() - sinceNs) / NS_PER_MS;
}
