import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
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
  folder = mkdtempSync(join(tmpdir(), "vkrun-fork-test-"));
  env = { XDG_RUNTIME_DIR: folder, TMPDIR: folder };
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

const ask = (...args: string[]) => vkrun(args, { env });
const type = (name: string, input: string) => vkrun(["console", name], { env, input });
const running = async () =>
  (JSON.parse((await ask("ps", "--json")).stdout) as { name: string; pid: number }[]).map(({ name }) => name);

describe("vkrun fork", () => {
  it("has children go on in the background, each with a name and a console; they end one by one", async () => {
    const origin = await start("--name", "a");
    const forked = await ask("fork", "a", "-n", "2");
    expect(forked).toMatchObject({ status: 0, stdout: "a-1\na-2\n" });
    expect(forked.stderr).toMatch(/a stood still for [\d.]+ ms/);
    expect(await ask("fork", "a", "--quiet")).toEqual({ status: 0, stdout: "", stderr: "" });
    expect(await running()).toEqual(["a", "a-1", "a-2", "a-3"]);
    // The memory that they began with has no name any more, and neither have the files of its writing.
    expect(readdirSync(folder)).toEqual(["vkrun"]);

    // What one of them does is nothing to the others; the origin's end neither.
    expect(await type("a-1", "xp")).toEqual({ status: 0, stdout: expect.stringMatching(/x$/), stderr: "" });
    origin.stdin?.end("p");
    expect(await once(origin, "exit")).toEqual([0, null]);
    expect(await running()).toEqual(["a-2", "a-3"]);
    expect((await type("a-2", "yzp")).stdout).toMatch(/yz$/);
    expect(await ask("stop", "a-3")).toEqual({ status: 0, stdout: "", stderr: "" });
    expect(await running()).toEqual([]);
    expect(readdirSync(join(folder, "vkrun"))).toEqual([]);
  });

  it("shows who connects to a console what was printed before, and lets several look on; Ctrl-A d leaves it", async () => {
    const origin = await start("--name", "b");
    await ask("fork", "b");
    await using tmux = await Tmux.open();
    await tmux.enter(`XDG_RUNTIME_DIR=${folder} ${process.execPath} ${COMMAND} console b-1; echo status $?`);
    await tmux.waitFor(/Ctrl-A d leaves the guest/);
    await tmux.type("12345");
    await tmux.waitFor(/12345$/m);
    const onlooker = spawn(process.execPath, [COMMAND, "console", "b-1"], {
      stdio: ["pipe", "pipe", "inherit"],
      env: { ...process.env, ...env },
    });
    let seen = "";
    onlooker.stdout.setEncoding("utf8").on("data", (text: string) => {
      seen += text;
    });
    while (!seen.includes("12345")) await delay(50);
    await tmux.type("67890");
    while (!seen.includes("67890")) await delay(50);
    await tmux.press("C-a", "d");
    await tmux.waitFor(/^.*status 0$/m);
    expect(await running()).toEqual(["b", "b-1"]);
    const left = once(onlooker, "exit");
    await ask("stop", "b-1");
    expect(await left).toEqual([0, null]);
    origin.kill();
    await once(origin, "exit");
  });

  it("says what it cannot do, and leaves nothing behind", async () => {
    expect((await ask("fork", "nobody")).stderr).toContain("ERR_VKRUN_NOT_RUNNING");
    expect((await ask("fork", "c", "-n", "none")).status).toBe(2);
    const port = join(folder, "port");
    const origin = await start(
      "--name",
      "c",
      "--virtserialport",
      `socket,path=${port},name=p`,
      "--net",
      `link:${folder}/link`,
    );
    const refused = await ask("fork", "c", "-n", "2");
    expect(refused).toMatchObject({ status: 1, stdout: "", stderr: expect.stringContaining("ERR_VKRUN_FORK_CLASH") });
    expect((await ask("fork", "c", "-n", "2", "--net", "link:x")).stderr).toContain("ERR_VKRUN_FORK_CLASH");
    expect(await running()).toEqual(["c"]);
    expect((await type("c", "x")).stderr).toContain("ERR_VKRUN_CONSOLE_TAKEN");
    const links = await ask("fork", "c", "-n", "2", "--net", `link:${folder}/link{n}`);
    expect(links).toMatchObject({ status: 0, stdout: "c-1\nc-2\n" });
    const ended = once(origin, "exit");
    for (const name of ["c-1", "c-2", "c"]) await ask("stop", name);
    await ended;
  });
});
