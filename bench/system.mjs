// @ts-check
// Suite `system`: ways through the kernel, walked by a program in the `tiny` guest. Both guests are booted once; then
// they walk each path by turns. The host's clock times it; how far the guest's own clock is from it is noted.
import { compare, printHeader, printMean, printRow, SPEED_MEANS } from "./comparison.mjs";
import { withGuests } from "./guest-session.mjs";
import { findImage } from "./images.mjs";
import { linux } from "./machines.mjs";
import { pick } from "./options.mjs";
import { compileProgram, writePayload } from "./payload.mjs";

/** How often each path of bench/guest/system-paths.c is walked: for a second or more under QEMU. */
export const COUNTS = {
  getppid: 2_000_000,
  pipe: 12_000,
  "fork-exit": 1_500,
  "fork-exec": 400,
  "page-fault": 60_000,
  mmap: 6_000,
  signal: 10_000,
};
const PROMPT = /# $/;
const BOOT_SECONDS = 180;
const PATH_SECONDS = 180;
/** The most that starting and ending the program, outside its own measurement, may take. */
const START_SECONDS = 0.05;

/** @typedef {import("./guest-session.mjs").GuestSession} GuestSession */

/** @param {GuestSession} guest */
async function prepare(guest) {
  await guest.waitFor(PROMPT, BOOT_SECONDS);
  guest.type("tar -xf /dev/vdb -C /run && . /run/session.sh\n");
  await guest.run("true", BOOT_SECONDS);
}

/**
 * @param {GuestSession} guest
 * @param {string} name
 * @param {number} count
 */
async function walk(guest, name, count) {
  const { seconds, output } = await guest.run(`/run/system-paths ${name} ${count}`, PATH_SECONDS);
  const guestSeconds = Number(/^seconds ([\d.]+)$/m.exec(output)?.[1]);
  if (!(guestSeconds > 0)) throw new Error(`${guest.name}: ${name} printed no time:\n${output}`);
  const difference = Math.abs(guestSeconds - seconds);
  return { seconds, clockError: Math.max(0, difference - START_SECONDS) / seconds };
}

/** @param {import("./options.mjs").BenchOptions} options */
export async function runSystemSuite({ runs, jit, only }) {
  const names = pick("path", Object.keys(COUNTS), only);
  const drive = writePayload("system", [compileProgram("system-paths")]);
  const machines = linux(await findImage("tiny"), jit, { drives: [drive] });
  printHeader("path");
  const rows = await withGuests(machines, prepare, async (guests) => {
    const done = [];
    for (const name of names) done.push(await compareWalks(guests, name, runs));
    return done;
  });
  return { suite: "system", runs, jit, speedMeans: SPEED_MEANS, geometricMeanSpeed: printMean(rows), rows };
}

/**
 * @param {GuestSession[]} guests
 * @param {string} name
 * @param {number} runs
 */
async function compareWalks(guests, name, runs) {
  const count = COUNTS[/** @type {keyof typeof COUNTS} */ (name)];
  const seconds = { QEMU: /** @type {number[]} */ ([]), vkrun: /** @type {number[]} */ ([]) };
  const clockError = { QEMU: 0, vkrun: 0 };
  for (let run = 0; run < runs; run++) {
    for (const guest of guests) {
      const result = await walk(guest, name, count);
      seconds[guest.name].push(result.seconds);
      clockError[guest.name] = Math.max(clockError[guest.name], result.clockError);
    }
  }
  const row = compare(name, seconds);
  const perSecond = { qemu: count / row.qemu.median, vkrun: count / row.vkrun.median };
  const note = `${rounded(perSecond.qemu)} /s, ${rounded(perSecond.vkrun)} /s`;
  printRow(row, `${note}${clockNote(clockError)}`);
  return { ...row, count, perSecond, largestClockError: clockError };
}

/** @param {number} perSecond */
function rounded(perSecond) {
  return Number(perSecond.toPrecision(3)).toLocaleString("en");
}

/** @param {Record<import("./machines.mjs").MachineName, number>} error */
function clockNote({ QEMU, vkrun }) {
  const worst = Math.max(QEMU, vkrun);
  return worst < 0.05 ? "" : `; guest's clock off by ${(worst * 100).toFixed(0)} %`;
}
