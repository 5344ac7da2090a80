// @ts-check
// Suite `cpu`: small bare-metal kernels under QEMU TCG and under vkrun, whole processes, interleaved. What starting
// the process costs is measured with a kernel that does nothing, and taken off.
import { spawnSync } from "node:child_process";
import { compileKernel, kernelNames } from "./kernels.mjs";
import { bareMetal } from "./machines.mjs";
import { geometricMean, summarize } from "./statistics.mjs";

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
 * Times one ELF on both machines, turn and turn about, and insists that they print the same checksum.
 * @param {string} elf
 * @param {import("./options.mjs").BenchOptions} options
 */
function compare(elf, { runs, jit }) {
  const machines = bareMetal(elf, jit);
  /** @type {Record<string, number[]>} */
  const seconds = {};
  /** @type {Set<string>} */
  const outputs = new Set();
  for (let run = 0; run < runs; run++) {
    for (const machine of machines) {
      const result = time(machine);
      seconds[machine.name] ??= [];
      seconds[machine.name]?.push(result.seconds);
      outputs.add(result.output);
    }
  }
  if (outputs.size !== 1) throw new Error(`${elf}: checksums differ: ${[...outputs].join(" and ")}`);
  return { qemu: summarize(seconds["QEMU"] ?? []), vkrun: summarize(seconds["vkrun"] ?? []) };
}

/** @param {import("./options.mjs").BenchOptions} options */
export function runCpuSuite(options) {
  const { runs, jit, only } = options;
  const names = kernelNames().filter((name) => only.length === 0 || only.includes(name));
  if (names.length === 0) throw new Error(`no such kernel; there are ${kernelNames().join(", ")}`);
  const empty = compare(compileKernel("empty"), options);
  console.log(
    `an empty ELF: QEMU ${empty.qemu.median.toFixed(3)} s, vkrun ${empty.vkrun.median.toFixed(3)} s (taken off below)`,
  );
  console.log("kernel             QEMU s    vkrun s (min..max)        vkrun is slower by");

  const rows = names.map((name) => {
    const { qemu, vkrun } = compare(compileKernel(name), options);
    const qemuSeconds = qemu.median - empty.qemu.median;
    const vkrunSeconds = vkrun.median - empty.vkrun.median;
    const row = { name, qemuSeconds, vkrunSeconds, factor: vkrunSeconds / qemuSeconds, qemu, vkrun };
    const spread = `(${vkrun.min.toFixed(2)}..${vkrun.max.toFixed(2)})`;
    const cells = [name.padEnd(16), qemuSeconds.toFixed(3).padStart(8), vkrunSeconds.toFixed(3).padStart(10)];
    console.log(`${cells.join(" ")} ${spread.padEnd(16)} ${row.factor.toFixed(1).padStart(8)}`);
    return row;
  });
  const mean = geometricMean(rows.map((row) => row.factor));
  console.log(
    `geometric mean: vkrun is slower than QEMU TCG by ${mean.toFixed(2)} (1/${mean.toFixed(1)} of its speed)`,
  );
  return { suite: "cpu", runs, jit, empty, geometricMeanFactor: mean, kernels: rows };
}
