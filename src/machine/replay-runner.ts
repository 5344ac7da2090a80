/**
 * Running a recording: the same inputs and the same clock at the same counts of instructions, as fast as it goes.
 * Host I/O is done again (a disk read fills guest memory as it did then), but its result enters at the recorded
 * instant; what came from people or the outside comes from the recording.
 */
import { VkrunError } from "../errors.js";
import { RunExit } from "../generated/shared/run-exit.js";
import { elapsedMs } from "./host-clock.js";
import type { ClockEntry, InputEntry, InputReplay, LogEntry } from "./input-log.js";
import type { PostedInput } from "./input-queue.js";
import type { ReplayInputs } from "./replay-inputs.js";
import { MAX_SLICE, Runner, type RunnerParts } from "./runner.js";

/** How long the host may take to repeat an I/O that the recording waits for. */
const INPUT_TIMEOUT_MS = 30_000;

/** The recording does not belong to this guest. */
export function replayMismatch(why: string): VkrunError {
  return new VkrunError("ERR_VKRUN_REPLAY_DIVERGED", `the guest left the recording: ${why}`, {
    hint: "Replay with the same vkrun, disk images and options that the recording was made with.",
  });
}

export class ReplayRunner extends Runner {
  readonly #replay: InputReplay;
  readonly #replayed: ReplayInputs;
  #target: bigint | undefined;

  constructor(parts: RunnerParts, replay: InputReplay, replayed: ReplayInputs) {
    super(parts);
    this.#replay = replay;
    this.#replayed = replayed;
  }

  /** One turn of the recorded run: inputs, then a clock entry, then instructions up to the next entry's count. */
  protected async prepare(): Promise<number | undefined> {
    // A device may have cut the slice short; the turn is over when its count is reached.
    if (this.#target === undefined || this.icount() >= this.#target) {
      const turn = await this.#enter();
      if (turn !== "run") return turn === "interrupted" ? 0 : undefined;
    }
    const instructions = this.#target === undefined ? MAX_SLICE : Number(this.#target - this.icount());
    return Math.min(MAX_SLICE, instructions);
  }

  /** They come from the recording alone, in their turn. */
  protected enterInputs(): void {}

  protected async pace(exit: RunExit): Promise<void> {
    const due = this.#target !== undefined && this.icount() >= this.#target;
    if (exit === RunExit.Idle && !due) throw this.#diverged(this.#replay.peek());
    await this.eventLoopTurn();
  }

  protected measure(): void {}

  async #enter(): Promise<"run" | "interrupted" | "end"> {
    for (;;) {
      const entry = this.#replay.peek();
      if (entry === undefined) return "end";
      if (entry.kind === "end" && !entry.byGuest && BigInt(entry.icount) === this.icount()) return "end";
      if (entry.kind === "reset" || entry.kind === "end") throw this.#diverged(entry);
      if (BigInt(entry.icount) !== this.icount()) throw this.#diverged(entry);
      if (entry.kind === "input") {
        const input = await this.#await(entry);
        if (input === undefined) return "interrupted";
        // A payload that the recording has not is a failure that did not happen then.
        if (entry.payload === undefined && input.payload !== undefined) throw this.#diverged(entry);
        // What could be had at once then may take its time now: it will be posted again.
        if (input.apply(entry.payload) !== false) this.#replay.next();
      } else {
        this.#replay.next();
        this.#setClock(entry);
        return "run";
      }
    }
  }

  #setClock(entry: ClockEntry): void {
    const { core, hart } = this.parts;
    core.exports.setClock(hart, entry.ticks, entry.rate);
    this.tickDevices();
    const next = this.#replay.peek();
    this.#replayed.expect(next?.kind === "input" ? next.label : undefined);
    // What the guest itself brings about has no count to stop at: it happens, or the guest has left the recording.
    if (next === undefined) this.#target = this.icount();
    else if (next.kind === "reset" || (next.kind === "end" && next.byGuest)) this.#target = undefined;
    else this.#target = BigInt(next.icount);
    if (this.#target !== undefined && this.#target < this.icount()) throw this.#diverged(next);
  }

  /** The live counterpart of a recorded input: I/O that is done again, or a payload that is fed again. */
  async #await(entry: InputEntry): Promise<PostedInput | undefined> {
    const { inputs } = this.parts;
    let input = inputs.take(entry.label);
    if (input === undefined) {
      const fed = this.#replayed.feed(entry.label, entry.payload);
      input = inputs.take(entry.label);
      if (fed && input === undefined) throw this.#diverged(entry);
    }
    const startNs = process.hrtime.bigint();
    while (input === undefined && !this.isInterrupted) {
      const remainingMs = INPUT_TIMEOUT_MS - elapsedMs(startNs);
      if (remainingMs <= 0) throw this.#diverged(entry);
      await this.wait(remainingMs);
      input = inputs.take(entry.label);
    }
    return input;
  }

  #diverged(entry: LogEntry | undefined): VkrunError {
    const expected =
      entry === undefined ? "its end" : `"${entry.kind}${entry.kind === "input" ? ` ${entry.label}` : ""}"`;
    const where = entry !== undefined && "icount" in entry ? ` at ${entry.icount}` : "";
    return replayMismatch(`after ${this.icount()} instructions it has ${expected}${where}`);
  }
}
