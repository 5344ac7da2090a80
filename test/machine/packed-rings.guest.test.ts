import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { bootGuest } from "../support/guest.js";
import { TINY_PROMPT, tinyImage } from "../support/tiny-image.js";

const RING_PACKED = 34;
const INDIRECT_DESC = 28;
const EVENT_IDX = 29;

it("Linux drives its disks, console and entropy source over packed rings, and gets every byte right", {
  timeout: 600_000,
}, async () => {
  const folder = mkdtempSync(join(tmpdir(), "vkrun-packed-"));
  try {
    const scratch = join(folder, "scratch.img");
    writeFileSync(scratch, Buffer.alloc(32 << 20));
    await using guest = await bootGuest({
      disk: await tinyImage(),
      drives: [scratch],
      memory: "256M",
      snapshot: true,
      console: "virtio",
      packedRings: true,
    });
    await guest.waitFor(TINY_PROMPT, 400_000);
    // Modules are loaded behind the prompt, and a device has no features before its driver is there.
    guest.sendLine(
      'until [ "$(cat /sys/class/misc/hw_random/rng_current 2>/dev/null)" != none ] && [ -c /dev/hwrng ]; do sleep 0.2; done',
    );
    guest.sendLine(
      "cd /sys/bus/virtio/devices; until [ $(ls -d */driver | wc -l) = $(ls | wc -l) ]; do sleep 0.2; done",
    );
    // A digit a feature bit, from 0 on: what its own driver negotiated.
    guest.sendLine("cat /sys/bus/virtio/devices/virtio*/features; echo features-end");
    const [features = ""] = await guest.waitFor(/(?:[01]{64}\s+)+features-end/);
    const negotiated = features.match(/[01]{64}/g) ?? [];
    expect(negotiated.length).toBeGreaterThanOrEqual(4);
    for (const bits of negotiated) {
      expect([RING_PACKED, INDIRECT_DESC, EVENT_IDX].map((bit) => bits[bit])).toEqual(["1", "1", "1"]);
    }
    // Random bytes over the disk and back, past the page cache both ways, while the console carries it all.
    guest.sendLine("head -c 8000000 /dev/urandom > /tmp/a; sha256sum < /tmp/a > /tmp/sum");
    guest.sendLine("dd if=/tmp/a of=/dev/vdb bs=64k conv=fsync 2>/dev/null; echo 3 > /proc/sys/vm/drop_caches");
    guest.sendLine("head -c 8000000 /dev/vdb | sha256sum | cmp - /tmp/sum && echo disk-$((6*7))");
    await guest.waitFor(/disk-42/, 120_000);
    guest.sendLine("dd if=/dev/hwrng bs=64 count=100 2>/dev/null | wc -c");
    await guest.waitFor(/\n6400\r?\n/);
    guest.sendLine("seq 5000; echo all-$((6*7))");
    await guest.waitFor(/\n4999\r?\n5000\r?\nall-42/, 60_000);
    const { devices } = await guest.vkernel.stats();
    expect(devices["vdb"]).toMatchObject({ broken: 0, ioErrors: 0 });
    expect(devices["vdb"]?.requests).toBeGreaterThan(10);
    expect(devices["hvc0"]?.broken).toBe(0);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
