/** A stream between a port of the host and one of the guest. Only one at a time has both of these. */
export interface StreamKey {
  readonly hostPort: number;
  readonly guestPort: number;
}

/** The guest's side of streams, as the host's side sees it. To be called at any time. */
export interface VsockGuest {
  /** The host wants to connect to a port of the guest. */
  connect(key: StreamKey): void;
  /** The host takes, or does not take, what the guest asked for with `request`. */
  accept(key: StreamKey): void;
  refuse(key: StreamKey): void;
  /** Bytes for the guest: no more at once than STREAM_WINDOW, less what `taken` has not told of yet. Copied if kept. */
  data(key: StreamKey, bytes: Uint8Array): void;
  /** So many bytes of the guest's have gone where they were to go. */
  consumed(key: StreamKey, length: number): void;
  /** The host will send no more. */
  end(key: StreamKey): void;
  /** The host neither sends nor takes anything any more. */
  close(key: StreamKey): void;
}

/** What the host has of streams with one guest. None of its methods waits or throws. */
export interface VsockBackend {
  /** The newest device is the guest's; streams with one before it are over. */
  attach(guest: VsockGuest): void;
  /** The guest wants to connect to a port of the host. */
  request(key: StreamKey): void;
  /** The guest took what `connect` asked for. If it does not, there is a `close`. */
  accepted(key: StreamKey): void;
  /** Bytes from the guest: never more than STREAM_WINDOW that have not been `consumed`. Given for good. */
  write(key: StreamKey, bytes: Uint8Array): void;
  /** The guest has taken so many bytes of the host's. */
  taken(key: StreamKey, length: number): void;
  /** The guest will send no more. */
  end(key: StreamKey): void;
  /** The stream is over. What was written before still gets where it was to go. */
  close(key: StreamKey): void;
}

/** Bytes under way in a stream, in each direction. */
export const STREAM_WINDOW = 128 << 10;
/** Streams at once, whoever began them. */
export const STREAMS_MAX = 256;
