// QEMU's own tools as the judge of disk images.

import { spawnSync } from "node:child_process";

/**
 * A process that another thread of the tests is just starting has our open files, with their locks, for a moment. So a tool that finds an
 * image locked tries again.
 */
const ATTEMPTS = 20;

function run(program: string, args: readonly string[]): { status: number; output: string } {
  for (let attempt = 1; ; attempt++) {
    const { status, stdout, stderr, error } = spawnSync(program, args, { encoding: "utf8" });
    if (error !== undefined) throw error;
    const output = `${stdout}${stderr}`;
    if (!/Failed to get .* lock/.test(output) || attempt === ATTEMPTS) return { status: status ?? -1, output };
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 50);
  }
}

/** Runs qemu-img; throws with what it wrote when it fails. */
export function qemuImg(...args: string[]): string {
  const { status, output } = run("qemu-img", args);
  if (status !== 0) throw new Error(`qemu-img ${args.join(" ")}: ${output}`);
  return output;
}

/** Runs commands of qemu-io on an image. */
export function qemuIo(path: string, commands: readonly string[], options: readonly string[] = []): void {
  const { status, output } = run("qemu-io", [...options, ...commands.flatMap((command) => ["-c", command]), path]);
  if (status !== 0 || /failed|error/i.test(output)) throw new Error(`qemu-io ${commands.join("; ")}: ${output}`);
}

/** 0: sound. 2: corrupt. 3: clusters that nothing uses. */
export function checkImage(path: string): { status: number; output: string } {
  return run("qemu-img", ["check", "-f", "qcow2", path]);
}
