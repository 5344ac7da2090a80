/**
 * The end of a serial port or virtio console that is turned to the user: bytes gather here until the slice is over,
 * and wait here until the guest takes them. Both directions are bounded.
 */
import type { CharBackend } from "../backends/char-backend.js";

/** Output on its way to the user. Beyond the first bound the port says it is congested; beyond the second the guest waits. */
const OUTPUT_HIGH_WATER = 1 * 2 ** 20;
const OUTPUT_STALL = 4 * 2 ** 20;
/** What is handed to the device at a time: a device buffers a few kilobytes, and says when to stop. */
const INPUT_PIECE = 4096;

export interface ConsolePortOptions {
  /** Takes a piece of output, which is its own from then on. */
  readonly send: (bytes: Uint8Array) => void;
  /** The user's pace is what the recording says, not what it is now. */
  readonly replaying: boolean;
  /** So many bytes of input are no longer waiting here. */
  readonly consumed: (bytes: number) => void;
  /** In a replay: false for a port that somebody had to come to. */
  readonly connected?: boolean;
}

export class ConsolePort implements CharBackend {
  readonly #options: ConsolePortOptions;
  #onData: ((bytes: Uint8Array) => void) | undefined;
  #onDrain: (() => void) | undefined;
  #onConnected: ((connected: boolean) => void) | undefined;
  #output: Uint8Array = new Uint8Array(4096);
  #outputLength = 0;
  #unacknowledged = 0;
  #stalled: { promise: Promise<void>; resolve: () => void } | undefined;
  #input: Uint8Array[] = [];
  /** So much of the input that waits was told to have been consumed before it came back. */
  #returnedBytes = 0;
  #inputPaused = false;
  #replayedCongestion = false;

  readonly connected?: boolean;

  constructor(options: ConsolePortOptions) {
    this.#options = options;
    if (options.connected !== undefined) this.connected = options.connected;
  }

  // What the device calls

  write(bytes: Uint8Array): void {
    const length = this.#outputLength + bytes.length;
    if (length > this.#output.length) {
      const larger = new Uint8Array(Math.max(length, this.#output.length * 2));
      larger.set(this.#output.subarray(0, this.#outputLength));
      this.#output = larger;
    }
    this.#output.set(bytes, this.#outputLength);
    this.#outputLength = length;
  }

  get congested(): boolean {
    if (this.#options.replaying) return this.#replayedCongestion;
    return this.#unacknowledged + this.#outputLength > OUTPUT_HIGH_WATER;
  }

  /** A machine that was reset has new devices: the newest one is attached. */
  attach(onData: (bytes: Uint8Array) => void, onDrain?: () => void, onConnected?: (connected: boolean) => void): void {
    this.#onData = onData;
    this.#onDrain = onDrain;
    this.#onConnected = onConnected;
    this.#inputPaused = false;
  }

  pause(): void {
    this.#inputPaused = true;
  }

  resume(): void {
    if (!this.#inputPaused) return;
    this.#inputPaused = false;
    // Called from within the device, perhaps in the middle of an instruction: hand on what waits a moment later.
    setImmediate(() => this.deliver());
  }

  // What the machine calls

  /** Sends what the guest wrote since the last call. */
  flush(): void {
    if (this.#outputLength === 0) return;
    const piece = this.#output.slice(0, this.#outputLength);
    this.#unacknowledged += piece.length;
    this.#outputLength = 0;
    this.#options.send(piece);
  }

  /** The user has taken so many bytes of output. */
  acknowledge(bytes: number): void {
    const wasCongested = this.congested;
    this.#unacknowledged -= bytes;
    if (wasCongested && !this.congested && !this.#options.replaying) this.#onDrain?.();
    if (this.#stalled !== undefined && this.#unacknowledged <= OUTPUT_STALL) {
      this.#stalled.resolve();
      this.#stalled = undefined;
    }
  }

  /** While the user takes nothing and the device cannot hold the guest back: when the guest may go on. */
  stall(): Promise<void> | undefined {
    if (this.#unacknowledged <= OUTPUT_STALL) return undefined;
    if (this.#stalled === undefined) {
      let resolve: () => void = () => undefined;
      const promise = new Promise<void>((done) => {
        resolve = done;
      });
      this.#stalled = { promise, resolve };
    }
    return this.#stalled.promise;
  }

  /** Lets a stalled guest go, because the vkernel is to stop. */
  release(): void {
    this.#stalled?.resolve();
    this.#stalled = undefined;
  }

  /** Input from the user. */
  push(bytes: Uint8Array): void {
    this.#input.push(bytes);
    this.deliver();
  }

  /** Input that a machine had taken, and its guest had not, when it was reset: the next one gets it first. */
  giveBack(pieces: readonly Uint8Array[]): void {
    const unread = pieces.filter((piece) => piece.length > 0);
    this.#input.unshift(...unread);
    for (const piece of unread) this.#returnedBytes += piece.length;
  }

  /** Input that waits for the device. */
  get waiting(): readonly Uint8Array[] {
    return this.#input;
  }

  /** Hands input to the device for as long as it takes any. */
  deliver(): void {
    const onData = this.#onData;
    while (!this.#inputPaused && onData !== undefined) {
      const first = this.#input[0];
      if (first === undefined) return;
      const piece = first.subarray(0, INPUT_PIECE);
      if (piece.length === first.length) this.#input.shift();
      else this.#input[0] = first.subarray(INPUT_PIECE);
      onData(piece);
      const returned = Math.min(piece.length, this.#returnedBytes);
      this.#returnedBytes -= returned;
      if (piece.length > returned) this.#options.consumed(piece.length - returned);
    }
  }

  /** Whether the recorded user fell behind in the coming slice. */
  replayCongestion(congested: boolean): void {
    this.#replayedCongestion = congested;
  }

  /** The recorded user has caught up. */
  replayDrain(): void {
    this.#onDrain?.();
  }

  /** Somebody came to the recorded port, or left it. */
  replayConnected(connected: boolean): void {
    this.#onConnected?.(connected);
  }

  /** Recorded input, which comes in the pieces that the device once took: it goes past the queue. */
  inject(bytes: Uint8Array): void {
    this.#onData?.(bytes);
  }
}
