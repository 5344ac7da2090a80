import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import type { Exit } from "vkrun";
import { bootGuest } from "../support/guest.js";
import { TINY_PROMPT, tinyImage } from "../support/tiny-image.js";

it("boots of Linux with the same clock retire the same instructions and reach the same memory, compiled or interpreted", {
  timeout: 900_000,
}, async () => {
  const folder = mkdtempSync(join(tmpdir(), "vkrun-determinism-"));
  try {
    const record = join(folder, "boot.vkrec");
    const machine = { disk: await tinyImage(), memory: "256M", snapshot: true };
    let first: Exit;
    let printed: string;
    {
      await using guest = await bootGuest({ ...machine, record });
      await guest.waitFor(TINY_PROMPT, 400_000);
      first = await guest.vkernel.stop();
      printed = guest.output;
    }
    // The guest cannot tell how it is executed, so neither can a replay.
    for (const jit of ["on", "off"] as const) {
      await using guest = await bootGuest({ ...machine, jit, replay: record });
      const second = await guest.vkernel.wait();
      expect(first.instructions).toBeGreaterThan(100_000_000n);
      expect(second.instructions).toBe(first.instructions);
      expect(second.memoryHash).toBe(first.memoryHash);
      await expect.poll(() => guest.output).toBe(printed);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});
