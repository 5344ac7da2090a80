import { execFileSync } from "node:child_process";
import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { bootImageOnce } from "../../dist/cli/image-boot.js";
import { buildImage, cacheDirectory } from "../../src/images/index.js";
import { GUEST_DIRECTORY, readRecipe } from "../../src/images/recipe.js";
import { describeFull } from "../setup/full.js";
import { bootGuest } from "../support/guest.js";

const FIRST_BOOT = `#!/bin/sh
echo "Setting up sample (1) ..."
echo "made by $(uname -m)" >/made
mount -o remount,ro /
echo "vkrun-first-boot: done"
poweroff -f
`;

/** tiny, turned into an image that is booted once while it is built. */
async function makeRecipe(guestDirectory: string, firstBoot: string): Promise<void> {
  await cp(join(GUEST_DIRECTORY, "initramfs"), join(guestDirectory, "initramfs"), { recursive: true });
  await cp(join(GUEST_DIRECTORY, "tiny.lock.json"), join(guestDirectory, "sample.lock.json"));
  const recipe = { ...(await readRecipe("tiny")), name: "sample", firstBoot: true };
  await writeFile(join(guestDirectory, "sample.json"), JSON.stringify(recipe));
  await mkdir(join(guestDirectory, "first-boot"));
  await writeFile(join(guestDirectory, "first-boot/vkrun-first-boot"), firstBoot, { mode: 0o755 });
}

describe("an image's first boot", () => {
  it("runs inside vkrun, and what it writes is in the image", async () => {
    const directory = await mkdtemp(join(tmpdir(), "vkrun-first-boot-"));
    try {
      // tiny's packages are in the cache already, or get there for others to use.
      await buildImage("tiny");
      await mkdir(join(directory, "cache"));
      await symlink(join(cacheDirectory(), "packages"), join(directory, "cache/packages"));
      const guestDirectory = join(directory, "guest");
      await makeRecipe(guestDirectory, FIRST_BOOT);
      const configured: string[] = [];
      const image = await buildImage("sample", {
        guestDirectory,
        cache: join(directory, "cache"),
        boot: bootImageOnce,
        onProgress: (progress) => progress.stage === "configure" && configured.push(progress.name),
      });
      expect(configured).toEqual(["sample"]);
      const request = ["-R", "cat /made", `${image.path}?offset=1048576`];
      // The guest has made its journal clean: debugfs reads files, it replays nothing.
      expect(execFileSync("debugfs", request, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] })).toBe(
        "made by riscv64\n",
      );
    } finally {
      await rm(directory, { recursive: true });
    }
  });
});

describeFull("Debian, its packages configured inside vkrun", "up to an hour", () => {
  it("boots to a login with every package installed and no unit failed", { timeout: 7_200_000 }, async () => {
    const image = await buildImage("debian", { boot: bootImageOnce });
    await using guest = await bootGuest({ disk: image.path, snapshot: true, memory: "1G" });
    await guest.waitFor(/login: /, 900_000);
    guest.sendLine("root");
    await guest.waitFor(/Password: /);
    guest.sendLine("vkrun");
    await guest.waitFor(/:~# /, 300_000);
    // Two letters before each package's name: what is wanted of it, and what is.
    guest.sendLine(
      "dpkg --audit && dpkg -l | grep -E '^[a-z]{2,3} ' | cut -c 1-3 | sort | uniq -c | xargs echo states:",
    );
    await guest.waitFor(/states: 1 hi 15\d ii\r/, 300_000);
    guest.sendLine("systemctl list-units --failed --no-legend | wc -l | xargs echo failed:");
    await guest.waitFor(/failed: 0\r/, 300_000);
    // Through a pipe, or a terminal's colours and modes would stand between the words.
    guest.sendLine("python3 -c 'print(6 * 7)' | xargs echo answer:; systemctl is-active ssh | xargs echo ssh:");
    for (const words of [/answer: 42\r/, /ssh: active\r/]) await guest.waitFor(words, 300_000);
    guest.sendLine("ip -brief -color=never link show lo | xargs echo link:; poweroff");
    await guest.waitFor(/link: lo UNKNOWN /, 300_000);
    expect(await guest.vkernel.wait()).toMatchObject({ reason: "poweroff" });
  });
});
