import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { COMMAND, vkrun } from "../support/command.js";
import { consoleProgram } from "../support/console-program.js";
import { assemble, type BareMetalProgram } from "../support/riscv-toolchain.js";

let folder: string;
let program: BareMetalProgram;
beforeAll(async () => {
  program = await consoleProgram();
  folder = mkdtempSync(join(tmpdir(), "vkrun-run-"));
});
afterAll(() => {
  program[Symbol.dispose]();
  rmSync(folder, { recursive: true, force: true });
});

const run = (input: string, ...args: string[]) => vkrun(["--elf", program.elfPath, ...args], { input });

describe("the exit status", () => {
  it("is 0 for a guest that powers off", async () => {
    expect(await run("p")).toEqual({ status: 0, stdout: "ready\n", stderr: "" });
  });

  it("is a bare-metal program's own", async () => {
    expect(await run("f")).toMatchObject({ status: 42 });
  });

  it("is 3 for a reboot with --no-reboot", async () => {
    expect(await run("r", "--no-reboot")).toMatchObject({
      status: 3,
      stdout: "ready\n",
      stderr: "vkrun: the guest asked for a reboot.\n",
    });
    expect(await run("r", "--no-reboot", "--quiet")).toMatchObject({ status: 3, stderr: "" });
  });

  it.each([
    ["success", 1, 0],
    ["a code", (7 << 1) | 1, 7],
    ["a code beyond eight bits", (256 << 1) | 1, 255],
  ])("follows tohost: %s", async (_what, value, status) => {
    using ends = await assemble(`
      .section .text.start, "ax"
      .globl _start
      _start:
        la t0, tohost
        li t1, ${value}
        sd t1, 0(t0)
      1: j 1b
      .section .data
      .balign 8
      .globl tohost
      tohost: .dword 0
    `);
    expect(await vkrun(["--elf", ends.elfPath])).toMatchObject({ status, stderr: "" });
  });

  it.each([
    ["SIGTERM", 143],
    ["SIGHUP", 129],
    ["SIGINT", 130],
  ] as const)("tells %s, and the guest's disk is closed by then", async (signal, status) => {
    const child = spawn(process.execPath, [COMMAND, "--elf", program.elfPath], { stdio: ["pipe", "pipe", "inherit"] });
    child.stdin.write("s");
    await new Promise((resolve) => child.stdout.once("data", resolve));
    child.kill(signal);
    expect(await new Promise((resolve) => child.once("exit", (code, by) => resolve(code ?? by)))).toBe(status);
  });
});

describe("pipes", () => {
  it("pass bytes as they are, Ctrl-A and all", async () => {
    expect((await run("\x01a\x01xp")).stdout).toBe("ready\n\x01a\x01x");
  });

  it("may end before the guest does", async () => {
    // Input is over at once; the guest sleeps, prints, and powers off by itself.
    expect((await run("tp")).stdout).toBe("ready\ntick\n");
  });

  it("may be given a reader that goes away: the command ends, and says nothing", { timeout: 60_000 }, async () => {
    const child = spawn(
      "sh",
      ["-c", `"$0" "$@" | head -c 3; wait`, process.execPath, COMMAND, "--elf", program.elfPath],
      {
        stdio: ["pipe", "pipe", "pipe"],
      },
    );
    child.stdin.write("c");
    const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
    expect(stdout).toBe("rea");
    expect(stderr).toBe("");
  });

  it("feed a guest more than it can take at once, without losing any", async () => {
    const typed = "0123456789".repeat(5000);
    expect((await run(`${typed}p`)).stdout).toBe(`ready\n${typed}`);
  });
});

describe("drives", () => {
  it("keep commas that belong to a file's name", async () => {
    const path = join(folder, "a,b");
    writeFileSync(path, "");
    truncateSync(path, 512);
    expect(await run("p", "--drive", `${path},ro`)).toMatchObject({ status: 0 });
  });
});

describe("logs", () => {
  it("go to a file as JSON lines", async () => {
    const log = join(folder, "log");
    expect(await run("p", "--log", log, "--name", "tested")).toMatchObject({ status: 0, stderr: "" });
    const lines = readFileSync(log, "utf8").trimEnd().split("\n");
    const records = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(records.every(({ name }) => name === "tested")).toBe(true);
    expect(records.map(({ msg }) => msg)).toContain("the guest left the machine: poweroff");
  });

  it("go to stderr from a level on", async () => {
    const { stderr } = await run("p", "--log", "debug");
    expect(stderr).toContain('"msg":"the guest left the machine: poweroff"');
    expect((await run("p", "--log", "error")).stderr).toBe("");
  });
});

describe("help", () => {
  it("has examples, the exit status and every option", async () => {
    const { status, stdout } = await vkrun(["--help"]);
    expect(status).toBe(0);
    for (const part of ["Examples:", "Exit status:", "--snapshot", "--drive", "--no-reboot", "image", "Ctrl-A x"]) {
      expect(stdout).toContain(part);
    }
  });

  it("tells the version of the package", async () => {
    const { version } = JSON.parse(readFileSync("package.json", "utf8")) as { version: string };
    expect(await vkrun(["--version"])).toEqual({ status: 0, stdout: `${version}\n`, stderr: "" });
  });
});

it("--record and --replay run the same again", async () => {
  const path = join(folder, "run.vkrec");
  const first = await run("abtp", "--record", path);
  const second = await run("ignored", "--replay", path);
  expect(first).toMatchObject({ status: 0, stdout: "ready\nabtick\n" });
  expect(second).toEqual(first);
});
