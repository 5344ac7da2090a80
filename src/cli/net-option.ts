/** `--net` and `--publish`. */
import { InvalidArgumentError } from "commander";
import { passtInstalled } from "../backends/passt.js";
import { type BootOptions, type NetworkOptions, VkrunError } from "../index.js";

type Settings = Pick<NetworkOptions, "mac" | "mtu" | "pcap"> & { bridge?: string; persistent?: boolean };

const TYPES = "user, tap:NAME, link:NAME or none";
const PCAP = ",pcap=";

/** TYPE[:NAME][,KEY=VALUE|,KEY]... ; a file's name may hold commas, so `pcap` comes last. False for "none". */
export function parseNet(text: string): NetworkOptions | false {
  const pcapAt = text.indexOf(PCAP);
  const pcap = pcapAt === -1 ? undefined : text.slice(pcapAt + PCAP.length);
  if (pcap === "") throw new InvalidArgumentError("pcap= names no file.");
  const [head = "", ...words] = (pcapAt === -1 ? text : text.slice(0, pcapAt)).split(",");
  const colon = head.indexOf(":");
  const type = colon === -1 ? head : head.slice(0, colon);
  const name = colon === -1 ? undefined : head.slice(colon + 1);
  const { bridge, persistent, ...common } = parseSettings(words, type);
  const settings = { ...common, ...(pcap !== undefined && { pcap }) };
  switch (type) {
    case "none":
      if (name !== undefined || Object.keys(settings).length > 0) {
        throw new InvalidArgumentError("Where there is no network, there is nothing to set.");
      }
      return false;
    case "user":
      if (name !== undefined) throw new InvalidArgumentError("The user network has no name.");
      return { type, ...settings };
    case "tap":
    case "link":
      if (name === undefined || name === "") throw new InvalidArgumentError(`It must say which: ${type}:NAME.`);
      if (type === "link") return { type, name, ...settings };
      return { type, name, ...settings, ...(bridge !== undefined && { bridge }), ...(persistent && { persistent }) };
    default:
      throw new InvalidArgumentError(`Use ${TYPES}.`);
  }
}

/** One more `--publish`. What it means is checked with the other options. */
export function collectPublish(value: string, published: string[] = []): string[] {
  return [...published, value];
}

function parseSettings(words: readonly string[], type: string): Settings {
  const settings: Settings = {};
  for (const word of words) {
    const equals = word.indexOf("=");
    const key = equals === -1 ? word : word.slice(0, equals);
    const value = equals === -1 ? undefined : word.slice(equals + 1);
    if (key === "mac" && value) settings.mac = value;
    else if (key === "mtu" && value && /^\d+$/.test(value)) settings.mtu = Number(value);
    else if (key === "bridge" && value && type === "tap") settings.bridge = value;
    else if (key === "persistent" && value === undefined && type === "tap") settings.persistent = true;
    else throw new InvalidArgumentError(`"${word}" cannot be set there.`);
  }
  return settings;
}

interface NetChoice {
  net?: NetworkOptions | false;
  publish?: readonly string[];
}

/**
 * What the guest is connected to. Without a word about it: the user network, if it can be had, for what looks like an
 * operating system; a replay has what its recording had.
 */
export function chooseNetwork({ net, publish }: NetChoice, system: boolean): Pick<BootOptions, "network"> {
  if (publish !== undefined) {
    const network = net ?? { type: "user" as const };
    if (network !== false && network.type === "user") return { network: { ...network, publish } };
    throw new VkrunError("ERR_VKRUN_USAGE", "--publish needs the user network", {
      hint: "Leave --net out, or use --net user. Over a tap or a link the guest's ports can be reached as they are.",
    });
  }
  if (net !== undefined) return { network: net };
  return system && passtInstalled() ? { network: { type: "user", optional: true } } : {};
}
