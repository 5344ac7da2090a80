// Address spaces as they are measured: by hand for what the specification says of entries, and against a model over
// random tables. Hostile ones, last, must come to an end.

import fc from "fast-check";
import { beforeEach, describe, expect, it } from "vitest";
import { Layout } from "../../src/generated/layout.js";
import type { Vmspaces } from "../../src/machine/machine-config.js";
import { measureVmspaces, restoreVmspaceRoots, saveVmspaceRoots } from "../../src/machine/vmspaces.js";
import { HartMachine, RAM_BASE } from "../support/hart-machine.js";
import {
  A,
  AddressSpace,
  D,
  type Mode,
  NAPOT,
  PagePool,
  pageSize,
  pte,
  R,
  RW,
  SV39,
  SV48,
  SV57,
  U,
  V,
  W,
} from "../support/hart-page-tables.js";

const KIB = 1024;
const PAGE = 4096n;
const MIB = 0x10_0000n;
const RAM_BYTES = 16 * Number(MIB);
/** Tables come from the first half of RAM, pages that they map from the second. */
const DATA = RAM_BASE + 8n * MIB;
const KERNEL_VA = 0xffff_ffff_8000_0000n;
const SATP = 0x180;

let machine: HartMachine;
let pool: PagePool;
beforeEach(async () => {
  machine = await HartMachine.create({ ramBytes: RAM_BYTES });
  pool = new PagePool(RAM_BASE + MIB, DATA);
});

/** A table that the guest uses, with the kernel half that all have. */
function space(mode: Mode = SV39, asid = 0): AddressSpace {
  const made = new AddressSpace(machine, pool, mode, asid);
  machine.store64(made.entry(KERNEL_VA, mode - 6), pte(0n, V | R | W | A | D));
  return made;
}

function use(...spaces: AddressSpace[]): void {
  for (const { satp } of spaces) machine.setCsr(SATP, satp);
}

function measure(): Vmspaces & { steps: number } {
  const walks = measureVmspaces(machine.core, machine.hart);
  for (let steps = 0; ; steps++) {
    const { done, value } = walks.next();
    if (done) return { ...value, steps };
  }
}

const kib = (bytes: number): number => bytes / KIB;

describe("an address space", () => {
  it("is found when satp pointed to it, the current one first", () => {
    expect(measure()).toMatchObject({ spaces: [], kernel: undefined });
    const a = space(SV39, 7);
    const b = space();
    for (const one of [a, b]) one.map(0x1000n, DATA, RW | U);
    use(a, b, a);
    const { spaces } = measure();
    expect(spaces.map(({ root }) => BigInt(root))).toEqual([a.root, b.root]);
    expect(spaces[0]).toMatchObject({ mode: "sv39", asid: 7, isCurrent: true, isComplete: true });
    expect(spaces[1]).toMatchObject({ asid: 0, isCurrent: false });
  });

  it.each([
    [SV39, "sv39"],
    [SV48, "sv48"],
    [SV57, "sv57"],
  ] as const)("of mode %i has pages, superpages and Svnapot ranges", (mode, name) => {
    const a = space(mode);
    a.map(0x1000n, DATA, RW | U);
    a.map(0x20_0000n, DATA, V | R | U, 1);
    for (let i = 0n; i < 16n; i++) {
      machine.store64(a.entry(0x40_0000n + i * PAGE), pte(DATA + 4n * MIB + 8n * PAGE, V | R | A | U | NAPOT));
    }
    use(a);
    const [found] = measure().spaces;
    expect(found).toMatchObject({ mode: name, isComplete: true });
    expect(kib(found?.mappedBytes ?? 0)).toBe(4 + 2048 + 64);
    // The superpage has the first page too.
    expect(kib(found?.residentBytes ?? 0)).toBe(2048 + 64);
    expect(kib(found?.accessedBytes ?? 0)).toBe(4 + 64);
    expect(kib(found?.dirtyBytes ?? 0)).toBe(4);
    expect(kib(found?.proportionalBytes ?? 0)).toBe(2048 + 64);
  });

  it("shares pages with others: each of k has a k-th of them", () => {
    const spaces = [space(), space(), space()];
    for (const [index, one] of spaces.entries()) {
      for (let i = 0n; i < 6n; i++) one.map(i * PAGE, DATA + i * PAGE, RW | U);
      // Its own, mapped twice.
      one.map(0x10_0000n, DATA + MIB + BigInt(index) * PAGE, RW | U);
      one.map(0x20_0000n, DATA + MIB + BigInt(index) * PAGE, RW | U);
    }
    use(...spaces);
    for (const found of measure().spaces) {
      expect(kib(found.mappedBytes)).toBe(32);
      expect(kib(found.residentBytes)).toBe(28);
      expect(kib(found.sharedBytes)).toBe(24);
      expect(kib(found.proportionalBytes)).toBe(24 / 3 + 4);
    }
  });

  it("has device registers mapped, but not resident", () => {
    const a = space();
    a.map(0x1000n, 0x1000_0000n, RW | U);
    use(a);
    expect(measure().spaces[0]).toMatchObject({ mappedBytes: 4096, residentBytes: 0, proportionalBytes: 0 });
  });

  it("has its kernel half counted apart, once", () => {
    const a = space();
    a.map(0x1000n, DATA, RW | U);
    a.map(0xffff_ffc0_0000_0000n, DATA, RW);
    use(a);
    const { spaces, kernel } = measure();
    expect(kib(spaces[0]?.mappedBytes ?? 0)).toBe(4);
    expect(kib(kernel?.residentBytes ?? 0)).toBe(4);
  });

  it.each([
    ["invalid", 0n],
    ["W without R", V | W],
    ["reserved bits", V | R | (1n << 58n)],
    ["N with a range that does not exist", V | R | NAPOT],
  ])("has nothing behind an entry that would fault: %s", (_what, flags) => {
    const a = space();
    a.map(0x1000n, DATA, RW | U);
    a.map(0x2000n, DATA + PAGE, flags);
    use(a);
    expect(kib(measure().spaces[0]?.mappedBytes ?? 0)).toBe(4);
  });

  it("has nothing behind a superpage that is not aligned", () => {
    const a = space();
    a.map(0x1000n, DATA, RW | U);
    a.map(0x20_0000n, DATA + PAGE, RW | U, 1);
    use(a);
    expect(kib(measure().spaces[0]?.mappedBytes ?? 0)).toBe(4);
  });
});

describe("a table that the guest has freed", () => {
  it("is left out when its user half is empty", () => {
    const [a, b] = [space(), space()];
    a.map(0x1000n, DATA, RW | U);
    b.map(0x1000n, DATA, RW | U);
    use(b, a);
    expect(measure().spaces).toHaveLength(2);
    machine.store64(b.entry(0x1000n, 2), 0n);
    expect(measure().spaces.map(({ root }) => BigInt(root))).toEqual([a.root]);
  });

  it("is left out when its page is used for something else", () => {
    const [a, b, c] = [space(), space(), space()];
    for (const one of [a, b, c]) one.map(0x1000n, DATA, RW | U);
    use(b, c, a);
    for (let i = 0n; i < 512n; i++) machine.store64(b.root + i * 8n, 0x6f6c_6c65_6820_6f6fn);
    // Zeroed, and then a little of something.
    for (let i = 0n; i < 512n; i++) machine.store64(c.root + i * 8n, i === 5n ? 1n : 0n);
    expect(measure().spaces.map(({ root }) => BigInt(root))).toEqual([a.root]);
  });

  it("is kept when only A and D of the kernel half differ", () => {
    const [a, b] = [space(), space()];
    for (const one of [a, b]) one.map(0x1000n, DATA, RW | U);
    const entry = b.entry(KERNEL_VA, SV39 - 6);
    machine.store64(entry, machine.load64(entry) & ~(A | D));
    use(b, a);
    expect(measure().spaces).toHaveLength(2);
  });
});

interface Mapping {
  readonly space: number;
  readonly va: bigint;
  readonly gpa: bigint;
  readonly level: 0 | 1;
  readonly flags: bigint;
}

const mapping: fc.Arbitrary<Mapping> = fc.record({
  space: fc.nat(3),
  va: fc.nat(2000).map((page) => BigInt(page) * PAGE),
  gpa: fc.nat(60).map((page) => DATA + BigInt(page) * PAGE),
  level: fc.constantFrom(0 as const),
  flags: fc.constantFrom(RW, V | R | A, V | R),
});
const superpage: fc.Arbitrary<Mapping> = fc.record({
  space: fc.nat(3),
  va: fc.nat(20).map((page) => (BigInt(page) + 16n) * pageSize(1)),
  // The last reach beyond RAM, or lie behind it.
  gpa: fc.nat(5).map((page) => DATA + BigInt(page) * pageSize(1)),
  level: fc.constantFrom(1 as const),
  flags: fc.constantFrom(RW, V | R | A),
});

it("agrees with a model about any mappings of four spaces", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom<Mode>(SV39, SV48, SV57),
      fc.array(fc.oneof(mapping, superpage), { maxLength: 60 }),
      async (mode, mappings) => {
        machine = await HartMachine.create({ ramBytes: RAM_BYTES });
        pool = new PagePool(RAM_BASE + MIB, DATA);
        const spaces = Array.from({ length: 4 }, () => space(mode));
        const model = spaces.map(() => new Map<bigint, Mapping>());
        for (const one of mappings) {
          spaces[one.space]?.map(one.va, one.gpa, one.flags | U, one.level);
          model[one.space]?.set(one.va, one);
        }
        use(...spaces);
        const resident = model.map(
          (entries) =>
            new Set(
              [...entries.values()].flatMap(({ gpa, level }) =>
                Array.from({ length: level === 0 ? 1 : 512 }, (_, i) => gpa + BigInt(i) * PAGE).filter(
                  (page) => page < RAM_BASE + BigInt(RAM_BYTES),
                ),
              ),
            ),
        );
        const { spaces: found } = measure();
        for (const [index, { root }] of spaces.entries()) {
          const mine = found.find((other) => BigInt(other.root) === root);
          const pages = resident[index] ?? new Set();
          const entries = [...(model[index]?.values() ?? [])];
          if (entries.length === 0) {
            expect(mine === undefined || mine.isCurrent).toBe(true);
            continue;
          }
          const sum = (wanted: bigint): number =>
            entries
              .filter(({ flags }) => (flags & wanted) === wanted)
              .reduce((all, { level }) => all + (level === 0 ? 1 : 512), 0) * 4096;
          const owners = [...pages].map((page) => resident.filter((other) => other.has(page as bigint)).length);
          expect(mine).toMatchObject({
            mappedBytes: sum(V),
            accessedBytes: sum(A),
            dirtyBytes: sum(D),
            residentBytes: pages.size * 4096,
            sharedBytes: owners.filter((count) => count > 1).length * 4096,
            isComplete: true,
          });
          const proportional = owners.reduce((all, count) => all + 4096 / count, 0);
          expect(mine?.proportionalBytes).toBeCloseTo(proportional, -1);
        }
      },
    ),
    { numRuns: 60 },
  );
});

describe("tables built to be hard to walk", () => {
  it("that contain themselves are given up, in steps, without a write to RAM", () => {
    const a = new AddressSpace(machine, pool, SV57);
    for (let i = 0n; i < 512n; i++) machine.store64(a.root + i * 8n, pte(a.root, V));
    use(a);
    machine.exports.clearDirty();
    const { spaces, kernel, steps } = measure();
    expect(spaces[0]).toMatchObject({ isComplete: false });
    expect(kernel).toMatchObject({ isComplete: false });
    expect(steps).toBeGreaterThan(10);
    expect(steps).toBeLessThan(2000);
    for (let gpa = RAM_BASE; gpa < RAM_BASE + BigInt(RAM_BYTES); gpa += PAGE) expect(machine.isDirty(gpa)).toBe(false);
  }, 60_000);

  it("whose superpages cover all there is, over and over, cost no more than tables do", () => {
    const a = new AddressSpace(machine, pool, SV57);
    for (let i = 0n; i < 512n; i++) machine.store64(a.root + i * 8n, pte(0n, V | R));
    use(a);
    const [found] = measure().spaces;
    expect(found).toMatchObject({ residentBytes: RAM_BYTES, isComplete: true });
  });

  it("that point out of RAM are no tables", () => {
    const a = space();
    a.map(0x1000n, DATA, RW | U);
    for (const ppn of [0n, (1n << 44n) - 1n, (RAM_BASE + BigInt(RAM_BYTES)) >> 12n]) {
      machine.store64(a.root + 8n, (ppn << 10n) | V);
      use(a);
      expect(kib(measure().spaces[0]?.mappedBytes ?? 0)).toBe(4);
      machine.setCsr(SATP, (8n << 60n) | ppn);
      measure();
      machine.setCsr(SATP, 0n);
    }
  });

  it("in any number leave the last ones used known", () => {
    const known = Layout.VMSPACE.ROOTS_END - Layout.VMSPACE.ROOTS;
    for (let i = 0n; i < BigInt(known); i++)
      machine.setCsr(SATP, (8n << 60n) | (((RAM_BASE >> 12n) + i) & 0xfff_ffffn));
    const a = space();
    a.map(0x1000n, DATA, RW | U);
    use(a);
    expect(BigInt(measure().spaces[0]?.root ?? 0)).toBe(a.root);
  });
});

it("what was noted can be saved and restored; what is no such thing is ignored", async () => {
  const a = space();
  a.map(0x1000n, DATA, RW | U);
  use(a);
  machine.setCsr(SATP, 0n);
  const saved = saveVmspaceRoots(machine.core);
  const found = measure().spaces;
  expect(found).toHaveLength(1);
  machine.core.bytes.fill(0, Layout.VMSPACE.ROOTS, Layout.VMSPACE.ROOTS_END);
  expect(measure().spaces).toEqual([]);
  restoreVmspaceRoots(machine.core, saved.subarray(1));
  expect(measure().spaces).toEqual([]);
  restoreVmspaceRoots(machine.core, saved);
  expect(measure().spaces).toEqual(found);
  restoreVmspaceRoots(machine.core, new Uint8Array(saved.length).fill(0xa9));
  measure();
});
