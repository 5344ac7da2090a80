import { randomBytes } from "node:crypto";
import { gzipSync } from "node:zlib";
import { afterAll, describe, expect, it } from "vitest";
import { bytesSource, readAll } from "../../src/boot/byte-source.js";
import { type KernelImage, readKernel } from "../../src/boot/kernel-image.js";
import { run, TestDirectory } from "./support/disk-images.js";
import { efiStubImage, elfFile, riscvImage, zbootImage } from "./support/kernels.js";

const directory = new TestDirectory();
afterAll(() => directory[Symbol.dispose]());

const RISCV64 = 0x5064;
const LIMIT = 64 * 2 ** 20;

const read = (bytes: Uint8Array, allowRaw = false, limit = LIMIT): Promise<KernelImage> =>
  readKernel(bytesSource("kernel", bytes), { limit, allowRaw });

/** What zstd the program makes of it; through a pipe it does not know the size and leaves it out. */
function zstd(bytes: Uint8Array, args: readonly string[] = [], piped = false): Uint8Array {
  const input = directory.file("plain", bytes);
  const output = `${input}.zst`;
  if (piped)
    run("sh", [
      "-c",
      'input=$1 output=$2; shift 2; cat "$input" | zstd -q "$@" > "$output"',
      "sh",
      input,
      output,
      ...args,
    ]);
  else run("zstd", ["-q", "-f", ...args, input, "-o", output]);
  return new Uint8Array(Buffer.from(run("base64", ["-w0", output]), "base64"));
}

async function imageContent(kernel: KernelImage): Promise<Uint8Array> {
  expect(kernel.format).toBe("image");
  return readAll((kernel as Extract<KernelImage, { format: "image" }>).source);
}

describe("a RISC-V Image", () => {
  it("tells where it wants to lie and how much memory it takes", async () => {
    const kernel = await read(riscvImage({ textOffset: 0x200000, imageSize: 0x300000 }));
    expect(kernel).toMatchObject({
      format: "image",
      textOffset: 0x200000,
      memorySize: 0x300000,
      description: "RISC-V Image",
    });
  });

  it("takes at least the size of its file", async () => {
    expect(await read(riscvImage({ size: 9000, imageSize: 1000 }))).toMatchObject({ memorySize: 9000 });
  });

  it("may carry an EFI stub", async () => {
    expect(await read(efiStubImage(RISCV64))).toMatchObject({ format: "image" });
  });

  it("is refused when it is cut short", async () => {
    await expect(read(efiStubImage(RISCV64).subarray(0, 6000))).rejects.toMatchObject({
      code: "ERR_VKRUN_KERNEL_INVALID",
      message: expect.stringContaining("6000 of 8192"),
    });
  });

  it("is refused when it is big-endian", async () => {
    await expect(read(riscvImage({ flags: 1 }))).rejects.toMatchObject({ code: "ERR_VKRUN_KERNEL_ARCH" });
  });
});

describe("compression", () => {
  const image = efiStubImage(RISCV64, { size: 700_000 });
  image.set(randomBytes(300_000), 100_000);

  it("by gzip is undone", async () => {
    const kernel = await read(gzipSync(image));
    expect(kernel.description).toBe("RISC-V Image in gzip");
    expect(Buffer.compare(await imageContent(kernel), image)).toBe(0);
  });

  it.each([["-19"], ["-1"], ["--ultra", "-22"]])("by zstd %s %s is undone", async (...args) => {
    expect(Buffer.compare(await imageContent(await read(zstd(image, args))), image)).toBe(0);
  });

  it("by zstd without a stated size, as kernel builds do it, is undone", async () => {
    const content = await imageContent(await read(zstd(image, ["-19"], true)));
    expect(Buffer.compare(content.subarray(0, image.length), image)).toBe(0);
    expect(content.length - image.length).toBeLessThan(128 * 1024);
  });

  it("inside EFI zboot is undone, with its stated size", async () => {
    const viaGzip = await read(zbootImage(RISCV64, "gzip", gzipSync(image)));
    expect(viaGzip.description).toBe("RISC-V Image in EFI zboot (gzip)");
    expect(Buffer.compare(await imageContent(viaGzip), image)).toBe(0);
    const viaZstd = await read(zbootImage(RISCV64, "zstd22", zstd(image, ["--ultra", "-22"], true), image.length));
    expect(Buffer.compare(await imageContent(viaZstd), image)).toBe(0);
  });

  it("by anything else is named", async () => {
    for (const [magic, name] of [
      ["\xfd7zXZ\0", "xz"],
      ["\x02\x21\x4c\x18", "lz4"],
      ["BZh9", "bzip2"],
    ] as const) {
      const bytes = Buffer.alloc(4096);
      bytes.write(magic, "latin1");
      await expect(read(bytes)).rejects.toMatchObject({
        code: "ERR_VKRUN_KERNEL_COMPRESSION",
        message: expect.stringContaining(name),
      });
    }
  });

  it("that is cut short or damaged is an error", async () => {
    const gzip = gzipSync(image);
    const zst = zstd(image);
    for (const bytes of [gzip.subarray(0, gzip.length - 100), zst.subarray(0, zst.length - 100)]) {
      await expect(read(bytes)).rejects.toMatchObject({ code: "ERR_VKRUN_KERNEL_INVALID" });
    }
  });

  it("that would exceed the guest's memory is stopped there", async () => {
    const bomb = Buffer.alloc(32 * 2 ** 20);
    for (const bytes of [gzipSync(bomb), zstd(bomb), zstd(bomb, [], true)]) {
      expect(bytes.length).toBeLessThan(100_000);
      await expect(read(bytes, false, 2 ** 20)).rejects.toMatchObject({ code: "ERR_VKRUN_MEMORY_TOO_SMALL" });
    }
  });
});

describe("a kernel for another machine", () => {
  const bzImage = new Uint8Array(8192);
  bzImage.set([0x55, 0xaa], 0x1fe);
  bzImage.set(Buffer.from("HdrS"), 0x202);
  const arm64 = new Uint8Array(8192);
  arm64.set(Buffer.from("ARM\x64", "latin1"), 56);

  it.each([
    ["x86", bzImage],
    ["arm64", arm64],
    ["arm64", zbootImage(0xaa64, "gzip", gzipSync(new Uint8Array(10)))],
    ["LoongArch", efiStubImage(0x6264)],
    ["x86-64", elfFile({ machine: 62, entry: 0n, segments: [] })],
    ["LoongArch", elfFile({ machine: 258, entry: 0n, segments: [] })],
    ["x86", new Uint8Array(gzipSync(bzImage))],
  ])("%s is named", async (name, bytes) => {
    await expect(read(bytes)).rejects.toMatchObject({
      code: "ERR_VKRUN_KERNEL_ARCH",
      message: expect.stringContaining(name),
      hint: expect.stringContaining("riscv64"),
    });
  });

  it("that is 32-bit RISC-V is named", async () => {
    const elf = elfFile({ entry: 0n, segments: [] });
    elf[4] = 1;
    await expect(read(elf)).rejects.toMatchObject({ message: expect.stringContaining("32-bit RISC-V") });
  });
});

describe("other files", () => {
  it("are refused with what they are", async () => {
    for (const [content, reason] of [
      ["\x27\x05\x19\x56", "uImage"],
      ["\xd0\x0d\xfe\xed", "FIT"],
      ["#!/bin/sh\n", "script"],
      ["070701", "--initrd"],
      ["x", "neither"],
    ] as const) {
      const bytes = Buffer.alloc(content === "x" ? 1 : 1024);
      bytes.write(content, "latin1");
      await expect(read(bytes)).rejects.toMatchObject({
        code: "ERR_VKRUN_KERNEL_INVALID",
        message: expect.stringContaining(reason),
      });
    }
  });

  it("are taken as they are behind firmware", async () => {
    expect(await read(new Uint8Array(1000), true)).toMatchObject({ format: "raw", description: "raw binary" });
  });

  it("are taken as they are when they are U-Boot", async () => {
    const uBoot = Buffer.alloc(100_000);
    uBoot.write("U-Boot 2025.01+dfsg-1 (Jan 01 2025)", 90_000, "latin1");
    expect(await read(uBoot)).toMatchObject({ format: "raw", description: "U-Boot" });
  });

  it("are not read at all when they exceed the guest's memory", async () => {
    const endless = {
      name: "endless",
      size: 2 ** 50,
      read: async () => {
        throw new Error("read");
      },
    };
    await expect(readKernel(endless, { limit: LIMIT, allowRaw: false })).rejects.toMatchObject({
      code: "ERR_VKRUN_MEMORY_TOO_SMALL",
    });
  });
});
