import { closeSync, openSync, readFileSync, writeSync } from "node:fs";
import { afterAll, describe, expect, it } from "vitest";
import { BootDisk, type DiskKernel } from "../../src/boot/boot-disk.js";
import { MemoryDisk, run, TestDirectory, type Tree } from "./support/disk-images.js";

const directory = new TestDirectory();
afterAll(() => directory[Symbol.dispose]());

async function openDisk(image: string | Uint8Array): Promise<BootDisk> {
  const bytes = typeof image === "string" ? new Uint8Array(readFileSync(image)) : image;
  return BootDisk.open(new MemoryDisk(bytes), "vda");
}

async function findKernel(image: string | Uint8Array): Promise<DiskKernel> {
  return (await openDisk(image)).findKernel();
}

const summary = ({ kernel, initrd, commandLine }: DiskKernel) => ({
  kernel: kernel.name,
  initrd: initrd?.name,
  commandLine,
});

const root: Tree = { "etc/os-release": "ID=debian\n", "sbin/init": "init" };
const conf = (paths: { linux: string; initrd?: string; append?: string }): string =>
  `default l0\nlabel l0\n  linux ${paths.linux}\n${paths.initrd ? `  initrd ${paths.initrd}\n` : ""}  append ${paths.append ?? "root=/dev/vda1"}\n`;

const ROOT_UUID = "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee";

describe("a disk with extlinux.conf", () => {
  it("on its root file system starts what that says", async () => {
    const image = directory.partitionedDisk("label: gpt\nstart=1MiB, size=20MiB\n", [
      {
        mib: 1,
        sizeMib: 20,
        tree: {
          ...root,
          "boot/extlinux/extlinux.conf": conf({
            linux: "/boot/vmlinux-6.12",
            initrd: "../initrd.img-6.12",
            append: "root=LABEL=r quiet",
          }),
          "boot/vmlinux-6.12": "kernel",
          "boot/initrd.img-6.12": "initrd",
        },
      },
    ]);
    const found = await findKernel(image);
    expect(summary(found)).toEqual({
      kernel: "/boot/vmlinux-6.12",
      initrd: "/boot/initrd.img-6.12",
      commandLine: "root=LABEL=r quiet",
    });
    expect(found.origin).toBe('partition 1, /boot/extlinux/extlinux.conf, entry "l0"');
    expect(found.warnings).toEqual([]);
  });

  it("on a /boot partition of its own finds kernels with and without /boot in their paths", async () => {
    for (const prefix of ["", "/boot"]) {
      const image = directory.partitionedDisk("label: gpt\nstart=1MiB, size=20MiB\nsize=20MiB\n", [
        {
          mib: 1,
          sizeMib: 20,
          tree: { "extlinux/extlinux.conf": conf({ linux: `${prefix}/vmlinuz-6` }), "vmlinuz-6": "kernel" },
        },
        { mib: 21, sizeMib: 20, tree: root },
      ]);
      expect(summary(await findKernel(image)).kernel).toBe("/vmlinuz-6");
    }
  });

  it("on a partition with the bootable flag comes before one on an earlier partition", async () => {
    const tree = (kernel: string): Tree => ({
      "extlinux/extlinux.conf": conf({ linux: kernel }),
      [kernel.slice(1)]: "k",
    });
    const image = directory.partitionedDisk(
      "label: gpt\nstart=1MiB, size=20MiB\nsize=20MiB, attrs=LegacyBIOSBootable\n",
      [
        { mib: 1, sizeMib: 20, tree: tree("/one") },
        { mib: 21, sizeMib: 20, tree: tree("/two") },
      ],
    );
    expect(summary(await findKernel(image)).kernel).toBe("/two");
  });

  it("whose entry names a missing kernel or initrd tries the next entry", async () => {
    const image = directory.wholeDisk({
      "extlinux/extlinux.conf": "default a\nlabel a\nlinux /gone\nlabel b\nlinux /k\ninitrd /gone\nlabel c\nlinux /k\n",
      k: "kernel",
    });
    const found = await findKernel(image);
    expect(found.origin).toContain('entry "c"');
    expect(found.warnings).toHaveLength(2);
    expect(found.warnings[0]).toContain('entry "a" names /gone');
  });

  it("that names another device tree is told that it is not used", async () => {
    const image = directory.wholeDisk({ "extlinux/extlinux.conf": "label a\nlinux /k\nfdt /board.dtb\n", k: "kernel" });
    expect((await findKernel(image)).warnings[0]).toContain("/board.dtb");
  });
});

describe("a disk without extlinux.conf", () => {
  it("starts the newest kernel by Debian's order, with its initrd and its own partition as root", async () => {
    const image = directory.partitionedDisk(`label: gpt\nstart=1MiB, size=4MiB\nsize=20MiB, uuid=${ROOT_UUID}\n`, [
      {
        mib: 5,
        sizeMib: 20,
        tree: {
          ...root,
          "boot/vmlinux-6.9.0-riscv64": "old",
          "boot/vmlinux-6.12.9-riscv64": "new",
          "boot/vmlinux-6.12.9-riscv64.dpkg-tmp": "no",
          "boot/vmlinuz-6.12.9~rc1-riscv64": "older",
          "boot/initrd.img-6.12.9-riscv64": "initrd",
          "boot/initrd.img-6.9.0-riscv64": "initrd",
        },
      },
    ]);
    expect(summary(await findKernel(image))).toEqual({
      kernel: "/boot/vmlinux-6.12.9-riscv64",
      initrd: "/boot/initrd.img-6.12.9-riscv64",
      commandLine: `root=PARTUUID=${ROOT_UUID} rw`,
    });
  });

  it("follows the vmlinuz link even when that is not the newest", async () => {
    const image = directory.wholeDisk({
      ...root,
      vmlinuz: { link: "boot/vmlinuz-5" },
      "boot/vmlinuz-5": "five",
      "boot/vmlinuz-6": "six",
      "boot/initrd.img-5": "initrd",
    });
    expect(summary(await findKernel(image))).toEqual({
      kernel: "/boot/vmlinuz-5",
      initrd: "/boot/initrd.img-5",
      commandLine: "root=/dev/vda rw",
    });
  });

  it("has its root on another partition when the kernel's is only /boot", async () => {
    const image = directory.partitionedDisk(
      "label: dos\nlabel-id: 0x0badcafe\nstart=2048, size=40960, type=83\nstart=43008, size=40960, type=83\n",
      [
        { mib: 1, sizeMib: 20, tree: { "vmlinuz-6": "kernel" } },
        { mib: 21, sizeMib: 20, tree: root },
      ],
    );
    const found = await findKernel(image);
    expect(summary(found)).toEqual({
      kernel: "/vmlinuz-6",
      initrd: undefined,
      commandLine: "root=PARTUUID=0badcafe-02 rw",
    });
    expect(found.warnings).toEqual(["No initrd was found for /vmlinuz-6; starting without one."]);
  });

  it("takes the partition type's word for a root that it cannot read", async () => {
    const image = directory.partitionedDisk(
      `label: gpt\nstart=1MiB, size=20MiB\nsize=4MiB\nsize=8MiB, type=72ec70a6-cf74-40e6-bd49-4bda08e8f224, uuid=${ROOT_UUID}\n`,
      [{ mib: 1, sizeMib: 20, tree: { "vmlinuz-6": "kernel" } }],
    );
    expect((await findKernel(image)).commandLine).toBe(`root=PARTUUID=${ROOT_UUID} rw`);
    expect(await (await openDisk(image)).rootArgument()).toBe(`root=PARTUUID=${ROOT_UUID}`);
  });
});

describe("a disk with a damaged primary GPT", () => {
  it("boots from the backup, with the argument that makes Linux use it, too", async () => {
    const image = directory.partitionedDisk("label: gpt\nstart=1MiB, size=20MiB\n", [
      { mib: 1, sizeMib: 20, tree: { ...root, "boot/vmlinuz-6": "k" } },
    ]);
    const file = openSync(image, "r+");
    writeSync(file, Buffer.alloc(8), 0, 8, 512);
    closeSync(file);
    const disk = await openDisk(image);
    expect(disk.requiredArguments).toEqual(["gpt"]);
    expect(disk.warnings[0]).toContain("backup");
    expect((await disk.findKernel()).kernel.name).toBe("/boot/vmlinuz-6");
  });
});

describe("a disk without a kernel", () => {
  it("is refused with what was looked for and where", async () => {
    const image = directory.partitionedDisk("label: gpt\nstart=1MiB, size=4MiB\nsize=20MiB\n", [
      { mib: 5, sizeMib: 20, tree: root },
    ]);
    await expect(findKernel(image)).rejects.toMatchObject({
      code: "ERR_VKRUN_NO_KERNEL",
      message: expect.stringMatching(
        /Looked in partition 1 \(blank\), partition 2 \(ext2\/3\/4\) for \/boot\/extlinux\/extlinux\.conf.*vmlinuz-\*/,
      ),
      hint: expect.stringContaining("--kernel"),
    });
  });

  it.each([
    ["qcow2 image", "QFI\xfb", 0, "qemu-img convert"],
    ["xz compressed file", "\xfd7zXZ", 0, "Decompress"],
    ["ISO 9660", "CD001", 0x8001, "--kernel"],
    ["XFS", "XFSB", 0, "--kernel"],
  ])("that is in truth a %s is named as such", async (name, magic, at, hint) => {
    const image = new Uint8Array(1 << 20);
    image.set(Buffer.from(magic, "latin1"), at);
    await expect(findKernel(image)).rejects.toMatchObject({
      code: "ERR_VKRUN_NO_KERNEL",
      message: expect.stringContaining(name),
      hint: expect.stringContaining(hint),
    });
  });

  it("names the partitions whose file systems are corrupt", async () => {
    const image = directory.wholeDisk(root);
    const bytes = new Uint8Array(readFileSync(image));
    bytes[1024 + 0x18] = 77;
    await expect(findKernel(bytes)).rejects.toMatchObject({
      code: "ERR_VKRUN_NO_KERNEL",
      message: expect.stringContaining("corrupt: block size"),
      cause: expect.objectContaining({ code: "ERR_VKRUN_FILESYSTEM_INVALID" }),
    });
  });

  it("reports an extlinux.conf that leads nowhere", async () => {
    const image = directory.wholeDisk({ "extlinux/extlinux.conf": conf({ linux: "/gone" }) });
    await expect(findKernel(image)).rejects.toMatchObject({
      message: expect.stringContaining("names /gone, which is not there"),
    });
  });
});

it("does not start from a file system that was cut short", async () => {
  const image = directory.wholeDisk({ ...root, "boot/vmlinuz-6": "k" });
  const bytes = new Uint8Array(readFileSync(image));
  await expect(findKernel(bytes.subarray(0, bytes.length - 1024 * 1024))).rejects.toMatchObject({
    code: "ERR_VKRUN_DISK_TRUNCATED",
  });
});

it("starts from a file system that was not unmounted, with a warning", async () => {
  const image = directory.wholeDisk({ ...root, "boot/vmlinuz-6": "k", "boot/initrd.img-6": "i" });
  run("debugfs", ["-w", "-R", "feature needs_recovery", image]);
  expect((await findKernel(image)).warnings).toEqual([expect.stringContaining("not unmounted cleanly")]);
});

it("passes on what the backend says when the disk cannot be read", async () => {
  const disk = new MemoryDisk(new Uint8Array(1 << 20));
  disk.read = async () => {
    throw Object.assign(new Error("EIO: i/o error"), { code: "EIO" });
  };
  await expect(BootDisk.open(disk, "vda")).rejects.toMatchObject({
    code: "ERR_VKRUN_DISK_READ",
    message: expect.stringContaining("EIO"),
  });
});
