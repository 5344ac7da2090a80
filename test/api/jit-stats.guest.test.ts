import { afterAll, beforeAll, expect, it } from "vitest";
import { type JitStats, VKernel } from "vkrun";
import { consoleProgram } from "../support/console-program.js";
import type { BareMetalProgram } from "../support/riscv-toolchain.js";

let program: BareMetalProgram;
beforeAll(async () => {
  program = await consoleProgram();
});
afterAll(() => program[Symbol.dispose]());

it("jit-stats comes once for each time the machine ran, before reset and exit, and its parts add up", async () => {
  const vkernel = await VKernel.boot({ elf: program.elfPath, jitStats: true });
  const heard: string[] = [];
  const stats: JitStats[] = [];
  vkernel.on("jit-stats", (each) => {
    heard.push("jit-stats");
    stats.push(each);
  });
  vkernel.on("reset", () => heard.push("reset"));
  vkernel.on("exit", () => heard.push("exit"));
  // Prints a lot, enough for what is hot to be compiled, and resets; then powers off.
  vkernel.console.write(`${"l".repeat(30)}r`);
  vkernel.on("reset", () => vkernel.console.write("p"));
  vkernel.console.resume();
  const exit = await vkernel.wait();
  expect(heard).toEqual(["jit-stats", "reset", "jit-stats", "exit"]);
  const [first, last] = stats as [JitStats, JitStats];
  expect(last.instructions.compiled + last.instructions.interpreted).toBe(exit.instructions);
  expect(first.instructions.compiled).toBeGreaterThan(first.instructions.interpreted);
  const { compiledMs, interpreterMs, slowPathsMs, compilerMs, devicesMs, hostMs, idleMs, wallMs } = first.times;
  const parts = compiledMs + interpreterMs + slowPathsMs + compilerMs + devicesMs + hostMs + idleMs;
  expect(parts).toBeGreaterThan(0);
  // Samples and clocks never agree to the millisecond.
  expect(parts).toBeLessThan(2 * wallMs + 50);
});

it("without the option nothing is observed, and no event comes", async () => {
  const vkernel = await VKernel.boot({ elf: program.elfPath });
  let heard = 0;
  vkernel.on("jit-stats", () => heard++);
  vkernel.console.write("p");
  await vkernel.wait();
  expect(heard).toBe(0);
});
