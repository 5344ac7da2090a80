// @ts-check
// Suite `io`: what devices move between guest and host, in `tiny`. A part of it is a list of rows and a way to run one; both guests
// are booted once for each part.
import { printHeader, printMean, SPEED_MEANS } from "./comparison.mjs";
import { withGuests } from "./guest-session.mjs";
import { findImage } from "./images.mjs";
import { disk } from "./io-disk.mjs";
import { folder } from "./io-folder.mjs";
import { tap, user } from "./io-net.mjs";
import { linux } from "./machines.mjs";
import { pick } from "./options.mjs";

const PROMPT = /# $/;
const BOOT_SECONDS = 180;

/** @typedef {import("./guest-session.mjs").GuestSession} GuestSession */

/**
 * What a part needs on the host. Drives are found as /dev/vdb and on.
 * @typedef {object} IoHost
 * @property {string[]} drives  the first holds the part's programs
 * @property {import("./machines.mjs").OwnDrive[]} [ownDrives]
 * @property {Record<import("./machines.mjs").MachineName, string[]>} [devices]
 * @property {(command: string[]) => string[]} [wrap]
 * @property {Record<import("./machines.mjs").MachineName, string>} [setup]  a command of the guest's shell
 * @property {() => Promise<void>} [end]
 */

/**
 * @typedef {object} IoPart
 * @property {string[]} names  of its rows
 * @property {() => Promise<IoHost>} prepareHost
 * @property {(guests: GuestSession[], name: string, runs: number) => Promise<import("./comparison.mjs").Row & object>} compare
 * @property {(rows: (import("./comparison.mjs").Row & object)[]) => void} [conclude]  prints what rows say together
 */

/** @type {IoPart[]} */
const PARTS = [disk, folder, tap, user];
const PAYLOAD = "/dev/vdb";

/** @param {import("./options.mjs").BenchOptions} options */
export async function runIoSuite({ runs, jit, only }) {
  const all = PARTS.flatMap((part) => part.names);
  const names = pick("row", all, only);
  const image = await findImage("tiny");
  printHeader("transfer");
  const rows = [];
  for (const part of PARTS) {
    const own = part.names.filter((name) => names.includes(name));
    if (own.length > 0) rows.push(...(await runPart(part, own, { image, runs, jit })));
  }
  return { suite: "io", runs, jit, speedMeans: SPEED_MEANS, geometricMeanSpeed: printMean(rows), rows };
}

/**
 * @param {IoPart} part
 * @param {string[]} names
 * @param {{ image: import("./images.mjs").Image, runs: number, jit: import("./machines.mjs").JitMode }} options
 */
async function runPart(part, names, { image, runs, jit }) {
  const { setup, end, ...machineOptions } = await part.prepareHost();
  try {
    return await withGuests(
      linux(image, jit, machineOptions),
      async (guest) => {
        await guest.waitFor(PROMPT, BOOT_SECONDS);
        guest.type(`tar -xf ${PAYLOAD} -C /run && . /run/session.sh\n`);
        await guest.run(setup?.[guest.name] ?? "true", BOOT_SECONDS);
      },
      async (guests) => {
        const rows = [];
        for (const name of names) rows.push(await part.compare(guests, name, runs));
        part.conclude?.(rows);
        return rows;
      },
    );
  } finally {
    await end?.();
  }
}
