import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, it } from "vitest";
import { COMMAND } from "../support/command.js";
import { bootGuest } from "../support/guest.js";
import { TINY_PROMPT, tinyImage } from "../support/tiny-image.js";

const MIB = 2 ** 20;
/** What a vkernel may hold besides the memory that its guest touched. */
const OVERHEAD = 150 * MIB;
/** Of one core. */
const IDLE_SHARE = 0.03;
const IDLE_MS = 10_000;
/** After its prompt a guest still has something to do, and V8 looks again at what was compiled while it booted, 5 s after it was. */
const SETTLE_MS = 8000;
/** USER_HZ: what /proc counts processor time in. */
const TICK_MS = 10;

function residentBytes(): number {
  const [kibibytes = "0"] = /VmRSS:\s+(\d+) kB/.exec(readFileSync("/proc/self/status", "utf8"))?.slice(1) ?? [];
  return Number(kibibytes) * 1024;
}

/** Processor time that all threads of a process have used: utime and stime of proc_pid_stat(5), behind the name. */
function processorMs(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8")
    .replace(/^.*\) /, "")
    .split(" ");
  return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
}

// Measured as a difference: this process has a test runner in it.
it("a guest at its prompt costs little more memory than it touched", { timeout: 600_000 }, async () => {
  const disk = await tinyImage();
  const before = residentBytes();
  await using guest = await bootGuest({ disk, memory: "512M", snapshot: true });
  await guest.waitFor(TINY_PROMPT, 300_000);
  await sleep(SETTLE_MS);
  const { residentBytes: touched } = await guest.vkernel.stats();
  if (touched === undefined) throw new Error("the addon is missing: ./build.sh build");
  expect(touched).toBeGreaterThan(20 * MIB);
  expect(residentBytes() - before - touched).toBeLessThan(OVERHEAD);
});

/** The command, as far as its guest's prompt. */
async function promptOf(disk: string): Promise<ChildProcess> {
  const command = spawn(process.execPath, [COMMAND, "--snapshot", disk], { stdio: ["pipe", "pipe", "inherit"] });
  let output = "";
  await new Promise<void>((resolve, reject) => {
    command.on("exit", () => reject(new Error(`vkrun ended; it printed:\n${output}`)));
    command.stdout.setEncoding("utf8").on("data", (text: string) => {
      output += text;
      if (TINY_PROMPT.test(output)) resolve();
    });
  });
  return command;
}

// As a process of its own, without the test runner's share.
it("a guest at its prompt costs next to no processor time", { timeout: 600_000 }, async () => {
  const command = await promptOf(await tinyImage());
  try {
    await sleep(SETTLE_MS);
    const before = processorMs(command.pid as number);
    await sleep(IDLE_MS);
    expect((processorMs(command.pid as number) - before) / IDLE_MS).toBeLessThan(IDLE_SHARE);
  } finally {
    command.kill();
  }
});
