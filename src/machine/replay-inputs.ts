/** Where recorded inputs come in that nobody will post again: what people typed, how fast they read, what came over the network. */
import type { ReplayNet } from "../backends/replay-net.js";
import type { ConsolePort } from "./console-port.js";
import { type Machine, NETWORK_DEVICE } from "./machine.js";
import type { Ports } from "./ports.js";

/** Labels are DEVICE:NUMBER or DEVICE:KIND:NUMBER; the kind ends in the number of a port where that is not the console. */
function kindOf(label: string | undefined): { kind: string | undefined; port: number } {
  const [, kind, port] = /^[^:]*:([a-z]+)(\d*):\d+$/.exec(label ?? "") ?? [];
  return { kind, port: Number(port ?? 0) };
}

export interface ReplayTargets {
  readonly console: ConsolePort;
  readonly ports: Ports | undefined;
  readonly network: ReplayNet | undefined;
  readonly machine: Machine;
}

function isNetwork(label: string | undefined): boolean {
  return label?.startsWith(`${NETWORK_DEVICE}:`) ?? false;
}

export class ReplayInputs {
  readonly #targets: ReplayTargets;

  constructor(targets: ReplayTargets) {
    this.#targets = targets;
  }

  /** The input that the recording has at the end of the coming slice: some come about within the slice. */
  expect(label: string | undefined): void {
    const { kind, port } = kindOf(label);
    const congested = kind === "congested" && !isNetwork(label);
    this.#targets.console.replayCongestion(congested && port === 0);
    this.#targets.ports?.replayCongestion(congested ? port : undefined);
  }

  /** Has the device post the input. False where that is the guest's or the host's doing, which may take its time. */
  feed(label: string, payload: Uint8Array | undefined): boolean {
    const { console, ports, machine } = this.#targets;
    const { kind, port } = kindOf(label);
    if (isNetwork(label)) return this.#feedNetwork(kind, payload);
    const end = port === 0 ? console : ports?.end(port);
    const fields = payload && new DataView(payload.buffer, payload.byteOffset, payload.length);
    if (label.startsWith("machine:")) return feedMachine(machine, kind);
    if (kind === "generation" && payload !== undefined) machine.changeGeneration(payload);
    else if (kind === "drained") end?.replayDrain();
    else if (kind === "input" && payload !== undefined) end?.inject(payload);
    else if (kind === "connected" && payload !== undefined) end?.replayConnected(payload[0] === 1);
    else if (kind === "stream" && payload !== undefined) machine.vsock?.inject(payload);
    else if (kind === "reset") machine.vsock?.resetTransport();
    else if (kind === "poll") machine.balloon?.pollStats();
    else if (kind === "target" && fields?.byteLength === 4) machine.balloon?.setTarget(fields.getUint32(0, true));
    else if (kind === "resize" && fields?.byteLength === 4) {
      machine.console.resize(fields.getUint16(0, true), fields.getUint16(2, true), port);
    } else return false;
    return true;
  }

  #feedNetwork(kind: string | undefined, payload: Uint8Array | undefined): boolean {
    const { network } = this.#targets;
    if (kind === "frame" && payload !== undefined) network?.inject(payload);
    else if (kind === "link" && payload?.length === 1) network?.injectLink(payload[0] !== 0);
    else if (kind === "congested" || kind === "drained") network?.injectCongestion(kind === "congested");
    else return false;
    return true;
  }
}

/** What a checkpoint did to the machine while it was recorded. */
function feedMachine(machine: Machine, kind: string | undefined): boolean {
  if (kind === "freeze") machine.freeze();
  else if (kind === "thaw") machine.thaw();
  else if (kind === "release") machine.release();
  else return false;
  return true;
}
