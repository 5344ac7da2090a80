// What the TLB must not change: address spaces, fences, modes, aliases, accesses across pages. Each through guest code.

import { beforeEach, describe, expect, it } from "vitest";
import { Layout } from "../../src/generated/layout.js";
import { Cause, Csr, Privilege } from "../../src/generated/shared/privileged.js";
import { a0, a1, a2, Code, t0 } from "../support/hart-code.js";
import { HartMachine, PAGE, RAM_BASE } from "../support/hart-machine.js";
import { ADUE, MXR, SUM } from "../support/hart-model.js";
import {
  A,
  AddressSpace,
  D,
  G,
  NAPOT,
  PagePool,
  pageSize,
  R,
  RW,
  RX,
  SV39,
  SV48,
  SV57,
  U,
  V,
  W,
  X,
} from "../support/hart-page-tables.js";
import { Prober } from "../support/hart-prober.js";

const { S, U: USER } = { S: Privilege.S as const, U: Privilege.U as const };
const VA = 0x4000_0000n;
const DATA = RAM_BASE + 0x20_0000n;
const RAM_BYTES = 0x80_0000;
const ONE = 0x1111_1111_1111_1111n;
const TWO = 0x2222_2222_2222_2222n;

let machine: HartMachine;
let prober: Prober;
let pool: PagePool;

beforeEach(async () => {
  machine = await HartMachine.create({ ramBytes: RAM_BYTES });
  prober = new Prober(machine, RAM_BASE + 0x60_0000n);
  pool = new PagePool(RAM_BASE, DATA);
  openPmp();
  machine.store64(DATA, ONE);
  machine.store64(DATA + PAGE, TWO);
});

function openPmp(): void {
  machine.setCsr(Csr.PMPADDR0, (1n << 54n) - 1n);
  machine.setCsr(Csr.PMPCFG0, 0x1fn);
}

const space = (asid = 0, mode: 8 | 9 | 10 = SV39): AddressSpace => new AddressSpace(machine, pool, mode, asid);

describe("address spaces", () => {
  it("keep different mappings of one address apart, by satp alone", () => {
    const [one, two] = [space(1), space(2)];
    one.map(VA, DATA, RW | U);
    two.map(VA, DATA + PAGE, RW | U);
    for (let round = 0; round < 3; round++) {
      prober.setSatp(one.satp);
      expect(prober.load(VA, USER)).toEqual({ value: ONE });
      prober.setSatp(two.satp);
      expect(prober.load(VA, USER)).toEqual({ value: TWO });
    }
  });

  it("keep mappings of S mode apart that are not global", () => {
    const [one, two] = [space(1), space(2)];
    one.map(VA, DATA, RW);
    two.map(VA, DATA + PAGE, RW);
    for (let round = 0; round < 3; round++) {
      prober.setSatp(one.satp);
      expect(prober.load(VA, S)).toEqual({ value: ONE });
      prober.setSatp(two.satp);
      expect(prober.load(VA, S)).toEqual({ value: TWO });
    }
  });

  it("keep their mappings when there are more of them than the TLB has contexts", () => {
    const spaces = Array.from({ length: 3 * Layout.TLB.CONTEXTS }, (_, i) => space(i));
    for (const [i, each] of spaces.entries()) {
      machine.store64(DATA + BigInt(i) * PAGE, BigInt(i));
      each.map(VA, DATA + BigInt(i) * PAGE, RW | U);
      each.map(VA + PAGE, DATA + BigInt(i) * PAGE, RW);
    }
    for (let round = 0; round < 3; round++) {
      for (const [i, each] of spaces.entries()) {
        prober.setSatp(each.satp);
        expect(prober.load(VA, USER)).toEqual({ value: BigInt(i) });
        expect(prober.load(VA + PAGE, S)).toEqual({ value: BigInt(i) });
        expect(prober.load(VA, S, SUM)).toEqual({ value: BigInt(i) });
      }
    }
  });

  /** More spaces than contexts, in each of which U mode reads its own number at VA. */
  function manySpaces(): AddressSpace[] {
    const spaces = Array.from({ length: 2 * Layout.TLB.CONTEXTS }, (_, i) => space(i));
    for (const [i, each] of spaces.entries()) {
      machine.store64(DATA + BigInt(i) * PAGE, BigInt(i));
      each.map(VA, DATA + BigInt(i) * PAGE, RW | U);
    }
    return spaces;
  }

  /** Uses the space through mstatus.MPRV, M mode fetching all the while, and looks whether the two were mixed up. */
  function visit(spaces: readonly AddressSpace[], i: number): void {
    const MPRV = 1n << 17n;
    prober.setSatp((spaces[i] as AddressSpace).satp);
    // From M mode that has U mode's data straight to U mode: what M mode fetched must not come along.
    expect(prober.fetch(prober.codePage, USER, MPRV)).toEqual({ cause: Cause.FETCH_PAGE, tval: prober.codePage });
    expect(prober.load(VA, USER)).toEqual({ value: BigInt(i) });
    const physical = DATA + 0x100n;
    expect(prober.fetch(physical, USER)).toEqual({ cause: Cause.FETCH_PAGE, tval: physical });
    const ownCode = prober.codePage;
    expect(prober.fetch(ownCode, USER)).toEqual({ cause: Cause.FETCH_PAGE, tval: ownCode });
  }

  it("stay right when the count of uses passes 32 bits", () => {
    const spaces = manySpaces();
    for (let before = 0; before < 24; before++) {
      for (let i = 0; i < Layout.TLB.CONTEXTS; i++) visit(spaces, i);
      // Only ever forward, as the clock itself goes.
      machine.setField64(Layout.HART.CONTEXT_CLOCK, BigInt(before + 1) * 0x1_0000_0000n - BigInt(before));
      for (let i = 0; i < 3; i++) visit(spaces, Layout.TLB.CONTEXTS + i);
    }
  });

  it("stay right behind a reset of the hart", () => {
    const spaces = manySpaces();
    for (let i = 0; i < spaces.length; i++) visit(spaces, i);
    machine.reset(RAM_BASE, Privilege.M);
    openPmp();
    prober = new Prober(machine, RAM_BASE + 0x60_0000n);
    for (let i = 0; i < spaces.length; i++) visit(spaces, i);
  });

  it("are not confused with untranslated S mode and M mode", () => {
    const one = space(1);
    one.map(DATA, DATA + PAGE, RW);
    prober.setSatp(one.satp);
    expect(prober.load(DATA, S)).toEqual({ value: TWO });
    prober.setSatp(0n);
    expect(prober.load(DATA, S)).toEqual({ value: ONE });
    prober.setSatp(one.satp);
    expect(prober.load(DATA, S)).toEqual({ value: TWO });
    machine.setX(a1, DATA);
    machine.exec((code) => code.load("ld", a0, a1));
    expect(machine.x(a0)).toBe(ONE);
  });

  it("differ by mode where the same table is read as Sv39 and as Sv48", () => {
    const four = space(1, SV48);
    four.map(VA, DATA, RW);
    // The same root as Sv39: VA's index there is 1, and nothing is mapped.
    const three = four.satp - (1n << 60n);
    prober.setSatp(four.satp);
    expect(prober.load(VA, S)).toEqual({ value: ONE });
    prober.setSatp(three);
    expect(prober.load(VA, S)).toEqual({ cause: Cause.LOAD_PAGE, tval: VA });
    prober.setSatp(four.satp);
    expect(prober.load(VA, S)).toEqual({ value: ONE });
  });

  it("ignore a write of satp with a mode that does not exist", () => {
    const one = space(1);
    one.map(VA, DATA, RW);
    prober.setSatp(one.satp);
    for (const mode of [1n, 7n, 11n, 15n]) {
      prober.setSatp((mode << 60n) | 5n);
      expect(machine.field64(Layout.HART.SATP)).toBe(one.satp);
    }
  });
});

describe("sfence.vma", () => {
  const forms = {
    "of everything": {},
    "of an address": { va: VA },
    "of an address space": { asid: 1 },
    "of an address in an address space": { va: VA + 0x123n, asid: 1 },
  };

  it.each(Object.entries(forms))("%s has a changed mapping seen", (_form, fence) => {
    const one = space(1);
    one.map(VA, DATA, RW | X);
    machine.put(new Code(DATA + 0x100n).li(a0, 1n).op("ebreak"));
    machine.put(new Code(DATA + PAGE + 0x100n).li(a0, 2n).op("ebreak"));
    prober.setSatp(one.satp);
    expect(prober.load(VA, S)).toEqual({ value: ONE });
    expect(prober.store(VA + 8n, 1n, S)).toEqual({ value: 0n });
    expect(prober.fetch(VA + 0x100n, S)).toEqual({ value: 1n });
    one.map(VA, DATA + PAGE, RW | X);
    prober.fence(fence);
    expect(prober.load(VA, S)).toEqual({ value: TWO });
    expect(prober.store(VA + 8n, 77n, S)).toEqual({ value: 0n });
    expect(machine.load64(DATA + PAGE + 8n)).toBe(77n);
    expect(prober.fetch(VA + 0x100n, S)).toEqual({ value: 2n });
  });

  it.each(Object.entries(forms))("%s has a removed permission enforced", (_form, fence) => {
    const one = space(1);
    one.map(VA, DATA, RW | U);
    prober.setSatp(one.satp);
    expect(prober.store(VA, 1n, USER)).toEqual({ value: 0n });
    one.map(VA, DATA, V | R | A | D | U);
    prober.fence(fence);
    expect(prober.store(VA, 2n, USER)).toEqual({ cause: Cause.STORE_PAGE, tval: VA });
    expect(machine.load64(DATA)).toBe(1n);
  });

  it.each([{}, { va: VA }])("with ASID x0 has a changed global mapping seen (%o)", (fence) => {
    const [one, two] = [space(1), space(2)];
    for (const each of [one, two]) each.map(VA, DATA, RW | G);
    for (const each of [one, two]) {
      prober.setSatp(each.satp);
      expect(prober.load(VA, S)).toEqual({ value: ONE });
    }
    for (const each of [one, two]) each.map(VA, DATA + PAGE, RW | G);
    prober.fence(fence);
    for (const each of [two, one]) {
      prober.setSatp(each.satp);
      expect(prober.load(VA, S)).toEqual({ value: TWO });
    }
  });

  it.each([0n, 0x7000n, 0x1f_f000n])("of any address of a superpage removes all of it (offset %i)", (fenced) => {
    const one = space(1);
    one.map(VA, DATA, RW | X, 1);
    prober.setSatp(one.satp);
    const offsets = [0n, 0x1000n, 0x7000n, 0x10_0000n, 0x1f_f000n];
    for (const offset of offsets) expect(prober.load(VA + offset, S)).toHaveProperty("value");
    machine.store64(DATA + pageSize(1) + 0x10_0000n, TWO);
    one.map(VA, DATA + pageSize(1), RW | X, 1);
    prober.fence({ va: VA + fenced, asid: 1 });
    for (const offset of offsets) {
      expect(prober.load(VA + offset, S)).toEqual({ value: offset === 0x10_0000n ? TWO : 0n });
    }
  });

  it("of any address of a NAPOT mapping removes all of it", () => {
    const one = space(1);
    const mapAll = (gpa: bigint) => {
      for (let i = 0n; i < 16n; i++) one.map(VA + i * PAGE, gpa + 0x8000n, NAPOT | RW);
    };
    mapAll(DATA);
    prober.setSatp(one.satp);
    expect(prober.load(VA + PAGE, S)).toEqual({ value: TWO });
    mapAll(DATA + 0x1_0000n);
    prober.fence({ va: VA + 9n * PAGE });
    expect(prober.load(VA + PAGE, S)).toEqual({ value: 0n });
  });

  it("in the middle of a block takes effect at the next instruction", () => {
    const one = space(1);
    one.map(VA, DATA, RW);
    prober.setSatp(one.satp);
    // The guest itself changes the mapping: load, change the entry, load (either is right), fence, load.
    const entry = one.entry(VA);
    const SELF = VA + 0x10_0000n;
    one.map(SELF, RAM_BASE + 0x70_0000n, RX);
    one.map(VA + PAGE, entry & ~0xfffn, RW);
    const code = new Code(SELF)
      .load("ld", 20, a1)
      .store("sd", a2, 19)
      .op("sfence.vma", { rs1: a1 })
      .load("ld", a0, a1)
      .op("ebreak");
    machine.write(RAM_BASE + 0x70_0000n, code.bytes());
    machine.setX(a1, VA);
    machine.setX(a2, ((DATA + PAGE) >> 2n) | RW);
    machine.setX(19, VA + PAGE + (entry & 0xfffn));
    expect(machine.enter(SELF, S).cause).toBe(BigInt(Cause.BREAKPOINT));
    expect([machine.x(20), machine.x(a0)]).toEqual([ONE, TWO]);
  });
});

describe("modes of access", () => {
  it("SUM opens user pages to S mode for loads and stores, never for fetches, at once", () => {
    const one = space(1);
    one.map(VA, DATA, RW | X | U);
    prober.setSatp(one.satp);
    for (let round = 0; round < 3; round++) {
      expect(prober.load(VA, S, SUM)).toEqual({ value: ONE });
      expect(prober.load(VA, S)).toEqual({ cause: Cause.LOAD_PAGE, tval: VA });
      expect(prober.store(VA + 8n, 5n, S, SUM)).toEqual({ value: 0n });
      expect(prober.store(VA + 8n, 6n, S)).toEqual({ cause: Cause.STORE_PAGE, tval: VA + 8n });
      expect(prober.fetch(VA, S, SUM)).toEqual({ cause: Cause.FETCH_PAGE, tval: VA });
    }
    expect(machine.load64(DATA + 8n)).toBe(5n);
  });

  it("SUM set and cleared by the kernel itself counts from the next instruction on", () => {
    const one = space(1);
    const SELF = VA + 0x10_0000n;
    one.map(SELF, RAM_BASE + 0x70_0000n, RX);
    one.map(VA, DATA, RW | U);
    prober.setSatp(one.satp);
    const code = new Code(SELF)
      .li(t0, SUM)
      .csr("csrrs", 0, Csr.SSTATUS, t0)
      .load("ld", a0, a1)
      .csr("csrrc", 0, Csr.SSTATUS, t0)
      .label("faults")
      .load("ld", a2, a1)
      .op("ebreak");
    machine.write(RAM_BASE + 0x70_0000n, code.bytes());
    machine.setX(a1, VA);
    expect(machine.enter(SELF, S)).toEqual({ cause: BigInt(Cause.LOAD_PAGE), value: VA, pc: code.address("faults") });
    expect(machine.x(a0)).toBe(ONE);
  });

  it("MXR lets loads read what can only be executed, at once", () => {
    const one = space(1);
    one.map(VA, DATA, V | X | A | U);
    prober.setSatp(one.satp);
    for (let round = 0; round < 3; round++) {
      expect(prober.load(VA, USER, MXR)).toEqual({ value: ONE });
      expect(prober.load(VA, USER)).toEqual({ cause: Cause.LOAD_PAGE, tval: VA });
    }
  });

  it("U mode never reaches S pages, also where S mode just did", () => {
    const one = space(1);
    one.map(VA, DATA, RW | X);
    prober.setSatp(one.satp);
    for (let round = 0; round < 3; round++) {
      expect(prober.load(VA, S)).toEqual({ value: ONE });
      expect(prober.load(VA, USER)).toEqual({ cause: Cause.LOAD_PAGE, tval: VA });
      expect(prober.load(VA, USER, SUM | MXR)).toEqual({ cause: Cause.LOAD_PAGE, tval: VA });
    }
  });

  it("a first store sets D even where a load has entered the page", () => {
    const one = space(1);
    machine.setCsr(Csr.MENVCFG, ADUE);
    one.map(VA, DATA, V | R | W);
    prober.setSatp(one.satp);
    expect(prober.load(VA, S)).toEqual({ value: ONE });
    expect(machine.load64(one.entry(VA)) & (A | D)).toBe(A);
    expect(prober.store(VA, 1n, S)).toEqual({ value: 0n });
    expect(machine.load64(one.entry(VA)) & (A | D)).toBe(A | D);
  });

  it("clearing menvcfg.ADUE has pages fault again that were never accessed", () => {
    const one = space(1);
    machine.setCsr(Csr.MENVCFG, ADUE);
    one.map(VA, DATA, V | R | W | A);
    prober.setSatp(one.satp);
    machine.setCsr(Csr.MENVCFG, 0n);
    expect(prober.load(VA, S)).toEqual({ value: ONE });
    expect(prober.store(VA, 1n, S)).toEqual({ cause: Cause.STORE_PAGE, tval: VA });
  });

  it.each([
    ["Sv39", SV39, 1n << 38n],
    ["Sv48", SV48, 1n << 47n],
    ["Sv57", SV57, 1n << 56n],
  ] as const)("addresses that are not canonical fault under %s, next to ones that are", (_name, mode, half) => {
    const one = space(1, mode);
    one.map(half - PAGE, DATA, RW);
    const high = BigInt.asUintN(64, -half);
    one.map(high, DATA + PAGE, RW);
    prober.setSatp(one.satp);
    expect(prober.load(half - PAGE, S)).toEqual({ value: ONE });
    expect(prober.load(high, S)).toEqual({ value: TWO });
    for (const va of [half, high - PAGE, high ^ (1n << 63n), (1n << 62n) | (half - PAGE)]) {
      expect(prober.load(va, S), va.toString(16)).toEqual({ cause: Cause.LOAD_PAGE, tval: va });
      expect(prober.fetch(va, S), va.toString(16)).toEqual({ cause: Cause.FETCH_PAGE, tval: va });
    }
    // Half of it here and half of it beyond.
    expect(prober.load(half - 4n, S)).toEqual({ cause: Cause.LOAD_PAGE, tval: half });
  });
});

describe("aliases of a physical page", () => {
  it("see each other's stores", () => {
    const one = space(1);
    one.map(VA, DATA, RW);
    one.map(VA + PAGE, DATA, RW);
    one.map(VA + 0x40_0000n, DATA, RW);
    prober.setSatp(one.satp);
    for (const [i, va] of [VA, VA + PAGE, VA + 0x40_0000n, VA].entries()) {
      prober.store(va + 8n, BigInt(i + 1), S);
      for (const other of [VA, VA + PAGE, VA + 0x40_0000n])
        expect(prober.load(other + 8n, S)).toEqual({ value: BigInt(i + 1) });
    }
  });
});
