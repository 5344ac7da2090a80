// @ts-check
// The network's parts of the suite `io`: one TCP connection each way, and echos, between a guest and its host
// (bench/guest/net-io.c at both ends): over a tap, and through passt.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { compare, printRow } from "./comparison.mjs";
import { timeByTurns } from "./guest-session.mjs";
import { NetworkNamespace, PINGED } from "./network-namespace.mjs";
import { compileHostProgram, compileProgram, writePayload } from "./payload.mjs";

const ROW_SECONDS = 180;
const PORT = 5201;
/** vkrun's user network has the longest packets that there are; QEMU is told to have the same. */
const LONG_MTU = 65_520;
const PASST_POLL_MS = 20;

/** What is moved: for a second or more under QEMU. */
const MIB = 256;
const ECHOS = 4000;
const EXCHANGES = ["send", "receive", "ping"];

/** @typedef {import("./machines.mjs").MachineName} MachineName */

/** Of the host, as the guest sees it. @type {Record<MachineName, string>} */
const TAP_HOSTS = { QEMU: "10.77.1.1", vkrun: "10.77.2.1" };
/** @type {Record<MachineName, string>} */
const TAPS = { QEMU: "bench-qemu", vkrun: "bench-vkrun" };
/** passt has the gateway's address stand for the host. */
const GATEWAY = "10.79.0.1";

const NO_DHCP = "while pidof udhcpc >/dev/null; do killall -q udhcpc; sleep 0.2; done";
const ETH0 = "until [ -d /sys/class/net/eth0 ]; do sleep 0.2; done";

async function startServer() {
  const network = await NetworkNamespace.create();
  const server = await network.start([compileHostProgram("net-io"), "serve", "0.0.0.0", String(PORT)]);
  const end = async () => {
    server.kill();
    network.end();
  };
  return { network, end };
}

const payload = () => [writePayload("net", [compileProgram("net-io")])];

/**
 * @param {string} prefix  of its rows
 * @param {() => Promise<import("./io.mjs").IoHost>} prepareHost
 * @param {(machine: MachineName, exchange: string) => string} host
 * @returns {import("./io.mjs").IoPart}
 */
function part(prefix, prepareHost, host) {
  return {
    names: EXCHANGES.map((exchange) => `${prefix} ${exchange}`),
    prepareHost,
    async compare(guests, name, runs) {
      const exchange = name.slice(prefix.length + 1);
      const args = (/** @type {MachineName} */ machine) =>
        `${host(machine, exchange)} ${exchange === "ping" ? ECHOS : `${PORT} ${MIB}`}`;
      const command = (/** @type {MachineName} */ machine) => `/run/net-io ${exchange} ${args(machine)}`;
      const row = compare(name, await timeByTurns(guests, command, { runs, timeoutSeconds: ROW_SECONDS }));
      const [qemu, vkrun] = [row.qemu.median, row.vkrun.median].map((seconds) =>
        exchange === "ping" ? (seconds / ECHOS) * 1e6 : (MIB * 2 ** 20 * 8) / seconds / 1e9,
      );
      const unit = exchange === "ping" ? "us" : "Gbit/s";
      printRow(row, `${qemu?.toPrecision(3)}, ${vkrun?.toPrecision(3)} ${unit}`);
      return { ...row, [unit]: { qemu, vkrun } };
    },
  };
}

export const tap = part(
  "tap",
  async () => {
    const { network, end } = await startServer();
    for (const name of /** @type {MachineName[]} */ (Object.keys(TAPS))) {
      network.run(`ip tuntap add dev ${TAPS[name]} mode tap`);
      network.run(`ip addr add ${TAP_HOSTS[name]}/24 dev ${TAPS[name]}`);
      network.run(`ip link set ${TAPS[name]} up`);
    }
    const setup = (/** @type {MachineName} */ name) => {
      const address = `ip addr add ${TAP_HOSTS[name].replace(/1$/, "2")}/24 dev eth0`;
      return `sh -c '${ETH0}; ${NO_DHCP}; ip link set eth0 up; ${address}; ping -c 1 -W 10 ${TAP_HOSTS[name]}'`;
    };
    const qemu = `tap,id=net0,ifname=${TAPS.QEMU},script=no,downscript=no`;
    return {
      drives: payload(),
      devices: {
        QEMU: ["-netdev", qemu, "-device", "virtio-net-device,netdev=net0"],
        vkrun: ["--net", `tap:${TAPS.vkrun}`],
      },
      wrap: (command) => network.wrap(command),
      setup: { QEMU: setup("QEMU"), vkrun: setup("vkrun") },
      end,
    };
  },
  (machine) => TAP_HOSTS[machine],
);

export const user = part(
  "user",
  async () => {
    const { network, end } = await startServer();
    const folder = mkdtempSync(join(tmpdir(), "vkrun-bench-"));
    // Started by root, passt becomes nobody.
    chmodSync(folder, 0o777);
    const socket = join(folder, "passt.sock");
    const passt = await startPasst(network, socket);
    const qemu = `stream,id=net0,server=off,addr.type=unix,addr.path=${socket}`;
    const setup = `sh -c '${ETH0}; until ip -4 addr show dev eth0 | grep -q 10.79.0.5; do sleep 0.2; done'`;
    return {
      drives: payload(),
      devices: {
        QEMU: ["-netdev", qemu, "-device", `virtio-net-device,netdev=net0,host_mtu=${LONG_MTU}`],
        vkrun: ["--net", "user"],
      },
      wrap: (command) => network.wrap(command),
      setup: { QEMU: setup, vkrun: setup },
      end: async () => {
        passt.kill();
        rmSync(folder, { recursive: true, force: true });
        await end();
      },
    };
  },
  (_, exchange) => (exchange === "ping" ? PINGED : GATEWAY),
);

/** @param {NetworkNamespace} network @param {string} socket */
async function startPasst(network, socket) {
  const fixed = ["--foreground", "--quiet", "--socket", socket, "--mtu", String(LONG_MTU)];
  const [program, ...args] = network.wrap(["passt", ...fixed, "--tcp-ports", "none", "--udp-ports", "none"]);
  const passt = spawn(/** @type {string} */ (program), args, { stdio: ["ignore", "ignore", "pipe"] });
  let said = "";
  passt.stderr.setEncoding("utf8").on("data", (text) => {
    said += text;
  });
  const ended = once(passt, "exit");
  while (!existsSync(socket)) {
    const over = await Promise.race([ended.then(() => true), delay(PASST_POLL_MS, false)]);
    if (over) throw new Error(`passt ended: ${said}`);
  }
  return passt;
}
