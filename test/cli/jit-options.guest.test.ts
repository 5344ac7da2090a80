// The command's options about compiled code, on a bare-metal program that computes for a while.

import { spawn } from "node:child_process";
import { existsSync, readFileSync, rmSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { COMMAND, vkrun } from "../support/command.js";
import { assemble, type BareMetalProgram } from "../support/riscv-toolchain.js";

let program: BareMetalProgram;
beforeAll(async () => {
  program = await assemble(`
    .equ FINISHER, 0x100000
    .section .text.start, "ax"
    .globl _start
    _start:
      li t0, 3000000
      li s0, 1
    work:
      slli t1, s0, 3
      xor s0, s0, t1
      addi t0, t0, -1
      bnez t0, work
      li t1, 0x5555
      li t0, FINISHER
      sw t1, 0(t0)
    1: j 1b
  `);
});
afterAll(() => program[Symbol.dispose]());

const run = (...args: string[]) => vkrun(["--elf", program.elfPath, ...args]);

describe("--jit-stats", () => {
  it("prints a table when the guest has ended", async () => {
    const { status, stderr } = await run("--jit-stats", "--symbols", program.elfPath);
    expect(status).toBe(0);
    const [, compiled = "0"] = /^instructions\n {2}compiled +(\d+) +\d/m.exec(stderr) ?? [];
    expect(Number(compiled)).toBeGreaterThan(5_000_000);
    expect(stderr).toMatch(/^hottest regions\n.+\n {2}0x800000[0-9a-f]{2} work(\+0x[0-9a-f]+)? +\d+ +\d+ +\d+$/m);
    expect(stderr).toMatch(/^time\n {2}compiled code +[\d.]+ s +[\d.]+ %$/m);
  });

  it("works when nothing is compiled", async () => {
    const { status, stderr } = await run("--jit-stats", "--jit", "off");
    expect(status).toBe(0);
    expect(stderr).toMatch(/^ {2}compiled +0 +0\.0 %$/m);
    expect(stderr).not.toContain("hottest");
  });
});

it("--symbols says what is wrong with its file", async () => {
  expect(await run("--jit-stats", "--symbols", "/etc/hostname")).toMatchObject({
    status: 1,
    stderr: expect.stringContaining("ERR_VKRUN_SYMBOLS_INVALID"),
  });
});

it("--perf-map has V8 name compiled guest code and the core's functions", async () => {
  const args = [COMMAND, "--elf", program.elfPath, "--perf-map", "--symbols", program.elfPath];
  const child = spawn(process.execPath, args, { stdio: "ignore" });
  const path = `/tmp/perf-${child.pid}.map`;
  try {
    expect(await new Promise((resolve) => child.on("exit", resolve))).toBe(0);
    expect(existsSync(path)).toBe(true);
    const map = readFileSync(path, "latin1");
    expect(map).toMatch(/^[0-9a-f]+ [0-9a-f]+ .*guest work(\+0x[0-9a-f]+)? 0x800000[0-9a-f]{2}/m);
    expect(map).toContain("assembly/hart/interpreter/Interpreter.run");
  } finally {
    rmSync(path, { force: true });
  }
});

it("--jit verify runs the same program to its end", async () => {
  expect(await run("--jit", "verify")).toMatchObject({ status: 0, stderr: "" });
});
