/**
 * Images and files of an enemy: whatever is changed in them, boot comes to an end soon, with a plan or with a
 * VkrunError, and allocates no more than the guest's memory.
 */
import { readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { BootDisk } from "../../src/boot/boot-disk.js";
import { loadPlan, planBoot } from "../../src/boot/boot-plan.js";
import { bytesSource } from "../../src/boot/byte-source.js";
import { readElf, readElfSymbols } from "../../src/boot/elf.js";
import { parseExtlinux } from "../../src/boot/extlinux.js";
import { readKernel } from "../../src/boot/kernel-image.js";
import { VkrunError } from "../../src/errors.js";
import { MemoryDisk, run, TestDirectory, type Tree } from "./support/disk-images.js";
import { efiStubImage, elfFile, riscvImage, zbootImage } from "./support/kernels.js";
import { MIB, TestMemory, testMachine } from "./support/machine.js";

const directory = new TestDirectory();
afterAll(() => directory[Symbol.dispose]());

const tree: Tree = {
  "etc/os-release": "ID=debian\n",
  "boot/extlinux/extlinux.conf":
    "default b\nlabel a\nlinux /gone\nlabel b\nlinux /boot/vmlinuz-6\ninitrd /initrd\nappend quiet\n",
  "boot/vmlinuz-6": gzipSync(riscvImage({ size: 100_000 })),
  "boot/vmlinuz-5": riscvImage(),
  initrd: { link: "boot/initrd.img-6" },
  "boot/initrd.img-6": new Uint8Array(200_000).fill(3),
};

const gpt = readFileSync(
  directory.partitionedDisk("label: gpt\nstart=1MiB, size=6MiB\nsize=1MiB\n", [{ mib: 1, sizeMib: 6, tree }], 10),
);
const mbr = readFileSync(
  directory.partitionedDisk(
    "label: dos\nstart=2048, size=14000, type=5\nstart=4096, size=11900, type=83\n",
    [{ mib: 2, sizeMib: 5, tree }],
    10,
  ),
);
const ext2 = readFileSync(directory.wholeDisk(tree, ["-t", "ext2", "-b", "1024"], 4));
const ext4 = readFileSync(directory.wholeDisk(tree, ["-t", "ext4", "-O", "inline_data,^has_journal"], 4));

/**
 * The bytes that booting looks at: partition tables, superblock, descriptors, inodes, directories, block maps, the
 * configuration and the kernel. A change anywhere else would prove nothing. Long reads are for signatures only.
 */
async function offsetsRead(image: Uint8Array): Promise<number[]> {
  const disk = new MemoryDisk(image);
  const offsets = new Set<number>();
  const read = disk.read.bind(disk);
  disk.read = async (offset, buffers) => {
    const length = buffers.reduce((sum, buffer) => sum + buffer.length, 0);
    for (let index = 0; length <= 4096 && index < length; index++) offsets.add(offset + index);
    await read(offset, buffers);
  };
  await planBoot({}, testMachine(16), disk);
  return [...offsets];
}

/** Random bytes, and those numbers that make sizes overflow and loops close. */
const hostileByte = fc.oneof(fc.nat(255), fc.constantFrom(0, 1, 0x7f, 0x80, 0xff));

interface Change {
  readonly offset: number;
  readonly bytes: readonly number[];
}

const changesAt = (offsets: readonly number[]): fc.Arbitrary<Change[]> =>
  fc.array(
    fc.record({ offset: fc.constantFrom(...offsets), bytes: fc.array(hostileByte, { minLength: 1, maxLength: 8 }) }),
    { minLength: 1, maxLength: 12 },
  );

/** Runs `body` while the changes are in `image`, which is too large to be copied every time. */
async function whileChanged<T>(image: Uint8Array, changes: readonly Change[], body: () => Promise<T>): Promise<T> {
  const saved = changes.map(({ offset, bytes }) => ({ offset, old: image.slice(offset, offset + bytes.length) }));
  for (const { offset, bytes } of changes) image.set(bytes.slice(0, image.length - offset), offset);
  try {
    return await body();
  } finally {
    for (const { offset, old } of saved.reverse()) image.set(old, offset);
  }
}

const memory = new TestMemory(16 * MIB);

/** Boots from the disk as far as loading; anything but success or an error of ours fails the test. */
async function bootFrom(image: Uint8Array): Promise<"planned" | "refused"> {
  const disk = new MemoryDisk(image);
  try {
    const plan = await planBoot({}, testMachine(16), disk);
    await loadPlan(plan, memory);
    return "planned";
  } catch (error) {
    if (!(error instanceof VkrunError)) throw error;
    expect(error.code).toMatch(/^ERR_VKRUN_[A-Z_]+$/);
    return "refused";
  } finally {
    // A small image can be read again and again, but not without end.
    expect(disk.bytesRead).toBeLessThan(512 * MIB);
  }
}

const RUNS = 200;

describe.each([
  ["GPT with ext4", gpt],
  ["MBR with a logical partition", mbr],
  ["ext2 on the whole disk", ext2],
  ["ext4 with inline data on the whole disk", ext4],
])("a disk (%s)", (_, original) => {
  const image = new Uint8Array(original);

  it("boots when nothing is changed", async () => {
    expect(await bootFrom(image)).toBe("planned");
  });

  it("ends in a plan or an error wherever what boot reads is changed", async () => {
    const offsets = await offsetsRead(image);
    const significant = offsets.filter((offset) => image[offset] !== 0);
    const outcomes = new Set<string>();
    for (const choice of [offsets, significant]) {
      await fc.assert(
        fc.asyncProperty(changesAt(choice), async (changes) => {
          outcomes.add(await whileChanged(image, changes, () => bootFrom(image)));
        }),
        { numRuns: RUNS },
      );
    }
    expect(outcomes).toEqual(new Set(["planned", "refused"]));
  });

  it("ends in an error or a plan wherever it is cut short", async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(image.length), async (length) => {
        await bootFrom(image.subarray(0, length));
      }),
      { numRuns: 100 },
    );
  });
});

describe("a directory", () => {
  it("that leads into itself is not walked without end", async () => {
    const image = directory.wholeDisk({ "boot/x": "" }, ["-t", "ext2", "-b", "1024"], 4);
    for (const command of ["link /boot /boot/boot", "link /boot /boot/extlinux"])
      run("debugfs", ["-w", "-R", command, image]);
    const disk = await BootDisk.open(new MemoryDisk(new Uint8Array(readFileSync(image))), "vda");
    await expect(disk.findKernel()).rejects.toMatchObject({ code: "ERR_VKRUN_NO_KERNEL" });
  });
});

it("extlinux.conf of any text is parsed", () => {
  const keyword = fc.constantFrom(
    "label",
    "default",
    "linux",
    "initrd",
    "append",
    "menu",
    "menu default",
    "menu label",
    "#",
    "fdt",
    "include",
  );
  const line = fc.oneof(
    fc.string(),
    fc
      .tuple(fc.constantFrom("", " ", "\t"), keyword, fc.constantFrom(" ", "\t", ""), fc.string())
      .map((parts) => parts.join("")),
  );
  fc.assert(
    fc.property(fc.array(line), fc.constantFrom("\n", "\r\n", "\r"), (lines, end) => {
      const { chosen, entries } = parseExtlinux(lines.join(end));
      if (chosen) expect(entries).toContain(chosen);
      expect(chosen === undefined).toBe(!entries.some(({ kernel }) => kernel));
    }),
    { numRuns: 1000 },
  );
});

describe("a kernel file", () => {
  const zst = (() => {
    const plain = directory.file("plain", riscvImage({ size: 60_000 }));
    run("zstd", ["-q", "-f", "-19", plain, "-o", `${plain}.zst`]);
    return new Uint8Array(readFileSync(`${plain}.zst`));
  })();
  const elf = elfFile({
    entry: 0x8000_0000n,
    segments: [
      { physical: 0x8000_0000n, bytes: new Uint8Array(64), memorySize: 128 },
      { physical: 0x8000_1000n, bytes: new Uint8Array(64) },
    ],
    symbols: { tohost: 0x8000_1000n, fromhost: 0x8000_1008n },
  });

  it.each([
    ["Image", riscvImage({ size: 512 })],
    ["EFI stub", efiStubImage(0x5064, { size: 8192 })],
    ["zboot", zbootImage(0x5064, "gzip", gzipSync(riscvImage({ size: 4096 })))],
    ["gzip", new Uint8Array(gzipSync(riscvImage({ size: 20_000 })))],
    ["zstd", zst],
    ["ELF", elf],
  ])("of the kind %s is read or refused wherever it is changed", async (_, original) => {
    const offsets = [...original.keys()].filter((offset) => offset < 1024 || offset % 7 === 0);
    await fc.assert(
      fc.asyncProperty(changesAt(offsets), async (changes) => {
        await whileChanged(original, changes, async () => {
          try {
            const kernel = await readKernel(bytesSource("kernel", original), { limit: 16 * MIB, allowRaw: false });
            if (kernel.format === "elf") await readElfSymbols(kernel.elf, new Set(["tohost", "fromhost"]));
          } catch (error) {
            expect(error).toBeInstanceOf(VkrunError);
          }
        });
      }),
      { numRuns: RUNS },
    );
  });

  it("that is an ELF is planned or refused as a program wherever it is changed", async () => {
    await fc.assert(
      fc.asyncProperty(changesAt([...elf.keys()]), async (changes) => {
        const path = await whileChanged(elf, changes, async () => directory.file("mutated.elf", elf));
        try {
          await loadPlan(await planBoot({ elf: path }, testMachine(16)), memory);
        } catch (error) {
          expect(error).toBeInstanceOf(VkrunError);
        }
      }),
      { numRuns: RUNS },
    );
  });

  it("of any bytes at all is refused as ELF with an error of ours", async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), async (bytes) => {
        const withMagic = Uint8Array.from([0x7f, 0x45, 0x4c, 0x46, 2, 1, ...bytes]);
        await expect(readElf(bytesSource("x", withMagic))).rejects.toBeInstanceOf(VkrunError);
      }),
    );
  });
});
