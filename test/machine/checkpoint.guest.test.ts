import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { VKernel } from "vkrun";
import { bootGuest, Guest } from "../support/guest.js";
import { TINY_PROMPT, tinyImage } from "../support/tiny-image.js";

const BOOT_MS = 300_000;

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "vkrun-checkpoint-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

const boot = async (options: object = {}): Promise<Guest> =>
  bootGuest({ disk: await tinyImage(), snapshot: true, network: false, memory: "256M", ...options });

describe("a checkpoint of a running guest", { timeout: 900_000 }, () => {
  it("can be gone on from, twice at once, while the original goes on; what slept wakes up", async () => {
    const path = join(folder, "a.vkckpt");
    const child = join(folder, "b.vkckpt");
    await using original = await boot();
    await original.waitFor(TINY_PROMPT, BOOT_MS);
    // Under a load that writes memory and the disk all the time, and with somebody asleep.
    original.sendLine("x=kept; head -c 4000000 /dev/urandom >/root/data; md5sum </root/data");
    const [, sum] = await original.waitFor(/\n([0-9a-f]{32}) /);
    original.sendLine("(while :; do cat /root/data >/root/copy; done) & echo loaded");
    await original.waitFor(/\nloaded\r/);
    const whole = await original.vkernel.checkpoint(path);
    expect(whole.parent).toBeUndefined();
    original.sendLine("(sleep 25; echo woken) & echo asleep");
    await original.waitFor(/\nasleep\r/);
    const changed = await original.vkernel.checkpoint(child, { parent: true });
    expect(changed.parent).toBe(whole.id);

    await using first = new Guest(await VKernel.thaw(path), []);
    await using second = new Guest(await VKernel.thaw(child), []);
    for (const guest of [original, first, second]) {
      guest.sendLine("kill %1; md5sum </root/data; echo $x still");
      expect((await guest.waitFor(/\n([0-9a-f]{32}) /))[1]).toBe(sum);
      await guest.waitFor(/\nkept still\r/);
    }
    await second.waitFor(/woken/);
    for (const guest of [first, second]) {
      guest.sendLine("poweroff");
      expect(await guest.vkernel.wait()).toMatchObject({ reason: "poweroff", code: 0 });
    }
  });

  it("makes no difference to the guest: it does the same whether it stopped or not", async () => {
    const path = join(folder, "c.vkckpt");
    const record = join(folder, "c.vkrec");
    await using guest = await boot({ record });
    await guest.waitFor(TINY_PROMPT, BOOT_MS);
    await guest.vkernel.checkpoint(path);
    guest.sendLine("md5sum /bin/busybox; echo $((6 * 7)); poweroff");
    const ended = await guest.vkernel.wait();
    expect(ended.reason).toBe("poweroff");
    await using again = new Guest(await VKernel.thaw(path, { replay: record }), []);
    expect(await again.vkernel.wait()).toMatchObject({
      reason: "poweroff",
      instructions: ended.instructions,
      memoryHash: ended.memoryHash,
    });
    expect(again.output).toContain("\n42\r");
  });

  it("ends the guest where that was asked for, and only once everything is safe", async () => {
    const path = join(folder, "d.vkckpt");
    await using guest = await boot();
    await guest.waitFor(TINY_PROMPT, BOOT_MS);
    guest.sendLine("cd /root && echo $((100 + 1))");
    await guest.waitFor(/\n101\r/);
    const whole = await guest.vkernel.checkpoint(join(folder, "parent.vkckpt"));
    // An idle guest writes little.
    const changed = await guest.vkernel.checkpoint(path, { exit: true, parent: true });
    expect(changed.pages).toBeLessThan(whole.pages / 4);
    expect(changed.bytes).toBeLessThan(whole.bytes / 2);
    expect(await guest.vkernel.wait()).toMatchObject({ reason: "checkpointed", code: 0 });
    await using thawed = new Guest(await VKernel.thaw(path, { clock: "keep" }), []);
    thawed.sendLine("pwd");
    await thawed.waitFor(/\n\/root\r/);
  });
});
