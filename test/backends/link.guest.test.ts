import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { bootGuest, type Guest } from "../support/guest.js";
import { TINY_PROMPT, tinyImage } from "../support/tiny-image.js";

const BOOT_MS = 400_000;

async function boot(name: string, link: string): Promise<Guest> {
  const network = { type: "link" as const, name: link };
  return bootGuest({ disk: await tinyImage(), memory: "256M", snapshot: true, name, network });
}

async function configure(guest: Guest, address: string): Promise<void> {
  await guest.waitFor(TINY_PROMPT, BOOT_MS);
  guest.sendLine("until [ -d /sys/class/net/eth0 ]; do sleep 0.2; done; killall -q udhcpc; echo net is there");
  await guest.waitFor(/\nnet is there/);
  guest.sendLine(`ip link set eth0 up; ip addr add ${address}/24 dev eth0; cat /sys/class/net/eth0/mtu`);
  await guest.waitFor(/\n65520/);
}

it("two guests on one link reach each other, and see it go down and up when one goes and another comes", {
  timeout: 1_800_000,
}, async () => {
  const folder = mkdtempSync(join(tmpdir(), "vkrun-link-"));
  const link = join(folder, "cable");
  try {
    await using left = await boot("left", link);
    await configure(left, "10.78.0.1");
    left.sendLine("cat /sys/class/net/eth0/carrier");
    await left.waitFor(/\n0\r?\n/);
    {
      await using right = await boot("right", link);
      await configure(right, "10.78.0.2");
      right.sendLine("ping -c 3 10.78.0.1; ping -c 2 -s 60000 10.78.0.1");
      await right.waitFor(/3 packets received, 0% packet loss.*2 packets received, 0% packet loss/s);
      left.sendLine("cat /sys/class/net/eth0/carrier; nc -l -p 5001 | sha256sum");
      await left.waitFor(/\n1\r?\n/);
      right.sendLine("head -c 20000000 /dev/urandom >/run/data; nc 10.78.0.1 5001 </run/data; sha256sum </run/data");
      const [, sent] = await right.waitFor(/\n([0-9a-f]{64}) /, 200_000);
      const [, received] = await left.waitFor(/([0-9a-f]{64}) /, 200_000);
      expect(received).toBe(sent);
    }
    left.sendLine("cat /sys/class/net/eth0/carrier");
    await left.waitFor(/\n0\r?\n/);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
