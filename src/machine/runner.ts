/**
 * The slice loop: runs the hart for a few milliseconds at a time and, between slices and while the guest is idle, lets
 * host events in. What decides *when* something enters differs between a live run (live-runner.ts) and a replay
 * (replay-runner.ts); everything else is here.
 */
import { VkrunError } from "../errors.js";
import { Layout } from "../generated/layout.js";
import { RunExit } from "../generated/shared/run-exit.js";
import type { Core } from "../wasm/core.js";
import { elapsedMs } from "./host-clock.js";
import type { InputQueue } from "./input-queue.js";

/** A device that acts at a guest time of its own; see device.ts, `Ticking`. */
export interface TickingDevice {
  nextDeadlineTicks(): bigint | undefined;
  tick(): void;
}

/**
 * How a guest left the machine. `exact`: at an instruction of its own; otherwise the machine saw it after a slice.
 */
export type GuestEnd =
  | { readonly kind: "poweroff"; readonly code: number; readonly exact: boolean }
  | { readonly kind: "reboot"; readonly exact: boolean }
  | { readonly kind: "panic"; readonly code: number; readonly exact: boolean };

export type RunOutcome =
  | GuestEnd
  /** SBI SRST or SUSP: the hart's own fields say which. */
  | { readonly kind: "sbi"; readonly type: number; readonly reason: number }
  | { readonly kind: "stopped" }
  | { readonly kind: "replayed" };

/** Somebody who wants to see the guest at rest. */
export interface Meeting {
  /** Asked between slices, with all inputs applied: whether it can be now. */
  readonly ready: () => boolean;
  /** The guest stands still until this is over. */
  readonly hold: () => Promise<void> | void;
}

interface ArrangedMeeting extends Meeting {
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

export interface RunnerParts {
  readonly core: Core;
  readonly hart: number;
  readonly inputs: InputQueue;
  readonly ticking: readonly TickingDevice[];
  /** Called after each slice: hands on console output, looks for an end. `idle`: the guest waits for an interrupt. */
  readonly afterSlice: (idle: boolean) => GuestEnd | undefined;
  /** Resolves when more console output can be taken; undefined when it can be now. */
  readonly congestion: () => Promise<void> | undefined;
}

/** What `run` of the core can be asked for at once: a u32. */
export const MAX_SLICE = 0xffff_ffff;

/** Lets the event loop take one turn: timers, completed I/O, messages. */
export const eventLoopTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

export abstract class Runner {
  protected readonly parts: RunnerParts;
  /** Host time spent in the guest. */
  busyMs = 0;
  /** Host time spent waiting for something to do. */
  idleMs = 0;
  #stopping = false;
  #paused = false;
  #running = false;
  #ended = false;
  #wake: (() => void) | undefined;
  #meeting: ArrangedMeeting | undefined;

  constructor(parts: RunnerParts) {
    this.parts = parts;
  }

  /** Lets inputs in and sets the guest's clock; answers how far to run, or undefined when there is no further to go. */
  protected abstract prepare(): Promise<number | undefined>;
  /** Lets in what waits to come in. */
  protected abstract enterInputs(): void;
  /** What to do between two slices. */
  protected abstract pace(exit: RunExit): Promise<void>;
  /** How the slice went: instructions retired and host milliseconds. */
  protected abstract measure(instructions: number, ms: number): void;
  protected onPause(): void {}
  protected onResume(): void {}

  get isPaused(): boolean {
    return this.#paused;
  }

  protected get isInterrupted(): boolean {
    return this.#stopping || this.#paused || this.#meeting !== undefined;
  }

  /** An input arrived. In the middle of a slice, ends it after the current instruction. */
  notify(): void {
    if (this.#running) this.parts.core.exports.requestStop(this.parts.hart);
    this.wake();
  }

  stop(): void {
    this.#stopping = true;
    this.wake();
  }

  pause(): void {
    if (this.#paused) return;
    this.#paused = true;
    this.onPause();
    this.wake();
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.onResume();
    this.wake();
  }

  /** Resolves when the meeting has been, also while the guest is paused; rejects when the run ends before. One at a time. */
  meet(meeting: Meeting): Promise<void> {
    if (this.#meeting !== undefined) throw new Error("there is a meeting already");
    if (this.#ended) return Promise.reject(guestEnded());
    return new Promise((resolve, reject) => {
      this.#meeting = { ...meeting, resolve, reject };
      this.wake();
    });
  }

  async run(): Promise<RunOutcome> {
    try {
      return await this.#loop();
    } finally {
      this.#ended = true;
      this.#meeting?.reject(guestEnded());
      this.#meeting = undefined;
    }
  }

  async #loop(): Promise<RunOutcome> {
    for (;;) {
      if (this.#stopping) return { kind: "stopped" };
      if (this.#meeting !== undefined && !(await this.#meet(this.#meeting)) && this.#paused) continue;
      if (this.#paused) {
        await this.wait();
        continue;
      }
      const budget = await this.prepare();
      if (budget === undefined) return { kind: "replayed" };
      const exit = this.#slice(budget);
      const end = this.parts.afterSlice(exit === RunExit.Idle);
      if (end !== undefined) return end;
      if (exit === RunExit.Reset) return this.#sbiReset();
      await this.parts.congestion();
      await this.pace(exit);
    }
  }

  /** False: it was too early. */
  async #meet(meeting: ArrangedMeeting): Promise<boolean> {
    this.enterInputs();
    if (!meeting.ready()) {
      // What it waits for may be done without anybody waking us.
      await eventLoopTurn();
      return false;
    }
    this.#meeting = undefined;
    try {
      await meeting.hold();
      meeting.resolve();
    } catch (error) {
      meeting.reject(error);
    }
    return true;
  }

  #slice(budget: number): RunExit {
    const { core, hart } = this.parts;
    const { exports } = core;
    const before = exports.icount(hart);
    const startNs = process.hrtime.bigint();
    this.#running = true;
    let exit: RunExit;
    try {
      exit = exports.run(hart, budget);
    } finally {
      this.#running = false;
    }
    const ms = elapsedMs(startNs);
    this.busyMs += ms;
    this.measure(Number(exports.icount(hart) - before), ms);
    return exit;
  }

  #sbiReset(): RunOutcome {
    const { core, hart } = this.parts;
    const fields = new DataView(core.bytes.buffer, hart);
    return {
      kind: "sbi",
      type: fields.getUint32(Layout.HART.RESET_TYPE, true),
      reason: fields.getUint32(Layout.HART.RESET_REASON, true),
    };
  }

  protected icount(): bigint {
    return this.parts.core.exports.icount(this.parts.hart);
  }

  protected tickDevices(): void {
    const now = this.parts.core.exports.time(this.parts.hart);
    for (const device of this.parts.ticking) {
      const deadline = device.nextDeadlineTicks();
      if (deadline !== undefined && deadline <= now) device.tick();
    }
  }

  protected eventLoopTurn(): Promise<void> {
    return eventLoopTurn();
  }

  /** Until `wake`, or at most so many milliseconds. */
  protected wait(timeoutMs?: number): Promise<void> {
    const startNs = process.hrtime.bigint();
    return new Promise((resolve) => {
      const timer = timeoutMs === undefined ? undefined : setTimeout(() => this.wake(), timeoutMs);
      this.#wake = () => {
        clearTimeout(timer);
        this.idleMs += elapsedMs(startNs);
        resolve();
      };
    });
  }

  protected wake(): void {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }
}

function guestEnded(): VkrunError {
  return new VkrunError("ERR_VKRUN_ENDED", "the guest has ended, or was reset");
}
