import { STREAM_WINDOW, type StreamKey } from "../../backends/vsock-backend.js";
import { Shutdown, VsockOp } from "./vsock-packet.js";

/** A packet to be made for the guest. */
export interface Outgoing {
  readonly op: VsockOp;
  readonly flags: number;
  readonly data: Uint8Array | undefined;
}

/** The guest hears of room when it has become more by this. */
const CREDIT_STEP = STREAM_WINDOW / 4;

/**
 * One stream, with credit in both directions (virtio 1.2, 5.10.6.3). What it owes the guest are flags and not a queue, so a
 * guest that takes no packets costs no memory. All counts wrap at 32 bits, as the protocol's do.
 */
export class VsockStream {
  /** The other side has said yes. */
  open = false;
  #owed: Set<VsockOp> = new Set();
  // To the guest.
  #waiting: Uint8Array[] = [];
  #waitingBytes = 0;
  #sent = 0;
  #guestRoom = 0;
  #guestForwarded = 0;
  #hostEnded = false;
  #hostGone = false;
  #told = 0;
  // From the guest.
  #received = 0;
  #consumed = 0;
  #consumedTold = 0;
  #guestShut = 0;

  constructor(readonly key: StreamKey) {}

  get forwarded(): number {
    return this.#consumed;
  }

  /** The guest's side neither sends nor receives. */
  get shutByGuest(): boolean {
    return this.#guestShut === (Shutdown.RECEIVE | Shutdown.SEND);
  }

  /** The guest has said that it will receive no more. */
  get takesNothing(): boolean {
    return (this.#guestShut & Shutdown.RECEIVE) !== 0;
  }

  owe(op: VsockOp): void {
    this.#owed.add(op);
  }

  // What the guest says

  credit(room: number, forwarded: number): void {
    this.#guestRoom = room;
    this.#guestForwarded = forwarded;
  }

  /** False when the guest had no credit for that much, or had said that no more would come. */
  receive(length: number): boolean {
    this.#received = (this.#received + length) >>> 0;
    return (this.#guestShut & Shutdown.SEND) === 0 && (this.#received - this.#consumed) >>> 0 <= STREAM_WINDOW;
  }

  /** Answers whether it is news that the guest will send no more, and how many bytes for it are dropped. */
  shut(flags: number): { ended: boolean; dropped: number } {
    const before = this.#guestShut;
    this.#guestShut |= flags & (Shutdown.RECEIVE | Shutdown.SEND);
    const dropped = this.takesNothing ? this.#waitingBytes : 0;
    if (this.takesNothing) {
      this.#waiting = [];
      this.#waitingBytes = 0;
    }
    return { ended: (this.#guestShut & ~before & Shutdown.SEND) !== 0, dropped };
  }

  // What the host says

  /** False for more than was agreed on, which only a damaged recording brings. */
  add(bytes: Uint8Array): boolean {
    if (this.#waitingBytes + bytes.length > STREAM_WINDOW) return false;
    this.#waiting.push(bytes);
    this.#waitingBytes += bytes.length;
    return true;
  }

  consume(length: number): void {
    this.#consumed = (this.#consumed + length) >>> 0;
    if ((this.#consumed - this.#consumedTold) >>> 0 >= CREDIT_STEP) this.owe(VsockOp.CREDIT_UPDATE);
  }

  end(): void {
    this.#hostEnded = true;
  }

  close(): void {
    this.#hostEnded = true;
    this.#hostGone = true;
  }

  /** Whether `next` has something, given room for a byte. */
  get hasNext(): boolean {
    if (this.#owed.size > 0) return true;
    return this.open && ((this.#waitingBytes > 0 && this.#credit > 0) || this.#shutdownDue !== 0);
  }

  /** The next packet for the guest, of at most `room` bytes of data. Whoever asks sends it. */
  next(room: number): Outgoing | undefined {
    if (!this.hasNext) return undefined;
    for (const op of this.#owed) {
      this.#owed.delete(op);
      this.#consumedTold = this.#consumed;
      return { op, flags: 0, data: undefined };
    }
    const length = Math.min(room, this.#waitingBytes, this.#credit);
    if (length > 0) {
      this.#consumedTold = this.#consumed;
      this.#sent = (this.#sent + length) >>> 0;
      return { op: VsockOp.RW, flags: 0, data: this.#take(length) };
    }
    const flags = this.#shutdownDue;
    if (flags === 0) return undefined;
    this.#told |= flags;
    return { op: VsockOp.SHUTDOWN, flags: this.#told, data: undefined };
  }

  /** How much the guest has room for. */
  get #credit(): number {
    return Math.max(0, this.#guestRoom - ((this.#sent - this.#guestForwarded) >>> 0));
  }

  /** What the guest has not heard yet of the host's ends, once it has all that was sent before. */
  get #shutdownDue(): number {
    if (this.#waitingBytes > 0 || !this.#hostEnded) return 0;
    return (Shutdown.SEND | (this.#hostGone ? Shutdown.RECEIVE : 0)) & ~this.#told;
  }

  #take(length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    let filled = 0;
    while (filled < length) {
      const first = this.#waiting[0];
      if (first === undefined) break;
      const piece = first.subarray(0, length - filled);
      bytes.set(piece, filled);
      filled += piece.length;
      if (piece.length === first.length) this.#waiting.shift();
      else this.#waiting[0] = first.subarray(piece.length);
    }
    this.#waitingBytes -= length;
    return bytes;
  }
}
