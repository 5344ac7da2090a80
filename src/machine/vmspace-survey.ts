/** The guest's address spaces, measured while it runs: one walk at a time, which keeps its place in linear memory. */
import type { Machine } from "./machine.js";
import type { Vmspaces } from "./machine-config.js";
import { eventLoopTurn } from "./runner.js";
import { measureVmspaces } from "./vmspaces.js";

const NONE: Vmspaces = { spaces: [], kernel: undefined };

export class VmspaceSurvey {
  /** The machine that there is now, if there is one. */
  readonly #machine: () => Machine | undefined;
  #last: Promise<unknown> = Promise.resolve();

  constructor(machine: () => Machine | undefined) {
    this.#machine = machine;
  }

  measure(): Promise<Vmspaces> {
    const measured = this.#last.then(() => this.#walk());
    this.#last = measured.catch(() => undefined);
    return measured;
  }

  async #walk(): Promise<Vmspaces> {
    const machine = this.#machine();
    if (machine === undefined) return NONE;
    const walks = measureVmspaces(machine.core, machine.hart);
    for (;;) {
      const { done, value } = walks.next();
      if (done) return value;
      await eventLoopTurn();
      // The guest rebooted: of what was there nothing is left.
      if (this.#machine() !== machine) return NONE;
    }
  }
}
