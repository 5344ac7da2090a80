/**
 * How many frames are on their way from one thread to the other. Both see the same count, so that the sender learns
 * without a message that the receiver does not keep up; what it then sends is lost, as in a switch whose buffers are full.
 */

/** A burst as long as the longest that a guest's rings hold, several times over. */
const FRAMES_MAX = 1024;

export class FrameCredit {
  readonly #underWay: Int32Array;

  /** The threads make theirs over the same buffer. */
  constructor(shared: SharedArrayBuffer) {
    this.#underWay = new Int32Array(shared);
  }

  static allocate(): SharedArrayBuffer {
    return new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT);
  }

  /** The sender's side, before each frame: whether it may go. */
  take(): boolean {
    // Only the sender adds: what was read here can have become less by the next line, never more.
    if (Atomics.load(this.#underWay, 0) >= FRAMES_MAX) return false;
    Atomics.add(this.#underWay, 0, 1);
    return true;
  }

  /** The receiver's side: a frame has arrived. */
  giveBack(): void {
    Atomics.sub(this.#underWay, 0, 1);
  }
}
