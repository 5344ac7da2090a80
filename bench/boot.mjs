// @ts-check
// Suite `boot`: from the start of the process to the shell prompt of `tiny` and to the login of `debian`, then what an
// idle guest costs: resident memory and processor time.
import { readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { compare, printHeader, printMean, printRow, SPEED_MEANS } from "./comparison.mjs";
import { measureCompiling } from "./compile-share.mjs";
import { GuestSession, withoutQueries } from "./guest-session.mjs";
import { findImage } from "./images.mjs";
import { linux } from "./machines.mjs";
import { pick } from "./options.mjs";

/** By image: the end of what the guest has written when it waits for its user. */
const READY = { tiny: /[#$] $/, debian: /login: $/ };
const MEMORY_MIB = 512;
const BOOT_SECONDS = 600;
/** Left to itself before idle processor time is measured, and for how long it then is. */
const SETTLE_MS = 3000;
const IDLE_MS = 10_000;

/** @param {number} pid */
function residentMiB(pid) {
  const match = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"));
  return Number(match?.[1]) / 1024;
}

/**
 * User and system time of a process so far, in clock ticks of 10 ms (proc_pid_stat(5), fields 14 and 15).
 * @param {number} pid
 */
function processorTicks(pid) {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  // The second field, the name in parentheses, may hold spaces.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return Number(fields[11]) + Number(fields[12]);
}

/** What it costs to leave a guest alone. @param {GuestSession} guest */
async function measureIdle({ pid }) {
  if (pid === undefined) throw new Error("a guest without a process");
  await delay(SETTLE_MS);
  const before = processorTicks(pid);
  await delay(IDLE_MS);
  return { percentOfCore: (processorTicks(pid) - before) / (IDLE_MS / 1000), residentMiB: residentMiB(pid) };
}

/**
 * @param {keyof typeof READY} name
 * @param {import("./options.mjs").BenchOptions} options
 */
async function compareBoots(name, { runs, jit }) {
  const image = await findImage(name);
  const machines = linux(image, jit, { memory: `${MEMORY_MIB}M` });
  const seconds = { QEMU: /** @type {number[]} */ ([]), vkrun: /** @type {number[]} */ ([]) };
  /** @type {Record<string, { percentOfCore: number, residentMiB: number }>} */
  const idle = {};
  for (let run = 0; run < runs; run++) {
    for (const machine of machines) {
      const guest = new GuestSession(machine);
      try {
        await guest.waitFor(READY[name], BOOT_SECONDS);
        seconds[machine.name].push(guest.age);
        if (run === 0) idle[machine.name] = await measureIdle(guest);
      } finally {
        await guest[Symbol.asyncDispose]();
      }
    }
  }
  const row = compare(name, seconds);
  printRow(row);
  for (const [machine, { residentMiB, percentOfCore }] of Object.entries(idle)) {
    console.log(
      `  ${machine} then: ${residentMiB.toFixed(0)} MiB resident, idle at ${percentOfCore.toFixed(1)} % of a core`,
    );
  }
  if (jit === "off") return { ...row, idle };
  const compiling = await measureCompiling(image, (output) => READY[name].test(withoutQueries(output)), MEMORY_MIB);
  const { percentOfRun, regions, drops } = compiling;
  console.log(
    `  vkrun compiles for ${percentOfRun.toFixed(1)} % of its run time: ${regions} regions, ${drops} times dropped`,
  );
  return { ...row, idle, compiling };
}

/** @param {import("./options.mjs").BenchOptions} options */
export async function runBootSuite(options) {
  const { runs, jit, only } = options;
  const names = /** @type {(keyof typeof READY)[]} */ (pick("image", Object.keys(READY), only));
  printHeader("image");
  const rows = [];
  for (const name of names) rows.push(await compareBoots(name, options));
  return { suite: "boot", runs, jit, speedMeans: SPEED_MEANS, geometricMeanSpeed: printMean(rows), rows };
}
