/** A network port: whole Ethernet frames in and out. */
export interface NetBackend extends AsyncDisposable {
  /** Takes a frame that the guest sent (copied if kept). */
  send(frame: Uint8Array): void;
  /** Called once by the device; the backend calls `onFrame` for every frame meant for the guest. */
  attach(onFrame: (frame: Uint8Array) => void): void;
}
