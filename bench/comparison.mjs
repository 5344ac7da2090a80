// @ts-check
// What all suites have in common: seconds of two machines, and how their speeds compare.
import { geometricMean, summarize } from "./statistics.mjs";

/** @typedef {ReturnType<typeof summarize>} Summary */

/**
 * `speed` is vkrun's relative to QEMU's: 1 is the same, 2 is twice as fast.
 * @typedef {{ name: string, speed: number, qemu: Summary, vkrun: Summary }} Row
 */

/** The unit of `speed`, for the reader of a JSON file. */
export const SPEED_MEANS =
  "vkrun's speed relative to QEMU TCG: median time of QEMU / median time of vkrun; more is better";

/**
 * @param {string} name
 * @param {Record<import("./machines.mjs").MachineName, number[]>} seconds  one number a run
 * @param {Record<import("./machines.mjs").MachineName, number>} [overhead]  seconds to take off each
 * @returns {Row}
 */
export function compare(name, seconds, overhead = { QEMU: 0, vkrun: 0 }) {
  const qemu = summarize(seconds.QEMU.map((value) => value - overhead.QEMU));
  const vkrun = summarize(seconds.vkrun.map((value) => value - overhead.vkrun));
  return { name, speed: qemu.median / vkrun.median, qemu, vkrun };
}

/** Prints the line above the rows. @param {string} what */
export function printHeader(what) {
  console.log(
    `${what.padEnd(16)} ${"QEMU s (min..max)".padEnd(25)} ${"vkrun s (min..max)".padEnd(25)} speed (QEMU = 1)`,
  );
}

/**
 * @param {Row} row
 * @param {string} [note]
 */
export function printRow({ name, qemu, vkrun, speed }, note = "") {
  console.log(`${name.padEnd(16)} ${cells(qemu)} ${cells(vkrun)} ${speed.toFixed(2).padStart(6)}  ${note}`.trimEnd());
}

/** Prints and answers the geometric mean of the rows' speeds. @param {Row[]} rows */
export function printMean(rows) {
  const mean = geometricMean(rows.map(({ speed }) => speed));
  console.log(`geometric mean: vkrun runs at ${mean.toFixed(2)} times the speed of QEMU TCG (1.00 = the same)`);
  return mean;
}

/** @param {Summary} summary */
function cells({ median, min, max }) {
  return `${median.toFixed(3).padStart(8)} ${`(${min.toFixed(3)}..${max.toFixed(3)})`.padEnd(16)}`;
}
