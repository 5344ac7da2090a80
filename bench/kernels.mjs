// @ts-check
import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync } from "node:fs";

/** What every kernel is linked with, and the one whose time is taken off the others'. */
const SUPPORT = new Set(["start", "empty"]);

const SOURCES = "bench/kernels";
const OUTPUT = "build/bench/kernels";
const FLAGS = [
  ...["-O2", "-Wall", "-Wextra", "-Werror", "-march=rv64gc", "-mabi=lp64d", "-mcmodel=medany"],
  ...["-ffreestanding", "-fno-pic", "-fno-math-errno", "-static", "-nostdlib"],
  // Or GCC would replace the copy loops by calls to memcpy.
  "-fno-tree-loop-distribute-patterns",
  ...["-Wl,--build-id=none,--no-warn-rwx-segments", "-T", `${SOURCES}/kernel.ld`],
];

/** Names of all kernels, one for each C file. */
export function kernelNames() {
  return readdirSync(SOURCES)
    .filter((file) => file.endsWith(".c"))
    .map((file) => file.slice(0, -2))
    .filter((name) => !SUPPORT.has(name));
}

/**
 * Compiles one kernel and answers the path of its ELF.
 * @param {string} name
 */
export function compileKernel(name) {
  mkdirSync(OUTPUT, { recursive: true });
  const elf = `${OUTPUT}/${name}.elf`;
  const inputs = [`${SOURCES}/crt0.S`, `${SOURCES}/start.c`, `${SOURCES}/${name}.c`];
  execFileSync("riscv64-linux-gnu-gcc", [...FLAGS, ...inputs, "-o", elf], { stdio: "inherit" });
  return elf;
}
