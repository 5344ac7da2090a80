// Zicsr in compiled code: what it computes itself of the supervisor's registers, and what it has to leave to the interpreter.

import { beforeEach, describe, expect, it } from "vitest";
import { Layout } from "../../src/generated/layout.js";
import { Cause, Csr, Interrupt, Mstatus, Privilege } from "../../src/generated/shared/privileged.js";
import { a0, a1, a2, a3, a4, Code, zero } from "../support/hart-code.js";
import { PAGE, RAM_BASE } from "../support/hart-machine.js";
import { AddressSpace, PagePool, RW, RX, U } from "../support/hart-page-tables.js";
import { HartRandom } from "../support/hart-random.js";
import { type Call, callBoth, createCallable, ENOUGH } from "../support/jit-calls.js";
import type { JitPair } from "../support/jit-pair.js";

const CODE = RAM_BASE + 16n * PAGE;
const DATA = RAM_BASE + 20n * PAGE;
const TABLES = RAM_BASE + 32n * PAGE;
const VA = 0x4000_0000n;
const SIE = BigInt(Mstatus.SIE);
const SUM = BigInt(Mstatus.SUM);
const FS = BigInt(Mstatus.FS);

let pair: JitPair;
beforeEach(async () => {
  pair = await createCallable();
});

function call(code: Code, options: Call = {}) {
  const returned = callBoth(pair, code.base, { privilege: Privilege.S, ...options });
  expect(returned.difference).toBeNull();
  return returned;
}

/** Ten rounds of what `write` writes; a0 counts them. */
const loop = (write: (code: Code) => Code): Code =>
  write(new Code(CODE).li(a3, 10n).label("loop").addi(a0, a0, 1))
    .addi(a3, a3, -1)
    .to("loop", "bne", { rs1: a3 })
    .op("ebreak");

function heat(code: Code, options: Call = {}): void {
  pair.each((machine) => machine.put(code));
  for (let n = 0; n < ENOUGH; n++) call(code, options);
  expect(pair.regions).toBeGreaterThan(0);
}

const setCsr = (csr: number, value: bigint): void => pair.each((machine) => machine.setCsr(csr, value));
const status = (): bigint => pair.compiled.field64(Layout.HART.MSTATUS);

describe("registers of the supervisor in compiled code", () => {
  it.each([
    ["sscratch", Csr.SSCRATCH],
    ["sepc", Csr.SEPC],
    ["scause", Csr.SCAUSE],
    ["stval", Csr.STVAL],
    ["sstatus", Csr.SSTATUS],
  ])("%s: every instruction gives and leaves what the interpreter does", (_name, csr) => {
    const random = new HartRandom(csr);
    const code = loop((at) => {
      for (const mnemonic of ["csrrw", "csrrs", "csrrc"]) {
        at.csr(mnemonic, a2, csr, a1).op("xor", { rd: a1, rs1: a1, rs2: a2 });
        at.csr(mnemonic, a4, csr, zero).op("xor", { rd: a1, rs1: a1, rs2: a4 });
        at.csr(mnemonic, zero, csr, a1).csr(mnemonic, a1, csr, a1);
        at.csr(`${mnemonic}i`, a2, csr, random.below(32)).op("xor", { rd: a1, rs1: a1, rs2: a2 });
        at.csr(`${mnemonic}i`, a4, csr, 0).op("add", { rd: a1, rs1: a1, rs2: a4 });
      }
      return at;
    });
    heat(code);
    for (let n = 0; n < 50; n++) expect(call(code, { argument: random.bits64() }).a0).toBe(10n);
  });

  it.each([Csr.SSCRATCH, Csr.SEPC, Csr.SCAUSE, Csr.STVAL, Csr.SSTATUS])("%i is none of user mode", (csr) => {
    const code = loop((at) => at.csrr(a2, csr));
    heat(code);
    expect(call(code, { privilege: Privilege.U, cause: Cause.ILLEGAL })).toMatchObject({ a0: 1n });
    expect(call(code).a0).toBe(10n);
  });
});

describe("sstatus in compiled code", () => {
  it("lets an interrupt in behind the instruction that sets SIE, and not before", () => {
    // stvec: notes where it came from, and stays off.
    const vector = new Code(CODE + PAGE).csrr(a2, Csr.SEPC).op("ebreak");
    const code = loop((at) =>
      at.csr("csrrci", zero, Csr.SSTATUS, Number(SIE)).csr("csrrsi", zero, Csr.SSTATUS, Number(SIE)).addi(a4, a4, 1),
    );
    pair.each((machine) => machine.put(vector));
    setCsr(Csr.STVEC, vector.base);
    setCsr(Csr.MIDELEG, 1n << BigInt(Interrupt.SSI));
    heat(code);
    for (const set of [SIE, 0n]) {
      setCsr(Csr.MIP, 1n << BigInt(Interrupt.SSI));
      // Whatever runs ends with all interrupts off.
      pair.each((machine) => machine.setField64(Layout.HART.MIE, 1n << BigInt(Interrupt.SSI)));
      expect(call(code).a0).toBe(1n);
      expect(pair.compiled.x(a2)).toBe(code.address("loop") + 12n);
      setCsr(Csr.MIP, 0n);
      expect(call(code, { mstatus: set }).a0).toBe(10n);
    }
  });

  it("opens pages of U to the loads and stores between setting and clearing SUM, and to no others", () => {
    const access = loop((at) =>
      at
        .csr("csrrs", zero, Csr.SSTATUS, a4)
        .load("ld", a2, a1)
        .store("sd", a2, a1, 8)
        .csr("csrrc", zero, Csr.SSTATUS, a4)
        .label("closed")
        .op("and", { rd: a2, rs1: a4, rs2: a4 }),
    );
    // The same, and once more behind it.
    const twice = new Code(CODE + 2n * PAGE)
      .csr("csrrs", zero, Csr.SSTATUS, a4)
      .load("ld", a2, a1)
      .csr("csrrc", zero, Csr.SSTATUS, a4)
      .addi(a0, a0, 1)
      .load("ld", a2, a1)
      .op("ebreak");
    pair.each((machine) => {
      machine.put(access);
      machine.put(twice);
      const space = new AddressSpace(machine, new PagePool(TABLES, TABLES + 8n * PAGE));
      space.map(CODE, CODE, RX);
      space.map(twice.base, twice.base, RX);
      space.map(VA, DATA, RW | U);
      machine.setCsr(Csr.SATP, space.satp);
      machine.setX(a4, SUM);
    });
    heat(access, { argument: VA });
    expect(call(access, { argument: VA }).a0).toBe(10n);
    for (let n = 0; n < 2 * ENOUGH; n++) {
      expect(call(twice, { argument: VA, cause: Cause.LOAD_PAGE })).toMatchObject({ a0: 1n });
    }
  });

  it("takes floating point away from what follows", () => {
    const code = loop((at) =>
      at
        .csr("csrrs", zero, Csr.SSTATUS, a1)
        .op("fadd.d", { rd: 1, rs1: 1, rs2: 1 })
        .csr("csrrc", zero, Csr.SSTATUS, a1)
        .op("fadd.d", { rd: 1, rs1: 1, rs2: 1 }),
    );
    heat(code, { argument: 0n, mstatus: FS });
    expect(call(code, { argument: 0n, mstatus: FS }).a0).toBe(10n);
    expect(call(code, { argument: FS, mstatus: FS, cause: Cause.ILLEGAL })).toMatchObject({ a0: 1n });
    expect(status() & FS).toBe(0n);
  });
});

describe("time in compiled code", () => {
  const code = loop((at) => at.csrr(a2, Csr.TIME).op("sub", { rd: a4, rs1: a2, rs2: a4 }));

  it("is that of the instruction that reads it, at any rate", () => {
    pair.each((machine) => machine.setCsr(Csr.MCOUNTEREN, 7n));
    heat(code);
    for (const rate of [0, 1, 1 << 16, 0x7fff_ffff, 0xffff_ffff]) {
      pair.each((machine) => machine.exports.setClock(machine.hart, 1_000_000n, rate));
      for (let n = 0; n < 3; n++) expect(call(code).a0).toBe(10n);
    }
  });

  it("is forbidden where mcounteren or, in user mode, scounteren says so", () => {
    const allow = (m: bigint, s: bigint): void => {
      setCsr(Csr.MCOUNTEREN, m);
      setCsr(Csr.SCOUNTEREN, s);
    };
    allow(2n, 2n);
    heat(code);
    expect(call(code, { privilege: Privilege.U }).a0).toBe(10n);
    allow(2n, 5n);
    expect(call(code).a0).toBe(10n);
    expect(call(code, { privilege: Privilege.U, cause: Cause.ILLEGAL })).toMatchObject({ a0: 1n });
    allow(5n, 2n);
    expect(call(code, { cause: Cause.ILLEGAL })).toMatchObject({ a0: 1n });
    expect(call(code, { privilege: Privilege.M }).a0).toBe(10n);
  });
});
