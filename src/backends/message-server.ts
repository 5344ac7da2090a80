/** Answers messages of a guest, each with one message, in any order. */
export interface MessageServer {
  /** Answers with at most `room` bytes. Never rejects: a failure is an answer too. May keep `message` until then. */
  handle(message: Uint8Array, room: number): Promise<Uint8Array>;
  /** The guest begins anew. Messages under way are still answered. */
  reset(): void;
  /** Plain data, while nothing is under way. */
  save(): unknown;
  restore(state: unknown): void;
}
