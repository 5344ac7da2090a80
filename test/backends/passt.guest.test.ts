import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { execa } from "execa";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { vkrun } from "../support/command.js";
import { GuestProcess } from "../support/guest-process.js";
import { NetworkNamespace } from "../support/network-namespace.js";
import { tinyImage } from "../support/tiny-image.js";

const POLL_MS = 50;

/** A host with an address, a default route and nobody behind it: passt takes both from there. */
async function host(): Promise<NetworkNamespace> {
  const network = await NetworkNamespace.create();
  await network.ip("link add uplink type veth peer name provider");
  await network.ip("addr add 10.79.0.5/24 dev uplink");
  await network.ip("-6 addr add fd79::5/64 dev uplink nodad");
  await network.ip("link set provider up");
  await network.ip("link set uplink up");
  await network.ip("route add default via 10.79.0.1");
  await network.ip("-6 route add default via fd79::1");
  return network;
}

/** Sends a datagram to the published port until there is an answer, for datagrams may get lost, and prints that. */
const DATAGRAM = `const socket = require("dgram").createSocket("udp4");
const send = () => socket.send("no problem", 5301, "127.0.0.1");
const timer = setInterval(send, 1000);
socket.once("message", (data) => {
  console.log(String(data));
  clearInterval(timer);
  socket.close();
});
send();`;

/** Another program that uses a tap. */
const TAP_HOLDER = `import { native } from "./dist/native.js";
native().openTap({ name: "vkheld0", multiQueue: false, headerLength: 12 });
console.log("held");
setInterval(() => {}, 1000);`;

describe("a guest in the user network", () => {
  let network: NetworkNamespace;
  let folder: string;
  beforeEach(async () => {
    network = await host();
    folder = mkdtempSync(join(tmpdir(), "vkrun-passt-test-"));
  });
  afterEach(async () => {
    await network[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true });
  });

  it("gets an address, reaches the host, and is reached through published ports only", {
    timeout: 900_000,
  }, async () => {
    // The gateway's address stands for the host itself.
    const script = `require("http").createServer((_, response) => response.end("from the host " + "x".repeat(200000)))
      .listen(8000, "127.0.0.1", () => console.log("listening"))`;
    const [program, ...args] = network.command([process.execPath, "-e", script]);
    const server = spawn(program, args, { stdio: ["ignore", "pipe", "inherit"] });
    try {
      const program = join(folder, "udp-echo");
      await execa("riscv64-linux-gnu-gcc", ["-static", "-O1", "-o", program, "test/support/udp-echo.c"]);
      const share = ["--share", `${folder}:programs:ro`];
      const options = ["--net", "user", "--publish", "8081:80", "--publish", "5301:53/udp", ...share];
      await using guest = await GuestProcess.tiny(options, (command) => network.command(command));
      await guest.run("until ip -4 addr show dev eth0 | grep -q 10.79.0.5/24; do sleep 0.5; done", 120_000);
      expect(await guest.run("cat /sys/class/net/eth0/mtu")).toBe("65520\n");
      expect(await guest.run("wget -q -O - http://10.79.0.1:8000/ | head -c 13")).toBe("from the host");
      expect((await guest.run("wget -q -O - http://10.79.0.1:8000/ | wc -c")).trim()).toBe(String(14 + 200_000));
      await guest.run("mkdir /run/www && echo hello from the guest >/run/www/index.html && httpd -p 80 -h /run/www");
      const get = `fetch("http://127.0.0.1:8081/").then((r) => r.text()).then(console.log, () => console.log("none"))`;
      expect(await network.run([process.execPath, "-e", get])).toContain("hello from the guest");
      await guest.run("mount -t 9p -o trans=virtio,version=9p2000.L programs /mnt");
      guest.sendLine("/mnt/udp-echo 53");
      await guest.waitFor(/listening\r?\n/);
      expect(await network.run([process.execPath, "-e", DATAGRAM])).toBe("melborp on");
      guest.sendLine("poweroff -f");
      expect(await guest.ended()).toBe(0);
      expect(guest.errors).toBe("");
    } finally {
      server.kill();
    }
    // passt goes with its guest.
    expect(await network.run(["ss", "-Htln"])).not.toContain(":8081");
  });

  it("goes on without a network when passt is killed, and is told", { timeout: 900_000 }, async () => {
    await using guest = await GuestProcess.tiny(["--net", "user", "--publish", "127.0.0.1:8082:80"], (command) =>
      network.command(command),
    );
    await guest.run("until ip -4 addr show dev eth0 | grep -q 10.79.0.5/24; do sleep 0.5; done", 120_000);
    const [, pid] = /:8082.*pid=(\d+)/.exec(await network.run(["ss", "-Htlnp"])) ?? [];
    process.kill(Number(pid), "SIGKILL");
    await guest.run("until [ $(cat /sys/class/net/eth0/carrier) = 0 ]; do sleep 0.2; done");
    expect(guest.errors).toContain("passt ended, and with it the guest's network");
    guest.sendLine("poweroff -f");
    expect(await guest.ended()).toBe(0);
  });
});

/** Until a process with a socket at `port` listens: its process id. */
async function listener(network: NetworkNamespace, port: number): Promise<number> {
  for (;;) {
    const [, pid] = new RegExp(`:${port} .*pid=(\\d+)`).exec(await network.run(["ss", "-Htlnp"])) ?? [];
    if (pid !== undefined) return Number(pid);
    await delay(POLL_MS);
  }
}

describe("the passt of a vkernel", () => {
  // A descriptor that vkrun has from who started it, like V8's perf map and others that are not marked as its own.
  const inheriting = ["sh", "-c", 'exec 9</etc/passwd "$0" "$@"'];

  it("is gone when the process is killed, even if it cannot see that, and has no descriptors of it", {
    timeout: 300_000,
  }, async () => {
    await using network = await host();
    await using guest = new GuestProcess(
      ["-m", "256M", "--snapshot", "--net", "user", "--publish", "8083:80", await tinyImage()],
      (command) => network.command([...inheriting, ...command]),
    );
    const passt = await listener(network, 8083);
    expect(descriptors(guest.pid)).toContain("/etc/passwd");
    const foreign = descriptors(passt).filter(
      (target) => !/^(socket:|anon_inode:\[eventpoll\]|\/dev\/null$)/.test(target),
    );
    expect(foreign).toEqual([]);
    process.kill(passt, "SIGSTOP");
    process.kill(guest.pid, "SIGKILL");
    while (existsSync(`/proc/${passt}`)) await delay(POLL_MS);
    expect(await network.run(["ss", "-Htln"])).not.toContain(":8083");
  });

  it("takes its guard with it when it ends", { timeout: 300_000 }, async () => {
    await using network = await host();
    await using guest = new GuestProcess(
      ["-m", "256M", "--snapshot", "--net", "user", "--publish", "8084:80", await tinyImage()],
      (command) => network.command(command),
    );
    // Its first words come when passt has said that it is ready; one that ended before would end the start.
    await guest.waitFor(/./, 120_000);
    const passt = await listener(network, 8084);
    const guards = readFileSync(`/proc/${passt}/task/${passt}/children`, "utf8").trim().split(" ");
    expect(guards).toHaveLength(1);
    process.kill(passt, "SIGKILL");
    while (existsSync(`/proc/${guards[0]}`)) await delay(POLL_MS);
    expect(existsSync(`/proc/${guest.pid}`)).toBe(true);
  });
});

/** What a process has open. */
function descriptors(pid: number): string[] {
  return readdirSync(`/proc/${pid}/fd`).map((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`));
}

describe("a network that cannot be had", () => {
  const program = ["--elf", "test/none.elf"];

  it("says which port another program has", async () => {
    const server = createServer().listen(0, "127.0.0.1");
    await new Promise((resolve) => server.once("listening", resolve));
    const { port } = server.address() as { port: number };
    const { status, stderr } = await vkrun(["--publish", `${port}:80`, ...program]);
    server.close();
    expect([status, stderr]).toEqual([1, expect.stringContaining("ERR_VKRUN_PORT_IN_USE")]);
  });

  it("says that passt is not installed", async () => {
    const { status, stderr } = await vkrun(["--net", "user", ...program], { env: { PATH: "/nonexistent" } });
    expect([status, stderr]).toEqual([1, expect.stringMatching(/ERR_VKRUN_PASST_MISSING.*apt-get install passt/s)]);
  });

  it("says in passt's words why it did not start", async () => {
    await using network = await NetworkNamespace.create();
    const command = [process.execPath, "dist/cli/main.js", "--net", "user", ...program];
    await expect(network.run(command)).rejects.toThrow(/ERR_VKRUN_PASST_FAILED/);
  });

  it.runIf(process.getuid?.() === 0)("says which command makes a tap for who may not", async () => {
    const { status, stderr } = await vkrun(["--net", "tap:vknone0", ...program], { user: 65_534 });
    expect(status).toBe(1);
    expect(stderr).toMatch(/ERR_VKRUN_TAP_(ACCESS|UNAVAILABLE)/);
    expect(stderr).toMatch(/ip tuntap add dev vknone0 mode tap user nobody|modprobe tun/);
  });

  it("says that a bridge is missing, that a tap is in use, and that an interface is no tap", async () => {
    await using network = await NetworkNamespace.create();
    const run = (net: string): Promise<string> =>
      network.run([process.execPath, "dist/cli/main.js", "--net", net, ...program]);
    await expect(run("tap:vk0,bridge=none0")).rejects.toThrow(/ERR_VKRUN_BRIDGE_MISSING/);
    await expect(run("tap:lo")).rejects.toThrow(/ERR_VKRUN_TAP_INVALID/);
    const [node, ...args] = network.command([process.execPath, "--input-type=module", "-e", TAP_HOLDER]);
    const holder = spawn(node, args, { stdio: ["ignore", "pipe", "inherit"] });
    try {
      await once(holder.stdout, "data");
      await expect(run("tap:vkheld0")).rejects.toThrow(/vkheld0 is in use by another program \(ERR_VKRUN_TAP_BUSY\)/);
    } finally {
      holder.kill();
    }
  });

  it.each([
    ["tap", /tap:NAME/],
    ["tap:x,colour=red", /colour=red/],
    ["user:x", /no name/],
    ["none,mtu=9000", /nothing to set/],
    ["wire", /user, tap:NAME/],
    ["link:a,bridge=b", /bridge=b/],
    ["user,pcap=", /names no file/],
    ["user,mtu=1", /no MTU/],
    ["user,mac=1", /MAC address/],
    ["tap:a-very-long-interface-name", /no name of a network interface/],
  ])("refuses --net %s", async (net, message) => {
    const { status, stderr } = await vkrun(["--net", net, ...program]);
    expect(status).toBeGreaterThan(0);
    expect(stderr).toMatch(message);
  });

  it.each([
    [["--net", "none", "--publish", "1:2"], /--publish needs the user network/],
    [["--publish", "80"], /which port to publish/],
    [["--publish", "1:2", "--publish", "1:3"], /published twice/],
    [["--publish", "0:80"], /which port to publish/],
    [["--publish", "host:1:2"], /which port to publish/],
  ])("refuses %j", async (args, message) => {
    const { status, stderr } = await vkrun([...args, ...program]);
    expect(status).toBeGreaterThan(0);
    expect(stderr).toMatch(message);
  });
});
