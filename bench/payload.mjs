// @ts-check
// Files for a guest, as a drive that is a tar archive: `tar -xf /dev/vdX` takes them out, without a file system.
import { execFileSync } from "node:child_process";
import { mkdirSync } from "node:fs";

const OUTPUT = "build/bench";
const SOURCES = "bench/guest";

/** Compiles `bench/guest/NAME.c` as a static program for guests and answers its path. @param {string} name */
export function compileProgram(name) {
  return compile("riscv64-linux-gnu-gcc", name, `${OUTPUT}/${name}`);
}

/** The same for the host: what guests talk to. @param {string} name */
export function compileHostProgram(name) {
  return compile("cc", name, `${OUTPUT}/${name}-host`);
}

/** @param {string} compiler @param {string} name @param {string} program */
function compile(compiler, name, program) {
  mkdirSync(OUTPUT, { recursive: true });
  const flags = ["-O2", "-Wall", "-Wextra", "-Werror", "-static"];
  execFileSync(compiler, [...flags, `${SOURCES}/${name}.c`, "-o", program], { stdio: "inherit" });
  return program;
}

/**
 * Answers the path of a drive with these files, all in one folder, and `session.sh`.
 * @param {string} name
 * @param {string[]} files
 */
export function writePayload(name, files) {
  mkdirSync(OUTPUT, { recursive: true });
  const drive = `${OUTPUT}/${name}.tar`;
  // tar(1) pads an archive to 10 KiB: a whole number of sectors.
  const flags = ["--create", "--file", drive, "--transform", "s,.*/,,", "--owner=0", "--group=0"];
  execFileSync("tar", [...flags, `${SOURCES}/session.sh`, ...files], { stdio: "inherit" });
  return drive;
}
