import type { NetBackend } from "./net-backend.js";

/** Two network ports with a cable between them: a frame sent into one comes out of the other at once. */
export function memoryCable(): [NetBackend, NetBackend] {
  const left = new CableEnd();
  const right = new CableEnd();
  left.plug(right);
  right.plug(left);
  return [left, right];
}

class CableEnd implements NetBackend {
  #peer: CableEnd | undefined;
  #onFrame: ((frame: Uint8Array) => void) | undefined;

  plug(peer: CableEnd): void {
    this.#peer = peer;
  }

  /** With nobody at the other end the frame is lost, as on any cable. */
  send(frame: Uint8Array): void {
    this.#peer?.receive(frame);
  }

  receive(frame: Uint8Array): void {
    this.#onFrame?.(frame);
  }

  attach(onFrame: (frame: Uint8Array) => void): void {
    this.#onFrame = onFrame;
  }

  /** Unplugs both ends. */
  async [Symbol.asyncDispose](): Promise<void> {
    const peer = this.#peer;
    if (peer !== undefined) peer.#peer = undefined;
    this.#peer = undefined;
  }
}
