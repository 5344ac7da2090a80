/**
 * Running along with the host's clock. Between slices guest time is re-anchored to host time; within a slice it is
 * counted, at a rate that keeps it from getting ahead of the host. Every anchor and every input is recorded.
 *
 * A host that has other things to do than run this guest would show up in it as minutes in which its processor did
 * nothing: watchdogs bark, timeouts pass. So the clock of a busy guest falls behind instead, and makes up for it
 * while the guest is idle, where time can pass as fast as it likes from one timer to the next.
 */
import { RunExit } from "../generated/shared/run-exit.js";
import { HostClock, TICKS_PER_SECOND } from "./host-clock.js";
import type { InputRecorder } from "./input-log.js";
import { MAX_SLICE, Runner, type RunnerParts } from "./runner.js";

const TICKS_PER_MS = TICKS_PER_SECOND / 1000;
/** Long enough to make switching cheap, short enough that no I/O waits long for the hart. */
const SLICE_MS = 3;
const MIN_SLICE = 10_000;
/** Before the first measurement: a slice that is short at any speed, from which they double, and a clock that is slow at any. */
const FIRST_SLICE = 50_000;
const FIRST_TICKS_PER_INSTRUCTION = 0.01;
/** Slices shorter than this say more about the host's clock than about the guest's speed. */
const MEASURABLE_MS = 0.2;
const SMOOTHING = 0.25;
/** A slice that took longer than this times what was expected was interrupted by the host. */
const INTERRUPTED = 2;
/** The furthest that a busy guest's clock goes forward from one slice to the next. */
const BUSY_TICKS = BigInt(INTERRUPTED * SLICE_MS * TICKS_PER_MS);
/** Beyond this a clock that is behind does not fall back any further. */
const BEHIND_TICKS = BigInt(300 * TICKS_PER_SECOND);
/** Guest time within a slice passes a little slower than host time, so that it never gets ahead of it. */
const RATE_MARGIN = 0.9;
const Q32 = 2 ** 32;
const MAX_RATE = Q32 - 1;
/**
 * Node's timers count whole milliseconds. The last bit of a short wait is spent in turns of the event loop; a longer one
 * may end a little late, in host time: an idle host is worth more than that.
 */
const EXACT_MS = 3;
const TIMER_RESOLUTION_MS = 0.3;
const MAX_TIMEOUT_MS = 2 ** 31 - 1;
/** A guest clock further than this from what was counted has been written to (10 us). */
const WRITTEN_TICKS = 100n;
/** What the core answers when no timer is armed. */
const NEVER = 2n ** 64n - 1n;

export class LiveRunner extends Runner {
  readonly #clock: HostClock;
  readonly #recorder: InputRecorder | undefined;
  #msPerInstruction: number | undefined;
  /** The slice to measure a guest by of which nothing is known yet. */
  #firstSlice = FIRST_SLICE;
  /** The last anchor, to tell what the guest's clock should show now. */
  #last: { icount: bigint; ticks: bigint; rate: bigint };
  /** The guest has been idle since the last anchor, and would have been until then. */
  #idle: { deadline: bigint | undefined } | undefined;
  /** When the event loop last had its turn because a slice was over. */
  #lastTurnMs = 0;
  /** What the guest added to its clock by writing mtime. */
  #offset = 0n;

  /** `ticks`: what the guest's clock would show if it were the host's; other than at a reset, after a thaw. */
  constructor(parts: RunnerParts, recorder: InputRecorder | undefined, ticks = 0n) {
    super(parts);
    this.#recorder = recorder;
    this.#clock = new HostClock(ticks);
    this.#last = { icount: this.icount(), ticks: BigInt.asUintN(64, parts.core.exports.time(parts.hart)), rate: 0n };
  }

  protected async prepare(): Promise<number> {
    this.enterInputs();
    const ticksPerInstruction = this.#anchor(this.icount());
    this.tickDevices();
    return this.#budget(ticksPerInstruction);
  }

  protected enterInputs(): void {
    const icount = this.icount();
    for (const input of this.parts.inputs.takeAll()) {
      const applied = input.apply(input.payload);
      if (applied !== false) this.#recorder?.input(icount, input.label, applied ?? input.payload);
    }
  }

  protected async pace(exit: RunExit): Promise<void> {
    if (exit !== RunExit.Idle) {
      // What a device could do at once is let in without a look at what else has happened; but that is looked at as often as otherwise.
      const now = performance.now();
      if (!this.parts.inputs.isEmpty && now - this.#lastTurnMs < SLICE_MS) return;
      this.#lastTurnMs = now;
      return this.eventLoopTurn();
    }
    const deadline = this.#nextDeadline();
    this.#idle = { deadline };
    let exact: boolean | undefined;
    while (this.parts.inputs.isEmpty && !this.isInterrupted) {
      const remainingMs = deadline === undefined ? MAX_TIMEOUT_MS : this.#msUntil(deadline);
      if (remainingMs <= 0) return;
      exact ??= remainingMs < EXACT_MS;
      if (!exact) await this.wait(Math.min(Math.ceil(remainingMs), MAX_TIMEOUT_MS));
      else if (remainingMs < TIMER_RESOLUTION_MS) await this.eventLoopTurn();
      else await this.wait(Math.max(1, Math.floor(remainingMs)));
    }
  }

  protected measure(instructions: number, ms: number): void {
    if (ms < MEASURABLE_MS || instructions === 0) {
      if (instructions >= this.#firstSlice) this.#firstSlice *= 2;
      return;
    }
    const measured = ms / instructions;
    const before = this.#msPerInstruction ?? measured;
    this.#msPerInstruction = before + (Math.min(measured, before * INTERRUPTED) - before) * SMOOTHING;
  }

  protected override onPause(): void {
    this.#clock.pause();
  }

  protected override onResume(): void {
    this.#clock.resume();
  }

  /** Sets guest time to host time, never back; answers the ticks that an instruction counts in the coming slice. */
  #anchor(icount: bigint): number {
    const { core, hart } = this.parts;
    const guest = BigInt.asUintN(64, core.exports.time(hart));
    const counted = this.#last.ticks + (((icount - this.#last.icount) * this.#last.rate) >> 32n);
    const written = guest - counted;
    if (written > WRITTEN_TICKS || written < -WRITTEN_TICKS) this.#offset += written;
    const host = this.#clock.ticks() + this.#offset;
    const ahead = guest > host;
    const measured =
      this.#msPerInstruction === undefined ? FIRST_TICKS_PER_INSTRUCTION : this.#msPerInstruction * TICKS_PER_MS;
    // A guest that ran faster than it was measured waits for the host to catch up.
    const wanted = measured * (ahead ? RATE_MARGIN / 2 : RATE_MARGIN);
    const rate = Math.min(MAX_RATE, Math.max(1, Math.floor(wanted * Q32)));
    const ticks = this.#catchUp(guest, host);
    core.exports.setClock(hart, ticks, rate);
    this.#recorder?.clock(icount, ticks, rate);
    this.#last = { icount, ticks, rate: BigInt(rate) };
    return rate / Q32;
  }

  /** Where a clock goes that shows `guest`, when the host's shows `host`. */
  #catchUp(guest: bigint, host: bigint): bigint {
    const idle = this.#idle;
    this.#idle = undefined;
    let limit = host;
    if (idle?.deadline !== undefined) limit = idle.deadline;
    else if (idle === undefined && host - guest < BEHIND_TICKS) limit = this.#last.ticks + BUSY_TICKS;
    const ticks = limit < host ? limit : host;
    return ticks > guest ? ticks : guest;
  }

  #budget(ticksPerInstruction: number): number {
    let budget = this.#firstSlice;
    if (this.#msPerInstruction !== undefined) {
      budget = Math.max(MIN_SLICE, Math.floor(SLICE_MS / this.#msPerInstruction));
    }
    const deadline = this.#deviceDeadline();
    if (deadline !== undefined) {
      const ticks = Number(deadline - this.parts.core.exports.time(this.parts.hart));
      budget = Math.min(budget, Math.max(1, Math.ceil(ticks / ticksPerInstruction)));
    }
    return Math.min(budget, MAX_SLICE);
  }

  #deviceDeadline(): bigint | undefined {
    let earliest: bigint | undefined;
    for (const device of this.parts.ticking) {
      const deadline = device.nextDeadlineTicks();
      if (deadline !== undefined && (earliest === undefined || deadline < earliest)) earliest = deadline;
    }
    return earliest;
  }

  #nextDeadline(): bigint | undefined {
    const device = this.#deviceDeadline();
    const timer = BigInt.asUintN(64, this.parts.core.exports.nextTimer(this.parts.hart));
    if (timer === NEVER) return device;
    return device !== undefined && device < timer ? device : timer;
  }

  #msUntil(deadline: bigint): number {
    return Number(deadline - this.#clock.ticks() - this.#offset) / TICKS_PER_MS;
  }
}
