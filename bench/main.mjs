// @ts-check
// ./build.sh bench [SUITE]... [--runs N] [--only ROW]... [--jit on|off]: vkrun beside QEMU, in the same run.
import { runBootSuite } from "./boot.mjs";
import { runCheckpointSuite } from "./checkpoint.mjs";
import { runCpuSuite } from "./cpu.mjs";
import { runIoSuite } from "./io.mjs";
import { parseOptions } from "./options.mjs";
import { runProgramsSuite } from "./programs.mjs";
import { writeJson, writeSpeeds } from "./report.mjs";
import { runSystemSuite } from "./system.mjs";

const SUITES = {
  cpu: runCpuSuite,
  system: runSystemSuite,
  programs: runProgramsSuite,
  boot: runBootSuite,
  io: runIoSuite,
  checkpoint: runCheckpointSuite,
};

const SIGNALS = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 };

/** @param {string[]} args */
async function main(args) {
  const options = parseOptions(args, Object.keys(SUITES));
  for (const name of options.suites) {
    const results = await SUITES[/** @type {keyof typeof SUITES} */ (name)](options);
    writeJson(name, results);
    writeSpeeds(name, results);
  }
}

// An end by way of "exit", which is when sessions end their machines.
for (const [signal, number] of Object.entries(SIGNALS)) process.once(signal, () => process.exit(128 + number));

try {
  await main(process.argv.slice(2));
} catch (error) {
  console.error(`bench: ${error instanceof Error ? error.message : error}`);
  process.exitCode = 1;
}
