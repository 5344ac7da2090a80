import { resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { COMMAND } from "../support/command.js";
import { consoleProgram } from "../support/console-program.js";
import type { BareMetalProgram } from "../support/riscv-toolchain.js";
import { Tmux } from "../support/tmux.js";

let program: BareMetalProgram;
let command: string;
beforeAll(async () => {
  program = await consoleProgram();
  command = `${process.execPath} ${resolve(COMMAND)} --elf ${program.elfPath}`;
});
afterAll(() => program[Symbol.dispose]());

/** Starts the guest, notes the terminal's settings, and hands both on. */
async function start(options = ""): Promise<Tmux> {
  const tmux = await Tmux.open();
  await tmux.enter(`stty -g > ${program.elfPath}.settings; clear`);
  await tmux.enter(`sh -c 'echo "pid=$$"; exec ${command} ${options}'; echo "status=$?"`);
  await tmux.waitFor(/^ready$/m);
  return tmux;
}

/** The terminal is as it was before. */
async function expectRestored(tmux: Tmux): Promise<void> {
  await tmux.enter(`test "$(stty -g)" = "$(cat ${program.elfPath}.settings)" && echo same || echo different`);
  expect((await tmux.waitFor(/^(same|different)$/m))[1]).toBe("same");
}

describe("on a terminal", () => {
  it("keys go to the guest one by one, Ctrl-C and Ctrl-Z too, and nothing echoes but the guest", async () => {
    await using tmux = await start();
    await tmux.type("xyz");
    await tmux.waitFor(/^xyz$/m);
    await tmux.press("C-c", "C-z", "C-d");
    await tmux.type("!");
    // The guest echoes control characters as they are, which show as nothing.
    await tmux.waitFor(/^xyz!$/m);
    await tmux.type("p");
    await tmux.waitFor(/status=0/);
    await expectRestored(tmux);
  });

  it("Ctrl-A x ends the guest with status 0", async () => {
    await using tmux = await start();
    await tmux.waitFor(/Ctrl-A x ends the guest/);
    await tmux.type("s");
    await tmux.press("C-a", "x");
    await tmux.waitFor(/status=0/);
    await expectRestored(tmux);
  });

  it("Ctrl-A h shows the keys, and Ctrl-A Ctrl-A and Ctrl-A a send Ctrl-A", async () => {
    await using tmux = await start("--quiet");
    expect(await tmux.screen()).not.toContain("Ctrl-A x ends");
    await tmux.press("C-a", "h");
    await tmux.waitFor(/Ctrl-A Ctrl-A +send Ctrl-A to the guest/);
    await tmux.press("C-a", "C-a");
    await tmux.press("C-a", "a");
    // Neither ended the guest, nor did the second key go with it.
    await tmux.type("<");
    await tmux.press("C-a", "?");
    await tmux.type(">p");
    await tmux.waitFor(/status=0/);
    expect((await tmux.screen()).replace(/[^<>]/g, "")).toBe("<>");
  });

  it("Ctrl-A - and + change the guest's memory within what it was booted with", async () => {
    await using tmux = await start("--quiet -m 128M");
    await tmux.press("C-a", "-");
    await tmux.waitFor(/the guest is to be left with 64 MiB/);
    await tmux.press("C-a", "-");
    await tmux.waitFor(/"?0 bytes"? of memory is too little for a guest/);
    await tmux.press("C-a", "+");
    await tmux.waitFor(/the guest is to be left with 128 MiB/);
    await tmux.press("C-a", "+");
    await tmux.waitFor(/192 MiB|201326592 bytes of memory is more than the guest was booted with/);
    await tmux.type("p");
    await tmux.waitFor(/status=0/);
    await expectRestored(tmux);
  });

  it("Ctrl-A - without a balloon says why nothing happens", async () => {
    await using tmux = await start("--quiet --no-balloon");
    await tmux.press("C-a", "-");
    await tmux.waitFor(/the guest has no balloon/);
    await tmux.press("C-a", "x");
    await tmux.waitFor(/status=0/);
  });

  it.each([
    ["TERM", 143],
    ["HUP", 129],
    ["INT", 130],
  ])("SIG%s restores it and ends with status %i", async (signal, status) => {
    await using tmux = await start();
    await tmux.type("s");
    const [, pid] = await tmux.waitFor(/pid=(\d+)$/m);
    process.kill(Number(pid), `SIG${signal}`);
    await tmux.waitFor(new RegExp(`status=${status}`));
    await expectRestored(tmux);
  });

  it("a crash of vkrun restores it", async () => {
    await using tmux = await Tmux.open();
    await tmux.enter(`stty -g > ${program.elfPath}.settings; clear`);
    // An error that nobody expected, in the middle of a run.
    const crash = `data:text/javascript,setTimeout(()=>{throw(new(Error)('crashed'))},4000)`;
    await tmux.enter(
      `${process.execPath} --import "${crash}" ${resolve(COMMAND)} --elf ${program.elfPath}; echo "status=$?"`,
    );
    await tmux.waitFor(/^ready$/m);
    await tmux.waitFor(/crashed/);
    await tmux.waitFor(/status=[1-9]/);
    await expectRestored(tmux);
  });
});
