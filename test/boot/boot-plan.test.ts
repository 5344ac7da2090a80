import { existsSync, readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { afterAll, describe, expect, it } from "vitest";
import { type BootOptions, type BootPlan, loadPlan, planBoot, type Segment } from "../../src/boot/boot-plan.js";
import type { MachineDescription } from "../../src/boot/device-tree.js";
import { readFdt } from "../../src/boot/fdt.js";
import { FileDisk, MemoryDisk, TestDirectory, type Tree } from "./support/disk-images.js";
import { elfFile, riscvImage } from "./support/kernels.js";
import { MIB, RAM_BASE, TestMemory, testMachine } from "./support/machine.js";

const directory = new TestDirectory();
afterAll(() => directory[Symbol.dispose]());

const kernelBytes = riscvImage({ size: 300_000, imageSize: 5 * MIB });
const initrdBytes = new Uint8Array(500_001).map((_, index) => index * 13);
const kernel = directory.file("Image", kernelBytes);
const initrd = directory.file("initrd.img", initrdBytes);

const plan = (options: BootOptions, machine: MachineDescription = testMachine()): Promise<BootPlan> =>
  planBoot(options, machine);

const segment = ({ segments }: BootPlan, label: string): Segment => {
  const found = segments.find((candidate) => candidate.label === label);
  expect(found, label).toBeDefined();
  return found as Segment;
};

const chosenOf = ({ dtb }: BootPlan): Map<string, Uint8Array> =>
  readFdt("plan", dtb?.bytes as Uint8Array).root.child("chosen")?.properties as Map<string, Uint8Array>;

const textOf = (bytes: Uint8Array | undefined): string => new TextDecoder().decode(bytes).replace(/\0$/, "");
const u64Of = (bytes: Uint8Array | undefined): number =>
  Number(new DataView((bytes as Uint8Array).buffer, (bytes as Uint8Array).byteOffset).getBigUint64(0));

function expectDisjointInRam({ segments }: BootPlan, machine: MachineDescription): void {
  const sorted = [...segments].sort((a, b) => a.gpa - b.gpa);
  for (const [index, { gpa, size }] of sorted.entries()) {
    expect(gpa).toBeGreaterThanOrEqual(machine.ram.base);
    expect(gpa + size).toBeLessThanOrEqual(sorted[index + 1]?.gpa ?? machine.ram.base + machine.ram.size);
  }
}

describe("a kernel started directly", () => {
  it("lies 2 MiB into RAM and starts in S mode with hart id and device tree", async () => {
    const machine = testMachine();
    const made = await plan({ kernel, initrd, append: "console=ttyS0" }, machine);
    expect(made.start).toEqual({
      pc: BigInt(RAM_BASE + 2 * MIB),
      privilege: 1,
      a0: 0n,
      a1: BigInt(made.dtb?.gpa as number),
      a2: 0n,
    });
    expect(made.builtinSbi).toBe(true);
    expect(segment(made, "kernel")).toMatchObject({ gpa: RAM_BASE + 2 * MIB, size: 5 * MIB });
    expectDisjointInRam(made, machine);
    expect(made.dtb?.gpa as number).toSatisfy((gpa: number) => gpa % (2 * MIB) === 0);
  });

  it("learns of its command line, initrd and seed from the device tree", async () => {
    const made = await plan({ kernel, initrd, append: "quiet", console: "hvc0", rngSeed: new Uint8Array(32).fill(7) });
    const chosen = chosenOf(made);
    const { gpa } = segment(made, "initrd");
    expect(textOf(chosen.get("bootargs"))).toBe("quiet console=hvc0");
    expect(made.commandLine).toBe("quiet console=hvc0");
    expect(u64Of(chosen.get("linux,initrd-start"))).toBe(gpa);
    expect(u64Of(chosen.get("linux,initrd-end"))).toBe(gpa + initrdBytes.length);
    expect(chosen.get("rng-seed")).toEqual(new Uint8Array(32).fill(7));
  });

  it("keeps a console that the command line names", async () => {
    expect((await plan({ kernel, append: "console=ttyS0", console: "hvc0" })).commandLine).toBe("console=ttyS0");
  });

  it("is loaded byte for byte, and announced to the MMU", async () => {
    const made = await plan({ kernel, initrd });
    const memory = new TestMemory(128 * MIB);
    await loadPlan(made, memory);
    const at = (label: string, length: number) => Buffer.from(memory.view(segment(made, label).gpa, length));
    expect(at("kernel", kernelBytes.length).compare(kernelBytes)).toBe(0);
    expect(at("initrd", initrdBytes.length).compare(initrdBytes)).toBe(0);
    expect(at("device tree", 4).readUInt32BE()).toBe(0xd00dfeed);
    expect(memory.written).toContainEqual([RAM_BASE + 2 * MIB, kernelBytes.length]);
    expect(memory.written).toHaveLength(3);
    const written = memory.written.reduce((sum, [, length]) => sum + length, 0);
    expect(written).toBe(kernelBytes.length + initrdBytes.length + (made.dtb?.bytes.length as number));
  });

  it("keeps the device tree below 3 GiB however large memory is", async () => {
    const machine = testMachine(3584);
    const made = await plan({ kernel, initrd }, machine);
    expect(made.dtb?.gpa as number).toBeLessThan(0xc000_0000);
    expectDisjointInRam(made, machine);
  });

  it("may be compressed", async () => {
    const made = await plan({ kernel: directory.file("Image.gz", gzipSync(kernelBytes)) });
    const memory = new TestMemory(128 * MIB);
    await loadPlan(made, memory);
    expect(Buffer.from(memory.view(RAM_BASE + 2 * MIB, kernelBytes.length)).compare(kernelBytes)).toBe(0);
  });

  it("may be a vmlinux, whose physical addresses start at 0", async () => {
    const virtual = 0xffff_ffff_8000_0000n;
    const vmlinux = elfFile({
      entry: virtual + 0x40n,
      segments: [
        { physical: 0n, virtual, bytes: new Uint8Array(0x100).fill(1) },
        { physical: 0x20_0000n, virtual: virtual + 0x20_0000n, bytes: new Uint8Array(16).fill(2), memorySize: 0x1000 },
      ],
    });
    const made = await plan({ kernel: directory.file("vmlinux", vmlinux) });
    expect(made.start.pc).toBe(BigInt(RAM_BASE + 2 * MIB + 0x40));
    expect(made.segments.filter(({ label }) => label === "kernel").map(({ gpa }) => gpa)).toEqual([
      RAM_BASE + 2 * MIB,
      RAM_BASE + 4 * MIB,
    ]);
  });

  it("takes a device tree of the user's and adds the boot's parameters", async () => {
    const own = await plan({ kernel });
    const dtb = directory.file("mine.dtb", own.dtb?.bytes as Uint8Array);
    const made = await plan({ kernel, initrd, dtb, append: "mine" });
    expect(textOf(chosenOf(made).get("bootargs"))).toBe("mine");
    expect(u64Of(chosenOf(made).get("linux,initrd-start"))).toBe(segment(made, "initrd").gpa);
  });

  it.each([4, 6, 8])("is refused when it does not fit into %i MiB, with a size that is enough", async (ramMib) => {
    const refused = plan({ kernel, initrd }, testMachine(ramMib));
    await expect(refused).rejects.toMatchObject({
      code: "ERR_VKRUN_MEMORY_TOO_SMALL",
      hint: expect.stringContaining("-m 64M"),
    });
    expectDisjointInRam(await plan({ kernel, initrd }, testMachine(64)), testMachine(64));
  });

  it("is told of a size that holds the initrd, too", async () => {
    const large = directory.empty("large.img", 90 * MIB);
    for (const ramMib of [4, 32, 96]) {
      await expect(plan({ kernel, initrd: large }, testMachine(ramMib))).rejects.toMatchObject({
        hint: expect.stringContaining("-m 128M"),
      });
    }
    expect((await plan({ kernel, initrd: large }, testMachine(128))).segments).toHaveLength(3);
  });
});

const root: Tree = {
  "etc/os-release": "ID=debian\n",
  "boot/extlinux/extlinux.conf":
    "label l\nlinux /boot/vmlinuz-6\ninitrd /boot/initrd.img-6\nappend root=/dev/vda1 quiet\n",
  "boot/vmlinuz-6": gzipSync(kernelBytes),
  "boot/initrd.img-6": initrdBytes,
};

describe("a disk", () => {
  const image = directory.partitionedDisk("label: gpt\nstart=1MiB, size=20MiB\n", [
    { mib: 1, sizeMib: 20, tree: root },
  ]);

  it("brings its kernel, initrd and command line, to which --append is added", async () => {
    await using disk = await FileDisk.open(image);
    const made = await planBoot({ append: "debug" }, testMachine(), disk);
    expect(made.commandLine).toBe("root=/dev/vda1 quiet debug");
    expect(made.description[0]).toContain(
      'partition 1, /boot/extlinux/extlinux.conf, entry "l" (RISC-V Image in gzip)',
    );
    const memory = new TestMemory(128 * MIB);
    await loadPlan(made, memory);
    expect(Buffer.from(memory.view(segment(made, "kernel").gpa, kernelBytes.length)).compare(kernelBytes)).toBe(0);
    expect(Buffer.from(memory.view(segment(made, "initrd").gpa, initrdBytes.length)).compare(initrdBytes)).toBe(0);
  });

  it("gives its root to a kernel from outside that was not told one", async () => {
    await using disk = await FileDisk.open(image);
    expect((await planBoot({ kernel, append: "quiet" }, testMachine(), disk)).commandLine).toMatch(
      /^root=PARTUUID=[0-9a-f-]{36} rw quiet$/,
    );
    expect((await planBoot({ kernel, append: "root=/dev/vdb" }, testMachine(), disk)).commandLine).toBe(
      "root=/dev/vdb",
    );
  });

  it("need not be readable for a kernel from outside", async () => {
    const blank = new MemoryDisk(new Uint8Array(MIB));
    expect((await planBoot({ kernel }, testMachine(), blank)).commandLine).toBe("");
    const corrupt = new Uint8Array(readFileSync(image));
    corrupt.fill(0xff, 512, 1024).fill(0xff, corrupt.length - 512);
    const made = await planBoot({ kernel }, testMachine(), new MemoryDisk(corrupt));
    expect(made.warnings[0]).toContain("GPT is corrupt");
  });

  it("may have its initrd replaced", async () => {
    await using disk = await FileDisk.open(image);
    const other = directory.file("other.img", new Uint8Array(10_000).fill(9));
    expect(segment(await planBoot({ initrd: other }, testMachine(), disk), "initrd").size).toBe(10_000);
  });
});

describe("firmware", () => {
  const openSbi = directory.file("fw_dynamic.bin", Buffer.concat([Buffer.alloc(4096, 1), Buffer.from("OpenSBI v1.6")]));
  const uBoot = directory.file("u-boot.bin", Buffer.concat([Buffer.alloc(4096, 1), Buffer.from("U-Boot 2025.01 (x)")]));

  it("starts in M mode at the start of RAM and finds the next stage through a2", async () => {
    const made = await plan({ firmware: openSbi, kernel });
    expect(made.start).toMatchObject({
      pc: BigInt(RAM_BASE),
      privilege: 3,
      a0: 0n,
      a1: BigInt(made.dtb?.gpa as number),
    });
    expect(made.builtinSbi).toBe(false);
    expect(segment(made, "kernel").gpa).toBe(RAM_BASE + 2 * MIB);
    const memory = new TestMemory(128 * MIB);
    await loadPlan(made, memory);
    const info = new DataView(memory.view(Number(made.start.a2), 48).slice().buffer);
    const words = [0, 8, 16, 24, 32, 40].map((offset) => info.getBigUint64(offset, true));
    // Magic "OSBI", version 2, address, S mode, no options, hart 0.
    expect(words).toEqual([0x4942534fn, 2n, BigInt(RAM_BASE + 2 * MIB), 1n, 0n, 0n]);
    expectDisjointInRam(made, testMachine());
  });

  it("starts a raw next stage such as U-Boot for S mode", async () => {
    const made = await plan({ firmware: openSbi, kernel: uBoot });
    expect(segment(made, "kernel").gpa).toBe(RAM_BASE + 2 * MIB);
  });

  it("may be an ELF", async () => {
    const elf = elfFile({ entry: 0x8000_0010n, segments: [{ physical: 0x8000_0000n, bytes: new Uint8Array(64) }] });
    expect((await plan({ firmware: directory.file("fw.elf", elf), kernel })).start.pc).toBe(0x8000_0010n);
  });

  it("starts the disk's kernel when none is given", async () => {
    const disk = new MemoryDisk(new Uint8Array(readFileSync(directory.wholeDisk(root))));
    const made = await planBoot({ firmware: openSbi }, testMachine(), disk);
    expect(segment(made, "kernel").gpa).toBe(RAM_BASE + 2 * MIB);
    expect(made.commandLine).toBe("root=/dev/vda1 quiet");
  });

  it("that is U-Boot reads the disk itself, and nothing else is loaded", async () => {
    const disk = new MemoryDisk(new Uint8Array(readFileSync(directory.wholeDisk(root))));
    const made = await planBoot({ firmware: uBoot }, testMachine(), disk);
    expect(made.segments.map(({ label }) => label).sort()).toEqual(["device tree", "firmware", "fw_dynamic_info"]);
    expect(made.warnings).toEqual([]);
  });

  it("that brings its own payload starts alone", async () => {
    const payload = directory.file("fw_payload.bin", Buffer.alloc(3 * MIB, 1));
    const made = await planBoot({ firmware: payload }, testMachine(), new MemoryDisk(new Uint8Array(MIB)));
    expect(made.segments.map(({ label }) => label)).not.toContain("kernel");
    await expect(plan({ firmware: payload, kernel })).rejects.toMatchObject({ code: "ERR_VKRUN_LOAD_ADDRESS" });
  });

  it("starts even if the disk is none that we know, with a warning", async () => {
    const made = await planBoot({ firmware: openSbi }, testMachine(), new MemoryDisk(new Uint8Array(MIB)));
    expect(made.warnings.join()).toContain("No kernel was found");
    expect(made.warnings.join()).toContain("no kernel to start");
  });

  it("is refused when it is a kernel, or compressed", async () => {
    await expect(plan({ firmware: kernel })).rejects.toMatchObject({
      code: "ERR_VKRUN_FIRMWARE_INVALID",
      hint: expect.stringContaining("--kernel"),
    });
    const gz = directory.file("fw.gz", gzipSync(Buffer.alloc(100)));
    await expect(plan({ firmware: gz })).rejects.toMatchObject({ code: "ERR_VKRUN_FIRMWARE_INVALID" });
  });
});

const DEBIAN_UBOOT = "/usr/lib/u-boot/qemu-riscv64/u-boot.bin";
const DEBIAN_OPENSBI = "/usr/lib/riscv64-linux-gnu/opensbi/generic";

describe.skipIf(!existsSync(DEBIAN_UBOOT) || !existsSync(DEBIAN_OPENSBI))("Debian's firmware", () => {
  it("is told apart: U-Boot finds its kernel, OpenSBI is given one", async () => {
    const disk = new MemoryDisk(new Uint8Array(readFileSync(directory.wholeDisk(root))));
    const labels = async (firmware: string) =>
      (await planBoot({ firmware }, testMachine(), disk)).segments.map(({ label }) => label);
    expect(await labels(DEBIAN_UBOOT)).not.toContain("kernel");
    for (const build of ["fw_jump.bin", "fw_dynamic.bin", "fw_jump.elf", "fw_dynamic.elf"]) {
      expect(await labels(`${DEBIAN_OPENSBI}/${build}`), build).toContain("kernel");
    }
  });
});

describe("U-Boot for S mode", () => {
  it("starts directly on the built-in SBI", async () => {
    const uBoot = directory.file(
      "u-boot-s.bin",
      Buffer.concat([Buffer.alloc(4096, 1), Buffer.from("U-Boot 2025.01 (x)")]),
    );
    const made = await plan({ kernel: uBoot });
    expect(made.start).toMatchObject({ pc: BigInt(RAM_BASE + 2 * MIB), privilege: 1 });
  });
});

describe("a bare-metal program", () => {
  const program = (specification: Partial<Parameters<typeof elfFile>[0]> = {}): string =>
    directory.file(
      "prog.elf",
      elfFile({
        entry: 0x8000_0000n,
        segments: [{ physical: 0x8000_0000n, bytes: new Uint8Array(64).fill(1), memorySize: 4096 }],
        ...specification,
      }),
    );

  it("starts in M mode at its entry, with hart id and device tree", async () => {
    const made = await plan({ elf: program() });
    expect(made.start).toMatchObject({ pc: 0x8000_0000n, privilege: 3, a0: 0n, a1: BigInt(made.dtb?.gpa as number) });
    expect(made).toMatchObject({ builtinSbi: false, tohost: undefined });
  });

  it("tells where its tohost is", async () => {
    const made = await plan({ elf: program({ symbols: { main: 1n, tohost: 0x8000_1000n, fromhost: 0x8000_1040n } }) });
    expect(made).toMatchObject({ tohost: 0x8000_1000n, fromhost: 0x8000_1040n });
  });

  it("may fill all of memory, then without a device tree", async () => {
    const full = program({ segments: [{ physical: 0x8000_0000n, bytes: new Uint8Array(4), memorySize: 128 * MIB }] });
    expect(await plan({ elf: full })).toMatchObject({ dtb: undefined, start: { a1: 0n } });
  });

  it("is refused outside of RAM, beyond its end, and when its segments overlap", async () => {
    const bytes = new Uint8Array(64);
    for (const [segments, code] of [
      [[{ physical: 0n, bytes }], "ERR_VKRUN_LOAD_ADDRESS"],
      [[{ physical: 1n << 63n, bytes }], "ERR_VKRUN_LOAD_ADDRESS"],
      [[{ physical: 0x8000_0000n, bytes, memorySize: 2 ** 31 }], "ERR_VKRUN_MEMORY_TOO_SMALL"],
      [
        [
          { physical: 0x8000_0000n, bytes },
          { physical: 0x8000_0020n, bytes },
        ],
        "ERR_VKRUN_LOAD_ADDRESS",
      ],
      [[{ physical: 0x8010_0000n, bytes }], "ERR_VKRUN_ELF_INVALID"],
    ] as const) {
      await expect(plan({ elf: program({ segments }) }), code).rejects.toMatchObject({ code });
    }
  });

  it("goes neither with a kernel nor with firmware", async () => {
    await expect(plan({ elf: program(), kernel })).rejects.toMatchObject({
      code: "ERR_VKRUN_BOOT_OPTIONS",
      message: expect.stringContaining("--kernel"),
    });
  });
});

describe("files that cannot be used", () => {
  it.each([
    ["missing", () => `${directory.path}/missing`, "does not exist"],
    ["a directory", () => directory.path, "is a directory"],
    ["empty", () => directory.file("nothing", ""), "is empty"],
    ["below a file", () => `${kernel}/x`, "does not exist"],
    ["a device", () => "/dev/null", "not a regular file"],
  ])("are refused when they are %s", async (_, path, reason) => {
    for (const option of ["kernel", "firmware", "elf"] as const) {
      await expect(plan({ [option]: path() })).rejects.toMatchObject({
        code: "ERR_VKRUN_FILE_READ",
        message: expect.stringContaining(reason),
        hint: expect.any(String),
      });
    }
    await expect(plan({ kernel, initrd: path() })).rejects.toMatchObject({ code: "ERR_VKRUN_FILE_READ" });
    await expect(plan({ kernel, dtb: path() })).rejects.toMatchObject({ code: "ERR_VKRUN_FILE_READ" });
  });

  it("are noticed when they shrink before they are loaded", async () => {
    const file = directory.file("shrinking", initrdBytes);
    const made = await plan({ kernel, initrd: file });
    directory.file("shrinking", "x");
    await expect(loadPlan(made, new TestMemory(128 * MIB))).rejects.toMatchObject({
      code: "ERR_VKRUN_FILE_READ",
      message: expect.stringContaining("ended early"),
    });
  });

  it("are refused as device trees when they are none", async () => {
    await expect(plan({ kernel, dtb: initrd })).rejects.toMatchObject({ code: "ERR_VKRUN_DTB_INVALID" });
    const huge = directory.empty("huge.dtb", 10 * MIB);
    await expect(plan({ kernel, dtb: huge })).rejects.toMatchObject({ code: "ERR_VKRUN_DTB_INVALID" });
  });
});

it("says so when there is nothing to boot", async () => {
  await expect(plan({})).rejects.toMatchObject({
    code: "ERR_VKRUN_NO_DISK",
    hint: expect.stringContaining("disk.img"),
  });
});

it("refuses a command line that Linux would cut off", async () => {
  await expect(plan({ kernel, append: "x".repeat(1024) })).rejects.toMatchObject({ code: "ERR_VKRUN_BOOT_OPTIONS" });
});
