/** Where recorded inputs come in that nobody will post again: what people typed, how fast they read, what came over the network. */
import type { ConsolePort } from "./console-port.js";
import type { Machine } from "./machine.js";
import type { EmbedderPort } from "./network-port.js";

/** Labels are DEVICE:NUMBER or DEVICE:KIND:NUMBER. */
function kindOf(label: string | undefined): string | undefined {
  const parts = label?.split(":") ?? [];
  return parts.length === 3 ? parts[1] : undefined;
}

export class ReplayInputs {
  readonly #port: ConsolePort;
  readonly #network: EmbedderPort | undefined;
  readonly #machine: Machine;

  constructor(port: ConsolePort, network: EmbedderPort | undefined, machine: Machine) {
    this.#port = port;
    this.#network = network;
    this.#machine = machine;
  }

  /** The input that the recording has at the end of the coming slice: some come about within the slice. */
  expect(label: string | undefined): void {
    this.#port.replayCongestion(kindOf(label) === "congested");
  }

  /** Has the device post the input. False where that is the guest's or the host's doing, which may take its time. */
  feed(label: string, payload: Uint8Array | undefined): boolean {
    const kind = kindOf(label);
    if (kind === "drained") this.#port.replayDrain();
    else if (kind === "input" && payload !== undefined) this.#port.inject(payload);
    else if (kind === "frame" && payload !== undefined) this.#network?.inject(payload);
    else if (kind === "poll") return this.#machine.balloon?.pollStats() ?? false;
    else if (kind === "target" && payload?.length === 4) {
      const pages = new DataView(payload.buffer, payload.byteOffset, payload.length).getUint32(0, true);
      this.#machine.balloon?.setTarget(pages);
    } else if (kind === "resize" && payload?.length === 4) {
      const size = new DataView(payload.buffer, payload.byteOffset, payload.length);
      this.#machine.console.resize(size.getUint16(0, true), size.getUint16(2, true));
    } else return false;
    return true;
  }
}
