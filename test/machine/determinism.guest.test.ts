import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { bootGuest } from "../support/guest.js";
import { NetworkNamespace } from "../support/network-namespace.js";
import { tinyImage } from "../support/tiny-image.js";

const BYTES = 2 ** 21;
/** Fetches a file, writes it to the disk, and reads it from there past the page cache. */
const TRAFFIC = [
  "until [ -d /sys/class/net/eth0 ]; do sleep 0.2; done",
  "while pidof udhcpc >/dev/null; do killall -q udhcpc; sleep 0.2; done",
  "ip link set eth0 up",
  "ip addr add 10.77.0.2/24 dev eth0",
  "ping -c 2 10.77.0.1",
  "wget -q -O /root/data http://10.77.0.1:8000/",
  "sync",
  "echo 3 >/proc/sys/vm/drop_caches",
  "md5sum /root/data",
  'echo "<"done">"',
].join("; ");
const SERVER = `require("http").createServer((_, response) => response.end(Buffer.alloc(${BYTES}, "vkrun")))
  .listen(8000, "10.77.0.1", () => console.log("listening"))`;

it("boots of Linux with the same clock, disk and network traffic retire the same instructions and reach the same memory, compiled or interpreted, with either hot path", {
  timeout: 900_000,
}, async () => {
  const folder = mkdtempSync(join(tmpdir(), "vkrun-determinism-"));
  try {
    const record = join(folder, "boot.vkrec");
    const network = { type: "tap", name: "vkdet0" } as const;
    const machine = { disk: await tinyImage(), memory: "256M", snapshot: true, network };
    const first = await recorded({ ...machine, record });
    expect(first.output).toContain("2 packets received");
    expect(first.output).toMatch(/[0-9a-f]{32} {2}\/root\/data/);
    expect(BigInt(first.instructions)).toBeGreaterThan(100_000_000n);
    // The guest cannot tell how it is executed, so neither can a replay; which has no tap, and nobody at its other end.
    for (const how of [{ jit: "on" }, { jit: "off" }, { hotPath: "ts" }] as const) {
      await using guest = await bootGuest({ ...machine, ...how, replay: record });
      const second = await guest.vkernel.wait();
      expect(String(second.instructions)).toBe(first.instructions);
      expect(second.memoryHash).toBe(first.memoryHash);
      await expect.poll(() => guest.output).toBe(first.output);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});

/** A run in a network of its own, with a host in there to talk to. */
async function recorded(options: object): Promise<{ instructions: string; memoryHash: string; output: string }> {
  await using network = await NetworkNamespace.create();
  await network.ip("tuntap add dev vkdet0 mode tap");
  await network.ip("addr add 10.77.0.1/24 dev vkdet0");
  await network.ip("link set vkdet0 up");
  const [program, ...args] = network.command([process.execPath, "-e", SERVER]);
  const server = spawn(program, args, { stdio: ["ignore", "pipe", "inherit"] });
  try {
    await Promise.race([once(server.stdout, "data"), once(server, "exit")]);
    const command = [process.execPath, "test/support/record-traffic.mjs", JSON.stringify(options), TRAFFIC];
    return JSON.parse(await network.run(command, { timeoutMs: 400_000 }));
  } finally {
    server.kill();
  }
}
