/** The suites beside QEMU: in bench/ of a checkout, and not part of an installed package. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { VkrunError } from "../errors.js";
import { SIGNAL_BASE } from "./exit-status.js";

export const SUITES = ["cpu", "system", "programs", "boot", "io", "checkpoint"];

/** From src/cli as from dist/cli. */
const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const PROGRAM = join(ROOT, "bench/main.mjs");
const QEMU = "qemu-system-riscv64";

export interface SuiteOptions {
  readonly runs?: string;
  readonly only?: readonly string[];
  readonly jit?: string;
}

/** Answers the exit status. */
export async function runSuites(names: readonly string[], { runs, only = [], jit }: SuiteOptions): Promise<number> {
  const unknown = names.find((name) => name !== "all" && !SUITES.includes(name));
  if (unknown !== undefined) {
    throw new VkrunError("ERR_VKRUN_USAGE", `there is no suite "${unknown}"`, {
      hint: `There are ${SUITES.join(", ")} and all; without a name, WASM is measured against TypeScript.`,
    });
  }
  if (!existsSync(PROGRAM)) {
    throw new VkrunError("ERR_VKRUN_BENCH_UNAVAILABLE", "this installation of vkrun has no suites beside QEMU", {
      hint: "They are in the source tree: `./build.sh bench` runs them there. `vkrun bench` alone works here.",
    });
  }
  if (!(process.env["PATH"] ?? "").split(delimiter).some((folder) => existsSync(join(folder, QEMU)))) {
    throw new VkrunError("ERR_VKRUN_BENCH_UNAVAILABLE", `${QEMU}, which vkrun is measured beside, is not installed`, {
      hint: "On Debian: apt-get install qemu-system-riscv (or run `./build.sh setup bench`).",
    });
  }
  const suites = names.includes("all") ? SUITES : names;
  const options = [
    ...(runs === undefined ? [] : ["--runs", runs]),
    ...only.flatMap((row) => ["--only", row]),
    ...(jit === undefined ? [] : ["--jit", jit]),
  ];
  const child = spawn(process.execPath, [PROGRAM, ...suites, ...options], { cwd: ROOT, stdio: "inherit" });
  // A terminal's Ctrl-C reaches both: the child ends its machines, and this process then says how it ended.
  process.on("SIGINT", () => undefined);
  const [status] = (await once(child, "exit")) as [number | null];
  return status ?? SIGNAL_BASE;
}
