import { expect, it } from "vitest";
import { bootGuest } from "../support/guest.js";
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
