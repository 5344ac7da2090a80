/** The end of the guest's network device that is turned to the embedder: frames go to its thread and come from there. */
import type { NetBackend } from "../backends/net-backend.js";
import type { FrameCredit } from "./frame-credit.js";

export interface EmbedderPortOptions {
  /** Takes a frame that the guest sent, which is its own from then on. */
  readonly post: (frame: Uint8Array) => void;
  readonly fromGuest: FrameCredit;
  readonly toGuest: FrameCredit;
  /** Frames for the guest come from the recording alone. */
  readonly replaying: boolean;
}

export class EmbedderPort implements NetBackend {
  readonly #options: EmbedderPortOptions;
  #onFrame: ((frame: Uint8Array) => void) | undefined;

  constructor(options: EmbedderPortOptions) {
    this.#options = options;
  }

  // What the device calls

  send(frame: Uint8Array): void {
    if (this.#options.fromGuest.take()) this.#options.post(new Uint8Array(frame));
  }

  /** A machine that was reset has new devices: the newest one is attached. */
  attach(onFrame: (frame: Uint8Array) => void): void {
    this.#onFrame = onFrame;
  }

  // What the vkernel's thread calls

  /** The embedder sent a frame. Without a machine it is lost, as with a computer that is switched off. */
  receive(frame: Uint8Array): void {
    this.#options.toGuest.giveBack();
    if (!this.#options.replaying) this.#onFrame?.(frame);
  }

  /** A recorded frame. */
  inject(frame: Uint8Array): void {
    this.#onFrame?.(frame);
  }

  /** Nothing is open: the port ends with its thread. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#onFrame = undefined;
  }
}
