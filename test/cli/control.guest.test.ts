import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { COMMAND, vkrun } from "../support/command.js";
import { consoleProgram } from "../support/console-program.js";
import type { BareMetalProgram } from "../support/riscv-toolchain.js";

let program: BareMetalProgram;
let folder: string;
let env: Record<string, string>;
beforeAll(async () => {
  program = await consoleProgram();
  folder = mkdtempSync(join(tmpdir(), "vkrun-run-"));
  env = { XDG_RUNTIME_DIR: folder };
});
afterAll(() => {
  program[Symbol.dispose]();
  rmSync(folder, { recursive: true, force: true });
});

async function start(...args: string[]) {
  const child = spawn(process.execPath, [COMMAND, "-m", "64M", "--elf", program.elfPath, ...args], {
    stdio: ["pipe", "pipe", "inherit"],
    env: { ...process.env, ...env },
  });
  // Listening begins before the guest can have printed anything that we see.
  await once(child.stdout, "data");
  return child;
}

const ask = (...args: string[]) => vkrun(args, { env });

it("`vkrun ps` lists vkernels, with and without a name; `stop` ends one, and nothing is left of it", async () => {
  const named = await start("--name", "first");
  const unnamed = await start();
  const { stdout, stderr } = await ask("ps", "--json");
  expect(stderr).toBe("");
  const listed = JSON.parse(stdout) as Record<string, unknown>[];
  expect(listed.map(({ name }) => name)).toEqual(["first", `vkrun-${unnamed.pid}`]);
  expect(listed[0]).toMatchObject({ pid: named.pid, memoryBytes: 64 * 2 ** 20, targetBytes: 64 * 2 ** 20 });
  const table = (await ask("ps")).stdout.split("\n");
  expect(table[0]).toMatch(/^NAME +PID +MEMORY +TARGET +RESIDENT +UPTIME +STATE$/);
  expect(table[1]).toMatch(new RegExp(`^first +${named.pid} +64M +64M +\\d+M +\\d+s +running$`));

  const gone = once(named, "exit");
  expect(await ask("stop", "first")).toEqual({ status: 0, stdout: "", stderr: "" });
  expect(await gone).toEqual([0, null]);
  unnamed.kill("SIGTERM");
  await once(unnamed, "exit");
  expect(readdirSync(join(folder, "vkrun"))).toEqual([]);
  expect((await ask("ps", "--json")).stdout).toBe("[]\n");
});

it("`vkrun balloon` says what the guest is left with, or why not", async () => {
  const child = await start("--name", "ballooned");
  expect(await ask("balloon", "ballooned", "32M")).toMatchObject({
    status: 0,
    stdout: "ballooned is to be left with 32 MiB\n",
  });
  expect((await ask("ps")).stdout).toMatch(/ballooned +\d+ +64M +32M/);
  expect((await ask("balloon", "ballooned", "65M")).stderr).toContain("ERR_VKRUN_MEMORY_SIZE");
  child.stdin.write("p");
  await once(child, "exit");
  expect(await ask("balloon", "ballooned", "32M")).toMatchObject({
    status: 1,
    stderr: expect.stringContaining("ERR_VKRUN_NOT_RUNNING"),
  });
});

it("a second vkernel of the same name does not start; after the first was killed, one does", async () => {
  const first = await start("--name", "one");
  const second = await vkrun(["--elf", program.elfPath, "--name", "one"], { env, input: "p" });
  expect(second).toMatchObject({ status: 1, stdout: "" });
  expect(second.stderr).toContain(`process ${first.pid}`);
  expect(second.stderr).toContain("ERR_VKRUN_NAME_TAKEN");
  first.kill("SIGKILL");
  await once(first, "exit");
  const third = await vkrun(["--elf", program.elfPath, "--name", "one"], { env, input: "p" });
  expect(third).toMatchObject({ status: 0, stdout: "ready\n", stderr: "" });
});

it("one that is stopped is listed as such, and holds nobody up for long", async () => {
  const child = await start("--name", "stopped");
  child.kill("SIGSTOP");
  expect((await ask("ps")).stdout).toMatch(new RegExp(`stopped +${child.pid} .*not answering`));
  child.kill("SIGKILL");
  await once(child, "exit");
});
