// Hostile guests: whatever they do, the host does not throw, `run` comes back within its budget, and nothing is written
// but RAM and the core's own tables.

import { describe, expect, it } from "vitest";
import { Layout } from "../../src/generated/layout.js";
import { HostileGuest, type HostileMode } from "../support/hart-hostile.js";
import { HartRandom } from "../support/hart-random.js";

const GUESTS_PER_MODE = 400;
const INSTRUCTIONS = 3_000;
const SPARE_BYTES = 0x100_0000;
const GUARD = 0xa5;
/** asc's --memoryBase: nothing lies below. */
const MODULE_DATA = 0x400;
/** The operations of the longest block, cut to fit: see SCRATCH in assembly/hart/interpreter.ts. */
const SCRATCH_END = Layout.HART.STRIDE / 2 + 0x600;

/** What no guest has any business in, as [from, to) of linear memory. */
function guardedRegions(ramBytes: number): readonly (readonly [number, number])[] {
  const pages = ramBytes / Layout.PAGE.SIZE;
  const tlbEnd = Layout.TLB.BASE + Layout.MAX.HARTS * Layout.TLB.CONTEXTS * Layout.TLB.CONTEXT_SIZE;
  return [
    [Layout.HART.BASE + SCRATCH_END, Layout.HART.BASE + Layout.HART.STRIDE],
    [Layout.HART.BASE + Layout.MAX.HARTS * Layout.HART.STRIDE, Layout.MACHINE.BASE],
    [Layout.MACHINE.BASE + 64, Layout.VMSPACE.ROOTS],
    [Layout.VMSPACE.MAPPED, Layout.JIT.GRAPH],
    [tlbEnd, Layout.DIRTY.BITMAP],
    [Layout.DIRTY.BITMAP + pages / 8, Layout.CODE.PAGE_INDEX],
    [Layout.CODE.PAGE_INDEX + 4 * pages, Layout.JIT.BODY],
    [Layout.VIRTQ.BASE, Layout.VIRTQ.END],
    [Layout.WRITABLE.MAP + pages, Layout.CODE.PAGES],
    [Layout.RAM.OFFSET + ramBytes, Layout.RAM.OFFSET + ramBytes + SPARE_BYTES],
  ];
}

describe.each<[HostileMode, number]>([
  ["M", 10_000],
  ["S", 20_000],
  ["U", 30_000],
  ["SBI", 40_000],
])("hostile guests that start in %s", (mode, firstSeed) => {
  it.each([
    ["interpreted", 0],
    ["compiled", 2],
  ])("neither disturb the host nor leave their memory, %s", async (_how, hot) => {
    const guest = await HostileGuest.create(SPARE_BYTES);
    guest.machine.exports.setJit(hot);
    const { core, ramBytes } = guest.machine;
    const regions = guardedRegions(ramBytes);
    for (const [from, to] of regions) core.bytes.fill(GUARD, from, to);
    // The interpreter keeps nothing in the module's own data; the compiler has its working lists there.
    const moduleEnd = hot === 0 ? Layout.HART.BASE : MODULE_DATA;
    const guarded = [[0, moduleEnd] as const, ...regions].map(([from, to]) => ({
      name: `0x${from.toString(16)}..0x${to.toString(16)}`,
      now: core.bytes.subarray(from, to),
      before: core.bytes.slice(from, to),
    }));
    const changed = (): string[] =>
      guarded.filter(({ now, before }) => Buffer.compare(now, before) !== 0).map(({ name }) => name);

    let executed = 0;
    for (let seed = firstSeed; seed < firstSeed + GUESTS_PER_MODE; seed++) {
      try {
        guest.start(seed, mode);
        const slices = new HartRandom(seed);
        executed += guest.run(INSTRUCTIONS, () => 1 + slices.below(1000));
      } catch (cause) {
        throw new Error(`seed ${seed} in ${mode} mode`, { cause });
      }
      if (seed % 100 === 99) expect(changed(), `linear memory that seeds ${seed - 99} to ${seed} changed`).toEqual([]);
    }
    // They did not all fall asleep at once.
    expect(executed).toBeGreaterThan((GUESTS_PER_MODE * INSTRUCTIONS) / 4);
  });
});
