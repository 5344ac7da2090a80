// A process that is killed while it writes: what is on the disk then must be an image, and hold what was flushed.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { openImage } from "../../../src/backends/open-image.js";
import { checkImage, qemuImg } from "../../support/qemu-img.js";

const MIB = 1 << 20;
const BLOCK = 32 << 10;
const SIZE = 64 * MIB;

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "vkrun-killed-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

/**
 * Writes generations of the same blocks, in an order that jumps, discards some, and says which generation has been flushed.
 * Runs on its own, from the built package.
 */
const WRITER = `
  const { openImage } = await import(process.argv[1]);
  const disk = await openImage({ path: process.argv[2], readOnly: false });
  const blocks = ${SIZE / BLOCK};
  for (let generation = 1; ; generation++) {
    for (let count = 0; count < 300; count++) {
      const block = (count * 7919 + generation * 31) % blocks;
      const bytes = new Uint8Array(${BLOCK}).fill(generation);
      const view = new DataView(bytes.buffer);
      view.setUint32(0, block);
      if (count % 3 === 0 || !disk.tryWrite(block * ${BLOCK}, [bytes])) await disk.write(block * ${BLOCK}, [bytes]);
      if (count % 50 === 49) await disk.discard(${SIZE / 2} + (count % 8) * ${MIB}, ${MIB});
    }
    await disk.flush();
    process.stdout.write(generation + "\\n");
  }
`;

describe("a qcow2 image whose writer was killed", () => {
  it.each([
    [150, ""],
    [400, "cluster_size=4k"],
    [700, "lazy_refcounts=on"],
  ])("after %i ms is sound, but for clusters that nobody uses (%s)", async (delayMs, options) => {
    const path = join(folder, "disk.qcow2");
    qemuImg("create", "-q", "-f", "qcow2", ...(options ? ["-o", options] : []), path, String(SIZE));
    const child = spawn(
      process.execPath,
      ["--input-type=module", "-e", WRITER, resolve("dist/backends/open-image.js"), path],
      { stdio: ["ignore", "pipe", "inherit"] },
    );
    let flushed = 0;
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      flushed = Number(text.trim().split("\n").at(-1));
    });
    await once(child.stdout, "data");
    await new Promise((done) => setTimeout(done, delayMs));
    child.kill("SIGKILL");
    await once(child, "close");
    expect(flushed).toBeGreaterThan(0);

    const { status, output } = checkImage(path);
    expect([0, 3], output).toContain(status);
    // Every block is what some generation wrote there, none older than the last that was flushed whole.
    copyFileSync(path, join(folder, "copy.qcow2"));
    const disk = await openImage({ path, readOnly: false });
    const newest = new Map<number, number>();
    for (let count = 0; count < 300; count++) newest.set((count * 7919 + flushed * 31) % (SIZE / BLOCK), count);
    for (const block of newest.keys()) {
      const bytes = new Uint8Array(BLOCK);
      await disk.read(block * BLOCK, [bytes]);
      const generation = bytes[8] as number;
      if (block * BLOCK >= SIZE / 2 && generation === 0) continue;
      expect(generation, `block ${block}`).toBeGreaterThanOrEqual(flushed);
      expect(new DataView(bytes.buffer).getUint32(0)).toBe(block);
    }
    await disk.write(0, [new Uint8Array(4 * MIB)]);
    await disk[Symbol.asyncDispose]();
    expect([0, 3]).toContain(checkImage(path).status);
  });
});
