// @ts-check
// Suite `boot`: from the start of the process to the shell prompt of `tiny`, then what an idle guest costs: resident
// memory and processor time at the prompt.
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { linux } from "./machines.mjs";
import { median, summarize } from "./statistics.mjs";

/** The end of what the guest has written when its shell waits for a command. */
const PROMPT = /[#$] $/;
/** By which busybox's line editor asks the terminal where its cursor is, right behind the prompt. */
const CURSOR_QUERY = "\x1b[6n";
const TIMEOUT_MS = 180_000;
/** Left to itself at the prompt before idle processor time is measured, and for how long it then is. */
const SETTLE_MS = 3000;
const IDLE_MS = 10_000;

/** Builds `tiny` unless it is in the cache, and answers where it lies. */
function tinyImage() {
  execFileSync(process.execPath, ["dist/cli/main.js", "image", "build", "tiny"], { stdio: ["ignore", 2, 2] });
  const images = join(process.env["XDG_CACHE_HOME"] || join(homedir(), ".cache"), "vkrun", "images");
  const newest = readdirSync(images)
    .filter((name) => /^tiny-[0-9a-f]+$/.test(name))
    .map((name) => join(images, name))
    .sort((a, b) => statSync(b).mtimeMs - statSync(a).mtimeMs)[0];
  if (newest === undefined) throw new Error(`no tiny image in ${images}`);
  const { append } = JSON.parse(readFileSync(join(newest, "image.json"), "utf8"));
  return { disk: join(newest, "disk.img"), kernel: join(newest, "vmlinuz"), initrd: join(newest, "initrd"), append };
}

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

/**
 * @param {import("./machines.mjs").Machine} machine
 * @param {boolean} measureIdle
 */
async function boot({ name, command: [program, ...args] }, measureIdle) {
  const start = process.hrtime.bigint();
  const child = spawn(/** @type {string} */ (program), args, { stdio: ["pipe", "pipe", "inherit"] });
  const ended = once(child, "exit");
  let output = "";
  /** @type {Promise<number>} */
  const prompt = new Promise((resolve) => {
    child.stdout.setEncoding("utf8").on("data", (text) => {
      output += text;
      if (PROMPT.test(output.replaceAll(CURSOR_QUERY, ""))) resolve(Number(process.hrtime.bigint() - start) / 1e9);
    });
  });
  try {
    const abort = new AbortController();
    const seconds = await Promise.race([
      prompt,
      ended.then(([code]) => Promise.reject(new Error(`${name} ended (${code}) before its prompt:\n${output}`))),
      delay(TIMEOUT_MS, undefined, { signal: abort.signal }).then(() =>
        Promise.reject(new Error(`${name} showed no prompt in ${TIMEOUT_MS / 1000} s:\n${output}`)),
      ),
    ]);
    abort.abort();
    if (!measureIdle || child.pid === undefined) return { seconds };
    await delay(SETTLE_MS);
    const before = processorTicks(child.pid);
    await delay(IDLE_MS);
    const idlePercent = (processorTicks(child.pid) - before) / (IDLE_MS / 1000);
    return { seconds, residentMiB: residentMiB(child.pid), idlePercent };
  } finally {
    child.kill("SIGKILL");
    await ended;
  }
}

/** @param {import("./options.mjs").BenchOptions} options */
export async function runBootSuite({ runs, jit }) {
  const machines = linux(tinyImage(), jit).map((machine) => ({
    machine,
    seconds: /** @type {number[]} */ ([]),
    residentMiB: NaN,
    idlePercent: NaN,
  }));
  for (let run = 0; run < runs; run++) {
    for (const entry of machines) {
      const result = await boot(entry.machine, run === 0);
      entry.seconds.push(result.seconds);
      entry.residentMiB = result.residentMiB ?? entry.residentMiB;
      entry.idlePercent = result.idlePercent ?? entry.idlePercent;
    }
  }
  console.log("machine   prompt s (min..max)      resident MiB   idle % of a core");
  for (const { machine, seconds, residentMiB, idlePercent } of machines) {
    const { min, max } = summarize(seconds);
    const spread = `(${min.toFixed(2)}..${max.toFixed(2)})`;
    const cells = [machine.name.padEnd(8), median(seconds).toFixed(2).padStart(8), spread.padEnd(15)];
    console.log(`${cells.join(" ")} ${residentMiB.toFixed(0).padStart(12)} ${idlePercent.toFixed(1).padStart(18)}`);
  }
  const [qemu, vkrun] = machines.map(({ seconds }) => median(seconds));
  const factor = Number(vkrun) / Number(qemu);
  console.log(`to the prompt, vkrun takes ${factor.toFixed(1)} times as long as QEMU`);
  return {
    suite: "boot",
    runs,
    jit,
    factor,
    machines: machines.map(({ machine, seconds, residentMiB, idlePercent }) => ({
      name: machine.name,
      promptSeconds: summarize(seconds),
      residentMiB,
      idlePercent,
    })),
  };
}
