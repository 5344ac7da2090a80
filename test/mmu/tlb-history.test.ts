// Random histories of mappings, fences, switches of address space and accesses. Every change of a table is followed by
// some fence that the specification (12.2.1) lets software use for it, so every access must come out as a walk of the
// tables as they are now does: nothing stale may ever be used, whatever the TLB keeps.

import { beforeAll, describe, expect, it } from "vitest";
import { Privilege } from "../../src/generated/shared/privileged.js";
import { a0, Code } from "../support/hart-code.js";
import { HartMachine, PAGE, RAM_BASE } from "../support/hart-machine.js";
import { type Access, ADUE, FETCH, LOAD, MXR, type PmpEntry, STORE, SUM, translate } from "../support/hart-model.js";
import {
  A,
  AddressSpace,
  D,
  G,
  type Mode,
  NAPOT,
  PagePool,
  pte,
  R,
  SV39,
  SV48,
  SV57,
  U,
  V,
  W,
  X,
} from "../support/hart-page-tables.js";
import { type Outcome, Prober } from "../support/hart-prober.js";
import { HartRandom } from "../support/hart-random.js";

const RAM_BYTES = 0x80_0000;
const DATA = RAM_BASE + 0x20_0000n;
const DATA_END = RAM_BASE + 0x60_0000n;
const PMP_ALL: readonly PmpEntry[] = [{ cfg: 0x1f, address: (1n << 54n) - 1n }];
/** More than there are TLB contexts. */
const SPACES = 40;
const STEPS = 25_000;
const MIB2 = 0x20_0000n;

/** Where on its page each page has its number, and a place for stores. */
const NUMBER_AT = 0x10n;
const STORE_AT = 0x18n;

interface Slot {
  readonly va: bigint;
  readonly level: 0 | 1;
  readonly napot?: true;
  readonly global?: true;
}

// All in one gigabyte; several of them meet in the same entry of the load and store (1024) or fetch (256) tables.
const REGION = 0x4000_0000n;
const SLOTS: readonly Slot[] = [
  { va: REGION, level: 0 },
  { va: REGION + 0x1000n, level: 0 },
  { va: REGION + 256n * PAGE, level: 0 },
  { va: REGION + 0x40_0000n, level: 0 },
  { va: REGION + 0x40_0000n + 256n * PAGE, level: 0, global: true },
  { va: REGION + 0x41_0000n, level: 0, napot: true },
  { va: REGION + 0x80_0000n, level: 1 },
  { va: REGION + 0xa0_0000n, level: 1, global: true },
];

const CAUSES = { "page-fault": [13, 15, 12], "access-fault": [5, 7, 1] } as const;

describe.each<[string, Mode]>([
  ["Sv39", SV39],
  ["Sv48", SV48],
  ["Sv57", SV57],
])("the TLB under %s", (_name, mode) => {
  let machine: HartMachine;
  let prober: Prober;
  let spaces: AddressSpace[];

  beforeAll(async () => {
    machine = await HartMachine.create({ ramBytes: RAM_BYTES });
    for (let gpa = DATA; gpa < DATA_END; gpa += PAGE) {
      machine.put(new Code(gpa).op("lui", { rd: a0, imm: Number(gpa & 0xfff_f000n) }).op("ebreak"));
      machine.store64(gpa + NUMBER_AT, gpa);
    }
    const pool = new PagePool(RAM_BASE, DATA);
    spaces = Array.from({ length: SPACES }, (_, i) => new AddressSpace(machine, pool, mode, i + 1));
    prober = new Prober(machine, RAM_BASE + 0x60_0000n);
    const MENVCFG = 0x30a;
    machine.setCsr(MENVCFG, ADUE);
    const PMPADDR0 = 0x3b0;
    const PMPCFG0 = 0x3a0;
    machine.setCsr(PMPADDR0, (1n << 54n) - 1n);
    machine.setCsr(PMPCFG0, 0x1fn);
  });

  const isRam = (gpa: bigint, size: bigint): boolean => gpa >= RAM_BASE && gpa + size <= RAM_BASE + BigInt(RAM_BYTES);

  function expected(
    space: AddressSpace,
    va: bigint,
    access: Access,
    privilege: Privilege.U | Privilege.S,
    mstatus: bigint,
  ) {
    const state = { satp: space.satp, mstatus, menvcfg: ADUE, pmp: PMP_ALL };
    return translate({ isRam, read64: (gpa) => machine.load64(gpa) }, state, va, access, privilege);
  }

  function randomEntry(random: HartRandom, slot: Slot): bigint {
    if (random.chance(10)) return 0n;
    let flags = V | random.pick([R, R | W, R | W | X, R | X, X]) | (slot.global ? G : 0n);
    if (random.chance(50)) flags |= U;
    if (random.chance(70)) flags |= A;
    if (random.chance(60)) flags |= D;
    if (slot.level === 1) return pte(DATA + BigInt(random.below(2)) * MIB2, flags);
    const gpa = DATA + BigInt(random.below(24)) * PAGE;
    if (slot.napot) return NAPOT | pte((gpa & ~0xffffn) | 0x8000n, flags);
    return pte(gpa, flags);
  }

  /** Any of the addresses that the slot maps. */
  function anyAddress(random: HartRandom, { va, level, napot }: Slot): bigint {
    if (level === 1) return va + BigInt(random.below(512)) * PAGE;
    return napot ? va + BigInt(random.below(16)) * PAGE : va;
  }

  function remap(random: HartRandom): void {
    const slot = random.pick(SLOTS);
    const entry = randomEntry(random, slot);
    const owner = random.pick(spaces);
    for (const space of slot.global ? spaces : [owner]) {
      // A NAPOT mapping is sixteen equal entries.
      const pages = slot.napot ? 16n : 1n;
      for (let i = 0n; i < pages; i++) machine.store64(space.entry(slot.va + i * PAGE, slot.level), entry);
    }
    // Pieces of a superpage have one translation: a fence for any of its addresses covers it. NAPOT ones likewise.
    const va = anyAddress(random, slot) + BigInt(random.below(4096));
    const byPage = random.chance(70);
    const byAsid = !slot.global && random.chance(60);
    prober.fence({ ...(byPage ? { va } : {}), ...(byAsid ? { asid: owner.asid } : {}) });
  }

  function check(random: HartRandom, space: AddressSpace): string {
    const slot = random.pick(SLOTS);
    const page = anyAddress(random, slot);
    const privilege = random.chance(50) ? Privilege.U : Privilege.S;
    const mstatus = random.pick([0n, SUM, MXR, SUM | MXR]);
    const access = random.pick<Access>([LOAD, STORE, FETCH]);
    const va = access === LOAD ? page + NUMBER_AT : access === STORE ? page + STORE_AT : page;
    const translation = expected(space, va, access, privilege, mstatus);
    const stored = random.bits64();
    let outcome: Outcome;
    if (access === LOAD) outcome = prober.load(va, privilege, mstatus);
    else if (access === STORE) outcome = prober.store(va, stored, privilege, mstatus);
    else outcome = prober.fetch(va, privilege, mstatus);

    const where = `asid ${space.asid} access ${access} privilege ${privilege} mstatus ${mstatus.toString(16)}`;
    if (translation.kind !== "ok") {
      expect(outcome, where).toEqual({ cause: CAUSES[translation.kind][access], tval: va });
      return translation.kind;
    }
    const gpaPage = translation.gpa & ~0xfffn;
    if (access === LOAD) expect(outcome, where).toEqual({ value: gpaPage });
    else if (access === FETCH) expect(outcome, where).toEqual({ value: gpaPage & 0xfff_f000n });
    else {
      expect(outcome, where).toEqual({ value: 0n });
      expect(machine.load64(translation.gpa), where).toBe(stored);
    }
    // A global translation may be used that was found in another space's table, whose A and D were set then.
    if (translation.update && !slot.global)
      expect(machine.load64(translation.update.gpa), where).toBe(translation.update.value);
    return ["load", "store", "fetch"][access] as string;
  }

  it("never uses a translation that a fence has removed", () => {
    const random = new HartRandom(mode);
    const seen: Record<string, number> = {};
    let current = spaces[0] as AddressSpace;
    prober.setSatp(current.satp);
    for (let step = 0; step < STEPS; step++) {
      const what = random.below(100);
      if (what < 12) remap(random);
      else if (what < 20) {
        // Mostly among a few, so that translations live long enough to go stale.
        current = random.chance(80) ? (spaces[random.below(4)] as AddressSpace) : random.pick(spaces);
        prober.setSatp(current.satp);
      } else {
        const kind = check(random, current);
        seen[kind] = (seen[kind] ?? 0) + 1;
      }
    }
    for (const kind of ["load", "store", "fetch", "page-fault"]) expect(seen[kind], kind).toBeGreaterThan(STEPS / 100);
  });
});
