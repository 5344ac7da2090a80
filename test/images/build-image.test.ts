import { execFileSync } from "node:child_process";
import { access, mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type BuildImageOptions, buildImage, findBuiltImage } from "../../src/images/build-image.js";
import type { BootRequest } from "../../src/images/first-boot.js";
import { requireTools } from "../../src/images/host-tools.js";
import type { ImageProgress } from "../../src/images/image-progress.js";
import { BUSYBOX_PACKAGE, FakeArchive, KERNEL_PACKAGE } from "./support/fake-archive.js";

const PACKAGES = [BUSYBOX_PACKAGE, KERNEL_PACKAGE];

/** What debugfs prints about the file system of an image, as lines. */
function debugfs(disk: string, request: string): string {
  const args = ["-R", request, `${disk}?offset=1048576`];
  return execFileSync("debugfs", args, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
}

describe("buildImage", () => {
  let archive: FakeArchive;
  let options: BuildImageOptions;

  beforeEach(async () => {
    archive = await FakeArchive.start();
    options = { mirror: archive.mirror, cache: archive.cache, guestDirectory: archive.guestDirectory };
    await archive.publish(PACKAGES);
    await archive.writeGuest("initramfs/init", "#!/bin/sh\n", 0o755);
    await archive.writeGuest("sample/etc/hello world", "hello");
  });
  afterEach(() => archive[Symbol.asyncDispose]());

  it("writes packages with their owners and modes, the overlay, and a boot menu", async () => {
    const image = await buildImage("sample", options);
    expect(image.cached).toBe(false);
    expect(debugfs(image.path, 'cat "/etc/hello world"')).toBe("hello");
    expect(debugfs(image.path, "stat /usr/bin/busybox")).toMatch(/Mode:\s+04755[\s\S]*User:\s+3\s+Group:\s+4/);
    const menu = debugfs(image.path, "cat /boot/extlinux/extlinux.conf");
    expect(menu).toContain("linux /boot/vmlinux-1-test");
    expect(menu).toContain(`append ${image.append}`);
    const uuid = /UUID=(\S+)/.exec(image.append)?.[1];
    expect(debugfs(image.path, "stats")).toContain(`UUID:          ${uuid}`);
    expect(await readFile(image.kernelPath, "utf8")).toBe("kernel of the test");
  });

  it("writes a sparse disk with a bootable GPT partition at 1 MiB", async () => {
    const { path } = await buildImage("sample", options);
    const { size, blocks } = await stat(path);
    expect(size).toBe(64 * 2 ** 20);
    expect(blocks * 512).toBeLessThan(size / 4);
    const table = JSON.parse(execFileSync("sfdisk", ["--json", path], { encoding: "utf8" })).partitiontable;
    expect(table.label).toBe("gpt");
    expect(table.partitions).toHaveLength(1);
    expect(table.partitions[0]).toMatchObject({ start: 2048, attrs: "LegacyBIOSBootable" });
  });

  it("makes the same disk from the same inputs", async () => {
    const first = await readFile((await buildImage("sample", options)).path);
    const second = await readFile(
      (await buildImage("sample", { ...options, cache: join(archive.directory, "b") })).path,
    );
    expect(first.equals(second)).toBe(true);
  });

  it("needs neither mirror nor network once the image is in the cache", async () => {
    const built = await buildImage("sample", options);
    const requests = archive.requests.length;
    const again = await buildImage("sample", { ...options, mirror: undefined });
    expect(again).toEqual({ ...built, cached: true });
    expect(archive.requests).toHaveLength(requests);
    expect(await findBuiltImage("sample", options)).toEqual(again);
  });

  it("builds anew when an overlay file changes", async () => {
    const before = await buildImage("sample", options);
    await archive.writeGuest("sample/etc/hello world", "goodbye");
    expect(await findBuiltImage("sample", options)).toBeUndefined();
    const after = await buildImage("sample", options);
    expect(after.path).not.toBe(before.path);
    expect(debugfs(after.path, 'cat "/etc/hello world"')).toBe("goodbye");
  });

  it("puts a sparse copy where --output says, and leaves the cached disk as it is", async () => {
    const output = join(archive.directory, "copy.img");
    const image = await buildImage("sample", { ...options, output });
    expect(image.path).toBe(output);
    const cached = (await findBuiltImage("sample", options))?.path ?? "";
    expect((await readFile(output)).equals(await readFile(cached))).toBe(true);
    expect((await stat(output)).blocks * 512).toBeLessThan((await stat(output)).size / 4);
  });

  it("lets one of two builders work and the other one wait for it", async () => {
    const stages: ImageProgress["stage"][] = [];
    const onProgress = ({ stage }: ImageProgress) => stages.push(stage);
    const both = await Promise.all([
      buildImage("sample", { ...options, onProgress }),
      buildImage("sample", { ...options, onProgress }),
    ]);
    expect(both.map(({ cached }) => cached).sort()).toEqual([false, true]);
    expect(both[0].path).toBe(both[1].path);
    expect(stages.filter((stage) => stage === "write")).toHaveLength(1);
    expect(stages).toContain("waiting");
  });

  it("clears away what a killed build left", async () => {
    const image = await buildImage("sample", options);
    const directory = join(image.path, "..");
    const left = `${directory}.building`;
    execFileSync("mv", [directory, left]);
    await writeFile(join(left, "rubbish"), "");
    const again = await buildImage("sample", options);
    expect(again.cached).toBe(false);
    expect(await readdir(join(archive.cache, "images"))).toEqual([again.path.split("/").at(-2)]);
  });

  it("leaves nothing behind when a package's hash differs", async () => {
    archive.serve("pool/busybox-static.deb", Buffer.alloc(200));
    await expect(buildImage("sample", options)).rejects.toMatchObject({ code: "ERR_VKRUN_HASH_MISMATCH" });
    expect(await readdir(join(archive.cache, "images"))).toEqual([]);
  });

  it("says before it starts when there is no room for the packages", async () => {
    const lock = await archive.publish(PACKAGES);
    const huge = { ...lock, packages: lock.packages.map((entry) => ({ ...entry, size: 2 ** 52 })) };
    await archive.writeGuest("sample.lock.json", JSON.stringify(huge));
    await expect(buildImage("sample", options)).rejects.toMatchObject({ code: "ERR_VKRUN_NO_SPACE" });
    expect(archive.requests).toEqual([]);
  });

  it("says so when the files do not fit on the disk, and leaves no image", async () => {
    const big = { path: "./big", content: Buffer.alloc(80 * 2 ** 20, "x") };
    await archive.publish([{ ...BUSYBOX_PACKAGE, files: [...BUSYBOX_PACKAGE.files, big] }, KERNEL_PACKAGE]);
    await expect(buildImage("sample", options)).rejects.toMatchObject({ code: "ERR_VKRUN_IMAGE_TOO_SMALL" });
    expect(await readdir(join(archive.cache, "images"))).toEqual([]);
  });

  it("names the Debian package of a program that the host lacks", async () => {
    const bin = join(archive.directory, "bin");
    await mkdir(bin);
    await expect(requireTools(["xz"], bin)).rejects.toMatchObject({
      code: "ERR_VKRUN_TOOL_MISSING",
      hint: expect.stringContaining("xz-utils"),
    });
  });

  it("refuses a size that is no size", async () => {
    for (const sizeMiB of [0, -1, 1.5, Number.NaN, 2 ** 40]) {
      await expect(buildImage("sample", { ...options, sizeMiB })).rejects.toMatchObject({
        code: "ERR_VKRUN_INVALID_OPTION",
      });
    }
  });

  it("knows which images there are when asked for another", async () => {
    await expect(buildImage("sampel", options)).rejects.toMatchObject({
      code: "ERR_VKRUN_IMAGE_UNKNOWN",
      hint: expect.stringContaining("sample"),
    });
  });

  it("stops when it is told to, and removes what it has begun", async () => {
    const controller = new AbortController();
    const onProgress = ({ stage }: ImageProgress) => stage === "write" && controller.abort(new Error("enough"));
    await expect(buildImage("sample", { ...options, signal: controller.signal, onProgress })).rejects.toThrow("enough");
    expect(await readdir(join(archive.cache, "images"))).toEqual([]);
  });

  describe("with a first boot", () => {
    const requests: BootRequest[] = [];
    const boot = async (request: BootRequest): Promise<void> => {
      requests.push(request);
      await access(request.disk);
      for (const text of ["Setting up busybox-", "static (1.0) ...\r\n", "vkrun-first-boot: done\r\n"]) {
        request.onConsole(text);
      }
    };

    beforeEach(async () => {
      requests.length = 0;
      await archive.publish(PACKAGES, { firstBoot: true });
      await archive.writeGuest("first-boot/vkrun-first-boot", "#!/bin/sh\n", 0o755);
    });

    it("boots the disk once, as its packages' configuration, and never again", async () => {
      const configured: string[] = [];
      const onProgress = (event: ImageProgress) => event.stage === "configure" && configured.push(event.name);
      const image = await buildImage("sample", { ...options, boot, onProgress });
      expect(requests).toHaveLength(1);
      expect(requests[0]?.append).toBe(`${image.append} init=/vkrun-first-boot`);
      expect(configured).toEqual(["busybox-static"]);
      await buildImage("sample", { ...options, boot });
      expect(requests).toHaveLength(1);
    });

    it("leaves its packages to dpkg as unpacked", async () => {
      const { path } = await buildImage("sample", { ...options, boot });
      const status = debugfs(path, "cat /var/lib/dpkg/status");
      expect(status).toContain("Package: busybox-static\n");
      expect(status).toContain("Status: install ok unpacked\n");
      expect(debugfs(path, "cat /var/lib/dpkg/info/busybox-static.list")).toBe("/.\n/usr/bin\n/usr/bin/busybox\n");
      expect(debugfs(path, "cat /usr/share/vkrun/packages")).toBe("busybox-static\nlinux-image-1-test\n");
      expect(debugfs(path, "cat /etc/apt/sources.list.d/debian.sources")).toContain(`URIs: ${archive.mirror}\n`);
    });

    it("shows the end of the console when the guest does not report success, and keeps no image", async () => {
      const failing = async (request: BootRequest) => request.onConsole("dpkg: error: no luck\r\n");
      await expect(buildImage("sample", { ...options, boot: failing })).rejects.toMatchObject({
        code: "ERR_VKRUN_IMAGE_BUILD_FAILED",
        message: expect.stringContaining("dpkg: error: no luck"),
      });
      expect(await readdir(join(archive.cache, "images"))).toEqual([]);
    });

    it("needs to be told how to boot", async () => {
      await expect(buildImage("sample", options)).rejects.toMatchObject({ code: "ERR_VKRUN_INVALID_OPTION" });
    });
  });

  describe.skipIf(process.getuid?.() !== 0)("on a disk of 24 MiB (mounting one takes root)", () => {
    it("reports that the disk became full, and gives the room back", async () => {
      const mounted = join(archive.directory, "small");
      await mkdir(mounted);
      execFileSync("mount", ["-t", "tmpfs", "-o", "size=24M", "tmpfs", mounted]);
      try {
        // Compresses to next to nothing: the check before the start cannot know.
        const big = { path: "./big", content: Buffer.alloc(20 * 2 ** 20, "x") };
        await archive.publish([{ ...BUSYBOX_PACKAGE, files: [...BUSYBOX_PACKAGE.files, big] }, KERNEL_PACKAGE]);
        const cache = join(mounted, "cache");
        await expect(buildImage("sample", { ...options, cache })).rejects.toMatchObject({ code: "ERR_VKRUN_NO_SPACE" });
        expect(await readdir(join(cache, "images"))).toEqual([]);
      } finally {
        execFileSync("umount", [mounted]);
      }
    });
  });
});
