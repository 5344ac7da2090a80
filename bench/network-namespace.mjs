// @ts-check
// A network for the suites alone: a network namespace with an interface that leads nowhere, an address and a default route, for
// passt takes those from its host. Needs no root where users may have namespaces.
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";

/** Where a guest of passt gets its echos answered: the gateway stands for the host for TCP and UDP only. */
export const PINGED = "10.79.0.9";

const LINES = [
  "ip link set lo up",
  `ip addr add ${PINGED}/32 dev lo`,
  "ip link add uplink type veth peer name provider",
  "ip addr add 10.79.0.5/24 dev uplink",
  "ip link set provider up",
  "ip link set uplink up",
  "ip route add default via 10.79.0.1",
  // By default nobody may send echos without privileges, as passt does: all groups that there are in here.
  `sysctl -q -w net.ipv4.ping_group_range="0 ${isRoot() ? 2 ** 31 - 1 : 0}"`,
];

export class NetworkNamespace {
  /** @type {import("node:child_process").ChildProcess} */
  #holder;

  /** @param {import("node:child_process").ChildProcess} holder */
  constructor(holder) {
    this.#holder = holder;
  }

  static async create() {
    const user = isRoot() ? [] : ["--user", "--map-root-user"];
    const script = `${LINES.join(" && ")} && echo ready && exec cat`;
    const holder = spawn("unshare", [...user, "--net", "sh", "-c", script], { stdio: ["pipe", "pipe", "inherit"] });
    const [answer] = await Promise.race([once(holder.stdout, "data"), once(holder, "exit")]);
    if (String(answer) !== "ready\n") throw new Error("a network namespace cannot be made (unshare and ip say why)");
    return new NetworkNamespace(holder);
  }

  /** The command that runs `command` in here. @param {string[]} command */
  wrap(command) {
    const user = isRoot() ? [] : ["--user", "--preserve-credentials"];
    return ["nsenter", "--target", String(this.#holder.pid), ...user, "--net", ...command];
  }

  /** @param {string} command  words */
  run(command) {
    const [program, ...args] = this.wrap(command.split(" "));
    execFileSync(/** @type {string} */ (program), args, { stdio: ["ignore", "ignore", "inherit"] });
  }

  /** Starts what goes on in the background; resolves when it has written its first line. @param {string[]} command */
  async start(command) {
    const [program, ...args] = this.wrap(command);
    const child = spawn(/** @type {string} */ (program), args, { stdio: ["ignore", "pipe", "inherit"] });
    process.once("exit", () => child.kill());
    await Promise.race([once(child.stdout, "data"), once(child, "exit")]);
    return child;
  }

  /** cat(1) ends with its input, and the namespace with the last process in it. */
  end() {
    this.#holder.stdin?.end();
  }
}

function isRoot() {
  return process.getuid?.() === 0;
}
