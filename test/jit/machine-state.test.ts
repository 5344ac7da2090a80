// State of the hart that decides what an instruction does: compiled code must ask for it, or must not outlive it.

import { beforeEach, describe, expect, it } from "vitest";
import { Layout } from "../../src/generated/layout.js";
import { Cause, Csr, Mstatus, Privilege } from "../../src/generated/shared/privileged.js";
import { a0, a1, a2, a3, Code, zero } from "../support/hart-code.js";
import { PAGE, RAM_BASE } from "../support/hart-machine.js";
import { AddressSpace, PagePool, RW, RX, U } from "../support/hart-page-tables.js";
import { type Call, callBoth, createCallable, ENOUGH } from "../support/jit-calls.js";
import type { JitPair } from "../support/jit-pair.js";

const CODE = RAM_BASE + 16n * PAGE;
const DATA = RAM_BASE + 20n * PAGE;
const TABLES = RAM_BASE + 32n * PAGE;
const VA = 0x4000_0000n;

const FS_OFF = 0n;
const FS_INITIAL = 1n << 13n;
const FS_DIRTY = BigInt(Mstatus.FS);
/** The rounding mode that frm holds. */
const DYNAMIC = 7;
const NX = 1;
const ONE = 0x3ff0_0000_0000_0000n;
const THIRD = 0x3fd5_5555_5555_5555n;
const THREE = 0x4008_0000_0000_0000n;

let pair: JitPair;

beforeEach(async () => {
  pair = await createCallable();
});

function call(pc: bigint, options: Call = {}) {
  const returned = callBoth(pair, pc, options);
  expect(returned.difference).toBeNull();
  return returned;
}

const setF = (number: number, bits: bigint): void =>
  pair.each((machine) => machine.setField64(Layout.HART.F + 8 * number, bits));
const setCsr = (csr: number, value: bigint): void => pair.each((machine) => machine.setCsr(csr, value));
const mstatusFs = (): bigint => pair.compiled.field64(Layout.HART.MSTATUS) & FS_DIRTY;

describe("floating point in compiled code", () => {
  /** Ten rounds of an instruction that computes f3. */
  const loop = (write: (code: Code) => Code): Code => {
    const code = write(new Code(CODE).li(a3, 10n).label("loop").addi(a0, a0, 1));
    return code.addi(a3, a3, -1).to("loop", "bne", { rs1: a3 }).op("ebreak");
  };
  const heat = (code: Code): void => {
    pair.each((machine) => machine.put(code));
    for (let n = 0; n < ENOUGH; n++) expect(call(CODE, { mstatus: FS_DIRTY }).a0).toBe(10n);
    expect(pair.regions).toBeGreaterThan(0);
  };

  it.each<[string, (code: Code) => Code]>([
    ["arithmetic", (code) => code.op("fadd.d", { rd: 3, rs1: 1, rs2: 2 })],
    ["a load", (code) => code.load("fld", 3, a1)],
    ["a store", (code) => code.store("fsd", 3, a1)],
    ["a move", (code) => code.op("fmv.d.x", { rd: 3, rs1: a0 })],
    ["a conversion", (code) => code.op("fcvt.d.w", { rd: 3, rs1: a0 })],
    ["a comparison", (code) => code.op("feq.d", { rd: a2, rs1: 1, rs2: 2 })],
  ])("traps while mstatus.FS is Off: %s", (_what, write) => {
    const code = loop(write);
    pair.each((machine) => machine.put(code));
    for (let n = 0; n < ENOUGH; n++) call(CODE, { mstatus: FS_DIRTY, argument: DATA });
    // The instruction behind the addi of the first round.
    const trapped = call(CODE, { mstatus: FS_OFF, argument: DATA, cause: Cause.ILLEGAL });
    expect(trapped).toMatchObject({ a0: 1n, pc: code.address("loop") + 4n });
    expect(call(CODE, { mstatus: FS_DIRTY, argument: DATA }).a0).toBe(10n);
  });

  it("makes the unit dirty that was Initial", () => {
    heat(loop((code) => code.op("fadd.d", { rd: 3, rs1: 1, rs2: 2 })));
    expect(call(CODE, { mstatus: FS_INITIAL }).a0).toBe(10n);
    expect(mstatusFs()).toBe(FS_DIRTY);
  });

  it("rounds as frm says at the time", () => {
    heat(loop((code) => code.op("fdiv.d", { rd: 3, rs1: 1, rs2: 2, rm: DYNAMIC })));
    setF(1, ONE);
    setF(2, THREE);
    // RNE, RTZ, RDN, RUP, RMM; inexact from the first on, so that the fast path is taken when it may be.
    for (const [frm, expected] of [
      [0, THIRD],
      [0, THIRD],
      [3, THIRD + 1n],
      [1, THIRD],
      [3, THIRD + 1n],
      [2, THIRD],
      [4, THIRD],
      [0, THIRD],
    ] as const) {
      setCsr(Csr.FRM, BigInt(frm));
      call(CODE, { mstatus: FS_DIRTY });
      expect([frm, pair.compiled.field64(Layout.HART.F + 24)]).toEqual([frm, expected]);
    }
  });

  it.each([5, 6, 7])("traps when frm = %i is no rounding mode, also where nothing is rounded", (frm) => {
    for (const mnemonic of ["fadd.d", "fcvt.d.w", "fcvt.d.s", "fcvt.w.s"]) {
      const code = loop((at) => at.op(mnemonic, { rd: 3, rs1: 1, rs2: 2, rm: DYNAMIC }));
      pair.each((machine) => machine.put(code));
      setCsr(Csr.MSTATUS, FS_DIRTY);
      setCsr(Csr.FRM, 0n);
      for (let n = 0; n < ENOUGH; n++) expect(call(CODE, { mstatus: FS_DIRTY }).a0).toBe(10n);
      setCsr(Csr.FRM, BigInt(frm));
      expect(call(CODE, { mstatus: FS_DIRTY, cause: Cause.ILLEGAL }).a0).toBe(1n);
    }
  });

  it("raises flags again after they were cleared, and only those that are owed", () => {
    heat(loop((code) => code.op("fdiv.d", { rd: 3, rs1: 1, rs2: 2 })));
    const fflags = (a: bigint, b: bigint): number => {
      setCsr(Csr.MSTATUS, FS_DIRTY);
      setCsr(Csr.FFLAGS, 0n);
      setF(1, a);
      setF(2, b);
      call(CODE, { mstatus: FS_DIRTY });
      return pair.compiled.field32(Layout.HART.FFLAGS);
    };
    const [DZ, OF, UF] = [8, 4, 2];
    for (let n = 0; n < 2; n++) {
      expect(fflags(ONE, THREE)).toBe(NX);
      expect(fflags(THREE, ONE)).toBe(0);
      expect(fflags(ONE, 0n)).toBe(DZ);
      expect(fflags(0x7fe0_0000_0000_0000n, 0x0010_0000_0000_0000n)).toBe(OF | NX);
      expect(fflags(0x0010_0000_0000_0001n, THREE)).toBe(UF | NX);
    }
  });

  it("raises other flags while inexact is raised already", () => {
    heat(loop((code) => code.op("fdiv.d", { rd: 3, rs1: 1, rs2: 2 })));
    for (const [a, b, flags] of [
      [ONE, 0n, 8 | NX],
      [0n, 0n, 16 | NX],
      [0x7fe0_0000_0000_0000n, 0x0010_0000_0000_0000n, 4 | NX],
      [0x0010_0000_0000_0001n, THREE, 2 | NX],
      [THREE, ONE, NX],
    ] as const) {
      setCsr(Csr.MSTATUS, FS_DIRTY);
      setCsr(Csr.FFLAGS, BigInt(NX));
      setF(1, a);
      setF(2, b);
      call(CODE, { mstatus: FS_DIRTY });
      expect(pair.compiled.field32(Layout.HART.FFLAGS)).toBe(flags);
    }
  });
});

describe.each([
  ["has", true],
  ["has no", false],
])("loads and stores in compiled code of a hart that %s window in M mode", (_what, window) => {
  beforeEach(async () => {
    pair = await createCallable({ window });
  });

  const loop = (): Code =>
    new Code(CODE)
      .li(a3, 10n)
      .label("loop")
      .addi(a0, a0, 1)
      .load("ld", a2, a1)
      .store("sd", a2, a1, 8)
      .addi(a3, a3, -1)
      .to("loop", "bne", { rs1: a3 })
      .op("ebreak");

  const MPRV = 1n << 17n;
  const SUM = 1n << 18n;

  it("follow mstatus.MPRV: M mode, through the page table of S", () => {
    const code = loop();
    pair.each((machine) => {
      machine.put(code);
      const space = new AddressSpace(machine, new PagePool(TABLES, TABLES + 8n * PAGE));
      space.map(DATA, DATA + PAGE, RW);
      machine.setCsr(Csr.SATP, space.satp);
      machine.store64(DATA, 1n);
      machine.store64(DATA + PAGE, 2n);
    });
    const MPP_S = 1n << 11n;
    // A stub sets mstatus and jumps there: mret would clear MPRV on the way to anything less than M.
    const stub = new Code(CODE + PAGE).csr("csrrs", zero, Csr.MSTATUS, 17).li(16, CODE).jr(16);
    pair.each((machine) => machine.put(stub));
    for (let n = 0; n < 2 * ENOUGH; n++) {
      const translated = n % 2 === 1;
      setCsr(Csr.MSTATUS, 0n);
      pair.each((machine) => machine.setX(17, translated ? MPRV | MPP_S : 0n));
      expect(call(stub.base, { argument: DATA }).a0).toBe(10n);
      expect(pair.compiled.x(a2)).toBe(translated ? 2n : 1n);
    }
  });

  it("follow mstatus.SUM: pages of U, from S mode", () => {
    const code = loop();
    pair.each((machine) => {
      machine.put(code);
      const space = new AddressSpace(machine, new PagePool(TABLES, TABLES + 8n * PAGE));
      space.map(VA, CODE, RX);
      space.map(VA + PAGE, DATA, RW | U);
      machine.setCsr(Csr.SATP, space.satp);
    });
    const options = { privilege: Privilege.S, argument: VA + PAGE } as const;
    for (let n = 0; n < ENOUGH; n++) {
      expect(call(VA, { ...options, mstatus: SUM }).a0).toBe(10n);
      expect(call(VA, { ...options, cause: Cause.LOAD_PAGE })).toMatchObject({ a0: 1n, pc: VA + 8n });
    }
    expect(pair.regions).toBeGreaterThan(0);
  });

  it("fault where permission was taken away behind sfence.vma, and store where it was given again", () => {
    const code = loop();
    const spaces: AddressSpace[] = [];
    pair.each((machine) => {
      machine.put(code);
      const space = new AddressSpace(machine, new PagePool(TABLES, TABLES + 8n * PAGE));
      spaces.push(space);
      space.map(VA, CODE, RX);
      space.map(VA + PAGE, DATA, RW);
      machine.setCsr(Csr.SATP, space.satp);
    });
    const protect = (flags: bigint): void => {
      for (const space of spaces) space.map(VA + PAGE, DATA, flags);
      pair.each((machine) => machine.exec((at) => at.op("sfence.vma")));
    };
    const options = { privilege: Privilege.S, argument: VA + PAGE } as const;
    for (let n = 0; n < ENOUGH; n++) {
      expect(call(VA, options).a0).toBe(10n);
      protect(RX);
      expect(call(VA, { ...options, cause: Cause.STORE_PAGE })).toMatchObject({ a0: 1n, pc: VA + 12n });
      protect(0n);
      expect(call(VA, { ...options, cause: Cause.LOAD_PAGE })).toMatchObject({ a0: 1n, pc: VA + 8n });
      protect(RW);
    }
  });

  it("reach across the end of a page into wherever the next one is mapped, if it is", () => {
    const code = loop();
    const spaces: AddressSpace[] = [];
    pair.each((machine) => {
      machine.put(code);
      const space = new AddressSpace(machine, new PagePool(TABLES, TABLES + 8n * PAGE));
      spaces.push(space);
      space.map(VA, CODE, RX);
      space.map(VA + PAGE, DATA, RW);
      space.map(VA + 2n * PAGE, DATA + 5n * PAGE, RW);
      machine.setCsr(Csr.SATP, space.satp);
      machine.store64(DATA + PAGE - 8n, 0x1111_1111_2222_2222n);
      machine.store64(DATA + PAGE, 0xbad0_bad0_bad0_bad0n);
      machine.store64(DATA + 5n * PAGE, 0x3333_3333_4444_4444n);
    });
    const options = { privilege: Privilege.S, argument: VA + 2n * PAGE - 4n } as const;
    for (let n = 0; n < ENOUGH; n++) {
      // The pages on both sides are in the TLB.
      expect(call(VA, { ...options, argument: VA + PAGE }).a0).toBe(10n);
      expect(call(VA, { ...options, argument: VA + 2n * PAGE + 64n }).a0).toBe(10n);
      expect(call(VA, options).a0).toBe(10n);
      expect(pair.compiled.x(a2)).toBe(0x4444_4444_1111_1111n);
    }
    pair.each((machine) => {
      expect(machine.load64(DATA + 5n * PAGE + 4n)).toBe(0x4444_4444_1111_1111n);
      expect(machine.load64(DATA + PAGE)).toBe(0xbad0_bad0_bad0_bad0n);
    });
    for (const space of spaces) space.unmap(VA + 2n * PAGE);
    pair.each((machine) => machine.exec((at) => at.op("sfence.vma")));
    expect(call(VA, { ...options, cause: Cause.LOAD_PAGE })).toMatchObject({ a0: 1n, pc: VA + 8n });
    expect(pair.compiled.machineTrap.value).toBe(VA + 2n * PAGE);
  });

  it("mark pages dirty in each round of dirty tracking", () => {
    const code = loop();
    pair.each((machine) => machine.put(code));
    for (let n = 0; n < ENOUGH; n++) call(CODE, { argument: DATA });
    pair.each((machine) => machine.exports.clearDirty());
    expect(pair.compiled.isDirty(DATA)).toBe(false);
    call(CODE, { argument: DATA });
    expect(pair.compiled.isDirty(DATA)).toBe(true);
  });
});
