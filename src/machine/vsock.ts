/** Opens the host's side of the guest's vsock device. */
import type { VsockBackend } from "../backends/vsock-backend.js";
import type { VsockConfig } from "./machine-config.js";

export interface Vsock extends AsyncDisposable {
  readonly backend: VsockBackend;
  readonly cid: number;
}

export async function openVsock({ path, cid }: VsockConfig, replaying: boolean): Promise<Vsock> {
  if (replaying) return { backend: SILENT, cid, [Symbol.asyncDispose]: async () => {} };
  const { VsockSockets } = await import("../backends/vsock-sockets.js");
  const backend = await VsockSockets.listen(path);
  return { backend, cid, [Symbol.asyncDispose]: () => backend[Symbol.asyncDispose]() };
}

/** In a replay, what the host did comes from the recording, and nobody hears what the guest says. */
const SILENT: VsockBackend = {
  attach: () => {},
  request: () => {},
  accepted: () => {},
  write: () => {},
  taken: () => {},
  end: () => {},
  close: () => {},
};
