import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, it } from "vitest";
import { bootGuest } from "../support/guest.js";
import { TINY_PROMPT, tinyImage } from "../support/tiny-image.js";

const MIB = 2 ** 20;
/** What a vkernel may hold besides the memory that its guest touched. */
const OVERHEAD = 150 * MIB;
/** Of one core. */
const IDLE_SHARE = 0.03;
const IDLE_MS = 10_000;

function residentBytes(): number {
  const [kibibytes = "0"] = /VmRSS:\s+(\d+) kB/.exec(readFileSync("/proc/self/status", "utf8"))?.slice(1) ?? [];
  return Number(kibibytes) * 1024;
}

// Measured as differences: this process has a test runner in it.
it("a guest at its prompt costs little more memory than it touched, and next to no processor time", {
  timeout: 600_000,
}, async () => {
  const disk = await tinyImage();
  const before = residentBytes();
  await using guest = await bootGuest({ disk, memory: "512M", snapshot: true });
  await guest.waitFor(TINY_PROMPT, 300_000);
  await sleep(3000);

  const { residentBytes: touched } = await guest.vkernel.stats();
  if (touched === undefined) throw new Error("the addon is missing: ./build.sh build");
  expect(touched).toBeGreaterThan(20 * MIB);
  expect(residentBytes() - before - touched).toBeLessThan(OVERHEAD);

  const start = process.cpuUsage();
  await sleep(IDLE_MS);
  const { user, system } = process.cpuUsage(start);
  expect((user + system) / 1000 / IDLE_MS).toBeLessThan(IDLE_SHARE);
});
