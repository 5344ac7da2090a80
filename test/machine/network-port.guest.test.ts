import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import type { Exit } from "vkrun";
import { bootGuest, type Guest } from "../support/guest.js";
import { PingHost } from "../support/ping-host.js";
import { TINY_PROMPT, tinyImage } from "../support/tiny-image.js";

const BOOT_MS = 400_000;
const MAC = "52:54:00:ab:cd:ef";
const HOST_MAC = [0x52, 0x55, 10, 0, 2, 2] as const;

/** The frames that a guest sends, from now on. */
function listen({ vkernel }: Guest, answer?: (frame: Uint8Array) => Uint8Array | undefined): string[] {
  const sent: string[] = [];
  vkernel.network?.on("frame", (frame) => {
    sent.push(Buffer.from(frame).toString("hex"));
    const reply = answer?.(frame);
    if (reply !== undefined) vkernel.network?.send(reply);
  });
  return sent;
}

it("a Linux guest reaches a host that answers from the other end of its cable, and does so again in a replay", {
  timeout: 1_800_000,
}, async () => {
  const folder = mkdtempSync(join(tmpdir(), "vkrun-network-"));
  try {
    const record = join(folder, "ping.vkrec");
    const machine = { disk: await tinyImage(), memory: "256M", snapshot: true, network: { mac: MAC } };
    let first: Exit;
    let sent: string[];
    {
      await using guest = await bootGuest({ ...machine, record });
      const host = new PingHost(HOST_MAC, [10, 0, 2, 2]);
      sent = listen(guest, (frame) => host.answer(frame));
      await guest.waitFor(TINY_PROMPT, BOOT_MS);
      // The driver is loaded behind the shell, which then asks for an address that nobody gives: neither may be in the way.
      guest.sendLine("until [ -d /sys/class/net/eth0 ]; do sleep 0.2; done; cat /sys/class/net/eth0/address");
      await guest.waitFor(new RegExp(`${MAC}\r?\n`), BOOT_MS);
      guest.sendLine("ip addr add 10.0.2.15/24 dev eth0; ip link set eth0 up; ping -c 3 10.0.2.2");
      await guest.waitFor(/3 packets transmitted, 3 packets received, 0% packet loss/, BOOT_MS);
      guest.sendLine("poweroff -f");
      first = await guest.vkernel.wait();
    }
    const echoes = sent.filter((frame) => frame.startsWith("52550a000202525400abcdef0800"));
    expect(echoes).toHaveLength(3);

    await using guest = await bootGuest({ ...machine, replay: record });
    // Nobody answers now: the replies are in the recording.
    const again = listen(guest);
    const second = await guest.vkernel.wait();
    expect(second.instructions).toBe(first.instructions);
    expect(second.memoryHash).toBe(first.memoryHash);
    expect(again).toEqual(sent);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

it("tiny's DHCP client takes away the address that it gave, and no other", { timeout: 900_000 }, async () => {
  await using guest = await bootGuest({ disk: await tinyImage(), memory: "256M", snapshot: true, network: true });
  await guest.waitFor(TINY_PROMPT, BOOT_MS);
  // Once the client that the boot started has given up, the script is ours; called as udhcpc does.
  guest.sendLine("while pidof devices; do sleep 0.5; done; echo given up; ip addr add 10.0.2.15/24 dev eth0");
  await guest.waitFor(/\ngiven up/);
  const script = "interface=eth0 ip=10.9.8.7 mask=16 router=10.9.0.1 dns=10.9.0.2 /etc/udhcpc.script";
  const show = `ip -4 -o addr show dev eth0 | awk '{ printf "%s,", $4 } END { print "shown" }'`;
  guest.sendLine(`${script} deconfig; ${script} bound; ${script} renew; ${show}; ip route; cat /etc/resolv.conf`);
  await guest.waitFor(/\n10\.0\.2\.15\/24,10\.9\.8\.7\/16,shown/);
  await guest.waitFor(/default via 10\.9\.0\.1 dev eth0.*nameserver 10\.9\.0\.2/s);
  guest.sendLine(`${script} deconfig; ${show}`);
  await guest.waitFor(/\n10\.0\.2\.15\/24,shown/);
});
