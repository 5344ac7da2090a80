/** `vkrun bench`: WebAssembly against TypeScript on the hot paths; and, in a checkout, vkrun against QEMU. */
import { execPath } from "node:process";
import { fileURLToPath } from "node:url";
import { Command, Option } from "commander";
import { passtInstalled } from "../backends/passt.js";
import { compareForms } from "../bench/compare-forms.js";
import type { Mode } from "../bench/effort.js";
import type { Machines } from "../bench/end-to-end.js";
import { type Results, readResults } from "../bench/results.js";
import { conditions, findings, tables } from "../bench/text-report.js";
import { VkrunError } from "../errors.js";
import { findBuiltImage } from "../images/index.js";
import { vkrunVersion } from "../version.js";
import { BenchProgress } from "./bench-progress.js";
import { runSuites, SUITES } from "./bench-suites.js";
import { SIGNAL_BASE } from "./exit-status.js";
import { textTable } from "./text-table.js";
import { checkWritable, writeWhole } from "./write-whole.js";

interface BenchOptions {
  quick?: boolean;
  full?: boolean;
  json?: string;
  html?: string;
  compare?: string;
  runs?: string;
  only?: string[];
  jit?: string;
}

const MAIN = fileURLToPath(new URL("main.js", import.meta.url));
const SIGNALS = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 } as const;

export function benchCommand(): Command {
  return new Command("bench")
    .description("measure WebAssembly against TypeScript; or, in a checkout, vkrun against QEMU")
    .argument(
      "[suite...]",
      `beside QEMU: ${SUITES.join(", ")}, or all (default: the hot paths, in WASM and TypeScript)`,
    )
    .addOption(new Option("--quick", "20 seconds, hot paths only").conflicts("full"))
    .option("--full", "as long as it takes, with the disk and the network of whole machines")
    .option("--json <file>", "write the results there")
    .option("--html <file>", "write a report with plots there, as one file")
    .option("--compare <file>", "put older results (of --json) beside the new ones, such as those of another Node")
    .addOption(new Option("--runs <n>", "beside QEMU: how often").hideHelp())
    .addOption(new Option("--only <row...>", "beside QEMU: these rows").hideHelp())
    .addOption(new Option("--jit <mode>", "beside QEMU: on or off").choices(["on", "off"]).hideHelp())
    .addHelpText(
      "after",
      `
Examples:
  vkrun bench --quick                             how fast WASM is here, beside TypeScript
  vkrun bench --json node24.json                  keep the results
  vkrun bench --compare node24.json --html report.html
  vkrun bench cpu boot                            beside QEMU, in a checkout of vkrun

Ctrl-C ends it early, with a report of what has been measured.`,
    )
    .action(bench);
}

async function bench(suites: string[], options: BenchOptions): Promise<void> {
  if (suites.length > 0) {
    process.exitCode = await runSuites(suites, options);
    return;
  }
  // Before minutes of measuring: what is wrong with these is wrong now.
  for (const path of [options.json, options.html]) if (path !== undefined) await checkWritable(path);
  const older = options.compare === undefined ? undefined : await readResults(options.compare);
  const { results, status } = await measure(modeOf(options));
  for (const { title, head, rows } of tables(results, older)) {
    const align = head.map((_, column) => (column === 0 || column === head.length - 1 ? "left" : "right"));
    process.stdout.write(`${title}\n\n${textTable({ head, align, rows })}\n`);
  }
  process.stdout.write(`${findings(results)}\n\n${conditions(results)}\n`);
  if (older !== undefined) process.stdout.write(`Beside: ${conditions(older)}\n`);
  if (options.json !== undefined) await writeWhole(options.json, `${JSON.stringify(results, null, 1)}\n`);
  if (options.html !== undefined) {
    const { htmlReport } = await import("../bench/html/page.js");
    await writeWhole(options.html, htmlReport(results, older));
  }
  process.exitCode = status;
}

function modeOf({ quick, full }: BenchOptions): Mode {
  if (quick === true) return "quick";
  return full === true ? "full" : "default";
}

/** A signal ends it, and what is there by then is the result. */
async function measure(mode: Mode): Promise<{ results: Results; status: number }> {
  const controller = new AbortController();
  let status = 0;
  for (const [signal, number] of Object.entries(SIGNALS)) {
    process.on(signal, () => {
      // Once more, and it is not to be waited for.
      if (status !== 0) process.exit(SIGNAL_BASE + number);
      status = SIGNAL_BASE + number;
      controller.abort();
    });
  }
  using progress = new BenchProgress(process.stderr);
  const results = await compareForms({
    ...{ mode, vkrun: await vkrunVersion(), machines: await machines() },
    signal: controller.signal,
    onProgress: (step) => progress.show(step),
  });
  if (results.cases.length === 0) {
    throw new VkrunError("ERR_VKRUN_BENCH_FAILED", "interrupted before anything was measured");
  }
  return { results, status };
}

async function machines(): Promise<Machines | string> {
  const image = await findBuiltImage("tiny");
  if (image === undefined) return "there is no image to boot; `vkrun image build tiny` makes one";
  return { vkrun: [execPath, MAIN], disk: image.path, network: passtInstalled() };
}
