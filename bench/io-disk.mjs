// @ts-check
// The disk's part of the suite `io`: transfers past the guest's page cache (bench/guest/disk-io.c), to a raw and a qcow2 image that
// the host has in its own.
import { execFileSync } from "node:child_process";
import { closeSync, fsyncSync, mkdirSync, openSync, writeSync } from "node:fs";
import { compare, printRow } from "./comparison.mjs";
import { timeByTurns } from "./guest-session.mjs";
import { compileProgram, writePayload } from "./payload.mjs";

const OUTPUT = "build/bench";
const IMAGE_MIB = 256;
const ROW_SECONDS = 180;
/** Of the guest: vda is its own disk, then come the payload, the raw and the qcow2 image. */
const DEVICES = { raw: "/dev/vdc", qcow2: "/dev/vdd" };

/** What is moved, and how often: for a second or more under QEMU. */
const TRANSFERS = {
  "read 1M": { args: "read 1048576 1", count: 2000, bytes: 1 << 20 },
  "write 1M": { args: "write 1048576 1", count: 2000, bytes: 1 << 20 },
  "read 4k": { args: "read 4096 1", count: 8000, bytes: 4096, random: true },
  "write 4k": { args: "write 4096 1", count: 8000, bytes: 4096, random: true },
  "read 4k x16": { args: "read 4096 16", count: 16000, bytes: 4096, random: true },
  "write 4k x16": { args: "write 4096 16", count: 16000, bytes: 4096, random: true },
};

/** @typedef {keyof typeof DEVICES} Format */

/** @type {{ name: string, format: Format, transfer: keyof typeof TRANSFERS }[]} */
const ROWS = /** @type {Format[]} */ (["raw", "qcow2"]).flatMap((format) =>
  Object.keys(TRANSFERS).map((transfer) => ({
    name: `${format} ${transfer}`,
    format,
    transfer: /** @type {keyof typeof TRANSFERS} */ (transfer),
  })),
);

/** Full of something, so that nothing has to be found a place for while it is timed. @param {string} path */
function fill(path) {
  const piece = Buffer.alloc(1 << 20);
  const file = openSync(path, "w");
  for (let index = 0; index < IMAGE_MIB; index++) writeSync(file, piece.fill(index + 1));
  fsyncSync(file);
  closeSync(file);
}

/** @param {"QEMU" | "vkrun"} machine @param {Format} format */
function prepareImage(machine, format) {
  const raw = `${OUTPUT}/io-${machine}.raw`;
  if (format === "raw") {
    fill(raw);
    return raw;
  }
  const image = `${OUTPUT}/io-${machine}.qcow2`;
  execFileSync("qemu-img", ["convert", "-q", "-f", "raw", "-O", "qcow2", raw, image]);
  return image;
}

/** @type {import("./io.mjs").IoPart} */
export const disk = {
  names: ROWS.map(({ name }) => name),
  async prepareHost() {
    mkdirSync(OUTPUT, { recursive: true });
    const ownDrives = /** @type {Format[]} */ (["raw", "qcow2"]).map((format) => ({
      format,
      files: { QEMU: prepareImage("QEMU", format), vkrun: prepareImage("vkrun", format) },
    }));
    return { drives: [writePayload("io", [compileProgram("disk-io")])], ownDrives };
  },
  async compare(guests, name, runs) {
    const row = ROWS.find((each) => each.name === name);
    if (row === undefined) throw new Error(`there is no row ${name}`);
    const { args, count, bytes, ...rest } = TRANSFERS[row.transfer];
    const command = `/run/disk-io ${DEVICES[row.format]} ${args} ${count}${"random" in rest ? " random" : ""}`;
    const seconds = await timeByTurns(guests, () => command, { runs, timeoutSeconds: ROW_SECONDS });
    const compared = compare(name, seconds);
    const perSecond = { qemu: count / compared.qemu.median, vkrun: count / compared.vkrun.median };
    printRow(compared, `${rate(perSecond.qemu, bytes)}, ${rate(perSecond.vkrun, bytes)}`);
    return { ...compared, count, bytes, perSecond };
  },
  conclude(rows) {
    for (const transfer of Object.keys(TRANSFERS)) {
      const [raw, qcow2] = ["raw", "qcow2"].map((format) => rows.find(({ name }) => name === `${format} ${transfer}`));
      if (raw === undefined || qcow2 === undefined) continue;
      const speed = raw.vkrun.median / qcow2.vkrun.median;
      console.log(`vkrun ${transfer}: qcow2 has ${speed.toFixed(2)} times the speed of raw`);
    }
  },
};

/** @param {number} perSecond @param {number} bytes */
function rate(perSecond, bytes) {
  if (bytes < 1 << 20) return `${Number(perSecond.toPrecision(3)).toLocaleString("en")} /s`;
  return `${((perSecond * bytes) / 2 ** 30).toFixed(2)} GiB/s`;
}
