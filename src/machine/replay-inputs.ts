/** Where recorded inputs come in that nobody will post again: what people typed, how fast they read, what came over the network. */
import type { ConsolePort } from "./console-port.js";
import type { Machine } from "./machine.js";
import type { EmbedderPort } from "./network-port.js";
import type { Ports } from "./ports.js";

/** Labels are DEVICE:NUMBER or DEVICE:KIND:NUMBER; the kind ends in the number of a port where that is not the console. */
function kindOf(label: string | undefined): { kind: string | undefined; port: number } {
  const [, kind, port] = /^[^:]*:([a-z]+)(\d*):\d+$/.exec(label ?? "") ?? [];
  return { kind, port: Number(port ?? 0) };
}

export interface ReplayTargets {
  readonly console: ConsolePort;
  readonly ports: Ports | undefined;
  readonly network: EmbedderPort | undefined;
  readonly machine: Machine;
}

export class ReplayInputs {
  readonly #targets: ReplayTargets;

  constructor(targets: ReplayTargets) {
    this.#targets = targets;
  }

  /** The input that the recording has at the end of the coming slice: some come about within the slice. */
  expect(label: string | undefined): void {
    const { kind, port } = kindOf(label);
    const congested = kind === "congested";
    this.#targets.console.replayCongestion(congested && port === 0);
    this.#targets.ports?.replayCongestion(congested ? port : undefined);
  }

  /** Has the device post the input. False where that is the guest's or the host's doing, which may take its time. */
  feed(label: string, payload: Uint8Array | undefined): boolean {
    const { console, ports, network, machine } = this.#targets;
    const { kind, port } = kindOf(label);
    const end = port === 0 ? console : ports?.end(port);
    const fields = payload && new DataView(payload.buffer, payload.byteOffset, payload.length);
    if (kind === "drained") end?.replayDrain();
    else if (kind === "input" && payload !== undefined) end?.inject(payload);
    else if (kind === "connected" && payload !== undefined) end?.replayConnected(payload[0] === 1);
    else if (kind === "frame" && payload !== undefined) network?.inject(payload);
    else if (kind === "poll") machine.balloon?.pollStats();
    else if (kind === "target" && fields?.byteLength === 4) machine.balloon?.setTarget(fields.getUint32(0, true));
    else if (kind === "resize" && fields?.byteLength === 4) {
      machine.console.resize(fields.getUint16(0, true), fields.getUint16(2, true), port);
    } else return false;
    return true;
  }
}
