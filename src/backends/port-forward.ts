/** Ports of the host that lead into the guest. */
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { createServer, isIP } from "node:net";
import { VkrunError } from "../errors.js";

export interface PortForward {
  readonly protocol: "tcp" | "udp";
  /** Where the host listens. */
  readonly address: string;
  readonly hostPort: number;
  readonly guestPort: number;
}

/** What one finds without an address: the host itself, and nobody else. */
const DEFAULT_ADDRESS = "127.0.0.1";
const PORT_MAX = 65_535;
/** [ADDRESS:]HOST:GUEST[/PROTOCOL], with an IPv6 address in brackets. */
const FORM = /^(?:(?:\[([^\]]+)\]|([^:[\]/]+)):)?(\d+):(\d+)(?:\/(tcp|udp))?$/;

/** Reads `[ADDRESS:]HOSTPORT:GUESTPORT[/tcp|/udp]`. */
export function parsePortForward(text: string): PortForward {
  const match = FORM.exec(text);
  const address = match?.[1] ?? match?.[2] ?? DEFAULT_ADDRESS;
  const [hostPort, guestPort] = [Number(match?.[3]), Number(match?.[4])];
  const ports = [hostPort, guestPort].every((port) => port >= 1 && port <= PORT_MAX);
  if (match === null || !ports || isIP(address) === 0) {
    throw new VkrunError("ERR_VKRUN_BOOT_OPTIONS", `"${text}" does not say which port to publish`, {
      hint: "Write [ADDRESS:]HOSTPORT:GUESTPORT[/tcp|/udp], such as 8080:80, 0.0.0.0:8080:80, [::1]:8080:80 or 5353:53/udp.",
    });
  }
  return { protocol: match[5] === "udp" ? "udp" : "tcp", address, hostPort, guestPort };
}

/** Fails for a port that somebody else has. passt would too, in its own words. */
export async function requireFree(forwards: readonly PortForward[]): Promise<void> {
  for (const forward of forwards) {
    try {
      await (forward.protocol === "tcp" ? probeTcp(forward) : probeUdp(forward));
    } catch (cause) {
      throw portError(forward, cause as NodeJS.ErrnoException);
    }
  }
}

async function probeTcp({ address, hostPort }: PortForward): Promise<void> {
  const server = createServer().listen({ host: address, port: hostPort, exclusive: true });
  await once(server, "listening");
  server.close();
  await once(server, "close");
}

async function probeUdp({ address, hostPort }: PortForward): Promise<void> {
  const socket = createSocket(isIP(address) === 6 ? "udp6" : "udp4").bind({ address, port: hostPort, exclusive: true });
  await once(socket, "listening");
  socket.close();
  await once(socket, "close");
}

function portError({ protocol, address, hostPort }: PortForward, cause: NodeJS.ErrnoException): VkrunError {
  const port = `${protocol} port ${hostPort} of ${address}`;
  switch (cause.code) {
    case "EADDRINUSE":
      return new VkrunError("ERR_VKRUN_PORT_IN_USE", `${port} cannot be published: another program has it`, {
        hint: "Publish another port, or stop that program (`ss -tulpn` shows it).",
        cause,
      });
    case "EACCES":
      return new VkrunError("ERR_VKRUN_PORT_ACCESS", `${port} cannot be published: it is reserved for root`, {
        hint: "Publish a port from 1024 on, or lower net.ipv4.ip_unprivileged_port_start.",
        cause,
      });
    default:
      return new VkrunError("ERR_VKRUN_PORT_ACCESS", `${port} cannot be published: ${cause.message}`, {
        hint: "The address must be one of this host.",
        cause,
      });
  }
}
