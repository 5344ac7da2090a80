import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { VKernel } from "vkrun";
import { type CommandResult, vkrun } from "../support/command.js";
import { consoleProgram } from "../support/console-program.js";
import type { BareMetalProgram } from "../support/riscv-toolchain.js";

let folder: string;
let program: BareMetalProgram;
beforeAll(async () => {
  program = await consoleProgram();
});
afterAll(() => program[Symbol.dispose]());
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "vkrun-bad-input-"));
  return () => rmSync(folder, { recursive: true, force: true });
});

/** A user and group without rights, on Debian and elsewhere. */
const NOBODY = 65534;

/** One clear message with its code, what to do about it, and nothing on stdout. */
function expectFailure({ status, stdout, stderr }: CommandResult, code: string, message: RegExp, expected = 1): void {
  const [first = "", hint = "", ...rest] = stderr.trimEnd().split("\n");
  expect(first, stderr).toMatch(/^vkrun: /);
  expect(first).toMatch(message);
  expect(first).toContain(`(${code})`);
  expect(hint).toMatch(/^ {2}\S/);
  expect(rest).toEqual([]);
  expect(stdout).toBe("");
  expect(status).toBe(expected);
}

function image(name: string, bytes: number): string {
  const path = join(folder, name);
  writeFileSync(path, "");
  truncateSync(path, bytes);
  return path;
}

describe("a disk image that cannot be one", () => {
  it("is missing", async () => {
    expectFailure(
      await vkrun([join(folder, "no.img")]),
      "ERR_VKRUN_IMAGE_NOT_FOUND",
      /there is no disk image .*no\.img/,
    );
    expect(readdirSync(folder)).toEqual([]);
  });

  it("is below something that is no directory", async () => {
    const path = image("disk.img", 512);
    expectFailure(await vkrun([join(path, "disk.img")]), "ERR_VKRUN_IMAGE_NOT_FOUND", /there is no disk image/);
  });

  it("is empty", async () => {
    const path = image("empty.img", 0);
    expectFailure(await vkrun([path]), "ERR_VKRUN_IMAGE_INVALID", /empty/);
    expect(statSync(path).size).toBe(0);
  });

  it("is a directory", async () => {
    const path = join(folder, "dir");
    mkdirSync(path);
    expectFailure(await vkrun([path]), "ERR_VKRUN_IMAGE_INVALID", /is a directory/);
    expectFailure(await vkrun(["--snapshot", path]), "ERR_VKRUN_IMAGE_INVALID", /is a directory/);
  });

  it("is a device that is no disk", async () => {
    expectFailure(await vkrun(["/dev/null"]), "ERR_VKRUN_IMAGE_INVALID", /neither a file nor a block device/);
  });

  it("may not be written, or not even be read", async (context) => {
    // For root everything is permitted: somebody else has to try, who may not even be let into this tree.
    const user = process.getuid?.() === 0 ? { user: NOBODY } : {};
    if ((await vkrun(["--version"], user)).status !== 0) return context.skip("nobody else may read this tree");
    const path = image("locked.img", 1 << 20);
    chmodSync(folder, 0o755);
    chmodSync(path, 0o444);
    expectFailure(await vkrun([path], user), "ERR_VKRUN_IMAGE_ACCESS", /may not be written/);
    chmodSync(path, 0);
    expectFailure(await vkrun(["--snapshot", path], user), "ERR_VKRUN_IMAGE_ACCESS", /may not be read/);
  });

  it("holds no kernel, and the message says where it was looked for", async () => {
    const path = image("zeroes.img", 4 << 20);
    const { status, stderr } = await vkrun([path]);
    expect(stderr).toMatch(/^vkrun: .*zeroes\.img|^vkrun: .*disk/);
    expect(stderr).toMatch(/\(ERR_VKRUN_\w+\)\n {2}\S/);
    expect(status).toBe(1);
  });
});

describe("a disk image in use", () => {
  it("by a writer is refused to everybody else, and free again when that one ends", async () => {
    const path = image("shared.img", 1 << 20);
    const elf = ["--elf", program.elfPath];
    {
      await using _writer = await VKernel.boot({ elf: program.elfPath, memory: "16M", disk: path });
      expectFailure(await vkrun([...elf, path]), "ERR_VKRUN_IMAGE_LOCKED", /shared\.img is in use/);
      expectFailure(await vkrun([...elf, "--snapshot", path]), "ERR_VKRUN_IMAGE_LOCKED", /in use/);
      expectFailure(await vkrun([...elf, "--drive", `${path},ro`]), "ERR_VKRUN_IMAGE_LOCKED", /in use/);
    }
    expect(await vkrun([...elf, path], { input: "p" })).toMatchObject({ status: 0 });
  });

  it("by readers is shared among them, but not written", async () => {
    const path = image("shared.img", 1 << 20);
    await using _reader = await VKernel.boot({ elf: program.elfPath, memory: "16M", disk: path, snapshot: true });
    expect(await vkrun(["--elf", program.elfPath, "--snapshot", path], { input: "p" })).toMatchObject({ status: 0 });
    expectFailure(await vkrun(["--elf", program.elfPath, path]), "ERR_VKRUN_IMAGE_LOCKED", /in use/);
  });

  it("cannot be one machine's disk twice", async () => {
    const path = image("twice.img", 1 << 20);
    expectFailure(
      await vkrun(["--elf", program.elfPath, path, "--drive", path]),
      "ERR_VKRUN_IMAGE_LOCKED",
      /twice\.img is in use/,
    );
  });
});

describe("a command line", () => {
  it.each([
    ["lots", /"lots" is not an amount of memory/],
    ["512X", /is not an amount/],
    ["-1", /is not an amount/],
    ["1M", /too little/],
    ["64G", /more than a guest can have/],
    ["1e3", /is not an amount/],
  ])("with -m %s is refused", async (size, message) => {
    expectFailure(await vkrun([`--memory=${size}`, "--elf", program.elfPath]), "ERR_VKRUN_MEMORY_SIZE", message);
  });

  it("with an option that is none is refused, with the likely one", async () => {
    const result = await vkrun(["--snapshto", "disk.img"]);
    expectFailure(result, "ERR_VKRUN_USAGE", /unknown option '--snapshto'/, 2);
    expect(result.stderr).toContain("--snapshot");
  });

  it("with an option of a subcommand that is none is refused", async () => {
    expectFailure(await vkrun(["image", "list", "--colour"]), "ERR_VKRUN_USAGE", /unknown option '--colour'/, 2);
  });

  it("with two disks is refused", async () => {
    expectFailure(await vkrun(["a.img", "b.img"]), "ERR_VKRUN_USAGE", /too many arguments/, 2);
  });

  it("with a console that is none is refused", async () => {
    expectFailure(await vkrun(["--console", "vga", "a.img"]), "ERR_VKRUN_USAGE", /'vga' is invalid/, 2);
  });

  it("with a drive that names no file is refused", async () => {
    expectFailure(await vkrun(["--drive", ",ro"]), "ERR_VKRUN_USAGE", /names no file/, 2);
  });

  it("with a program that is none is refused", async () => {
    const path = join(folder, "text.elf");
    writeFileSync(path, "this is no program");
    expectFailure(await vkrun(["--elf", path]), "ERR_VKRUN_ELF_INVALID", /text\.elf/);
  });

  it("with a log file in no directory is refused", async () => {
    const result = await vkrun(["--log", join(folder, "no/such/log"), "--elf", program.elfPath]);
    expectFailure(result, "ERR_VKRUN_LOG_WRITE", /cannot be opened/);
  });

  it("with a recording in no directory is refused", async () => {
    const result = await vkrun(["--record", join(folder, "no/such/rec"), "--elf", program.elfPath]);
    expectFailure(result, "ERR_VKRUN_RECORDING_WRITE", /cannot be created/);
  });
});

describe("without the addon", () => {
  // node-gyp-build then looks for a prebuilt addon only, of which a checkout has none.
  const env = { PREBUILDS_ONLY: "1" };

  it("a guest with a disk runs, and a warning says what is missing and how to get it", async () => {
    const { status, stdout, stderr } = await vkrun(["--elf", program.elfPath, image("disk.img", 1 << 20)], {
      env,
      input: "p",
    });
    expect(stdout).toBe("ready\n");
    expect(stderr).toMatch(/^vkrun: warning: .*addon cannot be loaded.*not locked.*\n {2}Build it with/);
    expect(stderr.split("warning").length).toBe(2);
    expect(status).toBe(0);
  });

  it("a guest without a disk misses nothing", async () => {
    expect(await vkrun(["--elf", program.elfPath], { env, input: "rp" })).toEqual({
      status: 0,
      stdout: "ready\nready\n",
      stderr: "",
    });
  });
});
