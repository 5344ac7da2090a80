/** The option `network` of `VKernel.boot`. */
import { resolve } from "node:path";
import { MTU_MAX, MTU_MIN } from "../backends/net-header.js";
import { type PortForward, parsePortForward } from "../backends/port-forward.js";
import { VkrunError } from "../errors.js";
import type { NetworkBackendConfig, NetworkConfig } from "../machine/machine-config.js";
import { macOfName, parseMac } from "./mac-address.js";

interface CommonNetworkOptions {
  /** The guest's address, such as "52:54:00:12:34:56". Default: one that follows from `BootOptions.name`. */
  mac?: string;
  /** The longest IP packet that the guest sends and takes. Default: 1500; of "tap" the interface's; of "user" and "link" 65520. */
  mtu?: number;
  /** Write all frames to this file, for tcpdump or Wireshark. */
  pcap?: string;
}

/** Frames go to and come from the program: `VKernel.network`. */
export interface PortNetworkOptions extends CommonNetworkOptions {
  type?: "port";
}

/** The host's network without privileges, by way of passt. */
export interface UserNetworkOptions extends CommonNetworkOptions {
  type: "user";
  /** Ports of the host that lead into the guest: "[ADDRESS:]HOSTPORT:GUESTPORT[/tcp|/udp]". */
  publish?: readonly string[];
  /** Where it cannot be had, boot without a network, and say so in the log. Default false. */
  optional?: boolean;
}

/** A tap interface of the host, which is made when there is none and that is permitted. */
export interface TapNetworkOptions extends CommonNetworkOptions {
  type: "tap";
  /** Its name. */
  name: string;
  /** Make it a port of this bridge. */
  bridge?: string;
  /** Leave it when the guest ends. Default false. */
  persistent?: boolean;
}

/** A cable to another vkernel of this host that is given the same name. */
export interface LinkNetworkOptions extends CommonNetworkOptions {
  type: "link";
  name: string;
}

export type NetworkOptions = PortNetworkOptions | UserNetworkOptions | TapNetworkOptions | LinkNetworkOptions;

/** IFNAMSIZ of linux/if.h, less the terminating zero. */
const INTERFACE_NAME_MAX = 15;
/** What fits the path of a UNIX socket (unix(7)) beside a folder. */
const LINK_NAME_MAX = 64;

export function resolveNetwork(network: boolean | NetworkOptions | undefined, name: string): NetworkConfig | undefined {
  if (network === undefined || network === false) return undefined;
  if (network !== true && (typeof network !== "object" || network === null)) {
    throw refused(
      `there is no network "${String(network)}"`,
      "Use true, or an object with a `type`, the guest's `mac` and so on.",
    );
  }
  const options: NetworkOptions = network === true ? {} : network;
  const { mac, mtu, pcap } = options;
  if (mtu !== undefined && !(Number.isInteger(mtu) && mtu >= MTU_MIN && mtu <= MTU_MAX)) {
    throw refused(`${String(mtu)} is no MTU`, `Use a whole number from ${MTU_MIN} to ${MTU_MAX}.`);
  }
  return {
    mac: mac === undefined ? macOfName(name) : parseMac(mac),
    ...(mtu !== undefined && { mtu }),
    ...(pcap !== undefined && { pcap: resolve(pcap) }),
    backend: resolveBackend(options),
  };
}

function resolveBackend(options: NetworkOptions): NetworkBackendConfig {
  switch (options.type) {
    case undefined:
    case "port":
      return { type: "port" };
    case "user":
      return { type: "user", publish: resolvePublish(options.publish ?? []), optional: options.optional ?? false };
    case "tap": {
      const { name, bridge, persistent = false } = options;
      for (const interfaceName of [name, bridge]) if (interfaceName !== undefined) checkInterface(interfaceName);
      checkInterface(name);
      return { type: "tap", name, persistent, ...(bridge !== undefined && { bridge }) };
    }
    case "link":
      if (typeof options.name !== "string" || options.name === "" || options.name.length > LINK_NAME_MAX) {
        throw refused(
          `"${String(options.name)}" is no name of a link`,
          `Use 1 to ${LINK_NAME_MAX} characters, or a path of a socket.`,
        );
      }
      return { type: "link", name: options.name };
    default:
      throw refused(
        `there is no network of the type "${String((options as { type: unknown }).type)}"`,
        'Use "user", "tap", "link" or "port".',
      );
  }
}

/** As dev_valid_name() of Linux. */
function checkInterface(name: string): void {
  const good = typeof name === "string" && /^[^\s/:]+$/.test(name) && name !== "." && name !== "..";
  if (good && Buffer.byteLength(name) <= INTERFACE_NAME_MAX) return;
  throw refused(
    `"${String(name)}" is no name of a network interface`,
    `Use at most ${INTERFACE_NAME_MAX} characters, such as tap0.`,
  );
}

/** A port of the host leads to one place. */
function resolvePublish(texts: readonly string[]): PortForward[] {
  const forwards = texts.map(parsePortForward);
  const seen = new Set<string>();
  for (const { protocol, address, hostPort } of forwards) {
    const port = `${address} ${hostPort}/${protocol}`;
    if (seen.has(port))
      throw refused(`port ${hostPort}/${protocol} of ${address} is published twice`, "Leave one of them out.");
    seen.add(port);
  }
  return forwards;
}

function refused(message: string, hint: string): VkrunError {
  return new VkrunError("ERR_VKRUN_BOOT_OPTIONS", message, { hint });
}
