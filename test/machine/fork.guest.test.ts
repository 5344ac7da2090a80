import { copyFileSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { bootGuest, Guest } from "../support/guest.js";
import { TINY_PROMPT, tinyImage } from "../support/tiny-image.js";

const BOOT_MS = 300_000;

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "vkrun-fork-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

const digits = (guest: Guest, command: string) => {
  guest.sendLine(command);
  return guest.waitFor(/=([^\r\n]+)\r/).then(([, found]) => found);
};

describe("a fork of a running guest", { timeout: 900_000 }, () => {
  it("has children that go on by themselves, amid forks and writes, with disks, names and addresses of their own", async () => {
    const disk = join(folder, "disk.img");
    copyFileSync(await tinyImage(), disk);
    await using origin = await bootGuest({ disk, name: "web", network: true, memory: "128M" });
    await origin.waitFor(TINY_PROMPT, BOOT_MS);
    origin.sendLine("stty -echo; PS1=; cd /root; head -c 2000000 /dev/urandom >data; echo =$(md5sum <data)");
    const [, sum] = await origin.waitFor(/\n=([0-9a-f]{32}) /);
    // Processes come and go, and the disk is written all the time.
    origin.sendLine("(while :; do cat data >copy; sync; done) & (while :; do /bin/true; done) & echo =loaded");
    await origin.waitFor(/\n=loaded\r/);

    const children = (await origin.vkernel.fork(2)).map((vkernel) => new Guest(vkernel, []));
    const [again] = (await origin.vkernel.fork(1, { snapshot: true })).map((vkernel) => new Guest(vkernel, []));
    if (again === undefined) throw new Error("there is no child");
    try {
      const all = [...children, again];
      expect(all.map(({ vkernel }) => vkernel.name)).toEqual(["web-1", "web-2", "web-3"]);
      expect(new Set([origin, ...all].map(({ vkernel }) => vkernel.network?.mac)).size).toBe(4);
      for (const [index, guest] of [...all, origin].entries()) {
        expect(await digits(guest, `kill %1 %2; wait; echo ${index} >mine; sync; echo =$(md5sum <data)`)).toContain(
          sum,
        );
      }
      for (const [index, guest] of [...all, origin].entries()) {
        expect(await digits(guest, "echo 3 >/proc/sys/vm/drop_caches; echo =$(cat mine)")).toBe(String(index));
      }
      // Of the same instant, with the same memory, and yet not the same numbers.
      const random = await Promise.all(
        children.map((guest) => digits(guest, "echo =$(head -c 16 /dev/urandom | md5sum)")),
      );
      expect(new Set(random).size).toBe(2);
      // Nothing builds upon what a fork leaves behind, on either side.
      const kept = join(folder, "kept.vkckpt");
      expect((await children[0]?.vkernel.checkpoint(kept, { parent: true }))?.parent).toBeUndefined();
    } finally {
      for (const guest of [...children, again]) await guest[Symbol.asyncDispose]();
    }
    // Two forks of the origin, two children with files, one more at the checkpoint of the first.
    expect(readdirSync(folder).filter((name) => name.endsWith(".qcow2"))).toHaveLength(5);
  });
});
