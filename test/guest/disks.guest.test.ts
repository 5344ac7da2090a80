// A Linux guest's own driver and file system on each kind of disk: what it wrote is there, for it after its caches are dropped and for
// the host's tools. And what a guest sees of a host that has no room, or takes its file away.

import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { DiskError, DriveOptions } from "vkrun";
import { describeFull } from "../setup/full.js";
import { bootGuest, type Guest } from "../support/guest.js";
import { checkImage, qemuImg } from "../support/qemu-img.js";
import { TINY_PROMPT, tinyImage } from "../support/tiny-image.js";

const MIB = 1 << 20;
const BOOT_MS = 300_000;
const WORK_MS = 600_000;

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "vkrun-disks-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

interface Kind {
  readonly name: string;
  /** Makes the disk, of so many bytes. */
  readonly make: (path: string, size: number) => void;
  readonly options?: Partial<DriveOptions>;
  /** The disk's content as a raw image, where the guest leaves anything behind. */
  readonly raw?: (path: string) => string;
}

const makeRaw = (path: string, size: number): void => {
  writeFileSync(path, "");
  truncateSync(path, size);
};
const makeQcow2 = (path: string, size: number): void => {
  qemuImg("create", "-q", "-f", "qcow2", path, String(size));
};
const convert = (path: string): string => {
  expect(checkImage(path)).toMatchObject({ status: 0 });
  qemuImg("convert", "-q", "-f", "qcow2", "-O", "raw", path, `${path}.raw`);
  return `${path}.raw`;
};

const KINDS: readonly Kind[] = [
  { name: "raw", make: makeRaw, raw: (path) => path },
  { name: "raw-none", make: makeRaw, options: { cache: "none" }, raw: (path) => path },
  { name: "raw-unsafe", make: makeRaw, options: { cache: "unsafe", queues: 2 }, raw: (path) => path },
  { name: "qcow2", make: makeQcow2, raw: convert },
  {
    name: "chain",
    make: (path, size) => {
      makeRaw(`${path}.base`, size / 2);
      qemuImg("create", "-q", "-f", "qcow2", "-b", `${path}.base`, "-F", "raw", path, String(size));
    },
    raw: convert,
  },
  { name: "overlay", make: makeQcow2, options: { snapshot: true } },
];

/** Runs a line of the guest's shell, and answers what it printed. */
async function run(guest: Guest, line: string): Promise<string> {
  const from = guest.output.length;
  guest.sendLine(`${line}; echo "@$((20 + 22)) $?"`);
  await guest.waitFor(/@42 \d+\r?\n/, WORK_MS);
  await guest.waitFor(TINY_PROMPT);
  return guest.output.slice(from).replaceAll("\r", "");
}

async function bootWith(drives: DriveOptions[], errors: DiskError[] = []): Promise<Guest> {
  const guest = await bootGuest({ drives: [{ path: await tinyImage(), snapshot: true }, ...drives], memory: "512M" });
  guest.vkernel.on("disk-error", (error) => errors.push(error));
  await guest.waitFor(TINY_PROMPT, BOOT_MS);
  return guest;
}

const DEVICES = "bcdefgh";

/** mkfs, a file of random bytes, its checksum with nothing cached, some of it given back, and again. */
async function exercise(guest: Guest, device: string, mebibytes: number): Promise<void> {
  const sum = async (): Promise<string | undefined> => {
    await run(guest, "sync; echo 3 > /proc/sys/vm/drop_caches");
    return /^([0-9a-f]{32}) /m.exec(await run(guest, "md5sum < /mnt/file"))?.[1];
  };
  expect(await run(guest, `mke2fs -q ${device} && mount -t ext4 ${device} /mnt`)).toMatch(/@42 0/);
  const made = await run(guest, `dd if=/dev/urandom bs=1M count=${mebibytes} 2>/dev/null | tee /mnt/file | md5sum`);
  const expected = /^([0-9a-f]{32}) /m.exec(made)?.[1];
  expect(expected).toBeDefined();
  expect(await sum()).toBe(expected);
  expect(await run(guest, "cp /mnt/file /mnt/copy && rm /mnt/copy && fstrim -v /mnt")).toMatch(
    /trimmed|bytes[\s\S]*@42 0/,
  );
  expect(await sum()).toBe(expected);
  expect(await run(guest, "umount /mnt")).toMatch(/@42 0/);
}

async function exerciseAll(kinds: readonly Kind[], size: number, mebibytes: number): Promise<void> {
  const paths = kinds.map(({ name }) => join(folder, `${name}-${mebibytes}.img`));
  for (const [index, { make }] of kinds.entries()) make(paths[index] as string, size);
  {
    const drives = kinds.map(({ options }, index) => ({ path: paths[index] as string, ...options }));
    await using guest = await bootWith(drives);
    for (const index of kinds.keys()) await exercise(guest, `/dev/vd${DEVICES[index]}`, mebibytes);
    guest.sendLine("poweroff");
    await guest.vkernel.wait();
  }
  for (const [index, { name, raw }] of kinds.entries()) {
    if (raw === undefined) continue;
    const image = raw(paths[index] as string);
    // Throws when the file system is not clean.
    const report = execFileSync("e2fsck", ["-f", "-n", image], { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
    expect(report, name).toContain("files");
  }
}

describe("a file system in the guest", () => {
  it("is whole on every kind of disk, for the guest and for the host", { timeout: 900_000 }, async () => {
    await exerciseAll(KINDS, 64 * MIB, 12);
  });
});

describeFull("1 GiB on every kind of disk", "about 15 minutes", () => {
  it.each(KINDS)("is whole on $name", { timeout: 1_800_000 }, async (kind) => {
    await exerciseAll([kind], 2600 * MIB, 1024);
  });
});

describe("a host that fails its guest", () => {
  it.runIf(process.getuid?.() === 0)(
    "for want of room, or because the file was cut off, is not harmed by it",
    { timeout: 900_000 },
    async () => {
      // A file system with little room, which only root can mount.
      const small = join(folder, "small");
      mkdirSync(small);
      execFileSync("mount", ["-t", "tmpfs", "-o", "size=4m", "tmpfs", small]);
      try {
        const full = join(small, "full.img");
        makeRaw(full, 16 * MIB);
        const cut = join(folder, "cut.img");
        makeRaw(cut, 16 * MIB);
        const fine = join(folder, "fine.img");
        makeRaw(fine, 16 * MIB);
        const errors: DiskError[] = [];
        await using guest = await bootWith([{ path: full }, { path: cut }, { path: fine }], errors);
        expect(await run(guest, "dd if=/dev/zero of=/dev/vdb bs=1M count=16 oflag=direct 2>&1")).toMatch(
          /error[\s\S]*@42 1/,
        );
        expect(errors).toContainEqual(expect.objectContaining({ drive: "vdb", operation: "write", code: "ENOSPC" }));
        truncateSync(cut, MIB);
        expect(await run(guest, "dd if=/dev/vdc of=/dev/null bs=1M iflag=direct 2>&1")).toMatch(/error[\s\S]*@42 1/);
        expect(errors).toContainEqual(
          expect.objectContaining({ drive: "vdc", operation: "read", code: "ERR_VKRUN_IMAGE_TRUNCATED" }),
        );
        expect(await run(guest, "yes vkrun | dd of=/dev/vdd bs=4k count=100 iflag=fullblock conv=fsync 2>&1")).toMatch(
          /@42 0/,
        );
        guest.sendLine("poweroff");
        expect(await guest.vkernel.wait()).toMatchObject({ reason: "poweroff" });
        expect(readFileSync(fine, "latin1").startsWith("vkrun\nvkrun\n")).toBe(true);
      } finally {
        execFileSync("umount", [small]);
      }
    },
  );
});

describe("a disk behind a web server", () => {
  let server: Server;
  let content: Buffer;
  const version = 1;

  beforeAll(async () => {
    content = readFileSync(await tinyImage());
    server = createServer((request, response) => {
      const [, from, to] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? "") ?? [];
      const part = content.subarray(Number(from), Number(to) + 1);
      response.writeHead(206, {
        etag: `"${version}"`,
        "content-range": `bytes ${from}-${to}/${content.length}`,
        "content-length": part.length,
      });
      response.end(part);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  });
  afterAll(() => server.close());

  it("boots, with a local overlay", { timeout: 600_000 }, async () => {
    const { port } = server.address() as AddressInfo;
    const overlay = join(folder, "remote.qcow2");
    qemuImg(
      "create",
      "-q",
      "-f",
      "qcow2",
      "-u",
      "-b",
      `http://127.0.0.1:${port}/disk.img`,
      "-F",
      "raw",
      overlay,
      String(content.length),
    );
    await using guest = await bootGuest({ disk: overlay });
    await guest.waitFor(TINY_PROMPT, BOOT_MS);
    expect(await run(guest, "echo kept > /root/kept; sync; ls /root")).toMatch(/kept\n@42 0/);
    guest.sendLine("poweroff");
    await guest.vkernel.wait();
  });
});
