/**
 * Frames over a stream socket, as QEMU and passt exchange them: each behind its length, four bytes, the highest first.
 * Nothing of what a peer sends is kept without bound, nor of what it does not read.
 */
import type { Duplex } from "node:stream";

const LENGTH_BYTES = 4;
/** Output that the peer has not read. Beyond the first bound it is called congested, beyond the second frames are lost. */
const CONGESTED_BYTES = 1 * 2 ** 20;
const OUTPUT_MAX = 4 * 2 ** 20;

export interface PacketStreamEvents {
  /** A message of `length` bytes begins: answers where to put it, or undefined to give up the connection. */
  readonly place: (length: number) => Uint8Array | undefined;
  /** The message in `place` is complete. Answers whether there is room for more; if not, `resume` says when there is. */
  readonly arrived: (message: Uint8Array) => boolean;
  readonly congestion: (congested: boolean) => void;
  /** The connection is over, whatever the reason. Once. */
  readonly closed: (error: Error | undefined) => void;
}

export class PacketStream implements Disposable {
  readonly #socket: Duplex;
  readonly #events: PacketStreamEvents;
  readonly #prefix = new Uint8Array(LENGTH_BYTES);
  #prefixLength = 0;
  #message: Uint8Array | undefined;
  #messageLength = 0;
  /** What came when there was no room. */
  #rest: Uint8Array | undefined;
  #congested = false;
  #closed = false;

  constructor(socket: Duplex, events: PacketStreamEvents) {
    this.#socket = socket;
    this.#events = events;
    let failure: Error | undefined;
    socket.on("error", (error) => {
      failure = error;
    });
    socket.on("end", () => socket.destroy());
    socket.on("close", () => {
      if (this.#closed) return;
      this.#closed = true;
      events.closed(failure);
    });
    socket.on("drain", () => {
      if (!this.#congested) return;
      this.#congested = false;
      events.congestion(false);
    });
    socket.on("data", (chunk: Uint8Array) => this.#take(chunk));
  }

  /** Sends `length` bytes that `fill` writes. False when there is no room: the message is lost. */
  send(length: number, fill: (message: Uint8Array) => void): boolean {
    if (this.#closed || this.#socket.writableLength > OUTPUT_MAX) return false;
    const bytes = new Uint8Array(LENGTH_BYTES + length);
    new DataView(bytes.buffer).setUint32(0, length);
    fill(bytes.subarray(LENGTH_BYTES));
    this.#socket.write(bytes);
    if (!this.#congested && this.#socket.writableLength > CONGESTED_BYTES) {
      this.#congested = true;
      this.#events.congestion(true);
    }
    return true;
  }

  /** There is room again. */
  resume(): void {
    const rest = this.#rest;
    if (rest === undefined) return;
    this.#rest = undefined;
    this.#socket.resume();
    this.#take(rest);
  }

  /** Hangs up; `closed` is not called. */
  [Symbol.dispose](): void {
    this.#closed = true;
    this.#socket.destroy();
  }

  #take(chunk: Uint8Array): void {
    let at = 0;
    while (at < chunk.length && !this.#closed) {
      if (this.#message === undefined) {
        this.#prefix[this.#prefixLength++] = chunk[at++] ?? 0;
        if (this.#prefixLength < LENGTH_BYTES) continue;
        this.#prefixLength = 0;
        this.#message = this.#events.place(new DataView(this.#prefix.buffer).getUint32(0));
        this.#messageLength = 0;
        if (this.#message === undefined) {
          this.#socket.destroy(new Error("the peer sent what is no frame"));
          return;
        }
      }
      const part = chunk.subarray(at, at + this.#message.length - this.#messageLength);
      this.#message.set(part, this.#messageLength);
      this.#messageLength += part.length;
      at += part.length;
      if (this.#messageLength < this.#message.length) continue;
      const message = this.#message;
      this.#message = undefined;
      if (this.#events.arrived(message)) continue;
      this.#socket.pause();
      this.#rest = chunk.subarray(at);
      return;
    }
  }
}
