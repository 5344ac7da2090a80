// @ts-check
// Suite `programs`: real programs in the `debian` guest. Both guests are booted once, from the same disks; then they
// run each program by turns, and what they made must be equal. The host's clock times them.
import { setTimeout as delay } from "node:timers/promises";
import { compare, printHeader, printMean, printRow, SPEED_MEANS } from "./comparison.mjs";
import { withGuests } from "./guest-session.mjs";
import { findImage, RECIPES } from "./images.mjs";
import { linux } from "./machines.mjs";
import { pick } from "./options.mjs";
import { writePayload } from "./payload.mjs";

/** As bench/guest/programs.sh has them. */
export const PROGRAMS = [
  "python-nbody",
  "python-sieve",
  "gzip",
  "xz",
  "openssl-sha256",
  "openssl-aes",
  "gcc",
  "sort",
  "shell",
];
const FILES = ["programs.sh", "n-body.py", "sieve.py"];
const BOOT_SECONDS = 600;
const PROGRAM_SECONDS = 300;
/** login(1) throws away what was typed before it has switched the echo off. */
const LOGIN_DELAY_MS = 500;
/** The work that a throughput of `openssl speed` is turned into the time of. */
const OPENSSL_BYTES = 64 * 2 ** 20;

/** @typedef {import("./guest-session.mjs").GuestSession} GuestSession */

/** Logs in and gets everything ready. @param {GuestSession} guest */
async function prepare(guest) {
  for (const [prompt, answer] of /** @type {const} */ ([
    [/login: $/, "root"],
    [/Password: $/, "vkrun"],
  ])) {
    await guest.waitFor(prompt, BOOT_SECONDS);
    await delay(LOGIN_DELAY_MS);
    guest.type(`${answer}\n`);
  }
  await guest.waitFor(/# $/, BOOT_SECONDS);
  guest.type("tar -xf /dev/vdc -C /run && . /run/session.sh && . /run/programs.sh\n");
  await guest.run("add_tools", BOOT_SECONDS);
  await guest.run("make_inputs", BOOT_SECONDS);
}

/**
 * Runs a program and answers its time, and what it made.
 * @param {GuestSession} guest
 * @param {string} name
 */
async function execute(guest, name) {
  const shellName = name.replaceAll("-", "_");
  const { seconds, output } = await guest.run(`run_${shellName}`, PROGRAM_SECONDS);
  const { output: result } = await guest.run(`check_${shellName}`, PROGRAM_SECONDS);
  return { seconds: name.startsWith("openssl-") ? opensslSeconds(guest, output) : seconds, result };
}

/**
 * The time for OPENSSL_BYTES at the throughput in a line of `openssl speed -mr`: +F:NUMBER:NAME:BYTES-PER-SECOND.
 * @param {GuestSession} guest
 * @param {string} output
 */
function opensslSeconds({ name }, output) {
  const bytesPerSecond = Number(/^\+F:\d+:[^:]+:([\d.]+)$/m.exec(output)?.[1]);
  if (!(bytesPerSecond > 0)) throw new Error(`${name}: openssl speed printed no throughput:\n${output}`);
  return OPENSSL_BYTES / bytesPerSecond;
}

/**
 * @param {GuestSession[]} guests
 * @param {string} name
 * @param {number} runs
 */
async function compareProgram(guests, name, runs) {
  const seconds = { QEMU: /** @type {number[]} */ ([]), vkrun: /** @type {number[]} */ ([]) };
  /** @type {Set<string>} */
  const results = new Set();
  for (let run = 0; run < runs; run++) {
    for (const guest of guests) {
      const { seconds: taken, result } = await execute(guest, name);
      seconds[guest.name].push(taken);
      results.add(result);
    }
  }
  if (results.size !== 1) throw new Error(`${name}: results differ: ${[...results].join(" and ")}`);
  const row = compare(name, seconds);
  printRow(row);
  return { ...row, result: [...results][0] };
}

/** @param {import("./options.mjs").BenchOptions} options */
export async function runProgramsSuite({ runs, jit, only }) {
  const names = pick("program", PROGRAMS, only);
  const tools = await findImage("tools", RECIPES);
  const payload = writePayload(
    "programs",
    FILES.map((file) => `bench/guest/${file}`),
  );
  const machines = linux(await findImage("debian"), jit, { memory: "1G", drives: [tools.disk, payload] });
  printHeader("program");
  const rows = await withGuests(machines, prepare, async (guests) => {
    const done = [];
    for (const name of names) done.push(await compareProgram(guests, name, runs));
    return done;
  });
  return {
    ...{ suite: "programs", runs, jit, speedMeans: SPEED_MEANS, opensslBytes: OPENSSL_BYTES },
    ...{ geometricMeanSpeed: printMean(rows), rows },
  };
}
