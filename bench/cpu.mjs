// @ts-check
// Suite `cpu`: small bare-metal kernels under QEMU TCG and under vkrun, whole processes, interleaved. What starting
// the process costs is measured with a kernel that does nothing, and taken off.
import { spawnSync } from "node:child_process";
import { compare, printHeader, printMean, printRow, SPEED_MEANS } from "./comparison.mjs";
import { compileKernel, kernelNames } from "./kernels.mjs";
import { bareMetal } from "./machines.mjs";
import { pick } from "./options.mjs";

const TIMEOUT_MS = 120_000;

/**
 * @param {import("./machines.mjs").Machine} machine
 * @returns {{ seconds: number, output: string }}
 */
function time({ name, command: [program, ...args] }) {
  const start = process.hrtime.bigint();
  const { status, signal, stdout, stderr, error } = spawnSync(/** @type {string} */ (program), args, {
    encoding: "utf8",
    timeout: TIMEOUT_MS,
    stdio: ["ignore", "pipe", "pipe"],
  });
  const seconds = Number(process.hrtime.bigint() - start) / 1e9;
  if (status !== 0)
    throw new Error(`${name} ended with ${error?.message ?? signal ?? status}: ${args.join(" ")}\n${stderr}`);
  return { seconds, output: stdout.trim() };
}

/**
 * Times one kernel on both machines, turn and turn about, and insists that they print the same checksum.
 * @param {string} name
 * @param {import("./options.mjs").BenchOptions} options
 */
function timeKernel(name, { runs, jit }) {
  const machines = bareMetal(compileKernel(name), jit);
  const seconds = { QEMU: /** @type {number[]} */ ([]), vkrun: /** @type {number[]} */ ([]) };
  /** @type {Set<string>} */
  const outputs = new Set();
  for (let run = 0; run < runs; run++) {
    for (const machine of machines) {
      const result = time(machine);
      seconds[machine.name].push(result.seconds);
      outputs.add(result.output);
    }
  }
  if (outputs.size !== 1) throw new Error(`${name}: checksums differ: ${[...outputs].join(" and ")}`);
  return seconds;
}

/** @param {import("./options.mjs").BenchOptions} options */
export function runCpuSuite(options) {
  const { runs, jit, only } = options;
  const names = pick("kernel", kernelNames(), only);
  printHeader("kernel");
  const empty = compare("empty", timeKernel("empty", options));
  const overhead = { QEMU: empty.qemu.median, vkrun: empty.vkrun.median };
  const taken = `QEMU ${overhead.QEMU.toFixed(3)} s, vkrun ${overhead.vkrun.toFixed(3)} s`;
  console.log(`(an empty kernel takes ${taken}: taken off below)`);
  const rows = names.map((name) => {
    const row = compare(name, timeKernel(name, options), overhead);
    printRow(row);
    return row;
  });
  return { suite: "cpu", runs, jit, speedMeans: SPEED_MEANS, empty, geometricMeanSpeed: printMean(rows), rows };
}
