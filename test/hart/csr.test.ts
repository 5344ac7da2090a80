// Control and status registers: who may touch which, which bits of them can be written, and what is a view of what.

import { beforeEach, describe, expect, it } from "vitest";
import { Cause, Csr, Ip, Privilege } from "../../src/generated/shared/privileged.js";
import { a0, a1, Code, t0, t1, zero } from "../support/hart-code.js";
import { HartMachine, RAM_BASE } from "../support/hart-machine.js";

const { U, S, M } = { U: Privilege.U, S: Privilege.S, M: Privilege.M };
const ONES = (1n << 64n) - 1n;
const TARGET = RAM_BASE + 0x1000n;
const DATA = RAM_BASE + 0x4000n;
const FS = 3n << 13n;
const SD = 1n << 63n;
const ILLEGAL = BigInt(Cause.ILLEGAL);

let machine: HartMachine;

beforeEach(async () => {
  machine = await HartMachine.create();
  machine.setCsr(Csr.PMPADDR0, (1n << 54n) - 1n);
  machine.setCsr(Csr.PMPCFG0, 0x1fn);
  machine.catchTraps();
});

/** Runs code in `privilege`; null when it came to its ebreak, else the cause. */
function run(privilege: Privilege, write: (code: Code) => void, mstatus = 0n): bigint | null {
  const code = new Code(TARGET);
  write(code);
  machine.put(code.op("ebreak"));
  const { cause } = machine.enter(TARGET, privilege, mstatus);
  return cause === BigInt(Cause.BREAKPOINT) ? null : cause;
}

const reads = (privilege: Privilege, csr: number, mstatus = 0n) =>
  run(privilege, (code) => code.csrr(a0, csr), mstatus);

describe("access", () => {
  it("needs the mode in bits 9:8 of the number", () => {
    for (const [csr, least] of [
      [Csr.SSTATUS, S],
      [Csr.SATP, S],
      [Csr.SCOUNTEREN, S],
      [Csr.MSTATUS, M],
      [Csr.MHARTID, M],
      [Csr.PMPADDR0, M],
      [Csr.MCYCLE, M],
    ] as const) {
      for (const privilege of [U, S, M]) {
        expect(reads(privilege, csr), `csr ${csr.toString(16)} in mode ${privilege}`).toBe(
          privilege >= least ? null : ILLEGAL,
        );
      }
    }
  });

  it("to write is illegal where bits 11:10 say read-only, and csrrs of x0 does not write", () => {
    for (const csr of [Csr.CYCLE, Csr.TIME, Csr.INSTRET, Csr.MHARTID, Csr.MVENDORID]) {
      expect(run(M, (code) => code.csr("csrrs", a0, csr, zero))).toBe(null);
      expect(run(M, (code) => code.csr("csrrci", a0, csr, 0))).toBe(null);
      expect(run(M, (code) => code.csr("csrrs", a0, csr, t1))).toBe(ILLEGAL);
      expect(run(M, (code) => code.csr("csrrw", a0, csr, zero))).toBe(ILLEGAL);
      expect(run(M, (code) => code.csr("csrrsi", a0, csr, 1))).toBe(ILLEGAL);
    }
  });

  it("to what does not exist is illegal: hypervisor, debug, vector and custom registers", () => {
    for (const csr of [
      0x600,
      0x680,
      0x200,
      0x7a0,
      0x7b0,
      0x008,
      0xc20,
      0x5c0,
      0x7c0,
      0xbc0,
      0x3a1,
      0x30b,
      0x106 + 0x40,
    ]) {
      expect(reads(M, csr), csr.toString(16)).toBe(ILLEGAL);
    }
  });

  it("to counters follows mcounteren, and in U mode scounteren besides", () => {
    const counters = [Csr.CYCLE, Csr.TIME, Csr.INSTRET, Csr.HPMCOUNTER3, Csr.HPMCOUNTER31];
    for (const [i, csr] of counters.entries()) {
      const bit = 1n << BigInt(csr & 31);
      for (const [mcounteren, scounteren] of [
        [0n, ONES],
        [bit, 0n],
        [bit, bit],
        [ONES ^ bit, ONES],
      ] as const) {
        machine.setCsr(Csr.MCOUNTEREN, mcounteren);
        machine.setCsr(Csr.SCOUNTEREN, scounteren);
        const [inM, inS] = [(mcounteren & bit) !== 0n, (scounteren & bit) !== 0n];
        expect(reads(M, csr), `counter ${i} in M`).toBe(null);
        expect(reads(S, csr), `counter ${i} in S`).toBe(inM ? null : ILLEGAL);
        expect(reads(U, csr), `counter ${i} in U`).toBe(inM && inS ? null : ILLEGAL);
      }
    }
  });

  it("to stimecmp from S mode needs menvcfg.STCE and mcounteren.TM", () => {
    for (const [stce, tm] of [
      [0n, 0n],
      [0n, 2n],
      [SD, 0n],
      [SD, 2n],
    ] as const) {
      machine.setCsr(Csr.MENVCFG, stce);
      machine.setCsr(Csr.MCOUNTEREN, tm);
      expect(reads(S, Csr.STIMECMP)).toBe(stce && tm ? null : ILLEGAL);
      expect(reads(M, Csr.STIMECMP)).toBe(null);
    }
  });
});

describe("floating-point state", () => {
  it("is illegal to touch while mstatus.FS is off: instructions, loads, stores and CSRs", () => {
    machine.setX(a1, DATA);
    const uses: ((code: Code) => void)[] = [
      (code) => code.op("fadd.d", { rd: 1, rs1: 1, rs2: 1 }),
      (code) => code.op("fmv.x.d", { rd: a0, rs1: 1 }),
      (code) => code.op("fld", { rd: 1, rs1: a1 }),
      (code) => code.op("fsw", { rs2: 1, rs1: a1 }),
      (code) => code.csrr(a0, Csr.FCSR),
      (code) => code.csrr(a0, Csr.FFLAGS),
      (code) => code.csrr(a0, Csr.FRM),
    ];
    for (const use of uses) {
      for (const privilege of [U, S, M]) {
        expect(run(privilege, use, 0n)).toBe(ILLEGAL);
        for (const on of [1n << 13n, 2n << 13n, FS]) expect(run(privilege, use, on)).toBe(null);
      }
    }
  });

  it("becomes dirty with every write, and SD says so", () => {
    const writes: ((code: Code) => void)[] = [
      (code) => code.op("fmv.d.x", { rd: 1, rs1: zero }),
      (code) => code.op("fld", { rd: 1, rs1: a1 }),
      (code) => code.csr("csrrwi", zero, Csr.FRM, 1),
      (code) => code.csr("csrrwi", zero, Csr.FFLAGS, 1),
      (code) => code.csr("csrrwi", zero, Csr.FCSR, 0),
    ];
    for (const write of writes) {
      for (const initial of [1n << 13n, 2n << 13n]) {
        machine.setX(a1, DATA);
        run(S, write, initial);
        expect(machine.getCsr(Csr.MSTATUS) & (FS | SD)).toBe(FS | SD);
        expect(machine.getCsr(Csr.SSTATUS) & (FS | SD)).toBe(FS | SD);
      }
    }
    machine.setCsr(Csr.MSTATUS, 2n << 13n);
    expect(machine.getCsr(Csr.MSTATUS) & SD).toBe(0n);
  });
});

describe("cache-block instructions", () => {
  const CBIE = 1n << 4n;
  const CBCFE = 1n << 6n;
  const CBZE = 1n << 7n;

  it.each([
    ["cbo.inval", CBIE],
    ["cbo.clean", CBCFE],
    ["cbo.flush", CBCFE],
    ["cbo.zero", CBZE],
  ])("%s follows menvcfg, and in U mode senvcfg besides", (mnemonic, bit) => {
    const use = (code: Code) => code.op(mnemonic, { rs1: a1 });
    for (const [menvcfg, senvcfg] of [
      [0n, 0n],
      [0n, bit],
      [bit, 0n],
      [bit, bit],
    ] as const) {
      machine.setCsr(Csr.MENVCFG, menvcfg);
      machine.setCsr(Csr.SENVCFG, senvcfg);
      machine.setX(a1, DATA + 5n);
      expect(run(M, use)).toBe(null);
      expect(run(S, use)).toBe(menvcfg ? null : ILLEGAL);
      expect(run(U, use)).toBe(menvcfg && senvcfg ? null : ILLEGAL);
    }
  });

  it("cbo.zero clears the 64 bytes around its address and no other", () => {
    machine.write(DATA, new Uint8Array(192).fill(0xff));
    machine.setX(a1, DATA + 100n);
    run(M, (code) => code.op("cbo.zero", { rs1: a1 }));
    const at = machine.linear(DATA);
    const expected = new Uint8Array(192).fill(0xff).fill(0, 64, 128);
    expect([...machine.core.bytes.slice(at, at + 192)]).toEqual([...expected]);
  });

  it.each(["cbo.inval", "cbo.clean", "cbo.flush", "cbo.zero"])(
    "%s faults as a store, with its own address",
    (mnemonic) => {
      machine.setX(a1, 0x4000_0033n);
      expect(run(M, (code) => code.op(mnemonic, { rs1: a1 }))).toBe(BigInt(Cause.STORE_ACCESS));
      expect(machine.machineTrap.value).toBe(0x4000_0033n);
    },
  );
});

describe("writable bits", () => {
  it.each<[string, number, bigint]>([
    ["medeleg", Csr.MEDELEG, 0xb3ffn],
    ["mideleg", Csr.MIDELEG, BigInt(Ip.S_MASK)],
    ["mie", Csr.MIE, BigInt(Ip.ALL)],
    ["mepc", Csr.MEPC, ONES - 1n],
    ["sepc", Csr.SEPC, ONES - 1n],
    ["mscratch", Csr.MSCRATCH, ONES],
    ["sscratch", Csr.SSCRATCH, ONES],
    ["mtval", Csr.MTVAL, ONES],
    ["stval", Csr.STVAL, ONES],
    ["stimecmp", Csr.STIMECMP, ONES],
    ["mhpmcounter3", Csr.MHPMCOUNTER3, 0n],
    ["mhpmevent3", Csr.MHPMEVENT3, 0n],
    ["senvcfg", Csr.SENVCFG, 0xf1n],
    ["menvcfg", Csr.MENVCFG, (7n << 61n) | 0xf1n],
  ])("of %s", (_name, csr, writable) => {
    // catchTraps' handler is of no use with all of medeleg set, but nothing traps here.
    machine.setCsr(csr, 0n);
    machine.setCsr(csr, ONES);
    expect(machine.getCsr(csr)).toBe(writable);
    machine.setCsr(csr, 0n);
    expect(machine.getCsr(csr)).toBe(0n);
  });

  it("of misa: none, and it names the extensions", () => {
    const misa = machine.getCsr(Csr.MISA);
    expect(misa >> 62n).toBe(2n);
    const letters = [..."ABCDEFGHIJKLMNOPQRSTUVWXYZ"].filter((_, i) => (misa >> BigInt(i)) & 1n).join("");
    expect(letters.replace("B", "")).toBe("ACDFIMSU");
    machine.setCsr(Csr.MISA, 0n);
    expect(machine.getCsr(Csr.MISA)).toBe(misa);
  });

  it("of mstatus: 64-bit modes cannot be left, and sstatus is a view of it", () => {
    machine.setCsr(Csr.MSTATUS, ONES);
    const all = machine.getCsr(Csr.MSTATUS);
    expect((all >> 32n) & 0xfn).toBe(0xan);
    expect(machine.getCsr(Csr.SSTATUS)).toBe(SD | (2n << 32n) | (0xcn << 16n) | FS | 0x122n);
    machine.setCsr(Csr.MSTATUS, 0n);
    machine.setCsr(Csr.SSTATUS, ONES);
    // What S mode may not touch stays: MIE, MPIE, MPP, MPRV, TVM, TW, TSR.
    expect(machine.getCsr(Csr.MSTATUS) & 0x72_1888n).toBe(0n);
    expect(machine.getCsr(Csr.MSTATUS) & 0xc_6122n).toBe(0xc_6122n);
  });

  it("of trap vectors: modes that are reserved become direct", () => {
    for (const csr of [Csr.STVEC, Csr.MTVEC]) {
      for (const [value, kept] of [
        [0x8000_1000n, 0x8000_1000n],
        [0x8000_1001n, 0x8000_1001n],
      ] as const) {
        machine.setCsr(csr, value);
        expect(machine.getCsr(csr)).toBe(kept);
      }
      for (const reserved of [2n, 3n]) {
        machine.setCsr(csr, 0x8000_1000n | reserved);
        expect(machine.getCsr(csr) & 2n).toBe(0n);
      }
    }
  });

  it("of sie and sip: only what is delegated shows, and only SSIP is S mode's to set", () => {
    const supervisor = BigInt(Ip.S_MASK);
    for (const mideleg of [0n, BigInt(Ip.SSIP), supervisor]) {
      machine.setCsr(Csr.MIDELEG, mideleg);
      machine.setCsr(Csr.MIE, BigInt(Ip.ALL));
      expect(machine.getCsr(Csr.SIE)).toBe(mideleg);
      machine.setCsr(Csr.SIE, 0n);
      expect(machine.getCsr(Csr.MIE)).toBe(BigInt(Ip.ALL) & ~mideleg);
      machine.setCsr(Csr.MIE, 0n);
      machine.setCsr(Csr.SIE, ONES);
      expect(machine.getCsr(Csr.MIE)).toBe(mideleg);
      machine.setCsr(Csr.MIE, 0n);
      machine.setCsr(Csr.MIP, supervisor);
      expect(machine.getCsr(Csr.SIP)).toBe(mideleg);
      machine.setCsr(Csr.SIP, 0n);
      expect(machine.getCsr(Csr.MIP) & supervisor).toBe(supervisor & ~(mideleg & BigInt(Ip.SSIP)));
      machine.setCsr(Csr.MIP, 0n);
      machine.setCsr(Csr.SIP, ONES);
      expect(machine.getCsr(Csr.MIP) & supervisor).toBe(mideleg & BigInt(Ip.SSIP));
      machine.setCsr(Csr.MIP, 0n);
    }
  });

  it("of fcsr: frm and fflags are its parts", () => {
    machine.setCsr(Csr.MSTATUS, FS);
    machine.setCsr(Csr.FCSR, ONES);
    expect([Csr.FCSR, Csr.FRM, Csr.FFLAGS].map((csr) => machine.getCsr(csr))).toEqual([0xffn, 7n, 31n]);
    machine.setCsr(Csr.FRM, 2n);
    machine.setCsr(Csr.FFLAGS, 4n);
    expect(machine.getCsr(Csr.FCSR)).toBe(0x44n);
    expect(machine.x(t0)).toBe(0x44n);
  });
});
