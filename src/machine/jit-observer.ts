/** Observes one machine's compiled code, from its first instruction on, for `jitStats` and `perfMap`. */
import type { Core } from "../wasm/core.js";
import { elapsedMs } from "./host-clock.js";
import { JitProfile, REGION_PREFIX } from "./jit-profile.js";
import type { HotRegion, JitStats } from "./machine-config.js";
import type { Symbols } from "./symbols.js";

/** Regions that are told of one by one. */
const MOST_REPORTED = 20;

export interface JitObserverOptions {
  /** Counts and times, and not only names. */
  readonly stats: boolean;
  readonly symbols: Symbols | undefined;
}

export class JitObserver implements Disposable {
  readonly #core: Core;
  readonly #symbols: Symbols | undefined;
  readonly #profile: JitProfile | undefined;
  readonly #startNs = process.hrtime.bigint();

  constructor(core: Core, { stats, symbols }: JitObserverOptions) {
    this.#core = core;
    this.#symbols = symbols;
    // Profiles are taken apart by address; whoever reads a perf map wants to see symbols.
    const name = (address: bigint): string => {
      const symbol = stats ? undefined : symbols?.find(address);
      return REGION_PREFIX + (symbol === undefined ? hex(address) : `${symbol} ${hex(address)}`);
    };
    core.regions.observe({ name, count: stats });
    if (stats) this.#profile = new JitProfile();
  }

  /** What there is to say at the end; `runMs` and `idleMs` by the runner's own clock. */
  stats(instructions: bigint, runMs: number, idleMs: number): JitStats | undefined {
    const profile = this.#profile;
    if (profile === undefined) return undefined;
    profile.collect();
    const counts = this.#core.regions.counts();
    const compiled = counts.reduce((sum, count) => sum + count.instructions, 0n);
    const hottest: HotRegion[] = counts.map(({ address, entries, instructions }) => {
      const symbol = this.#symbols?.find(address);
      const ms = profile.regionMs.get(REGION_PREFIX + hex(address)) ?? 0;
      return { address, ...(symbol !== undefined && { symbol }), entries, instructions, ms };
    });
    hottest.sort((a, b) => b.ms - a.ms || Number(b.instructions - a.instructions));
    return {
      ...this.#core.regions.statistics,
      instructions: { compiled, interpreted: instructions - compiled },
      times: { ...profile.times, idleMs, runMs, wallMs: elapsedMs(this.#startNs) },
      hottest: hottest.slice(0, MOST_REPORTED),
    };
  }

  [Symbol.dispose](): void {
    this.#profile?.[Symbol.dispose]();
  }
}

function hex(address: bigint): string {
  return `0x${address.toString(16)}`;
}
