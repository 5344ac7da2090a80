import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { type DiskError, type DriveBackend, VKernel } from "vkrun";
import { bootGuest, type Guest } from "../support/guest.js";
import { TINY_PROMPT, tinyImage } from "../support/tiny-image.js";

const MIB = 1 << 20;
const SIZE = 24 * MIB;
const BOOT_MS = 300_000;
const WORK_MS = 200_000;

/** Runs a line of the guest's shell, and answers what it printed. */
async function run(guest: Guest, line: string): Promise<string> {
  const from = guest.output.length;
  guest.sendLine(`${line}; echo "@$((20 + 22)) $?"`);
  await guest.waitFor(/@42 \d+\r?\n/, WORK_MS);
  return guest.output.slice(from).replaceAll("\r", "");
}

it("a disk that is the program's own holds a file system, and its failures are the guest's I/O errors", {
  timeout: 900_000,
}, async () => {
  const content = new Uint8Array(SIZE);
  const calls = { flush: 0, discarded: 0 };
  let broken: "no" | "rejects" | "short" = "no";
  const answer = (offset: number, length: number): Uint8Array => {
    if (broken === "rejects") throw new Error("the store is away");
    return content.subarray(offset, offset + (broken === "short" ? length - 1 : length));
  };
  const backend: DriveBackend = {
    size: SIZE,
    read: async (offset, length) => answer(offset, length),
    // Answered later, and in another order than they came.
    write: (offset, bytes) =>
      new Promise((resolve) => {
        setTimeout(() => resolve(content.set(bytes, offset)), (offset / 4096) % 3);
      }),
    flush: () => {
      calls.flush++;
    },
    discard: (offset, length) => {
      calls.discarded += length;
      content.fill(0, offset, offset + length);
    },
  };
  const read: DriveBackend = { size: 4096, read: (_, length) => new Uint8Array(length).fill(0x2a) };
  const drives = [{ path: await tinyImage(), snapshot: true }, { backend, serial: "own" }, { backend: read }];
  const errors: DiskError[] = [];
  await using guest = await bootGuest({ drives, memory: "256M" });
  guest.vkernel.on("disk-error", (error) => errors.push(error));
  await guest.waitFor(TINY_PROMPT, BOOT_MS);

  expect(await run(guest, "cat /sys/block/vdb/serial /sys/block/vdb/ro /sys/block/vdc/ro")).toMatch(/own\n?0\n1\n/);
  expect(await run(guest, "mke2fs -q /dev/vdb && mount -t ext4 /dev/vdb /mnt")).toMatch(/@42 0/);
  const made = await run(guest, "dd if=/dev/urandom bs=1M count=6 2>/dev/null | tee /mnt/file | md5sum");
  const sum = /^([0-9a-f]{32}) /m.exec(made)?.[1];
  expect(sum).toBeDefined();
  expect(await run(guest, "sync; echo 3 >/proc/sys/vm/drop_caches; md5sum </mnt/file")).toContain(sum);
  expect(await run(guest, "rm /mnt/file && fstrim /mnt && umount /mnt")).toMatch(/@42 0/);
  expect(calls.flush).toBeGreaterThan(0);
  expect(calls.discarded).toBeGreaterThan(6 * MIB);
  expect(await run(guest, "echo here | dd of=/dev/vdb bs=512 conv=sync,fsync seek=9")).toMatch(/@42 0/);
  expect(new TextDecoder().decode(content.subarray(9 * 512, 9 * 512 + 5))).toBe("here\n");
  expect(await run(guest, "head -c 4 /dev/vdc")).toContain("****");

  for (const how of ["rejects", "short"] as const) {
    broken = how;
    expect(await run(guest, "dd if=/dev/vdb of=/dev/null bs=4k skip=2000 count=1 iflag=direct")).toMatch(
      /(Input|I)\/?O? ?(\/output )?error[\s\S]*@42 1/i,
    );
  }
  expect(errors.map(({ drive, operation, code }) => ({ drive, operation, code }))).toContainEqual({
    ...{ drive: "vdb", operation: "read", code: "ERR_VKRUN_DRIVE_BACKEND" },
  });
  expect(errors[0]?.message).toContain("the store is away");
  broken = "no";
  expect(await run(guest, "dd if=/dev/vdb of=/dev/null bs=4k skip=2000 count=1 iflag=direct")).toMatch(/@42 0/);

  await expect(guest.vkernel.checkpoint(join(tmpdir(), `vkrun-own-disk-${process.pid}`))).rejects.toMatchObject({
    code: "ERR_VKRUN_CHECKPOINT_DISK",
  });
});

it.each([
  ["no whole sectors", { size: 1000, read: () => new Uint8Array(0) }],
  ["nothing to read with", { size: 512 }],
])("a disk with %s is refused", async (_, backend) => {
  await expect(VKernel.boot({ drives: [{ backend: backend as DriveBackend }] })).rejects.toMatchObject({
    code: "ERR_VKRUN_BOOT_OPTIONS",
  });
});
