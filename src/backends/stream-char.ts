import type { Readable, Writable } from "node:stream";
import type { CharBackend } from "./char-backend.js";

/** Output gathered within one turn of the event loop beyond which the guest is asked to wait. */
const GATHER_BYTES = 64 << 10;

export interface StreamCharOptions {
  /** What the guest reads; its end means that nothing more comes. */
  readonly input?: Readable;
  /** Where the guest's output goes; an error on it (a closed pipe) makes the rest go nowhere. */
  readonly output?: Writable;
}

/** A pair of Node streams as a serial line, with their back-pressure. The streams stay their owner's to end. */
export class StreamChar implements CharBackend, Disposable {
  readonly #input: Readable | undefined;
  readonly #output: Writable | undefined;
  #onDrain: () => void = () => {};
  #gathered: Uint8Array[] = [];
  #gatheredBytes = 0;
  #outputBroken = false;
  readonly #cleanup: (() => void)[] = [];

  constructor({ input, output }: StreamCharOptions) {
    this.#input = input;
    this.#output = output;
    if (output === undefined) return;
    const onDrain = () => this.#onDrain();
    const onError = () => {
      this.#outputBroken = true;
      this.#onDrain();
    };
    output.on("drain", onDrain).on("error", onError);
    this.#cleanup.push(() => output.off("drain", onDrain).off("error", onError));
  }

  get congested(): boolean {
    if (this.#output === undefined || this.#outputBroken) return false;
    return this.#gatheredBytes >= GATHER_BYTES || this.#output.writableNeedDrain;
  }

  /** A UART writes byte by byte: what comes in one turn of the event loop goes to the stream in one piece. */
  write(bytes: Uint8Array): void {
    if (this.#output === undefined || this.#outputBroken) return;
    if (this.#gatheredBytes === 0) queueMicrotask(() => this.#flush());
    this.#gathered.push(new Uint8Array(bytes));
    this.#gatheredBytes += bytes.length;
  }

  attach(onData: (bytes: Uint8Array) => void, onDrain: () => void = () => {}): void {
    this.#onDrain = onDrain;
    const input = this.#input;
    if (input === undefined) return;
    const listener = (chunk: Uint8Array | string) => onData(typeof chunk === "string" ? Buffer.from(chunk) : chunk);
    input.on("data", listener);
    this.#cleanup.push(() => input.off("data", listener));
  }

  pause(): void {
    this.#input?.pause();
  }

  resume(): void {
    this.#input?.resume();
  }

  /** Lets go of the streams. */
  [Symbol.dispose](): void {
    this.#flush();
    for (const undo of this.#cleanup.splice(0)) undo();
    this.#onDrain = () => {};
  }

  #flush(): void {
    if (this.#gatheredBytes === 0 || this.#output === undefined || this.#outputBroken) return;
    const wasFull = this.#gatheredBytes >= GATHER_BYTES;
    const chunk = Buffer.concat(this.#gathered);
    this.#gathered = [];
    this.#gatheredBytes = 0;
    const room = this.#output.write(chunk);
    // Held back on account of what was gathered only: no "drain" will come.
    if (wasFull && room) this.#onDrain();
  }
}
