/**
 * Where host events wait until the hart stands still: the machine's side of InputGate. Devices post here at any time,
 * also in the middle of a guest instruction; the runner takes from here between slices and nowhere else.
 */
import type { ApplyInput, InputGate } from "../devices/device.js";

export interface PostedInput {
  readonly label: string;
  readonly apply: ApplyInput;
  readonly payload: Uint8Array | undefined;
}

export class InputQueue implements InputGate {
  #waiting: PostedInput[] = [];
  #closed = false;
  readonly #onPost: () => void;

  /** `onPost` hears of every event: it ends the slice that is running, or wakes the runner that waits. */
  constructor(onPost: () => void) {
    this.#onPost = onPost;
  }

  get isEmpty(): boolean {
    return this.#waiting.length === 0;
  }

  post(label: string, apply: ApplyInput, payload?: Uint8Array): void {
    if (this.#closed) return;
    this.#waiting.push({ label, apply, payload });
    this.#onPost();
  }

  /** Everything that waits, in the order of arrival. */
  takeAll(): PostedInput[] {
    const taken = this.#waiting;
    if (taken.length > 0) this.#waiting = [];
    return taken;
  }

  /** The oldest event with this label. */
  take(label: string): PostedInput | undefined {
    const at = this.#waiting.findIndex((input) => input.label === label);
    return at === -1 ? undefined : this.#waiting.splice(at, 1)[0];
  }

  /** What the waiting events carry whose labels begin like this. */
  payloads(labelPrefix: string): Uint8Array[] {
    return this.#waiting.flatMap(({ label, payload }) =>
      payload !== undefined && label.startsWith(labelPrefix) ? [payload] : [],
    );
  }

  /** From now on events go nowhere: their machine is gone. */
  close(): void {
    this.#closed = true;
  }
}
