import { createHash, randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import type { Exit } from "vkrun";
import { bootGuest } from "../support/guest.js";
import { TINY_PROMPT, tinyImage } from "../support/tiny-image.js";

const BOOT_MS = 400_000;
const MOUNT = "mount -t 9p -o trans=virtio,version=9p2000.L";

it("a Linux guest works in a folder of the host, cannot leave it, and a replay needs no folder", {
  timeout: 1_800_000,
}, async () => {
  const outside = mkdtempSync(join(tmpdir(), "vkrun-share-"));
  try {
    const path = join(outside, "src");
    mkdirSync(path);
    mkdirSync(join(outside, "locked"));
    writeFileSync(join(outside, "locked", "file"), "as it was");
    writeFileSync(join(outside, "secret"), "nobody reads this");
    symlinkSync("../secret", join(path, "leak"));
    const data = randomBytes(3_000_000);
    writeFileSync(join(path, "data"), data);
    const sum = createHash("sha256").update(data).digest("hex");

    const record = join(outside, "share.vkrec");
    const shares = [
      { path, tag: "src" },
      { path: join(outside, "locked"), tag: "locked", readOnly: true },
    ];
    const machine = { disk: await tinyImage(), memory: "256M", snapshot: true, shares };
    let first: Exit;
    {
      await using guest = await bootGuest({ ...machine, record });
      await guest.waitFor(TINY_PROMPT, BOOT_MS);
      guest.sendLine("until grep -qw 9p /proc/filesystems || modprobe 9p; do sleep 0.2; done; modprobe 9pnet_virtio");
      guest.sendLine(`mkdir /s /r; ${MOUNT} src /s && ${MOUNT} locked /r && echo moun''ted`);
      await guest.waitFor(/\nmounted/, BOOT_MS);

      guest.sendLine("sha256sum /s/data; cp /s/data /s/copy; cat /s/copy /s/data > /s/both; sync; echo cop''ied");
      await guest.waitFor(new RegExp(`\n${sum}`));
      await guest.waitFor(/\ncopied/);
      expect(readFileSync(join(path, "copy")).equals(data)).toBe(true);
      expect(readFileSync(join(path, "both")).equals(Buffer.concat([data, data]))).toBe(true);

      guest.sendLine(
        "cat /s/leak; cat /s/../secret; ls /s/../; echo x > /r/file; rm /r/file; cat /r/file; echo; echo look''ed",
      );
      const [looked] = await guest.waitFor(/.*\nlooked/s);
      expect(looked).toMatch(/can't open '\/s\/leak'/);
      expect(looked).toMatch(/can't create \/r\/file: Read-only file system/);
      expect(looked).toMatch(/\nas it was/);
      expect(guest.output).not.toContain("nobody reads this");

      guest.sendLine(
        "mkdir -p /s/a/b; cd /s/a; i=0; while [ $i -lt 200 ]; do echo $i > b/f$i; i=$((i+1)); done; ls b | wc -l",
      );
      await guest.waitFor(/\n200\r?\n/);
      guest.sendLine(
        "mv b c; rm c/f1??; ln -s c/f7 l; cat l; ln c/f8 h; chmod 751 h; touch -d '2001-02-03 04:05:06' h; cd /",
      );
      guest.sendLine("find /s/a | wc -l; mkdir /s/z; rmdir /s/z; umount /s; echo d''one");
      await guest.waitFor(/\n7\r?\n/);
      await guest.waitFor(/\n104\r?\ndone/);
      guest.sendLine("poweroff -f");
      first = await guest.vkernel.wait();
    }
    expect(readdirSync(path).sort()).toEqual(["a", "both", "copy", "data", "leak"]);
    expect(readdirSync(join(path, "a", "c"))).toHaveLength(100);
    expect(readFileSync(join(outside, "locked", "file"), "utf8")).toBe("as it was");
    expect(readFileSync(join(outside, "secret"), "utf8")).toBe("nobody reads this");

    rmSync(path, { recursive: true });
    await using again = await bootGuest({ ...machine, replay: record });
    const second = await again.vkernel.wait();
    expect(second.instructions).toBe(first.instructions);
    expect(second.memoryHash).toBe(first.memoryHash);
  } finally {
    rmSync(outside, { recursive: true });
  }
});
