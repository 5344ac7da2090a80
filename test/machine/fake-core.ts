// A core whose guest does what a test says: counts instructions, sleeps until a timer. With it runs a host whose clock
// only moves when a test, or the guest's work, moves it.

import { vi } from "vitest";
import { InputQueue } from "../../src/machine/input-queue.js";
import type { Runner, RunnerParts } from "../../src/machine/runner.js";
import type { Core } from "../../src/wasm/core.js";

const BUDGET = 0;
const IDLE = 1;
const HOST_STOP = 3;
const NS_PER_TICK = 100n;

/** One slice: how many of the instructions asked for are run, and what they cost the host. */
export type Slice = (instructions: number) => { ran: number; ms: number; idle?: boolean };

export interface Anchor {
  readonly icount: bigint;
  readonly ticks: bigint;
  readonly rate: number;
}

export class FakeMachine {
  hostNs = 1_000_000_000n;
  icount = 0n;
  nextTimer = 2n ** 64n - 1n;
  readonly anchors: Anchor[] = [];
  readonly budgets: number[] = [];
  readonly inputs: InputQueue;
  runner: Runner | undefined;
  #stopRequested = false;

  /** `slice` says what the guest does; `end` how often. */
  constructor(
    readonly slice: Slice,
    readonly slices: number,
  ) {
    vi.spyOn(process.hrtime, "bigint").mockImplementation(() => this.hostNs);
    this.inputs = new InputQueue(() => this.runner?.notify());
  }

  get ticks(): bigint {
    const last = this.anchors.at(-1) ?? { icount: 0n, ticks: 0n, rate: 0 };
    return last.ticks + (((this.icount - last.icount) * BigInt(last.rate)) >> 32n);
  }

  get hostTicks(): bigint {
    return (this.hostNs - 1_000_000_000n) / NS_PER_TICK;
  }

  passMs(ms: number): void {
    this.hostNs += BigInt(Math.round(ms * 1e6));
  }

  /** Guest software writes mtime. */
  setTime(ticks: bigint): void {
    this.anchors.push({ icount: this.icount, ticks, rate: this.anchors.at(-1)?.rate ?? 0 });
  }

  parts(overrides: Partial<RunnerParts> = {}): RunnerParts {
    const exports = {
      icount: () => this.icount,
      time: () => this.ticks,
      nextTimer: () => this.nextTimer,
      setClock: (_hart: number, ticks: bigint, rate: number) => {
        this.anchors.push({ icount: this.icount, ticks, rate });
      },
      requestStop: () => {
        this.#stopRequested = true;
      },
      run: (_hart: number, budget: number) => {
        this.budgets.push(budget);
        const { ran, ms, idle } = this.slice(budget);
        this.icount += BigInt(ran);
        this.passMs(ms);
        if (this.budgets.length >= this.slices) this.runner?.stop();
        if (this.#stopRequested) {
          this.#stopRequested = false;
          return HOST_STOP;
        }
        return idle === true ? IDLE : BUDGET;
      },
    };
    return {
      core: { exports } as unknown as Core,
      hart: 0,
      inputs: this.inputs,
      ticking: [],
      afterSlice: () => undefined,
      congestion: () => undefined,
      ...overrides,
    };
  }
}
