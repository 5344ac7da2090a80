// The areas of linear memory that assembly/layout.ts draws, as long as they can become: none reaches into the next.

import { expect, it } from "vitest";
import { Layout } from "../../src/generated/layout.js";

const PAGES = Layout.RAM.MAX / Layout.PAGE.SIZE;
const { HART, MACHINE, TLB, WRITABLE, DIRTY, CODE, VIRTQ, OPS, RAM, VMSPACE, JIT } = Layout;

it("areas of linear memory do not overlap, with as much RAM and as many harts as there can be", () => {
  const areas: readonly (readonly [name: string, start: number, end: number])[] = [
    ["harts", HART.BASE, HART.BASE + Layout.MAX.HARTS * HART.STRIDE],
    ["machine", MACHINE.BASE, MACHINE.BASE + 16],
    ["roots of address spaces", VMSPACE.ROOTS, VMSPACE.ROOTS_END],
    ["a walk of an address space", VMSPACE.WALK, JIT.GRAPH],
    ["counts of pages", VMSPACE.PAGES, VMSPACE.PAGES + 4 * PAGES],
    ["TLB contexts", TLB.BASE, TLB.BASE + Layout.MAX.HARTS * TLB.CONTEXTS * TLB.CONTEXT_SIZE],
    ["dirty bitmap", DIRTY.BITMAP, DIRTY.BITMAP + PAGES / 8],
    ["code page index", CODE.PAGE_INDEX, CODE.PAGE_INDEX + 4 * PAGES],
    ["virtqueues", VIRTQ.BASE, VIRTQ.END],
    ["writable map", WRITABLE.MAP, WRITABLE.MAP + PAGES],
    ["code pages", CODE.PAGES, CODE.PAGES_END],
    ["operations", OPS.BASE, OPS.END],
    ["RAM", RAM.OFFSET, RAM.OFFSET + RAM.MAX],
  ];
  const sorted = [...areas].sort(([, a], [, b]) => a - b);
  const overlapping = sorted.filter(([, , end], i) => end > (sorted[i + 1]?.[1] ?? 2 ** 32));
  expect(overlapping).toEqual([]);
});
