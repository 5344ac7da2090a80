// The page-table walk against the specification's own words (test/support/hart-model.ts), on tables that are valid or
// nearly so. Besides the answer, memory must come out as the model says: A and D set where they should, nothing else.

import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { Layout } from "../../src/generated/layout.js";
import { Privilege } from "../../src/generated/shared/privileged.js";
import { HartMachine, PAGE, RAM_BASE } from "../support/hart-machine.js";
import {
  type Access,
  ADUE,
  FETCH,
  LOAD,
  MXR,
  PBMTE,
  type PmpEntry,
  STORE,
  SUM,
  type TranslationState,
  translate,
} from "../support/hart-model.js";
import { A, D, G, levelsOf, type Mode, NAPOT, R, U, V, W, X } from "../support/hart-page-tables.js";

const RAM_BYTES = 256 * 1024;
const RAM_PAGES = BigInt(RAM_BYTES) / PAGE;
const RUNS = 3000;
const ALLOW_ALL: PmpEntry = { cfg: 0x1f, address: (1n << 54n) - 1n };

interface Case {
  readonly mode: Mode;
  readonly va: bigint;
  readonly rootPpn: bigint;
  /** Entries from the root down: what is found if the walk comes so far. */
  readonly entries: readonly bigint[];
  readonly access: Access;
  readonly privilege: Privilege.U | Privilege.S;
  readonly mstatus: bigint;
  readonly menvcfg: bigint;
  readonly pmp: readonly PmpEntry[];
}

const ramPpn = fc.bigInt({ min: 0n, max: RAM_PAGES - 1n }).map((page) => (RAM_BASE >> 12n) + page);
const tablePpn = fc.oneof(
  { weight: 40, arbitrary: ramPpn },
  // Just outside of RAM, and where 64-bit arithmetic on addresses would go wrong.
  {
    weight: 1,
    arbitrary: fc.constantFrom(0n, (RAM_BASE >> 12n) - 1n, (RAM_BASE >> 12n) + RAM_PAGES, (1n << 44n) - 1n),
  },
);

const flag = (bit: bigint, percent: number): fc.Arbitrary<bigint> => fc.nat(99).map((n) => (n < percent ? bit : 0n));
const union = (...flags: fc.Arbitrary<bigint>[]): fc.Arbitrary<bigint> =>
  fc.tuple(...flags).map((bits) => bits.reduce((all, one) => all | one, 0n));

/** A bit that may make an entry reserved: PBMT, N, 60:54, RSW (which must not), or one of the low ones flipped. */
const flaw = fc.oneof(
  { weight: 12, arbitrary: fc.constant(0n) },
  { weight: 1, arbitrary: fc.integer({ min: 0, max: 9 }).map((at) => 1n << BigInt(at)) },
  { weight: 1, arbitrary: fc.integer({ min: 54, max: 63 }).map((at) => 1n << BigInt(at)) },
);

const pointer = fc
  .tuple(tablePpn, flag(G, 10), flaw)
  .map(([ppn, global, wrong]) => ((ppn << 10n) | V | global) ^ wrong);

const leafFlags = union(
  fc.constant(V),
  fc.constantFrom(R, R | W, R | X, R | W | X, X, W, W | X),
  flag(U, 50),
  flag(G, 20),
  flag(A, 70),
  flag(D, 60),
  flag(3n << 8n, 20),
);

function leafAt(level: number): fc.Arbitrary<bigint> {
  const superpage = (1n << BigInt(9 * level)) - 1n;
  const ppn = fc.oneof(ramPpn, fc.bigInt({ min: 0n, max: (1n << 44n) - 1n }));
  const aligned = fc.tuple(ppn, fc.nat(9)).map(([page, n]) => (n > 0 ? page & ~superpage : page));
  const pbmt = fc.constantFrom(0n, 0n, 0n, 1n, 2n, 3n).map((type) => type << 61n);
  const napot = fc.oneof(
    { weight: 4, arbitrary: fc.constant((page: bigint) => page << 10n) },
    { weight: level === 0 ? 3 : 1, arbitrary: fc.constant((page: bigint) => NAPOT | (((page & ~0xfn) | 8n) << 10n)) },
    {
      weight: level === 0 ? 2 : 1,
      arbitrary: fc
        .constantFrom(0n, 1n, 4n, 9n, 12n)
        .map((reserved) => (page: bigint) => NAPOT | (((page & ~0xfn) | reserved) << 10n)),
    },
  );
  return fc
    .tuple(leafFlags, aligned, pbmt, napot, flaw)
    .map(([flags, page, type, place, wrong]) => (place(page) | flags | type) ^ wrong);
}

const pmpEntry: fc.Arbitrary<PmpEntry> = fc.record({
  cfg: fc.constantFrom(0x1f, 0x1b, 0x19, 0x18, 0x0f, 0x0b, 0x08, 0x11, 0x00, 0x99),
  address: fc.oneof(
    // A page, a few pages, or some bytes of RAM, as NAPOT or as the bound of a TOR entry.
    fc.tuple(ramPpn, fc.integer({ min: 0, max: 6 })).map(([page, order]) => {
      const ones = (1n << BigInt(9 + order)) - 1n;
      return ((page << 10n) & ~ones) | (ones >> 1n);
    }),
    fc.tuple(ramPpn, fc.integer({ min: 0, max: 1023 })).map(([page, at]) => (page << 10n) | BigInt(at)),
  ),
});

const testCase = fc.constantFrom<Mode>(8, 9, 10).chain((mode) => {
  const levels = levelsOf(mode);
  const vaBits = 12 + 9 * levels;
  const canonical = fc
    .bigInt({ min: 0n, max: (1n << BigInt(vaBits)) - 1n })
    .map((va) => BigInt.asUintN(64, BigInt.asIntN(vaBits, va)));
  const nearlyCanonical = fc
    .tuple(canonical, fc.integer({ min: vaBits - 1, max: 63 }))
    .map(([va, at]) => va ^ (1n << BigInt(at)));
  return fc.record({
    mode: fc.constant(mode),
    va: fc.oneof({ weight: 12, arbitrary: canonical }, { weight: 1, arbitrary: nearlyCanonical }),
    rootPpn: tablePpn,
    // Mostly leaves at the lowest level; -1 is a path of pointers that never ends.
    entries: fc.oneof(fc.constant(0), fc.integer({ min: -1, max: levels - 1 })).chain((leafLevel) => {
      const path = Array.from({ length: levels }, (_, i) => levels - 1 - i);
      return fc.tuple(...path.map((level) => (level > leafLevel ? pointer : leafAt(level))));
    }),
    access: fc.constantFrom<Access>(LOAD, STORE, FETCH),
    privilege: fc.constantFrom<Privilege.U | Privilege.S>(Privilege.U, Privilege.S),
    mstatus: union(flag(SUM, 50), flag(MXR, 50)),
    menvcfg: union(flag(ADUE, 60), flag(PBMTE, 60)),
    pmp: fc.oneof(
      { weight: 4, arbitrary: fc.constant<readonly PmpEntry[]>([ALLOW_ALL]) },
      { weight: 1, arbitrary: fc.array(pmpEntry, { maxLength: 4 }).map((entries) => [...entries, ALLOW_ALL]) },
    ),
    // The rights of one of the path's own tables.
    table: fc.nat(levels - 1),
    tableCfg: fc.constantFrom<number | null>(null, null, null, null, 0x19, 0x1b, 0x18, 0x1a, 0x1c),
  });
});

/** The case with an entry in front that covers the page of one of its tables. */
function protectTable({ table, tableCfg, ...input }: Case & { table: number; tableCfg: number | null }): Case {
  if (tableCfg === null) return input;
  const ppn = table === 0 ? input.rootPpn : ((input.entries[table - 1] as bigint) >> 10n) & ((1n << 44n) - 1n);
  return { ...input, pmp: [{ cfg: tableCfg, address: (ppn << 10n) | 0x1ffn }, ...input.pmp] };
}

describe("the page-table walk", () => {
  let machine: HartMachine;
  /** What RAM ought to hold. */
  const shadow = new Uint8Array(RAM_BYTES);
  const shadowView = new DataView(shadow.buffer);

  beforeAll(async () => {
    machine = await HartMachine.create({ ramBytes: RAM_BYTES });
  });

  const isRam = (gpa: bigint, size: bigint): boolean => gpa >= RAM_BASE && gpa + size <= RAM_BASE + BigInt(RAM_BYTES);
  const at = (gpa: bigint): number => Number(gpa - RAM_BASE);
  const ramIsAsExpected = (): boolean => Buffer.compare(machine.core.ram, shadow) === 0;

  function place({ mode, va, rootPpn, entries }: Case): void {
    machine.core.ram.fill(0);
    shadow.fill(0);
    let table = rootPpn << 12n;
    for (const [i, entry] of entries.entries()) {
      const level = levelsOf(mode) - 1 - i;
      const gpa = table + ((va >> BigInt(12 + 9 * level)) & 0x1ffn) * 8n;
      if (!isRam(gpa, 8n)) return;
      // Where two tables of one path are the same page, a later entry may take the place of an earlier one.
      machine.view.setBigUint64(machine.linear(gpa), entry, true);
      shadowView.setBigUint64(at(gpa), entry, true);
      table = ((entry >> 10n) & ((1n << 44n) - 1n)) << 12n;
    }
  }

  function configure({ mode, rootPpn, mstatus, menvcfg, pmp }: Case): TranslationState {
    const satp = (BigInt(mode) << 60n) | rootPpn;
    machine.setField64(Layout.HART.SATP, satp);
    machine.setField64(Layout.HART.MSTATUS, mstatus);
    machine.setField64(Layout.HART.MENVCFG, menvcfg);
    for (let i = 0; i < 16; i++) {
      machine.setField64(Layout.HART.PMPADDR + 8 * i, pmp[i]?.address ?? 0n);
      machine.view.setUint8(machine.hart + Layout.HART.PMPCFG + i, pmp[i]?.cfg ?? 0);
    }
    return { satp, mstatus, menvcfg, pmp };
  }

  it("translates, faults and sets A and D as the specification has it", () => {
    const seen = { ok: 0, "page-fault": 0, "access-fault": 0, updated: 0, large: 0, napot: 0, notRam: 0 };
    fc.assert(
      fc.property(testCase.map(protectTable), (input) => {
        place(input);
        const state = configure(input);
        const expected = translate(
          { isRam, read64: (gpa) => shadowView.getBigUint64(at(gpa), true) },
          state,
          input.va,
          input.access,
          input.privilege,
        );
        const answer = machine.exports.walk(machine.hart, input.va, input.access, input.privilege);
        expect(["ok", "page-fault", "access-fault"][answer]).toBe(expected.kind);
        seen[expected.kind]++;
        if (expected.kind === "ok") {
          expect(BigInt.asUintN(64, machine.exports.walkedGpa())).toBe(expected.gpa);
          if (expected.update) {
            shadowView.setBigUint64(at(expected.update.gpa), expected.update.value, true);
            expect(machine.isDirty(expected.update.gpa)).toBe(true);
            machine.exports.clearDirty();
            seen.updated++;
          }
          if (!isRam(expected.gpa, 1n)) seen.notRam++;
          const leaf = input.entries.findIndex((entry) => (entry & (R | X)) !== 0n);
          if (leaf < input.entries.length - 1) seen.large++;
          else if (((input.entries.at(-1) as bigint) & NAPOT) !== 0n) seen.napot++;
        }
        expect(ramIsAsExpected()).toBe(true);
      }),
      { numRuns: RUNS },
    );
    // The generator reaches every kind of outcome often, or the property would say little.
    for (const [kind, count] of Object.entries(seen)) expect(count, kind).toBeGreaterThan(RUNS / 300);
  });
});
