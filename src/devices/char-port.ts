import type { CharBackend } from "../backends/char-backend.js";
import type { InputGate } from "./device.js";

/** Input that waits for the guest: the backend is asked to pause above the first and to resume below the second. */
const PAUSE_BYTES = 64 << 10;
const RESUME_BYTES = 16 << 10;

export interface CharPortOptions {
  readonly backend: CharBackend;
  readonly input: InputGate;
  /** A new label for the input gate. */
  readonly label: (kind: string) => string;
  /** There is more to `read`. */
  readonly onInput: () => void;
  /** `blocked` went back to false. */
  readonly onUnblocked: () => void;
  /** Somebody came to the other end, or left it; of no interest to devices that have no means to tell the guest. */
  readonly onConnected?: (connected: boolean) => void;
}

export interface CharPortState {
  waiting: Uint8Array;
  /** The other end was congested. */
  blocked: boolean;
}

/**
 * The host's side of a serial device: a backend, with input that enters at counted instants and then waits for as long
 * as the guest likes. Waiting input is not the device's: it outlives a reset, so that what was piped into a guest is there when its
 * driver has come up.
 *
 * Whether the backend can take more output is the host's affair, thus an input too: `blocked` changes only at counted instants.
 */
export class CharPort {
  /** The backend is congested: hold output back until `onUnblocked`. */
  blocked = false;
  /** Bytes ready to be read. */
  available = 0;

  readonly #options: CharPortOptions;
  #chunks: Uint8Array[] = [];
  /** Bytes of the first chunk already read. */
  #consumed = 0;
  /** Bytes in the gate, not yet applied. */
  #posted = 0;
  #paused = false;
  /** The gate has been told of a congestion that has not drained yet. */
  #congested = false;

  constructor(options: CharPortOptions) {
    this.#options = options;
    options.backend.attach(
      (bytes) => this.#arrived(bytes),
      () => this.#drained(),
      (connected) => this.#connected(connected),
    );
    if (options.backend.connected === true) this.#connected(true);
  }

  /** Moves waiting input to `target`; answers how many bytes. */
  read(target: Uint8Array): number {
    let filled = 0;
    while (filled < target.length) {
      const chunk = this.#chunks[0];
      if (chunk === undefined) break;
      const piece = chunk.subarray(this.#consumed, this.#consumed + target.length - filled);
      target.set(piece, filled);
      filled += piece.length;
      this.#consumed += piece.length;
      if (this.#consumed === chunk.length) {
        this.#chunks.shift();
        this.#consumed = 0;
      }
    }
    this.available -= filled;
    this.#balance();
    return filled;
  }

  /** Takes back, ahead of all that waits, what was read and went no further. */
  unread(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    const first = this.#chunks[0];
    if (first !== undefined && this.#consumed > 0) this.#chunks[0] = first.subarray(this.#consumed);
    this.#consumed = 0;
    this.#chunks.unshift(bytes);
    this.available += bytes.length;
    this.#balance();
  }

  /** Output is taken even when blocked; it is for the device not to go on giving. */
  write(bytes: Uint8Array): void {
    const { backend, input, label } = this.#options;
    backend.write(bytes);
    if (!backend.congested || this.#congested) return;
    this.#congested = true;
    input.post(label("congested"), () => {
      this.blocked = true;
    });
  }

  save(): CharPortState {
    const waiting = new Uint8Array(this.available);
    let filled = 0;
    for (const [index, chunk] of this.#chunks.entries()) {
      const rest = index === 0 ? chunk.subarray(this.#consumed) : chunk;
      waiting.set(rest, filled);
      filled += rest.length;
    }
    return { waiting, blocked: this.blocked };
  }

  /** The backend is another one now; when the last one was congested, that this one is not is an input. */
  restore(state: CharPortState): void {
    this.#chunks = state.waiting.length > 0 ? [new Uint8Array(state.waiting)] : [];
    this.#consumed = 0;
    this.available = state.waiting.length;
    this.blocked = state.blocked;
    this.#congested = state.blocked;
    this.#balance();
    if (!this.#options.backend.congested) this.#drained();
  }

  #arrived(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    const { input, label, onInput } = this.#options;
    const length = bytes.length;
    this.#posted += length;
    this.#balance();
    input.post(
      label("input"),
      (payload) => {
        this.#posted -= length;
        if (payload === undefined) return;
        this.#chunks.push(payload);
        this.available += payload.length;
        onInput();
      },
      // Not slice(): that of a Buffer, which a backend may well give, is a view.
      new Uint8Array(bytes),
    );
  }

  #drained(): void {
    if (!this.#congested) return;
    this.#congested = false;
    const { input, label, onUnblocked } = this.#options;
    input.post(label("drained"), () => {
      this.blocked = false;
      onUnblocked();
    });
  }

  #connected(connected: boolean): void {
    const { input, label, onConnected } = this.#options;
    if (onConnected === undefined) return;
    const payload = Uint8Array.of(connected ? 1 : 0);
    input.post(label("connected"), (recorded = payload) => onConnected(recorded[0] === 1), payload);
  }

  #balance(): void {
    const { backend } = this.#options;
    const waiting = this.available + this.#posted;
    if (!this.#paused && waiting >= PAUSE_BYTES) {
      this.#paused = true;
      backend.pause?.();
    } else if (this.#paused && waiting <= RESUME_BYTES) {
      this.#paused = false;
      backend.resume?.();
    }
  }
}
