import { readFileSync } from "node:fs";
import { afterAll, describe, expect, it } from "vitest";
import { DiskReader } from "../../src/boot/disk-reader.js";
import { type PartitionTable, readPartitionTable } from "../../src/boot/partition-table.js";
import { MemoryDisk, TestDirectory } from "./support/disk-images.js";

const directory = new TestDirectory();
afterAll(() => directory[Symbol.dispose]());

const read = (disk: Uint8Array): Promise<PartitionTable> => readPartitionTable(new DiskReader(new MemoryDisk(disk)));

const MIB = 1024 * 1024;
const GUID = "12345678-9ABC-DEF0-1122-334455667788";

function image(script: string): Uint8Array {
  return new Uint8Array(readFileSync(directory.partitionedDisk(script, [], 32)));
}

const gptImage = (): Uint8Array =>
  image(
    "label: gpt\np1 : start=2048, size=2048\n" +
      `p3 : start=8192, size=8192, name="root disk", uuid=${GUID}, attrs="LegacyBIOSBootable"\n`,
  );

describe("GPT", () => {
  it("keeps the numbers of partitions when some are missing", async () => {
    const { scheme, partitions, warnings } = await read(gptImage());
    expect(scheme).toBe("gpt");
    expect(warnings).toEqual([]);
    expect(partitions.map(({ number, start, size }) => ({ number, start, size }))).toEqual([
      { number: 1, start: MIB, size: MIB },
      { number: 3, start: 4 * MIB, size: 4 * MIB },
    ]);
    expect(partitions[1]).toMatchObject({ name: "root disk", partUuid: GUID.toLowerCase(), bootable: true });
    expect(partitions[0]).toMatchObject({ bootable: false, type: "0fc63daf-8483-4772-8e79-3d69d8477de4" });
  });

  it.each([
    ["header", 512 + 40, "header checksum"],
    ["signature", 512, "signature"],
    ["table of entries", 1024 + 32, "checksum of the entries"],
  ])("uses the backup when the primary %s is damaged, and says so", async (_, offset, reason) => {
    const disk = gptImage();
    disk[offset] = (disk[offset] as number) ^ 0xff;
    const { partitions, fromBackup, warnings } = await read(disk);
    expect(fromBackup).toBe(true);
    expect(partitions.map(({ number }) => number)).toEqual([1, 3]);
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toContain(reason);
  });

  it("refuses a disk on which both copies are damaged, naming both defects", async () => {
    const disk = gptImage();
    disk[512 + 24] = 9;
    disk[disk.length - 512] = 0;
    await expect(read(disk)).rejects.toMatchObject({
      code: "ERR_VKRUN_PARTITION_TABLE_INVALID",
      message: expect.stringMatching(/primary: header checksum.*backup: no "EFI PART"/),
      hint: expect.any(String),
    });
  });

  it("recognises an image that was cut short", async () => {
    await expect(read(gptImage().subarray(0, 16 * MIB))).rejects.toMatchObject({
      code: "ERR_VKRUN_DISK_TRUNCATED",
      message: expect.stringContaining("32768"),
    });
  });

  it("ignores a GPT without protective MBR, as Linux does, but mentions it", async () => {
    const disk = gptImage();
    disk.fill(0, 0, 512);
    const { scheme, warnings } = await read(disk);
    expect(scheme).toBe("none");
    expect(warnings[0]).toContain("protective MBR");
  });
});

describe("MBR", () => {
  it("numbers logical partitions from 5 and derives PARTUUID from the disk signature", async () => {
    const disk = image(
      "label: dos\nlabel-id: 0xdeadbeef\nstart=2048, size=2048, type=83, bootable\nstart=4096, size=40960, type=5\n" +
        "start=6144, size=4096, type=83\nstart=12288, size=8192, type=83\n",
    );
    const { scheme, partitions } = await read(disk);
    expect(scheme).toBe("mbr");
    expect(partitions).toMatchObject([
      { number: 1, start: MIB, size: MIB, partUuid: "deadbeef-01", type: "0x83", bootable: true },
      { number: 5, start: 6144 * 512, size: 2 * MIB, partUuid: "deadbeef-05", bootable: false },
      { number: 6, start: 12288 * 512, size: 4 * MIB, partUuid: "deadbeef-06" },
    ]);
  });

  it("ends a chain of extended records that loops", async () => {
    const disk = image(
      "label: dos\nstart=2048, size=61440, type=5\nstart=4096, size=4096, type=83\nstart=12288, size=8192, type=83\n",
    );
    // The second record's link points back to the first one.
    const second = 12288 * 512 - 2048 * 512;
    const view = new DataView(disk.buffer);
    const recordAt = [...Array(64 * 1024).keys()]
      .map((sector) => sector * 512)
      .filter((at) => at > 2048 * 512 && view.getUint16(at + 510, true) === 0xaa55);
    const record = recordAt[0] as number;
    expect(record).toBeLessThanOrEqual(second + 2048 * 512);
    view.setUint8(record + 0x1ce + 4, 5);
    view.setUint32(record + 0x1ce + 8, 0, true);
    view.setUint32(record + 0x1ce + 12, 4096, true);
    const { partitions } = await read(disk);
    expect(partitions.map(({ number }) => number)).toEqual([5, 6]);
  });

  it("does not take the boot sector of a file system for a partition table", async () => {
    const disk = new Uint8Array(MIB).fill(0x90, 0, 510);
    disk.set([0x55, 0xaa], 510);
    expect(await read(disk)).toMatchObject({ scheme: "none", partitions: [] });
  });
});

it("refuses a disk without a single sector", async () => {
  await expect(read(new Uint8Array(0))).rejects.toMatchObject({ code: "ERR_VKRUN_DISK_EMPTY" });
});

it("finds no partitions on a blank disk", async () => {
  expect(await read(new Uint8Array(MIB))).toEqual({ scheme: "none", partitions: [], fromBackup: false, warnings: [] });
});
