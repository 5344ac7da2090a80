import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, chownSync, constants, copyFileSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { GuestProcess } from "../support/guest-process.js";
import { NetworkNamespace } from "../support/network-namespace.js";
import { tinyImage } from "../support/tiny-image.js";

const ETH0 = "until [ -d /sys/class/net/eth0 ]; do sleep 0.2; done";
/** Sent and received by nc, and compared by their hashes. It writes 1 KiB at a time, so these are small segments. */
const BYTES = 24 * 2 ** 20;
const NOBODY = 65_534;
/** Sent and received by net-io, in segments as long as guest and host like. */
const LONG_MIB = 32;

/** Runs a command as an ordinary user, where /dev/net/tun is for everybody: on most systems, though not in all containers. */
const AS_NOBODY = [
  ...["unshare", "--mount", "sh", "-ec"],
  `mount -t tmpfs none /dev/net
  mknod -m 666 /dev/net/tun c 10 200
  exec setpriv --reuid=${NOBODY} --regid=${NOBODY} --clear-groups -- "$@"`,
  "sh",
];

let network: NetworkNamespace;
let folder: string;
beforeEach(async () => {
  network = await NetworkNamespace.create();
  folder = mkdtempSync(join(tmpdir(), "vkrun-tap-"));
});
afterEach(async () => {
  await network[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
});

const boot = (net: string, ...args: string[]): Promise<GuestProcess> =>
  GuestProcess.tiny(["--net", net, ...args], (command) => network.command(command));

async function configure(guest: GuestProcess): Promise<void> {
  await guest.run(`${ETH0}; while pidof udhcpc >/dev/null; do killall -q udhcpc; sleep 0.2; done`);
  await guest.run("ip link set eth0 up; ip addr add 10.77.0.2/24 dev eth0");
  await guest.run("echo 0 >/proc/sys/net/ipv6/conf/eth0/accept_dad; ip -6 addr add fd77::2/64 dev eth0");
}

/** Frames and bytes that the host got from the guest, and that it sent to it. */
async function counted(tap: string): Promise<{ received: Count; sent: Count }> {
  const [link] = JSON.parse(await network.ip(`-s -j link show ${tap}`)) as [{ stats64: { rx: Count; tx: Count } }];
  return { received: link.stats64.rx, sent: link.stats64.tx };
}

interface Count {
  readonly bytes: number;
  readonly packets: number;
}

/** The mean length of the frames between two counts. */
function frameLength(before: Count, after: Count): number {
  return (after.bytes - before.bytes) / (after.packets - before.packets);
}

/** `bench/guest/net-io.c` for the guest, in a folder to be shared, and for the host. */
async function compileNetIo(): Promise<{ shared: string; onHost: string }> {
  const shared = join(folder, "programs");
  mkdirSync(shared);
  const onHost = join(folder, "net-io");
  const compile = (compiler: string, to: string) =>
    execa(compiler, ["-static", "-O1", "-o", to, "bench/guest/net-io.c"]);
  await Promise.all([compile("riscv64-linux-gnu-gcc", join(shared, "net-io")), compile("cc", onHost)]);
  return { shared, onHost };
}

/** The other end of net-io, until it is disposed of. */
async function serve(onHost: string): Promise<AsyncDisposable> {
  const [program, ...args] = network.command([onHost, "serve", "10.77.0.1", "5201"]);
  const server = spawn(program, args, { stdio: ["ignore", "pipe", "inherit"] });
  const ended = once(server, "exit");
  await Promise.race([once(server.stdout, "data"), ended]);
  return {
    async [Symbol.asyncDispose]() {
      server.kill();
      await ended;
    },
  };
}

describe("a guest on a tap", () => {
  it("exchanges packets with the host, whose contents arrive whole, and captures them", {
    timeout: 900_000,
  }, async () => {
    const pcap = join(folder, "a,b.pcap");
    await using guest = await boot(`tap:vknet0,mac=52:54:00:77:00:02,pcap=${pcap}`);
    await configure(guest);
    await network.ip("addr add 10.77.0.1/24 dev vknet0");
    await network.ip("-6 addr add fd77::1/64 dev vknet0 nodad");
    expect(await guest.run("ping -c 3 -W 10 10.77.0.1")).toContain("3 packets received, 0% packet loss");
    expect(await guest.run("ping -c 2 -W 10 fd77::1")).toContain("2 packets received, 0% packet loss");
    expect(await network.run(["ping", "-c", "3", "-W", "10", "10.77.0.2"])).toContain("3 received, 0% packet loss");

    // Guest to host: what arrives has the checksum of what was sent.
    const received = network.run([process.execPath, "-e", RECEIVER]);
    const sent = await guest.run(
      `head -c ${BYTES} /dev/urandom >/run/data; sleep 1; nc 10.77.0.1 5001 </run/data; sha256sum </run/data`,
      200_000,
    );
    await guest.run("nc -l -p 5002 >/run/back & sleep 1");
    expect(sent.split(" ")[0]).toBe((await received).trim());

    // Host to guest.
    const sum = await network.run([process.execPath, "-e", SENDER]);
    expect(await guest.run("wait; sha256sum </run/back", 200_000)).toContain(sum.trim());

    guest.sendLine("poweroff -f");
    expect(await guest.ended()).toBe(0);

    const dump = await network.run(["tcpdump", "-nr", pcap, "icmp or icmp6"]);
    expect(dump.match(/10\.77\.0\.2 > 10\.77\.0\.1: ICMP echo request/g)).toHaveLength(3);
    expect(dump.match(/10\.77\.0\.2 > 10\.77\.0\.1: ICMP echo reply/g)).toHaveLength(3);
    expect(dump).toContain("fd77::1 > fd77::2: ICMP6, echo reply");
    // A tap that was made for the guest goes with it.
    expect(await network.ip("-br link")).not.toContain("vknet0");
  });

  it.runIf(process.getuid?.() === 0)(
    "that belongs to an ordinary user serves that user, with long segments both ways",
    {
      timeout: 900_000,
    },
    async () => {
      const { shared, onHost } = await compileNetIo();
      await network.ip(`tuntap add dev vknet2 mode tap user ${NOBODY}`);
      await network.ip("addr add 10.77.0.1/24 dev vknet2");
      await network.ip("link set vknet2 up");
      const image = join(folder, "disk.img");
      copyFileSync(await tinyImage(), image, constants.COPYFILE_FICLONE);
      chownSync(image, NOBODY, NOBODY);
      chmodSync(folder, 0o755);
      const args = ["--net", "tap:vknet2", "--share", `${shared}:programs:ro`];
      await using guest = await GuestProcess.tiny(args, (words) => network.command([...AS_NOBODY, ...words]), image);
      await configure(guest);
      await guest.run("mount -t 9p -o trans=virtio,version=9p2000.L programs /mnt");
      await using _server = await serve(onHost);

      const start = await counted("vknet2");
      await guest.run(`/mnt/net-io send 10.77.0.1 5201 ${LONG_MIB}`, 200_000);
      const between = await counted("vknet2");
      expect(between.received.bytes - start.received.bytes).toBeGreaterThan(LONG_MIB << 20);
      expect(frameLength(start.received, between.received)).toBeGreaterThan(10_000);
      await guest.run(`/mnt/net-io receive 10.77.0.1 5201 ${LONG_MIB}`, 200_000);
      const end = await counted("vknet2");
      expect(end.sent.bytes - between.sent.bytes).toBeGreaterThan(LONG_MIB << 20);
      expect(frameLength(between.sent, end.sent)).toBeGreaterThan(10_000);
    },
  );

  it("that the user made, and put on a bridge, is left as it was", { timeout: 900_000 }, async () => {
    await network.ip("tuntap add dev vknet1 mode tap");
    await network.ip("link set vknet1 mtu 4000");
    await network.ip("link add vkbr0 type bridge");
    await network.ip("link set vkbr0 up");
    await network.ip("addr add 10.77.0.1/24 dev vkbr0");
    await using guest = await boot("tap:vknet1,bridge=vkbr0");
    await configure(guest);
    expect(await guest.run("cat /sys/class/net/eth0/mtu")).toBe("4000\n");
    await network.ip("link set vkbr0 mtu 4000");
    expect(await guest.run("ping -c 2 -W 10 -s 3900 10.77.0.1")).toContain("2 packets received, 0% packet loss");
    guest.sendLine("poweroff -f");
    expect(await guest.ended()).toBe(0);
    expect(await network.ip("-br link show master vkbr0")).toContain("vknet1");
  });
});

const HASH = 'const hash = require("crypto").createHash("sha256");';
/** busybox's nc says nothing when its input ends: who receives has to know how much comes. */
const RECEIVER = `${HASH}
let left = ${BYTES};
const server = require("net").createServer((socket) => {
  socket.on("data", (chunk) => {
    hash.update(chunk);
    left -= chunk.length;
    if (left > 0) return;
    console.log(hash.digest("hex"));
    socket.end();
    server.close();
  });
}).listen(5001, "10.77.0.1");`;
const SENDER = `${HASH}
const data = require("crypto").randomBytes(${BYTES});
const socket = require("net").connect(5002, "10.77.0.2", () => socket.end(data));
socket.on("close", () => console.log(hash.update(data).digest("hex")));`;
