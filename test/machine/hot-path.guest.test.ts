import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { VKernel } from "vkrun";
import { bootGuest, Guest } from "../support/guest.js";
import { TINY_PROMPT, tinyImage } from "../support/tiny-image.js";

it("Linux boots and uses its disk with the TypeScript hot paths, over split and packed rings", {
  timeout: 400_000,
}, async () => {
  for (const packedRings of [false, true]) {
    await using guest = await bootGuest({
      disk: await tinyImage(),
      memory: "256M",
      snapshot: true,
      hotPath: "ts",
      packedRings,
    });
    await guest.waitFor(TINY_PROMPT, 180_000);
    guest.sendLine("find / -xdev -type f | head -500 | xargs cat 2>/dev/null | wc -c; echo read-$((6*7))");
    await guest.waitFor(/\n\d{5,}\r?\nread-42/, 60_000);
    const { devices } = await guest.vkernel.stats();
    expect(devices["vda"]).toMatchObject({ broken: 0, ioErrors: 0 });
    expect(devices["vda"]?.requests).toBeGreaterThan(20);
  }
});

it("a checkpoint made with one form of the hot paths is gone on from with either", { timeout: 400_000 }, async () => {
  const folder = mkdtempSync(join(tmpdir(), "vkrun-hot-path-"));
  try {
    const [first, second] = [join(folder, "ts.vkckpt"), join(folder, "wasm.vkckpt")];
    await using guest = await bootGuest({
      disk: await tinyImage(),
      memory: "256M",
      snapshot: true,
      network: false,
      hotPath: "ts",
    });
    await guest.waitFor(TINY_PROMPT, 180_000);
    guest.sendLine("head -c 3000000 /dev/urandom >/root/data; md5sum </root/data");
    const [, sum] = await guest.waitFor(/\n([0-9a-f]{32}) /);
    await guest.vkernel.checkpoint(first, { exit: true });
    for (const [path, hotPath, next] of [
      [first, "wasm", second],
      [second, "ts", undefined],
    ] as const) {
      await using thawed = new Guest(await VKernel.thaw(path, { hotPath }), []);
      thawed.sendLine("md5sum </root/data");
      expect((await thawed.waitFor(/\n([0-9a-f]{32}) /))[1]).toBe(sum);
      if (next !== undefined) await thawed.vkernel.checkpoint(next, { exit: true });
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});
