import { existsSync } from "node:fs";
import { describe, expect, it } from "vitest";
import type { BootOptions } from "vkrun";
import { bootGuest } from "../support/guest.js";
import { TINY_PROMPT, tinyImage } from "../support/tiny-image.js";

/** Of the Debian packages opensbi and u-boot-qemu. */
const OPENSBI = "/usr/lib/riscv64-linux-gnu/opensbi/generic";
const U_BOOT = "/usr/lib/u-boot/qemu-riscv64_smode/u-boot.bin";

function firmware(path: string): string {
  if (!existsSync(path)) throw new Error(`${path} is missing: apt-get install opensbi u-boot-qemu`);
  return path;
}

/** The way of a boot, as the console shows it, to a shell that answers, and back out. */
async function bootsToShell(options: BootOptions, stations: readonly RegExp[]): Promise<void> {
  await using guest = await bootGuest({ disk: await tinyImage(), memory: "256M", snapshot: true, ...options });
  for (const station of stations) await guest.waitFor(station, 120_000);
  await guest.waitFor(TINY_PROMPT, 240_000);
  guest.sendLine("echo $((6 * 7)) on $(uname -m)");
  await guest.waitFor(/\n42 on riscv64\r/);
  guest.sendLine("poweroff");
  expect(await guest.vkernel.wait()).toMatchObject({ reason: "poweroff", code: 0 });
}

describe("firmware in M mode", { timeout: 600_000 }, () => {
  it("OpenSBI's fw_jump starts the kernel that is on the disk", async () => {
    await bootsToShell({ firmware: firmware(`${OPENSBI}/fw_jump.bin`) }, [/OpenSBI v\d/]);
  });

  it("OpenSBI's fw_dynamic starts U-Boot, which reads the disk's extlinux.conf", async () => {
    await bootsToShell({ firmware: firmware(`${OPENSBI}/fw_dynamic.bin`), kernel: firmware(U_BOOT) }, [
      /OpenSBI v\d/,
      /U-Boot 20\d\d/,
      /Found \/boot\/extlinux\/extlinux\.conf/,
      /Starting kernel/,
    ]);
  });

  it("U-Boot in S mode runs on the built-in SBI as well", async () => {
    await bootsToShell({ kernel: firmware(U_BOOT) }, [/U-Boot 20\d\d/, /Starting kernel/]);
  });
});
