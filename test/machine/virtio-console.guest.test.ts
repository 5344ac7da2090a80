import { expect, it } from "vitest";
import { bootGuest } from "../support/guest.js";
import { TINY_PROMPT, tinyImage } from "../support/tiny-image.js";

const BOOT_MS = 400_000;

it("a Linux guest on the virtio console knows the size of its window, and is there again after a reboot", {
  timeout: 1_200_000,
}, async () => {
  await using guest = await bootGuest({
    disk: await tinyImage(),
    memory: "256M",
    snapshot: true,
    console: "virtio",
    consoleSize: { columns: 111, rows: 37 },
  });
  let resets = 0;
  guest.vkernel.on("reset", (count) => {
    resets = count;
  });
  await guest.waitFor(TINY_PROMPT, BOOT_MS);
  guest.sendLine("stty size");
  await guest.waitFor(/37 111\r?\n/);
  guest.vkernel.console.resize(99, 22);
  // The guest hears of it by an interrupt, some time soon.
  guest.sendLine("until stty size | grep 99; do sleep 0.1; done");
  await guest.waitFor(/22 99\r?\n/);

  guest.sendLine("reboot -f");
  await guest.waitFor(/BusyBox/, BOOT_MS);
  await guest.waitFor(TINY_PROMPT, BOOT_MS);
  expect(resets).toBe(1);
  // The new machine has the size that the window has by now, and the other port's output is in the log.
  guest.sendLine("stty size");
  await guest.waitFor(/22 99\r?\n/);
  expect(guest.log.some(({ fields }) => fields["port"] === "uart0")).toBe(true);
  guest.sendLine("poweroff -f");
  expect(await guest.vkernel.wait()).toMatchObject({ reason: "poweroff" });
});
