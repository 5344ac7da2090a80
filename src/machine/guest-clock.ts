/** Guest time for devices: the hart's own counted `time`, and the wall clock derived from it. */
import type { GuestClock } from "../devices/device.js";
import type { Core } from "../wasm/core.js";
import { NS_PER_TICK } from "./host-clock.js";

export class CoreClock implements GuestClock {
  readonly #core: Core;
  readonly #hart: number;
  readonly #wallNsAtReset: bigint;

  /** `wallNsAtReset`: the host's wall clock at the reset, in ns since 1970; an input that the recording holds. */
  constructor(core: Core, hart: number, wallNsAtReset: bigint) {
    this.#core = core;
    this.#hart = hart;
    this.#wallNsAtReset = wallNsAtReset;
  }

  ticks(): bigint {
    return BigInt.asUintN(64, this.#core.exports.time(this.#hart));
  }

  wallNs(): bigint {
    return this.#wallNsAtReset + this.ticks() * NS_PER_TICK;
  }
}
