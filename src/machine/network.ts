/** The host's side of the guest's network device, for a run, a recorded run, or a replay. */
import { type NetBackend, type NetCapabilities, type NetOffloads, NO_OFFLOADS } from "../backends/net-backend.js";
import { ETHERNET_MTU } from "../backends/net-header.js";
import type { ReplayNet } from "../backends/replay-net.js";
import { VkrunError } from "../errors.js";
import type { NetworkConfig } from "./machine-config.js";
import type { EmbedderPort } from "./network-port.js";

export interface Network {
  readonly mac: Uint8Array;
  readonly backend: NetBackend;
  /** In a replay: where recorded packets come in. */
  readonly replay?: ReplayNet;
}

/** passt's own default: the longest IP packet that its frames hold, in whole words of 32 bits. */
const LONG_MTU = 65_520;
const MAC_LENGTH = 6;

interface OpenOptions {
  readonly config: NetworkConfig | undefined;
  readonly port: EmbedderPort | undefined;
  /** Something went wrong that the guest survives. */
  readonly onTrouble: (error: VkrunError) => void;
}

export async function openNetwork({ config, port, onTrouble }: OpenOptions): Promise<Network | undefined> {
  if (config === undefined) return undefined;
  const { backend: kind } = config;
  let backend: NetBackend;
  try {
    backend = await openBackend(config, port, onTrouble);
  } catch (error) {
    if (!(error instanceof VkrunError && kind.type === "user" && kind.optional)) throw error;
    onTrouble(error);
    return undefined;
  }
  return { mac: config.mac, backend: await captured(backend, config.pcap, onTrouble) };
}

/** What a recording says of the network device, for its replay to have the same: the guest sees all of it. */
export function recordedNetwork({ mac, backend }: Network): Readonly<Record<string, unknown>> {
  return { mac: [...mac], ...backend.capabilities };
}

/** What is recorded decides; the embedder may look on. */
export async function replayNetwork(
  recorded: Readonly<Record<string, unknown>> | undefined,
  { config, port, onTrouble }: OpenOptions,
): Promise<Network | undefined> {
  if (recorded === undefined) {
    if (config?.backend.type !== "port") return undefined;
    throw new VkrunError("ERR_VKRUN_REPLAY_MISMATCH", "the recorded guest had no network device", {
      hint: "Replay with the options that the recording was made with.",
    });
  }
  const { mac, ...capabilities } = readRecorded(recorded);
  const { ReplayNet } = await import("../backends/replay-net.js");
  const replay = new ReplayNet(capabilities, port && ((packets) => port.send(packets)));
  return { mac, backend: await captured(replay, config?.pcap, onTrouble), replay };
}

function readRecorded({
  mac,
  mtu,
  offloads,
}: Readonly<Record<string, unknown>>): NetCapabilities & { mac: Uint8Array } {
  const switches = offloads as Record<string, unknown> | null | undefined;
  const names = Object.keys(NO_OFFLOADS) as (keyof NetOffloads)[];
  const good =
    Array.isArray(mac) &&
    mac.length === MAC_LENGTH &&
    Number.isInteger(mtu) &&
    names.every((name) => typeof switches?.[name] === "boolean");
  if (!good) {
    throw new VkrunError("ERR_VKRUN_RECORDING_INVALID", "the recording describes no possible network device", {
      hint: "Name a file that was written with `record`.",
    });
  }
  return { mac: Uint8Array.from(mac), mtu: mtu as number, offloads: switches as unknown as NetOffloads };
}

/** Each kind of backend is loaded when it is used. */
async function openBackend(
  { backend, mtu }: NetworkConfig,
  port: EmbedderPort | undefined,
  onTrouble: OpenOptions["onTrouble"],
): Promise<NetBackend> {
  switch (backend.type) {
    case "port":
      if (port === undefined) throw new Error("there is no port for the embedder");
      return port;
    case "user": {
      const { Passt } = await import("../backends/passt.js");
      return Passt.start({ publish: backend.publish, mtu: mtu ?? LONG_MTU, onTrouble });
    }
    case "tap": {
      const { Tap } = await import("../backends/tap.js");
      return Tap.open({ ...backend, ...(mtu !== undefined && { mtu }) });
    }
    case "link": {
      const { Link } = await import("../backends/link.js");
      return Link.open({ name: backend.name, mtu: mtu ?? LONG_MTU, onTrouble });
    }
  }
}

/** The MTU of a port whose cable ends with the embedder. */
export function portMtu(config: NetworkConfig | undefined): number {
  return config?.mtu ?? ETHERNET_MTU;
}

async function captured(
  backend: NetBackend,
  path: string | undefined,
  onTrouble: OpenOptions["onTrouble"],
): Promise<NetBackend> {
  if (path === undefined) return backend;
  try {
    const { Capture } = await import("../backends/capture.js");
    return new Capture(backend, { path, onTrouble });
  } catch (error) {
    await backend[Symbol.asyncDispose]();
    throw error;
  }
}
