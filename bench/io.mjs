// @ts-check
// Suite `io`: what devices move between guest and host, in `tiny`. A part of it is a list of rows and a way to run one; both guests
// are booted once for all parts.
import { printHeader, printMean, SPEED_MEANS } from "./comparison.mjs";
import { withGuests } from "./guest-session.mjs";
import { findImage } from "./images.mjs";
import { disk } from "./io-disk.mjs";
import { linux } from "./machines.mjs";
import { pick } from "./options.mjs";

const PROMPT = /# $/;
const BOOT_SECONDS = 180;

/** @typedef {import("./guest-session.mjs").GuestSession} GuestSession */

/**
 * @typedef {object} IoPart
 * @property {string[]} names  of its rows
 * @property {() => { drives: string[], ownDrives: import("./machines.mjs").OwnDrive[] }} prepareHost
 *   what the guests need: drives are found as /dev/vdb and on, in the order of the parts
 * @property {string} payload  the number of the drive that holds its programs
 * @property {(guests: GuestSession[], name: string, runs: number) => Promise<import("./comparison.mjs").Row & object>} compare
 * @property {(rows: (import("./comparison.mjs").Row & object)[]) => void} [conclude]  prints what rows say together
 */

/** @type {IoPart[]} */
const PARTS = [disk];

/** @param {import("./options.mjs").BenchOptions} options */
export async function runIoSuite({ runs, jit, only }) {
  const names = pick(
    "row",
    PARTS.flatMap((part) => part.names),
    only,
  );
  const parts = PARTS.filter((part) => part.names.some((name) => names.includes(name)));
  const prepared = parts.map((part) => part.prepareHost());
  const machines = linux(await findImage("tiny"), jit, {
    drives: prepared.flatMap(({ drives }) => drives),
    ownDrives: prepared.flatMap(({ ownDrives }) => ownDrives),
  });
  printHeader("transfer");
  const rows = await withGuests(
    machines,
    async (guest) => {
      await guest.waitFor(PROMPT, BOOT_SECONDS);
      for (const { payload } of parts) guest.type(`tar -xf ${payload} -C /run && . /run/session.sh\n`);
      await guest.run("true", BOOT_SECONDS);
    },
    async (guests) => {
      const done = [];
      for (const part of parts) {
        const own = [];
        for (const name of part.names) if (names.includes(name)) own.push(await part.compare(guests, name, runs));
        part.conclude?.(own);
        done.push(...own);
      }
      return done;
    },
  );
  return { suite: "io", runs, jit, speedMeans: SPEED_MEANS, geometricMeanSpeed: printMean(rows), rows };
}
