import { execFileSync } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { findMirror } from "../../src/images/apt-sources.js";
import { buildImage } from "../../src/images/build-image.js";

// Where apt knows of no mirror there is nothing to fetch from; a mirror that is known must work.
const mirror = await findMirror().catch(() => undefined);

describe.skipIf(mirror === undefined)("the image tiny", () => {
  it("builds from the host's mirror into an empty cache", { timeout: 300_000 }, async () => {
    const cache = await mkdtemp(join(tmpdir(), "vkrun-tiny-"));
    try {
      const image = await buildImage("tiny", { cache });
      expect(image.cached).toBe(false);
      const debugfs = (request: string) =>
        execFileSync("debugfs", ["-R", request, `${image.path}?offset=1048576`], {
          encoding: "utf8",
          stdio: ["ignore", "pipe", "ignore"],
        });
      expect(debugfs("stat /usr/bin/sh")).toContain('Fast link dest: "busybox"');
      expect(debugfs("stat /etc/init.d/rcS")).toMatch(/Type: regular\s+Mode:\s+0755/);
      expect(debugfs("cat /boot/extlinux/extlinux.conf")).toMatch(/linux \/boot\/vmlinux-6\.12\.\S+-riscv64\n/);
      const initrd = (await readFile(image.initrdPath)).toString("latin1");
      expect(initrd).toMatch(/^070701[0-9a-f]+bin\0/);
      expect(initrd).toMatch(/modules\/\d\d-virtio_blk\.ko\0/);
    } finally {
      await rm(cache, { recursive: true });
    }
  });
});
