/**
 * A byte stream that a serial port or console port talks to. Flow control runs both ways, or a guest that prints
 * faster than its terminal reads (and a file piped into a guest) would grow the host's buffers without end.
 */
export interface CharBackend {
  /** Takes what the guest wrote; must copy if it keeps it. */
  write(bytes: Uint8Array): void;
  /**
   * True while the backend would rather not be given more: the device holds output back until `onDrain`. A backend
   * without it takes everything at once.
   */
  readonly congested?: boolean;
  /** Whether there is somebody at the other end; a backend without it has always somebody there. */
  readonly connected?: boolean;
  /**
   * Called once by the device; the backend calls `onData` for every chunk that the user sends to the guest (the device
   * copies what it keeps), `onDrain` when it is no longer congested, and `onConnected` when `connected` has changed. A
   * machine that was reset has new devices: the newest one is attached.
   */
  attach(onData: (bytes: Uint8Array) => void, onDrain?: () => void, onConnected?: (connected: boolean) => void): void;
  /** The guest does not read fast enough: no `onData`, please, until `resume`. Chunks already on their way are kept. */
  pause?(): void;
  resume?(): void;
}
