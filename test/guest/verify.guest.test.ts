// Linux in verify mode: compiled and interpreted, compared after every few hundred instructions.

import { setTimeout as sleep } from "node:timers/promises";
import { expect, it } from "vitest";
import { describeFull } from "../setup/full.js";
import { bootGuest } from "../support/guest.js";
import { TINY_PROMPT, tinyImage } from "../support/tiny-image.js";

/** As far as a kernel's own set-up of memory: seconds, where all of its boot takes minutes. */
const STRETCH = 150_000_000n;
const POLL_MS = 200;

it("a kernel's first steps differ nowhere in verify mode", { timeout: 300_000 }, async () => {
  await using guest = await bootGuest({ disk: await tinyImage(), memory: "128M", snapshot: true, jit: "verify" });
  while ((await guest.vkernel.stats()).instructions < STRETCH) await sleep(POLL_MS);
  expect(await guest.vkernel.stop()).toMatchObject({ reason: "stopped" });
});

describeFull("the tiny image in verify mode, to its prompt and back", "about 5 minutes", () => {
  it("differs nowhere", { timeout: 1_500_000 }, async () => {
    await using guest = await bootGuest({ disk: await tinyImage(), memory: "256M", snapshot: true, jit: "verify" });
    await guest.waitFor(TINY_PROMPT, 1_200_000);
    guest.sendLine("dd if=/dev/vda of=/dev/null bs=64k count=64; sync; echo $((6 * 7))");
    await guest.waitFor(/\n42\r/, 240_000);
    guest.sendLine("poweroff");
    expect(await guest.vkernel.wait()).toMatchObject({ reason: "poweroff" });
  });
});
