import { copyFileSync, readFileSync, symlinkSync, truncateSync, unlinkSync, writeFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { decodeCbor, encodeCbor } from "../../src/checkpoint/cbor.js";
import { CheckpointFile } from "../../src/checkpoint/checkpoint-file.js";
import { crc32c } from "../../src/checkpoint/crc32c.js";
import { VkrunError } from "../../src/errors.js";
import { nativeUnavailable } from "../../src/native.js";
import { full } from "../setup/full.js";
import { Folder, fillPage, guestRam, PAGE, type Written, writeCheckpoint } from "./checkpoints.js";

const PAGES = 24;
/** Where docs/checkpoint-format.md has them. */
const VERSION = 8;
const INCOMPATIBLE = 16;
const PARENT = 48;
const RAM_BYTES = 64;
const MANIFEST = 152;
const HEADER_CRC = 4092;

describe.runIf(nativeUnavailable() === undefined)("a checkpoint that is not as it was written", () => {
  let folder: Folder;
  let base: Written;
  let child: Written;
  let whole: Buffer;
  beforeAll(async () => {
    folder = new Folder();
    const ram = guestRam(PAGES);
    for (const page of [0, 3, 4, 23]) fillPage(ram, page, page);
    base = await writeCheckpoint({
      path: folder.file("base.vkckpt"),
      ram,
      regions: { vda: Buffer.alloc(70_000, "disk") },
    });
    fillPage(ram, 5, 55);
    child = await writeCheckpoint({ path: folder.file("child.vkckpt"), ram, parent: base, changed: [5] });
    whole = readFileSync(base.path);
  });
  afterAll(() => folder[Symbol.dispose]());

  /** What opening and verifying says; anything but a VkrunError fails the test. */
  async function judge(bytes: Uint8Array, name = "damaged"): Promise<string[]> {
    const path = folder.file(name);
    writeFileSync(path, bytes);
    return judgeFile(path);
  }

  async function judgeFile(path: string): Promise<string[]> {
    try {
      await using file = await CheckpointFile.open(path);
      return (await file.verify()).map(({ section }) => section);
    } catch (error) {
      if (!(error instanceof VkrunError)) throw error;
      expect(error.code).toMatch(/^ERR_VKRUN_CHECKPOINT_/);
      return [error.code];
    }
  }

  /** A copy with another header, whose checksum fits. */
  function withHeader(change: (header: DataView) => void, from = whole): Buffer {
    const bytes = Buffer.from(from);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    change(view);
    view.setUint32(HEADER_CRC, crc32c(bytes.subarray(0, HEADER_CRC)), true);
    return bytes;
  }

  /** A copy with another manifest, behind its end. */
  function withManifest(manifest: Uint8Array): Buffer {
    const from = Buffer.from(whole);
    from.fill(0, Number(whole.readBigUInt64LE(MANIFEST)));
    return Buffer.concat([
      withHeader((header) => {
        header.setBigUint64(MANIFEST, BigInt(from.length), true);
        header.setBigUint64(MANIFEST + 8, BigInt(manifest.length), true);
        header.setUint32(MANIFEST + 16, crc32c(manifest), true);
      }, from),
      manifest,
    ]);
  }

  type Sections = Record<string, [version: number, crc: number, data: Uint8Array]>;

  function sectionsOf(bytes: Buffer): Sections {
    const at = Number(bytes.readBigUInt64LE(MANIFEST));
    return decodeCbor(bytes.subarray(at, at + Number(bytes.readBigUInt64LE(MANIFEST + 8)))) as Sections;
  }

  /** A copy with one section of the manifest put there or replaced. */
  function withSection(key: string, data: Uint8Array, version = 1): Buffer {
    return withManifest(encodeCbor({ ...sectionsOf(whole), [key]: [version, crc32c(data), data] }));
  }

  async function openError(path: string): Promise<VkrunError> {
    try {
      await using file = await CheckpointFile.open(path);
      throw new Error(`${file.path} was opened`);
    } catch (error) {
      if (!(error instanceof VkrunError)) throw error;
      return error;
    }
  }

  it("is found out wherever a bit is wrong", async () => {
    // Every byte of what begins the file and of tables and manifest; of RAM and long stretches of zeroes some.
    const offsets = new Set<number>();
    for (let at = 0; at < whole.length; at += full ? 61 : 601) offsets.add(at);
    for (let at = 0; at < 256; at += full ? 1 : 3) offsets.add(at);
    for (const at of [HEADER_CRC - 1, HEADER_CRC, HEADER_CRC + 3, 4096, 65535, 65536, whole.length - 1])
      offsets.add(at);
    const manifest = Number(whole.readBigUInt64LE(MANIFEST));
    for (let at = manifest; at < whole.length; at += full ? 1 : 5) offsets.add(at);
    const missed: number[] = [];
    for (const at of offsets) {
      const bytes = Buffer.from(whole);
      bytes[at] = (bytes[at] as number) ^ (1 << (at % 8));
      if ((await judge(bytes)).length === 0) missed.push(at);
    }
    expect(missed).toEqual([]);
  });

  it("is told by the name of what is damaged", async () => {
    const flip = (at: number): Buffer => {
      const bytes = Buffer.from(whole);
      bytes[at] = (bytes[at] as number) ^ 0x10;
      return bytes;
    };
    const path = folder.file("named");
    writeFileSync(path, flip(65536 + 3 * PAGE + 9));
    {
      await using file = await CheckpointFile.open(path);
      expect(await file.verify()).toMatchObject([{ path, section: "pages", pages: { first: 3, count: 1 } }]);
    }
    expect(await judge(flip(65536 + 10 * PAGE))).toEqual(["pages"]);
    const region = whole.indexOf("diskdisk");
    expect(await judge(flip(region + 66_000))).toEqual(["region vda"]);
    expect(await judge(flip(30_000))).toEqual(["unused space"]);
    const hart = Buffer.from(sectionsOf(whole)["hart"]?.[2] ?? []);
    writeFileSync(path, flip(whole.lastIndexOf(hart)));
    expect((await openError(path)).message).toContain('section "hart"');
  });

  it("with a wrong bit in its version is damaged, not newer", async () => {
    for (let bit = 0; bit < 32; bit++) {
      const bytes = Buffer.from(whole);
      bytes[VERSION + (bit >> 3)] = (bytes[VERSION + (bit >> 3)] as number) ^ (1 << (bit & 7));
      expect([bit, await judge(bytes)]).toEqual([bit, ["ERR_VKRUN_CHECKPOINT_DAMAGED"]]);
    }
  });

  it("is told to be cut short, wherever it was cut", async () => {
    const manifestEnd = Number(whole.readBigUInt64LE(MANIFEST) + whole.readBigUInt64LE(MANIFEST + 8));
    for (const length of [0, 1, 7, 8, 100, 4095, 4096, 65536, 70_000, whole.length - PAGE, manifestEnd - 1]) {
      const path = folder.file("short");
      copyFileSync(base.path, path);
      truncateSync(path, length);
      const [code] = await judgeFile(path);
      expect([length, code]).toEqual([
        length,
        length < 8 ? "ERR_VKRUN_CHECKPOINT_INVALID" : expect.stringMatching(/_TRUNCATED$|_DAMAGED$/),
      ]);
    }
  });

  it("is no checkpoint when it is something else, or nothing at all", async () => {
    expect(await judge(Buffer.from("something else"))).toEqual(["ERR_VKRUN_CHECKPOINT_INVALID"]);
    expect(await judgeFile(folder.path)).toEqual(["ERR_VKRUN_CHECKPOINT_INVALID"]);
    expect(await judgeFile(folder.file("nowhere"))).toEqual(["ERR_VKRUN_CHECKPOINT_NOT_FOUND"]);
    expect(await judgeFile(folder.file("child.vkckpt/file"))).toEqual(["ERR_VKRUN_CHECKPOINT_NOT_FOUND"]);
  });

  it("is refused when it is newer than this program knows, by what is new", async () => {
    const path = folder.file("newer");
    const says = async (bytes: Uint8Array): Promise<string> => {
      writeFileSync(path, bytes);
      const { code, message } = await openError(path);
      return `${code} ${message}`;
    };
    expect(await says(withHeader((header) => header.setUint32(VERSION, 2, true)))).toMatch(/_VERSION .*version 2/);
    expect(await says(withHeader((header) => header.setBigUint64(INCOMPATIBLE, 1n << 40n, true)))).toMatch(
      /_UNSUPPORTED .*0x10000000000/,
    );
    expect(await says(withSection("telepathy", encodeCbor(1)))).toMatch(/_UNSUPPORTED .*"telepathy"/);
    expect(await says(withSection("hart", encodeCbor({}), 9))).toMatch(/_UNSUPPORTED .*"hart" of version 9/);
    expect(await judge(withSection("x-note", encodeCbor(1), 9))).toEqual([]);
    expect(await judge(withHeader((header) => header.setBigUint64(INCOMPATIBLE + 8, 1n << 40n, true)))).toEqual([]);
  });

  it("takes no memory that it only claims to need", async () => {
    for (const at of [RAM_BYTES, RAM_BYTES + 8, 80, 88, 104, 112, 128, 136, MANIFEST, MANIFEST + 8, 176, 184]) {
      for (const value of [0n, 1n, 4095n, 4096n, 2n ** 31n, 2n ** 32n, 2n ** 53n, 2n ** 63n, 2n ** 64n - 1n]) {
        const bytes = withHeader((header) => header.setBigUint64(at, value, true));
        if (bytes.equals(whole)) continue;
        const said = await judge(bytes);
        // Without a table of frames it does not matter where that would lie.
        if (at !== 176) expect([at, value, said.length > 0]).toEqual([at, value, true]);
      }
    }
  });

  it("does not overcome the decoder of its manifest", async () => {
    const deep = Buffer.alloc(2_000_000, 0x81);
    const long = Buffer.concat([Buffer.of(0x9b, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff), Buffer.alloc(100)]);
    const many = Buffer.concat([Buffer.of(0x9a, 0, 0x40, 0, 0), Buffer.alloc(2 ** 22, 0xa0)]);
    const text = Buffer.of(0x7b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff);
    const endless = Buffer.of(0x9f, 0x01, 0x01);
    const twice = Buffer.of(0xa2, 0x61, 0x61, 1, 0x61, 0x61, 2);
    const broken = [deep, long, many, text, endless, twice, Buffer.of(0xff), Buffer.of(0x1c), Buffer.of(1, 1)];
    for (const [index, bytes] of broken.entries()) {
      expect([index, await judge(withManifest(bytes))]).toEqual([index, ["ERR_VKRUN_CHECKPOINT_DAMAGED"]]);
      expect([index, await judge(withSection("hart", bytes))]).toEqual([index, ["ERR_VKRUN_CHECKPOINT_DAMAGED"]]);
    }
  });

  it("is refused when its sections do not hold what they should", async () => {
    const block = { offset: 0, length: 1, crcs: new Uint8Array(4) };
    const wrong: [string, unknown][] = [
      ...["about", "parent", "regions", "disks", "vmspaces"].map((key): [string, unknown] => [key, 7]),
      ["about", { name: 1, created: "", vkrun: "" }],
      ["parent", { id: new Uint8Array(15), path: "x" }],
      ["parent", { id: new Uint8Array(16), path: "x\0y" }],
      ["parent", { id: new Uint8Array(16).fill(1), path: "x" }],
      ["regions", { vda: 1 }],
      ["regions", { vda: { ...block, length: 2 ** 50 } }],
      ["regions", { vda: { ...block, offset: -1 } }],
      ["regions", { vda: { ...block, offset: 0.5 } }],
      ["regions", { vda: { ...block, length: 0.5 } }],
      ["regions", { vda: { ...block, offset: 2 ** 64 } }],
    ];
    for (const [key, value] of wrong) {
      expect([key, value, await judge(withSection(key, encodeCbor(value)))]).toEqual([
        ...[key, value],
        ["ERR_VKRUN_CHECKPOINT_DAMAGED"],
      ]);
    }
    const far = { vda: { ...block, offset: 2 ** 40 } };
    expect(await judge(withSection("regions", encodeCbor(far)))).toEqual(["ERR_VKRUN_CHECKPOINT_TRUNCATED"]);
    expect(await judge(withManifest(encodeCbor({ hart: 1 })))).toEqual(["ERR_VKRUN_CHECKPOINT_DAMAGED"]);
    expect(await judge(withManifest(encodeCbor([])))).toEqual(["ERR_VKRUN_CHECKPOINT_DAMAGED"]);
  });

  describe("of which a chain is made", () => {
    async function judgeChild(prepare: (alone: Folder) => void): Promise<string[]> {
      using alone = new Folder();
      copyFileSync(child.path, alone.file("child.vkckpt"));
      prepare(alone);
      return await judgeFile(alone.file("child.vkckpt"));
    }

    it("is missed, not mistaken for another one", async () => {
      expect(await judgeChild(() => undefined)).toEqual(["ERR_VKRUN_CHECKPOINT_PARENT_MISSING"]);
      const other = withHeader((header) => header.setUint32(32, 0x12345678, true));
      expect(await judgeChild((alone) => writeFileSync(alone.file("base.vkckpt"), other))).toEqual([
        "ERR_VKRUN_CHECKPOINT_PARENT_CHANGED",
      ]);
      expect(await judgeChild((alone) => writeFileSync(alone.file("base.vkckpt"), "nonsense"))).toEqual([
        "ERR_VKRUN_CHECKPOINT_INVALID",
      ]);
      expect(await judgeChild((alone) => copyFileSync(base.path, alone.file("b.vkckpt")))).toEqual([]);
    });

    it("must have the same amount of RAM", async () => {
      using alone = new Folder();
      const ram = guestRam(PAGES * 2);
      const { path } = await writeCheckpoint({ path: alone.file("base.vkckpt"), ram });
      const bytes = readFileSync(path);
      writeFileSync(
        path,
        withHeader((header) => {
          for (const [index, byte] of base.id.entries()) header.setUint8(32 + index, byte);
        }, bytes),
      );
      copyFileSync(child.path, alone.file("child.vkckpt"));
      expect(await judgeFile(alone.file("child.vkckpt"))).toEqual(["ERR_VKRUN_CHECKPOINT_DAMAGED"]);
    });

    it("cannot go round in a circle", async () => {
      // The base stands on its child, and a file on itself.
      const standsOn = (id: Uint8Array, path: string): Buffer => {
        const data = encodeCbor({ id, path });
        const sections = { ...sectionsOf(whole), parent: [1, crc32c(data), data] };
        return withHeader(
          (header) => {
            for (const [index, byte] of id.entries()) header.setUint8(PARENT + index, byte);
          },
          withManifest(encodeCbor(sections)),
        );
      };
      expect(
        await judgeChild((alone) => writeFileSync(alone.file("base.vkckpt"), standsOn(child.id, "child.vkckpt"))),
      ).toEqual(["ERR_VKRUN_CHECKPOINT_CHAIN"]);
      expect(await judge(standsOn(base.id, "self"), "self")).toEqual(["ERR_VKRUN_CHECKPOINT_CHAIN"]);
    });

    it("is found through symbolic links, and damage in it is told with its path", async () => {
      using alone = new Folder();
      const bytes = Buffer.from(whole);
      bytes[65536 + 9] = (bytes[65536 + 9] as number) ^ 1;
      writeFileSync(alone.file("real"), bytes);
      symlinkSync("real", alone.file("base.vkckpt"));
      copyFileSync(child.path, alone.file("child.vkckpt"));
      await using file = await CheckpointFile.open(alone.file("child.vkckpt"));
      expect(await file.verify()).toMatchObject([{ path: alone.file("base.vkckpt"), section: "pages" }]);
      unlinkSync(alone.file("real"));
    });
  });
});

it("whole numbers up to 2^64 come out of CBOR as they went in", () => {
  for (const value of [0, 2 ** 53 - 1, -(2 ** 53 - 1), 2n ** 53n, 2n ** 63n, 2n ** 64n - 1n, -(2n ** 64n)]) {
    expect(decodeCbor(encodeCbor({ value }))).toEqual({ value });
  }
});
