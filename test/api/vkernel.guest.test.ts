import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Exit, VKernel, VkrunError } from "vkrun";
import { consoleProgram } from "../support/console-program.js";
import { bootGuest } from "../support/guest.js";
import type { BareMetalProgram } from "../support/riscv-toolchain.js";

let program: BareMetalProgram;
let folder: string;
beforeAll(async () => {
  program = await consoleProgram();
  folder = mkdtempSync(join(tmpdir(), "vkrun-api-"));
});
afterAll(() => {
  program[Symbol.dispose]();
  rmSync(folder, { recursive: true, force: true });
});

const boot = (options = {}) => bootGuest({ elf: program.elfPath, memory: "16M", ...options });

/** Keeps this thread, and with it the event loop of whoever embeds the guest, from doing anything. */
function block(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

describe("a running guest", () => {
  it("prints, echoes what is typed and ends with its own power-off", async () => {
    await using guest = await boot();
    await guest.waitFor(/ready\n/);
    guest.send("xyz");
    await guest.waitFor(/xyz/);
    guest.send("p");
    const exit = await guest.vkernel.wait();
    expect(exit).toMatchObject({ reason: "poweroff", code: 0 });
    expect(exit.instructions).toBeGreaterThan(100n);
  });

  it("takes input that was written before it could read", async () => {
    await using guest = await boot();
    guest.send("abcdefghijklmnoqubvwxyzABCDEFGHIJKLMNOP".replace(/[pfrtcsl]/g, ""));
    await guest.waitFor(/ready\nabdeghijkmnoqubvwxyzABCDEFGHIJKLMNOP/);
  });

  it("reports the code that a program fails with", async () => {
    await using guest = await boot();
    guest.send("f");
    expect(await guest.vkernel.wait()).toMatchObject({ reason: "poweroff", code: 42 });
  });

  it("wakes from wfi by its timer", async () => {
    await using guest = await boot();
    await guest.waitFor(/ready\n/);
    const { ticks: before } = await guest.vkernel.stats();
    guest.send("t");
    await guest.waitFor(/tick\n/);
    const { ticks: after } = await guest.vkernel.stats();
    expect(after - before).toBeGreaterThanOrEqual(1_000_000n);
  });

  it("goes on while its embedder's event loop is blocked", async () => {
    await using guest = await boot();
    await guest.waitFor(/ready\n/);
    guest.send("c");
    await guest.waitFor(/\.\./);
    const before = await guest.vkernel.stats();
    block(1000);
    // Both the guest's clock and its program went on: nothing else can have printed these in the meantime.
    const dots = () => guest.output.split(".").length - 1;
    const blockedAt = dots();
    const after = await guest.vkernel.stats();
    expect(after.ticks - before.ticks).toBeGreaterThan(9_000_000n);
    expect(after.instructions).toBeGreaterThan(before.instructions);
    // A hundred dots at 10 ms each; on a loaded host some come late.
    await guest.waitFor(/\.{40}/);
    expect(dots() - blockedAt).toBeGreaterThan(40);
  });

  it("stands still while paused, clock and all, and goes on when resumed", async () => {
    await using guest = await boot();
    await guest.waitFor(/ready\n/);
    guest.send("s");
    await guest.vkernel.pause();
    const before = await guest.vkernel.stats();
    const hash = await guest.vkernel.memoryHash();
    await new Promise((resolve) => setTimeout(resolve, 300));
    const after = await guest.vkernel.stats();
    expect(after.instructions).toBe(before.instructions);
    expect(after.ticks).toBe(before.ticks);
    expect(await guest.vkernel.memoryHash()).toBe(hash);
    await guest.vkernel.resume();
    await expect.poll(async () => (await guest.vkernel.stats()).instructions).toBeGreaterThan(after.instructions);
    // The pause is no time that passed.
    const resumed = await guest.vkernel.stats();
    expect(resumed.ticks - after.ticks).toBeLessThan(100_000_000n);
  });

  it("can be stopped though it spins", async () => {
    await using guest = await boot();
    await guest.waitFor(/ready\n/);
    guest.send("s");
    expect(await guest.vkernel.stop()).toMatchObject({ reason: "stopped", code: 0 });
  });

  it("does not use the processor while it waits for input", async () => {
    await using guest = await boot();
    await guest.waitFor(/ready\n/);
    const { busyMs: before, instructions } = await guest.vkernel.stats();
    await new Promise((resolve) => setTimeout(resolve, 500));
    const after = await guest.vkernel.stats();
    expect(after.instructions - instructions).toBeLessThan(1000n);
    expect(after.busyMs - before).toBeLessThan(50);
  });

  it("loses no output to a slow reader", async () => {
    await using vkernel = await VKernel.boot({ elf: program.elfPath, memory: "16M" });
    const pieces = 48;
    vkernel.console.write(`${"l".repeat(pieces)}p`);
    let printed = 0;
    let reads = 0;
    for await (const chunk of vkernel.console) {
      for (const byte of chunk as Buffer) if (byte === 0x78) printed++;
      if (++reads % 16 === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    }
    expect(printed).toBe(pieces * 65536);
    expect(await vkernel.wait()).toMatchObject({ reason: "poweroff" });
  });

  it("runs on when nobody reads its console, of which the latest part is kept", async () => {
    await using vkernel = await VKernel.boot({ elf: program.elfPath, memory: "16M" });
    vkernel.console.write(`${"l".repeat(24)}p`);
    expect(await vkernel.wait()).toMatchObject({ reason: "poweroff" });
    let kept = "";
    for await (const chunk of vkernel.console.setEncoding("latin1")) kept += chunk;
    expect(kept.length).toBeLessThanOrEqual(2 ** 20 + 65536);
    expect(kept).toMatch(/x{1000}\n$/);
  });
});

describe("a guest that reboots", () => {
  it("is reset and boots again", async () => {
    await using guest = await boot();
    let resets = 0;
    guest.vkernel.on("reset", (count) => {
      resets = count;
    });
    await guest.waitFor(/ready\n/);
    guest.send("r");
    await guest.waitFor(/ready\n/);
    expect(resets).toBe(1);
    guest.send("qp");
    await guest.waitFor(/q/);
    expect(await guest.vkernel.wait()).toMatchObject({ reason: "poweroff" });
  });

  it("ends with noReboot", async () => {
    await using guest = await boot({ noReboot: true });
    guest.send("r");
    expect(await guest.vkernel.wait()).toMatchObject({ reason: "reboot" });
  });
});

describe("VKernel", () => {
  it("emits exit once with what wait resolves to", async () => {
    const vkernel = await VKernel.boot({ elf: program.elfPath, memory: "16M" });
    const exits: Exit[] = [];
    vkernel.on("exit", (exit) => exits.push(exit));
    const exit = await vkernel.stop();
    expect(exits).toEqual([exit]);
    expect(await vkernel.stop()).toBe(exit);
  });

  it("stops the guest when it is disposed of", async () => {
    let vkernel: VKernel;
    {
      await using inner = await VKernel.boot({ elf: program.elfPath, memory: "16M" });
      vkernel = inner;
    }
    await expect(vkernel.stats()).rejects.toMatchObject({ code: "ERR_VKRUN_ENDED" });
    expect(await vkernel.wait()).toMatchObject({ reason: "stopped" });
  });

  it("runs several guests side by side", async () => {
    await using first = await boot();
    await using second = await boot();
    first.send("1");
    second.send("2");
    await first.waitFor(/ready\n1/);
    await second.waitFor(/ready\n2/);
  });

  it("rejects with the code and the hint of what happened on the guest's thread", async () => {
    const missing = join(folder, "missing.img");
    const error = await VKernel.boot({ disk: missing }).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(error).toBeInstanceOf(VkrunError);
    expect(error).toMatchObject({ code: "ERR_VKRUN_IMAGE_NOT_FOUND" });
    expect((error as VkrunError).message).toContain(missing);
    expect((error as VkrunError).hint).toBeTypeOf("string");
  });

  it.each([
    ["an amount of memory that is none", { memory: "lots" }, "ERR_VKRUN_MEMORY_SIZE"],
    ["too little memory", { memory: 4096 }, "ERR_VKRUN_MEMORY_SIZE"],
    ["too much memory", { memory: "8G" }, "ERR_VKRUN_MEMORY_SIZE"],
    ["more drives than slots", { drives: Array(14).fill("x") }, "ERR_VKRUN_BOOT_OPTIONS"],
    ["recording a replay", { record: "a", replay: "b" }, "ERR_VKRUN_BOOT_OPTIONS"],
    ["a console that is none", { console: "vga" as "serial" }, "ERR_VKRUN_BOOT_OPTIONS"],
  ])("rejects %s before anything is started", async (_what, options, code) => {
    await expect(VKernel.boot({ elf: program.elfPath, ...options })).rejects.toMatchObject({ code });
  });
});

describe("a recording", () => {
  it("replays to the same instruction and the same memory, input and all", async () => {
    const record = join(folder, "run.vkrec");
    let recorded: Exit;
    let output: string;
    {
      await using guest = await boot({ record });
      await guest.waitFor(/ready\n/);
      guest.send("abey ");
      await guest.waitFor(/abey /);
      guest.send("t");
      await guest.waitFor(/tick\n/);
      guest.send("p");
      recorded = await guest.vkernel.wait();
      output = guest.output;
    }
    await using guest = await boot({ replay: record });
    const replayed = await guest.vkernel.wait();
    expect(replayed).toEqual(recorded);
    expect(replayed.memoryHash).toMatch(/^[0-9a-f]{64}$/);
    await expect.poll(() => guest.output).toBe(output);
  });

  it("replays up to where the host stopped it", async () => {
    const record = join(folder, "stopped.vkrec");
    let recorded: Exit;
    {
      await using guest = await boot({ record });
      await guest.waitFor(/ready\n/);
      guest.send("c");
      await guest.waitFor(/\.{5}/);
      recorded = await guest.vkernel.stop();
    }
    await using guest = await boot({ replay: record });
    const replayed = await guest.vkernel.wait();
    expect(replayed).toMatchObject({
      reason: "replayed",
      instructions: recorded.instructions,
      memoryHash: recorded.memoryHash,
    });
  });

  it("replays a reset", async () => {
    const record = join(folder, "reset.vkrec");
    let recorded: Exit;
    {
      await using guest = await boot({ record });
      await guest.waitFor(/ready\n/);
      guest.send("ar");
      await guest.waitFor(/ready\n/);
      guest.send("bp");
      recorded = await guest.vkernel.wait();
    }
    await using guest = await boot({ replay: record });
    expect(await guest.vkernel.wait()).toEqual(recorded);
    await expect.poll(() => guest.output).toBe("ready\naready\nb");
  });

  it.each([
    ["an instruction later", (line: string) => line.replace(/,(\d+),/, (_all, count) => `,${Number(count) + 1},`)],
    ["under another name", (line: string) => line.replace("uart0:input", "uart1:input")],
  ])("that has an input %s is one that the guest does not follow", { timeout: 120_000 }, async (_what, change) => {
    const record = join(folder, "changed.vkrec");
    {
      await using guest = await boot({ record });
      await guest.waitFor(/ready\n/);
      guest.send("ap");
      await guest.vkernel.wait();
    }
    const lines = readFileSync(record, "utf8").split("\n");
    writeFileSync(record, lines.map((line) => (line.startsWith('["input"') ? change(line) : line)).join("\n"));
    await using guest = await boot({ replay: record });
    await expect(guest.vkernel.wait()).rejects.toMatchObject({ code: "ERR_VKRUN_REPLAY_DIVERGED" });
  });

  it("leaves the disk alone when it is replayed", async () => {
    const disk = join(folder, "replayed.img");
    writeFileSync(disk, Buffer.alloc(1 << 20));
    const record = join(folder, "disk.vkrec");
    {
      await using guest = await boot({ record, disk });
      await guest.waitFor(/ready\n/);
    }
    await using guest = await boot({ replay: record, disk });
    // A disk that a replay wrote to would be locked against everybody else.
    await using other = await boot({ disk, snapshot: true });
    await other.waitFor(/ready\n/);
    expect(await guest.vkernel.wait()).toMatchObject({ reason: "replayed" });
  });

  it("is refused for another amount of memory", async () => {
    const record = join(folder, "memory.vkrec");
    {
      await using guest = await boot({ record });
      await guest.waitFor(/ready\n/);
    }
    await expect(boot({ replay: record, memory: "32M" })).rejects.toMatchObject({ code: "ERR_VKRUN_REPLAY_MISMATCH" });
  });

  it("says that a file is no recording", async () => {
    await expect(boot({ replay: program.elfPath })).rejects.toMatchObject({ code: "ERR_VKRUN_RECORDING_INVALID" });
  });
});
