import { expect, it } from "vitest";
import { bootGuest } from "../support/guest.js";
import { TINY_PROMPT, tinyImage } from "../support/tiny-image.js";

const KIB = 1024;

it("finds a Linux guest's processes, with the sizes that the guest's kernel gives them", async () => {
  await using guest = await bootGuest({ disk: await tinyImage(), snapshot: true, memory: "256M" });
  await guest.waitFor(TINY_PROMPT, 400_000);
  guest.sendLine("for i in 1 2 3; do sleep 10000 & done; sleep 1; echo slept''");
  await guest.waitFor(/slept\r?\n/);
  // Processes only: a kernel thread has no memory of its own. Built-ins only: what is counted does not count.
  guest.sendLine(
    'for p in /proc/[0-9]*; do read s r x < $p/statm; read c < $p/comm; test $r = 0 || echo "<$c $((r*4))>"; done; echo "<e"nd">"',
  );
  const [said] = await guest.waitFor(/.*<end>/s);
  await guest.vkernel.pause();
  const { spaces, kernel } = await guest.vkernel.vmspaces();
  const processes = [...said.matchAll(/<(\w+) (\d+)>/g)].map(([, name, kib]) => ({ name, kib: Number(kib) }));
  const sleeps = processes.filter(({ name }) => name === "sleep").map(({ kib }) => kib);
  expect(sleeps).toHaveLength(3);
  // Processes that have just ended may leave tables behind which nobody has used again; none may be missing.
  expect(spaces.length).toBeGreaterThanOrEqual(processes.length);
  const resident = spaces.map(({ residentBytes }) => residentBytes / KIB);
  // Linux counts in batches, so its numbers are off by up to 64 pages each for files, anonymous and shared memory.
  for (const { name, kib } of processes) {
    const nearest = Math.min(...resident.map((found) => Math.abs(found - kib)));
    expect(nearest, `${name}: ${kib} of ${resident}`).toBeLessThan(3 * 64 * 4);
  }
  for (const space of spaces) {
    expect(space.isComplete).toBe(true);
    expect(space.proportionalBytes).toBeLessThanOrEqual(space.residentBytes);
    expect(space.residentBytes).toBeLessThanOrEqual(space.mappedBytes);
    expect(space.sharedBytes).toBeLessThanOrEqual(space.residentBytes);
    expect(space.proportionalBytes).toBeGreaterThan(space.residentBytes - space.sharedBytes);
  }
  // The kernel's half maps all of RAM, and is walked once.
  expect(kernel?.residentBytes).toBeGreaterThan(200 * 2 ** 20);
  expect(spaces.filter(({ isCurrent }) => isCurrent).length).toBeLessThanOrEqual(1);
});
