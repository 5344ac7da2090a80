// @ts-check
// ./build.sh bench [cpu|boot] [--runs N] [--only KERNEL]... [--jit on|off]: vkrun beside QEMU, in the same run.
import { runBootSuite } from "./boot.mjs";
import { runCpuSuite } from "./cpu.mjs";
import { parseOptions } from "./options.mjs";
import { writeBars, writeJson } from "./report.mjs";

/** @param {string[]} args */
async function main(args) {
  const options = parseOptions(args);
  for (const name of options.suites) {
    if (name === "cpu") cpu(options);
    else if (name === "boot") await boot(options);
    else throw new Error(`no suite ${name}; there are cpu and boot`);
  }
}

/** @param {import("./options.mjs").BenchOptions} options */
function cpu(options) {
  const results = runCpuSuite(options);
  writeJson("cpu", results);
  const rows = results.kernels.flatMap(({ name, qemuSeconds, vkrunSeconds }) => [
    { label: name, machine: "QEMU", value: qemuSeconds },
    { label: name, machine: "vkrun", value: vkrunSeconds },
  ]);
  writeBars("cpu", { title: "Time of a kernel, start of the process taken off; less is better", unit: "s", rows });
}

/** @param {import("./options.mjs").BenchOptions} options */
async function boot(options) {
  const results = await runBootSuite(options);
  writeJson("boot", results);
  const rows = results.machines.map(({ name, promptSeconds }) => ({
    label: "to the prompt",
    machine: name,
    value: promptSeconds.median,
  }));
  writeBars("boot", { title: "Start of the process to the shell prompt; less is better", unit: "s", rows });
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  console.error(`bench: ${error instanceof Error ? error.message : error}`);
  process.exitCode = 1;
}
