// Mutated qcow2 images: whatever is in them, opening, reading and writing ends, with data or with an error that names what is wrong,
// and takes no more memory than the image's own limits allow.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { BlockBackend } from "../../src/backends/block-backend.js";
import { openImage } from "../../src/backends/open-image.js";
import { VkrunError } from "../../src/errors.js";
import { randomNumbers } from "../backends/qcow2/random-disk.js";
import { full } from "../setup/full.js";
import { qemuImg, qemuIo } from "../support/qemu-img.js";

const MIB = 1 << 20;
const ROUNDS = full ? 20_000 : 700;
/** A read or write of a damaged image may take this long, on a busy machine. */
const PATIENCE_MS = 10_000;

let folder: string;
const seeds: Buffer[] = [];

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "vkrun-qcow2-fuzz-"));
  const base = join(folder, "base.raw");
  writeFileSync(base, Buffer.alloc(MIB, "base"));
  for (const [index, options] of [
    ["cluster_size=4k"],
    ["cluster_size=512"],
    ["compat=0.10,cluster_size=4k"],
    ["cluster_size=4k,compression_type=zstd"],
    ["cluster_size=1k,refcount_bits=2,lazy_refcounts=on"],
  ].entries()) {
    const path = join(folder, `seed${index}.qcow2`);
    qemuImg("create", "-q", "-f", "qcow2", "-b", base, "-F", "raw", "-o", options[0] as string, path, String(2 * MIB));
    qemuIo(path, ["write -P 1 0 20k", "write -c -P 2 64k 16k", "write -P 3 1M 8k", "write -z 96k 8k"], ["-f", "qcow2"]);
    seeds.push(readFileSync(path));
  }
});

afterAll(() => rmSync(folder, { recursive: true }));

/** Values that formats trip over. */
const NASTY = [
  0n,
  1n,
  0x1ffn,
  0x200n,
  0x1000n,
  0x7fff_ffffn,
  0xffff_ffffn,
  1n << 53n,
  (1n << 63n) | 512n,
  (1n << 64n) - 1n,
];

function mutate(seed: Buffer, random: (below: number) => number): Buffer {
  const bytes = Buffer.from(seed);
  const l1 = Number(bytes.readBigUInt64BE(40));
  const refcounts = Number(bytes.readBigUInt64BE(48));
  for (let count = 1 + random(4); count > 0; count--) {
    // Mostly where it hurts: header, tables, the first L2 table.
    const l2 = Number(bytes.readBigUInt64BE(Math.min(l1, bytes.length - 8)) & 0x00ff_ffff_ffff_fe00n);
    const areas = [
      [0, 112],
      [l1, 64],
      [refcounts, 64],
      [l2, 512],
      [0, bytes.length],
    ] as const;
    const [start, length] = areas[random(areas.length)] as readonly [number, number];
    const at = start + random(length);
    if (at + 8 > bytes.length) continue;
    switch (random(4)) {
      case 0:
        bytes[at] = random(256);
        break;
      case 1:
        bytes[at] = (bytes[at] as number) ^ (1 << random(8));
        break;
      case 2:
        bytes.writeBigUInt64BE(NASTY[random(NASTY.length)] as bigint, at - (at % 8));
        break;
      default:
        bytes.copy(bytes, at, random(bytes.length - 8), 8 + random(bytes.length - 8));
    }
  }
  return random(8) === 0 ? bytes.subarray(0, random(bytes.length)) : bytes;
}

async function exercise(path: string, readOnly: boolean, random: (below: number) => number): Promise<string> {
  const disk = await openImage({ path, readOnly, format: "qcow2", cache: "unsafe" });
  try {
    await work(disk, readOnly, random);
  } catch (error) {
    // What cannot be written cannot be written at the end either.
    await disk[Symbol.asyncDispose]().then(undefined, () => undefined);
    throw error;
  }
  await disk[Symbol.asyncDispose]();
  return "fine";
}

async function work(disk: BlockBackend, readOnly: boolean, random: (below: number) => number): Promise<void> {
  const end = Math.min(disk.size, 4 * MIB);
  for (let count = 0; count < 6; count++) {
    const offset = Math.floor(random(end) / 512) * 512;
    const bytes = new Uint8Array(Math.min(512 * (1 + random(100)), disk.size - offset));
    if (readOnly || random(2) === 0) {
      if ((disk.tryRead?.(offset, [bytes]) ?? 0) < bytes.length) await disk.read(offset, [bytes]);
    } else if (random(3) === 0) await disk.writeZeroes?.(offset, bytes.length, true);
    else if (random(2) === 0 || !disk.tryWrite?.(offset, [bytes])) await disk.write(offset, [bytes]);
  }
  await disk.flush();
}

describe("mutated qcow2 images", () => {
  it("end in data or in a VkrunError", { timeout: full ? 900_000 : 120_000 }, async () => {
    const outcomes = new Map<string, number>();
    const path = join(folder, "mutant.qcow2");
    for (let round = 0; round < ROUNDS; round++) {
      const random = randomNumbers(round * 2654435761 + 1);
      const mutant = mutate(seeds[round % seeds.length] as Buffer, random);
      writeFileSync(path, mutant);
      let timer: NodeJS.Timeout | undefined;
      const stuck = new Promise<string>((resolve) => {
        timer = setTimeout(() => resolve("stuck"), PATIENCE_MS);
      });
      const outcome = await Promise.race([
        stuck,
        exercise(path, random(2) === 0, random).catch((error: unknown) => {
          if (error instanceof VkrunError) return error.code;
          // No file is as long as some offsets are.
          if ((error as NodeJS.ErrnoException).code === "EFBIG") return "EFBIG";
          throw new Error(`round ${round}: ${String(error)}`, { cause: error });
        }),
      ]);
      clearTimeout(timer);
      expect(outcome, `round ${round}`).not.toBe("stuck");
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
    }
    // The mutations neither all miss nor all kill.
    expect(outcomes.get("fine")).toBeGreaterThan(ROUNDS / 20);
    expect(outcomes.get("ERR_VKRUN_IMAGE_CORRUPT")).toBeGreaterThan(ROUNDS / 20);
  });
});
