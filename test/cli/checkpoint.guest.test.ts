import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { text } from "node:stream/consumers";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { COMMAND, vkrun } from "../support/command.js";
import { consoleProgram } from "../support/console-program.js";
import type { BareMetalProgram } from "../support/riscv-toolchain.js";
import { Tmux } from "../support/tmux.js";

let program: BareMetalProgram;
let folder: string;
let env: Record<string, string>;
beforeAll(async () => {
  program = await consoleProgram();
  folder = mkdtempSync(join(tmpdir(), "vkrun-ckpt-"));
  env = { XDG_RUNTIME_DIR: folder };
});
afterAll(() => {
  program[Symbol.dispose]();
  rmSync(folder, { recursive: true, force: true });
});

async function start(...args: string[]): Promise<ChildProcess> {
  const child = spawn(process.execPath, [COMMAND, "-m", "64M", "--elf", program.elfPath, ...args], {
    stdio: ["pipe", "pipe", "pipe"],
    env: { ...process.env, ...env },
  });
  await once(child.stdout, "data");
  return child;
}

async function appears(path: string): Promise<void> {
  for (let tries = 0; !existsSync(path); tries++) {
    if (tries > 600) throw new Error(`${path} did not appear`);
    await delay(50);
  }
}

const ask = (...args: string[]) => vkrun(args, { env });
const thaw = (path: string, input: string) => vkrun(["thaw", "--quiet", path], { env, input });

describe("vkrun ckpt and vkrun thaw", () => {
  it("save a guest that goes on, and have another process go on from there, more than once", async () => {
    const path = join(folder, "a.vkckpt");
    const child = await start("--name", "a");
    const { status, stdout, stderr } = await ask("ckpt", "a", path);
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    expect(stdout).toMatch(/a\.vkckpt: [\d.]+ MiB in [\d.]+ s; the guest stood still for [\d.]+ ms/);
    // While the one it was made of runs, the name is taken.
    expect((await thaw(path, "p")).stderr).toContain("ERR_VKRUN_NAME_TAKEN");
    child.stdin?.end("p");
    expect(await once(child, "exit")).toEqual([0, null]);
    expect(await thaw(path, "xyzp")).toEqual({ status: 0, stdout: "xyz", stderr: "" });
    // A bare-metal program's own code, as without a checkpoint.
    expect(await thaw(path, "f")).toMatchObject({ status: 42 });
  });

  it("--exit ends the vkernel, whose name is free then", async () => {
    const path = join(folder, "b.vkckpt");
    const child = await start("--name", "b");
    const ended = once(child, "exit");
    expect(await ask("ckpt", "b", path, "--exit", "--quiet")).toEqual({ status: 0, stdout: "", stderr: "" });
    expect(await thaw(path, "1p")).toEqual({ status: 0, stdout: "1", stderr: "" });
    expect(await ended).toEqual([0, null]);
  });

  it("say what is wrong with a name, a folder or a file", async () => {
    expect((await ask("ckpt", "nobody")).stderr).toContain("ERR_VKRUN_NOT_RUNNING");
    const child = await start("--name", "c");
    const nowhere = await ask("ckpt", "c", join(folder, "no/such/folder"));
    expect(nowhere).toMatchObject({ status: 1, stderr: expect.stringMatching(/ERR_VKRUN_CHECKPOINT_\w+/) });
    const path = join(folder, "c.vkckpt");
    expect(await ask("ckpt", "c", path)).toMatchObject({ status: 0 });
    child.stdin?.end("p");
    await once(child, "exit");
    expect((await thaw(join(folder, "none"), "p")).stderr).toContain("ERR_VKRUN_CHECKPOINT_NOT_FOUND");
    truncateSync(path, Math.floor(statSync(path).size / 2));
    expect((await thaw(path, "p")).stderr).toMatch(/ERR_VKRUN_CHECKPOINT_\w+/);
    writeFileSync(path, "something else");
    expect((await thaw(path, "p")).stderr).toMatch(/ERR_VKRUN_CHECKPOINT_\w+/);
  });
});

describe("SIGUSR2", () => {
  it("saves a busy guest, which goes on", async () => {
    const path = join(folder, "d.vkckpt");
    const child = await start("--name", "d", "--ckpt-file", path);
    // It prints without end.
    child.stdin?.write("c");
    child.stdout?.resume();
    child.kill("SIGUSR2");
    await appears(path);
    expect(child.exitCode).toBe(null);
    child.kill("SIGKILL");
    await once(child, "exit");
    const thawed = spawn(process.execPath, [COMMAND, "thaw", "--quiet", path], {
      stdio: ["pipe", "pipe", "inherit"],
      env: { ...process.env, ...env },
    });
    const [printed] = (await once(thawed.stdout, "data")) as [Buffer];
    expect(printed.toString()).toMatch(/^\.+$/);
    thawed.kill("SIGTERM");
    expect(await once(thawed, "exit")).toEqual([143, null]);
  });

  it("with --ckpt-exit ends vkrun with it, with status 0", async () => {
    const path = join(folder, "e.vkckpt");
    const child = await start("--name", "e", "--ckpt-file", path, "--ckpt-exit");
    const said = text(child.stderr as NodeJS.ReadableStream & AsyncIterable<string>);
    child.kill("SIGUSR2");
    expect(await once(child, "exit")).toEqual([0, null]);
    expect(await said).toContain("e.vkckpt: ");
    expect(await thaw(path, "2p")).toEqual({ status: 0, stdout: "2", stderr: "" });
  });
});

it("on a terminal, Ctrl-A s saves the guest and goes on; thawed, it has the terminal, and gives it back", async () => {
  await using tmux = await Tmux.open();
  const path = join(folder, "f.vkckpt");
  const command = `XDG_RUNTIME_DIR=${folder} ${process.execPath} ${resolve(COMMAND)}`;
  await tmux.enter(`stty -g > ${folder}/settings; clear`);
  await tmux.enter(`${command} -m 64M --elf ${program.elfPath} --name f --ckpt-file ${path} -q; echo "status=$?"`);
  await tmux.waitFor(/^ready$/m);
  await tmux.press("C-a", "s");
  await tmux.waitFor(/stood still for/);
  await tmux.type("p");
  await tmux.waitFor(/status=0/);
  await tmux.enter(`clear; ${command} thaw -q ${path}; echo "thawed=$?"`);
  await delay(1500);
  await tmux.type("<xyz>");
  await tmux.waitFor(/<xyz>/);
  await tmux.type("f");
  await tmux.waitFor(/thawed=42/);
  await tmux.enter(`test "$(stty -g)" = "$(cat ${folder}/settings)" && echo same || echo different`);
  expect((await tmux.waitFor(/^(same|different)$/m))[1]).toBe("same");
});
