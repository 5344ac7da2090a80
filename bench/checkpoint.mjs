// @ts-check
// Suite `checkpoint`: a guest with so much touched memory is written to a file and goes on from it, in `tiny`. QEMU stops its guest,
// migrates it to a file, and begins from there with -incoming; vkrun's goes on while it is written, under a load that dirties memory
// (bench/guest/dirty-memory.c).
import { spawnSync } from "node:child_process";
import { mkdirSync, rmSync, statSync } from "node:fs";
import { resolve } from "node:path";
import { VKernel } from "../dist/index.js";
import { compare, printHeader, printMean, printRow, SPEED_MEANS } from "./comparison.mjs";
import { GuestSession, withoutQueries } from "./guest-session.mjs";
import { findImage } from "./images.mjs";
import { linux } from "./machines.mjs";
import { pick } from "./options.mjs";
import { compileProgram, writePayload } from "./payload.mjs";
import { Qmp } from "./qmp.mjs";
import { percentile, summarize } from "./statistics.mjs";

const OUTPUT = "build/bench";
const PROMPT = /# $/;
const BOOT_SECONDS = 180;
const ANSWER_SECONDS = 60;
/** Touched by the guest's program; the kernel has the rest. */
const SIZES_MIB = [256, 1024, 3072];
const KERNEL_MIB = 256;
/** Pages that the load writes every millisecond, as far as the guest's speed lets it: 160 MB/s. */
const LOAD_RATE = 40;
/** As in dirty-memory.c. */
const BURST_PAGES = 16_384;
/** Pauses are measured over those that write everything, and so many incremental ones. */
const INCREMENTAL_RUNS = 30;
/** QEMU's default of 128 MiB/s would be measured instead. */
const UNLIMITED = 2 ** 40;

/** @param {number} mib */
const memoryOf = (mib) => `${mib + KERNEL_MIB}M`;
/** @param {string} path */
const onDisk = (path) => statSync(path).blocks * 512;
/** @param {bigint} startNs */
const secondsSince = (startNs) => Number(process.hrtime.bigint() - startNs) / 1e9;

/** A guest in this process, typed at as GuestSession does at others. */
class OwnGuest {
  #output = "";
  #changed = () => {};

  /** @param {import("../dist/index.js").VKernel} vkernel */
  constructor(vkernel) {
    this.vkernel = vkernel;
    vkernel.console.setEncoding("utf8").on("data", (text) => {
      this.#output = withoutQueries(this.#output + text);
      this.#changed();
    });
  }

  /** @param {RegExp} pattern */
  async waitFor(pattern) {
    for (;;) {
      const match = pattern.exec(this.#output);
      if (match !== null) {
        this.#output = this.#output.slice(match.index + match[0].length);
        return;
      }
      await new Promise((resolve) => {
        this.#changed = () => resolve(undefined);
      });
    }
  }

  /** @param {string} text */
  type(text) {
    this.vkernel.console.write(text);
  }
}

/** @param {number} mib */
const touch = (mib) => `tar -xf /dev/vdb -C /run; stty -echo; /run/dirty-memory ${mib} ${LOAD_RATE} & load=$!\n`;
const QUESTION = "echo answer $((6 * 7))\n";
const ANSWER = /answer 42\r/;

/**
 * Seconds from the start of the process to its guest's answer.
 * @param {import("./machines.mjs").Machine} machine
 */
async function timeToAnswer(machine, prepare = async () => {}) {
  const guest = new GuestSession(machine);
  try {
    await prepare();
    // QEMU would take it before its guest is there, and lose what it took.
    guest.type(QUESTION);
    await guest.waitFor(ANSWER, ANSWER_SECONDS);
    return guest.age;
  } finally {
    await guest[Symbol.asyncDispose]();
  }
}

/** @param {import("./machines.mjs").Machine} machine @param {number} mib @param {number} runs */
async function measureQemu({ name, command }, mib, runs) {
  const [file, socket] = [`${OUTPUT}/checkpoint.qemu`, `${OUTPUT}/checkpoint.qmp`];
  const controlled = [...command, "-qmp", `unix:${socket},server=on,wait=off`];
  const [save, restore] = [/** @type {number[]} */ ([]), /** @type {number[]} */ ([])];
  {
    const guest = new GuestSession({ name, command: controlled });
    try {
      await guest.waitFor(PROMPT, BOOT_SECONDS);
      guest.type(touch(mib));
      await guest.waitFor(/touched\r/, BOOT_SECONDS);
      await Qmp.with(socket, async (qmp) => {
        await qmp.execute("migrate-set-parameters", { "max-bandwidth": UNLIMITED });
        for (let run = 0; run < runs; run++) {
          rmSync(file, { force: true });
          const startNs = process.hrtime.bigint();
          await qmp.save(file);
          save.push(secondsSince(startNs));
        }
      });
    } finally {
      await guest[Symbol.asyncDispose]();
    }
  }
  const bytes = onDisk(file);
  for (let run = 0; run < runs; run++) {
    const incoming = [...controlled, "-incoming", `exec:cat ${file}`];
    const seconds = await timeToAnswer({ name, command: incoming }, () =>
      Qmp.with(socket, async (qmp) => {
        // It was stopped when it was saved, and goes on when it is told to, once it is there.
        while ((await qmp.execute("query-status")).status === "inmigrate");
        await qmp.execute("cont");
      }),
    );
    restore.push(seconds);
  }
  rmSync(file);
  return { save, restore, bytes };
}

/** @param {string} disk @param {string} payload @param {number} mib @param {import("./options.mjs").BenchOptions} options */
async function measureVkrun(disk, payload, mib, { runs, jit }) {
  const folder = resolve(OUTPUT, "checkpoints");
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder);
  const file = `${folder}/whole.vkckpt`;
  const options = { disk, drives: [payload], snapshot: true, memory: memoryOf(mib), jit };
  const [save, pauses] = [/** @type {number[]} */ ([]), /** @type {number[]} */ ([])];
  let incremental;
  {
    const vkernel = await VKernel.boot(options);
    const guest = new OwnGuest(vkernel);
    await guest.waitFor(PROMPT);
    guest.type(touch(mib));
    await guest.waitFor(/touched\r/);
    guest.type("kill -USR1 $load; sleep 1; echo loaded\n");
    await guest.waitFor(/loaded\r/);
    for (let run = 0; run < runs; run++) {
      const { totalMs, pauseMs } = await vkernel.checkpoint(`${folder}/whole-${run}.vkckpt`);
      // Room for the next one; nothing stands on it.
      rmSync(`${folder}/whole-${run}.vkckpt`);
      save.push(totalMs / 1000);
      pauses.push(pauseMs);
    }
    await vkernel.checkpoint(file);
    for (let run = 0; run < INCREMENTAL_RUNS; run++) {
      pauses.push((await vkernel.checkpoint(`${folder}/${run}.vkckpt`, { parent: true })).pauseMs);
    }
    guest.type("kill -USR1 $load; sleep 1; echo calm\n");
    await guest.waitFor(/calm\r/);
    await vkernel.checkpoint(`${folder}/calm.vkckpt`);
    guest.type("kill -USR2 $load\n");
    await guest.waitFor(/written\r/);
    incremental = await vkernel.checkpoint(`${folder}/burst.vkckpt`, { parent: true });
    await vkernel.stop();
  }
  const bytes = onDisk(`${folder}/calm.vkckpt`);
  const command = [process.execPath, "dist/cli/main.js", "thaw", "--quiet", "--jit", jit, `${folder}/calm.vkckpt`];
  const [restore, inProcess] = [/** @type {number[]} */ ([]), /** @type {number[]} */ ([])];
  for (let run = 0; run < runs; run++) restore.push(await timeToAnswer({ name: "vkrun", command }));
  for (let run = 0; run < runs; run++) {
    await VKernel.prepare();
    const startNs = process.hrtime.bigint();
    const vkernel = await VKernel.thaw(`${folder}/calm.vkckpt`);
    inProcess.push(secondsSince(startNs) * 1000);
    await vkernel.stop();
  }
  rmSync(folder, { recursive: true });
  const ratio = incremental.bytes / (BURST_PAGES * 4096);
  return { save, restore, bytes, pauses, inProcess, incremental: { ...incremental, ratio } };
}

/** What Node takes to start and end by itself. @param {number} runs */
function emptyNode(runs) {
  return Array.from({ length: runs }, () => {
    const startNs = process.hrtime.bigint();
    spawnSync(process.execPath, ["-e", "0"]);
    return secondsSince(startNs);
  });
}

/** @param {import("./options.mjs").BenchOptions} options */
export async function runCheckpointSuite(options) {
  const { runs, jit, only } = options;
  const names = pick(
    "row",
    SIZES_MIB.map((mib) => `${mib} MiB`),
    only,
  );
  const image = await findImage("tiny");
  mkdirSync(OUTPUT, { recursive: true });
  const payload = writePayload("checkpoint", [compileProgram("dirty-memory")]);
  printHeader("guest");
  /** @type {import("./comparison.mjs").Row[]} */
  const rows = [];
  /** @type {object[]} */
  const details = [];
  const node = summarize(emptyNode(runs));
  for (const mib of SIZES_MIB) {
    if (!names.includes(`${mib} MiB`)) continue;
    const [machine] = linux(image, jit, { memory: memoryOf(mib), drives: [payload] });
    if (machine === undefined) throw new Error("there is no QEMU among the machines");
    const qemu = await measureQemu(machine, mib, runs);
    const vkrun = await measureVkrun(image.disk, payload, mib, options);
    const pause = { ...summarize(vkrun.pauses), p99: percentile(vkrun.pauses, 99) };
    const inProcess = summarize(vkrun.inProcess);
    const saved = compare(`save ${mib} MiB`, { QEMU: qemu.save, vkrun: vkrun.save });
    const restored = compare(`thaw ${mib} MiB`, { QEMU: qemu.restore, vkrun: vkrun.restore });
    printRow(saved, `pause ${pause.median.toFixed(1)} ms, p99 ${pause.p99.toFixed(1)} ms of ${pause.runs.length}`);
    const megabytes = [qemu, vkrun].map(({ bytes }) => (bytes / 1e6).toFixed(0));
    console.log(`${"".padEnd(17)}QEMU's file has ${megabytes[0]} MB, vkrun's ${megabytes[1]} MB`);
    const { ratio } = vkrun.incremental;
    console.log(`${"".padEnd(17)}incremental: ${ratio.toFixed(3)} times the bytes of the pages that the program wrote`);
    printRow(restored, `VKernel.thaw() ${inProcess.median.toFixed(0)} ms`);
    rows.push(saved, restored);
    details.push({
      mib,
      pauseMs: pause,
      inProcessMs: inProcess,
      incremental: vkrun.incremental,
      bytes: { qemu: qemu.bytes, vkrun: vkrun.bytes },
    });
  }
  console.log(`an empty Node takes ${(node.median * 1000).toFixed(0)} ms`);
  return {
    suite: "checkpoint",
    runs,
    jit,
    speedMeans: SPEED_MEANS,
    geometricMeanSpeed: printMean(rows),
    rows,
    node,
    details,
  };
}
