import { setTimeout as sleep } from "node:timers/promises";
import { expect, it } from "vitest";
import { bootGuest, type Guest } from "../support/guest.js";
import { TINY_PROMPT, tinyImage } from "../support/tiny-image.js";

const MIB = 2 ** 20;
const BOOT_MS = 400_000;

async function resident(guest: Guest): Promise<number> {
  const { residentBytes } = await guest.vkernel.stats();
  if (residentBytes === undefined) throw new Error("the addon is missing: ./build.sh build");
  return residentBytes;
}

async function until(what: () => Promise<boolean>, timeoutMs: number): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  while (!(await what())) {
    if (Date.now() > deadline) throw new Error(`not within ${timeoutMs} ms: ${what}`);
    await sleep(200);
  }
}

/** Fills so much of the guest's memory, and frees it again. */
async function touch(guest: Guest, mebibytes: number): Promise<void> {
  guest.sendLine(`dd if=/dev/zero of=/dev/shm/fill bs=1M count=${mebibytes} 2>/dev/null; echo filled-$((6*7))`);
  await guest.waitFor(/filled-42/, 120_000);
}

it("memory that the guest frees goes back to the host", { timeout: 900_000 }, async () => {
  await using guest = await bootGuest({ disk: await tinyImage(), memory: "512M", snapshot: true });
  await guest.waitFor(TINY_PROMPT, BOOT_MS);
  guest.sendLine("until grep -q virtio_balloon /proc/modules; do sleep 0.2; done; echo balloon-$((6*7))");
  await guest.waitFor(/balloon-42/);
  await touch(guest, 200);
  expect(await resident(guest)).toBeGreaterThan(200 * MIB);
  // Free pages are reported some seconds after they became free; nobody has to ask for it.
  guest.sendLine("rm /dev/shm/fill");
  await until(async () => (await resident(guest)) < 150 * MIB, 60_000);
  // And it is there again when the guest wants it.
  await touch(guest, 200);
  guest.sendLine("tr -d '\\0' < /dev/shm/fill | wc -c");
  await guest.waitFor(/\n0\r?\n/);
});

it("a balloon takes memory from the guest, keeps it over a reboot, and gives it back", {
  timeout: 900_000,
}, async () => {
  await using guest = await bootGuest({
    disk: await tinyImage(),
    memory: "512M",
    snapshot: true,
    memoryTarget: "384M",
  });
  const { vkernel } = guest;
  await guest.waitFor(TINY_PROMPT, BOOT_MS);
  await until(async () => (await vkernel.memoryStats()).balloon === 128 * MIB, 60_000);
  // All of it was touched once, and then taken.
  vkernel.setMemoryTarget("512M");
  await until(async () => (await vkernel.memoryStats()).balloon === 0, 60_000);
  await touch(guest, 220);
  guest.sendLine("rm /dev/shm/fill; echo removed-$((6*7))");
  await guest.waitFor(/removed-42/);
  const before = await vkernel.memoryStats();
  expect(before.guest.total).toBeGreaterThan(400 * MIB);
  expect(before.guest.available).toBeGreaterThan(200 * MIB);
  vkernel.setMemoryTarget("256M");
  await until(async () => (await vkernel.memoryStats()).balloon === 256 * MIB, 60_000);
  expect(await resident(guest)).toBeLessThan(256 * MIB);
  const after = await vkernel.memoryStats();
  expect(after).toMatchObject({ bytes: 512 * MIB, target: 256 * MIB });
  expect((before.guest.free ?? 0) - (after.guest.free ?? 0)).toBeGreaterThan(200 * MIB);

  guest.sendLine("reboot -f");
  await guest.waitFor(/BusyBox/, BOOT_MS);
  await guest.waitFor(TINY_PROMPT, BOOT_MS);
  await until(async () => (await vkernel.memoryStats()).balloon === 256 * MIB, 60_000);
  guest.sendLine("poweroff -f");
  expect(await vkernel.wait()).toMatchObject({ reason: "poweroff" });
});
