import { expect, it } from "vitest";
import { Layout } from "../../src/generated/layout.js";
import { PageSaver, type PageSink } from "../../src/machine/page-saver.js";
import { ReferenceBitmaps } from "../../src/reference/bitmaps.js";
import type { BitmapOperations } from "../../src/wasm/bitmap-operations.js";
import type { Core } from "../../src/wasm/core.js";
import { instantiateCore } from "../devices/support.js";
import { HartRandom } from "../support/hart-random.js";

const PAGE = 4096;
const RAM = 16 << 20;
const BASE = 0x8000_0000;
const CODE = 0x1000;

/**
 * M mode, no translation: a store of eight bytes to each address that a linear congruential generator comes to.
 * x10: the number, x11: its factor, x12: its summand, x13: mask of addresses, x14: the base.
 */
const STORES = [
  0x02b5_0533, // mul  x10, x10, x11
  0x00c5_0533, // add  x10, x10, x12
  0x0145_5793, // srli x15, x10, 20
  0x00d7_f7b3, // and  x15, x15, x13
  0x00e7_87b3, // add  x15, x15, x14
  0x00a7_b023, // sd   x10, 0(x15)
  0xfe9f_f06f, // jal  x0, -24
];

/** Reads late and in two halves: what the guest writes meanwhile gets in, unless it was copied and is put right. */
class LateSink implements PageSink {
  readonly pages = new Map<number, Uint8Array>();
  written = 0;

  async writePages({ ram, first, pages, wanted }: Parameters<PageSink["writePages"]>[0]): Promise<void> {
    const torn = new Map<number, Uint8Array>();
    for (const part of [0, PAGE / 2]) {
      for (let turns = 0; turns < 3; turns++) await new Promise((turn) => setImmediate(turn));
      for (let index = 0; index < pages; index++) {
        if ((((wanted[index >> 3] as number) >> (index & 7)) & 1) === 0) continue;
        const bytes = torn.get(first + index) ?? new Uint8Array(PAGE);
        const at = (first + index) * PAGE + part;
        bytes.set(ram.subarray(at, at + PAGE / 2), part);
        torn.set(first + index, bytes);
      }
    }
    for (const [page, bytes] of torn) this.pages.set(page, bytes);
    this.written += torn.size;
  }

  async writeCopies(pages: Uint32Array, bytes: Uint8Array): Promise<void> {
    await new Promise((turn) => setImmediate(turn));
    for (const [slot, page] of pages.entries()) this.pages.set(page, bytes.slice(slot * PAGE, (slot + 1) * PAGE));
    this.written += pages.length;
  }
}

async function guest(jit: boolean, random: HartRandom, full: () => void): Promise<{ core: Core; hart: number }> {
  const core = await instantiateCore(RAM, full);
  core.exports.setJit(jit ? 10 : 0, 0);
  const code = new DataView(core.ram.buffer, core.ram.byteOffset + CODE);
  for (const [index, word] of STORES.entries()) code.setUint32(4 * index, word, true);
  core.exports.ramWritten(BigInt(BASE + CODE), 4 * STORES.length);
  const hart = core.exports.hart(0);
  core.exports.resetHart(hart, BigInt(BASE + CODE), 3, 0n, 0n, 0);
  const set = (register: number, value: bigint): void =>
    core.view.setBigUint64(hart + Layout.HART.X + 8 * register, value, true);
  set(10, BigInt(random.below(1 << 30)));
  set(11, 6364136223846793005n);
  set(12, 1442695040888963407n);
  // Anywhere in the upper half of RAM.
  set(13, BigInt(RAM / 2 - 8));
  set(14, BigInt(BASE + RAM / 2));
  return { core, hart };
}

const bitmapsOf = (core: Core, form: string): BitmapOperations =>
  form === "ts" ? new ReferenceBitmaps(core.memory.buffer) : core.exports;

it.each([
  ["interpreted", false, "wasm"],
  ["compiled", true, "wasm"],
  ["compiled", true, "ts"],
])(
  "memory is saved as it was at the instant, whatever a guest that is %s and its devices write meanwhile (compiler: %s; bitmaps: %s)",
  async (_, jit, form) => {
    for (let seed = 1; seed <= 4; seed++) {
      const random = new HartRandom(seed);
      let current: PageSaver | undefined;
      const { core, hart } = await guest(jit, random, () => current?.takeCopies());
      const host = (): void => {
        const length = 1 + random.below(3 * PAGE);
        const offset = CODE + PAGE + random.below(RAM - CODE - PAGE - length);
        core.exports.ramWriting(BigInt(BASE + offset), length);
        core.ram.fill(random.below(256), offset, offset + length);
        core.exports.ramWritten(BigInt(BASE + offset), length);
      };
      core.exports.run(hart, 30_000);
      for (let writes = 0; writes < 50; writes++) host();
      let saved = new Map<number, Uint8Array>();
      for (const incremental of [false, true, true]) {
        const instant = core.ram.slice();
        const pages = core.exports.checkpointBegin(incremental ? 1 : 0);
        const sink = new LateSink();
        const saver = new PageSaver(core, bitmapsOf(core, form), sink);
        current = saver;
        let over = false;
        const saving = saver
          .save(() => undefined)
          .finally(() => {
            over = true;
          });
        while (!over) {
          core.exports.run(hart, random.below(20_000));
          if (random.chance(50)) host();
          await new Promise((turn) => setImmediate(turn));
        }
        await saving;
        expect(saver.done).toBeGreaterThanOrEqual(sink.pages.size);
        expect(sink.pages.size).toBe(pages);
        expect(saver.copied).toBeGreaterThan(0);
        saved = new Map([...saved, ...sink.pages]);
        const wrong: number[] = [];
        const zero = new Uint8Array(PAGE);
        for (let page = 0; page < RAM / PAGE; page++) {
          const expected = instant.subarray(page * PAGE, (page + 1) * PAGE);
          if (Buffer.compare(saved.get(page) ?? zero, expected) !== 0) wrong.push(page);
        }
        expect(wrong).toEqual([]);
      }
    }
  },
);

it("a write that was not announced fails the checkpoint, instead of spoiling it", async () => {
  const core = await instantiateCore(RAM);
  core.exports.ramWritten(BigInt(BASE), 8);
  core.exports.checkpointBegin(0);
  const saving = new PageSaver(core, core.exports, new LateSink()).save(() => undefined);
  core.exports.ramWritten(BigInt(BASE), 8);
  await expect(saving).rejects.toMatchObject({ code: "ERR_VKRUN_INTERNAL" });
});
