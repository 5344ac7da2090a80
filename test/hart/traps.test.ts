// Traps: which interrupt is taken and where it goes, where exceptions go, and what both leave in the CSRs, against the rules of
// the Privileged Architecture (3.1.6 to 3.1.9, 3.3.2, 10.1.1) put as a plain model.

import fc from "fast-check";
import { beforeEach, describe, expect, it } from "vitest";
import { Layout } from "../../src/generated/layout.js";
import { Cause, Csr, Interrupt, Ip, Privilege } from "../../src/generated/shared/privileged.js";
import { a0, a1, Code, instruction, t0, zero } from "../support/hart-code.js";
import { HartMachine, RAM_BASE } from "../support/hart-machine.js";

const { U, S, M } = { U: Privilege.U, S: Privilege.S, M: Privilege.M };
const INTERRUPT = 1n << 63n;
const [SIE, MIE, SPIE, MPIE, SPP] = [1n << 1n, 1n << 3n, 1n << 5n, 1n << 7n, 1n << 8n] as const;
const MPP = 3n << 11n;
const [TVM, TW, TSR] = [1n << 20n, 1n << 21n, 1n << 22n] as const;
const CLINT_MSIP = 0x0200_0000n;
const CLINT_MTIMECMP = 0x0200_4000n;

const SETUP = RAM_BASE;
const TARGET = RAM_BASE + 0x1000n;
const MACHINE_VECTOR = RAM_BASE + 0x2000n;
const SUPERVISOR_VECTOR = RAM_BASE + 0x3000n;
const DATA = RAM_BASE + 0x4000n;

let machine: HartMachine;

beforeEach(async () => {
  machine = await HartMachine.create();
});

interface Start {
  readonly privilege: Privilege;
  readonly medeleg?: bigint;
  readonly mideleg?: bigint;
  readonly mie?: bigint;
  /** Pending bits that software can set in mip: SSIP, STIP, SEIP. */
  readonly mip?: bigint;
  /** SIE and MIE as they are to be in `privilege`; TVM, TW, TSR. */
  readonly mstatus?: bigint;
  readonly vectored?: boolean;
}

/** M mode sets everything up and goes to TARGET by mret, as the last instruction of the slice. */
function start({
  privilege,
  medeleg = 0n,
  mideleg = 0n,
  mie = 0n,
  mip = 0n,
  mstatus = 0n,
  vectored = false,
}: Start): void {
  const code = new Code(SETUP);
  const set = (csr: number, value: bigint) => code.li(t0, value).csrw(csr, t0);
  const mode = vectored ? 1n : 0n;
  set(Csr.PMPADDR0, (1n << 54n) - 1n);
  set(Csr.PMPCFG0, 0x1fn);
  set(Csr.MTVEC, MACHINE_VECTOR | mode);
  set(Csr.STVEC, SUPERVISOR_VECTOR | mode);
  set(Csr.MEDELEG, medeleg);
  set(Csr.MIDELEG, mideleg);
  set(Csr.MIP, mip);
  set(Csr.MIE, mie);
  const enabled = (mstatus & MIE) !== 0n ? MPIE : 0n;
  set(Csr.MSTATUS, (mstatus & ~MIE) | enabled | (BigInt(privilege) << 11n));
  set(Csr.MEPC, TARGET).li(t0, 0n).op("mret");
  machine.put(code);
  machine.setField64(Layout.HART.PC, SETUP);
  machine.run(code.length / 4);
}

const mstatus = (): bigint => machine.field64(Layout.HART.MSTATUS);

describe("interrupts", () => {
  /** The order of 3.1.9. */
  const ORDER = [Interrupt.MEI, Interrupt.MSI, Interrupt.MTI, Interrupt.SEI, Interrupt.SSI, Interrupt.STI];
  const DELEGABLE = BigInt(Ip.S_MASK);

  interface Taken {
    readonly code: number;
    readonly to: Privilege;
  }

  function expected(pending: bigint, mie: bigint, mideleg: bigint, status: bigint, privilege: Privilege): Taken | null {
    const ready = ORDER.filter((code) => (((pending & mie) >> BigInt(code)) & 1n) === 1n);
    const delegated = (code: number) => (mideleg & DELEGABLE & (1n << BigInt(code))) !== 0n;
    const machineOpen = privilege < M || (status & MIE) !== 0n;
    const supervisorOpen = privilege < S || (privilege === S && (status & SIE) !== 0n);
    const first = machineOpen ? ready.find((code) => !delegated(code)) : undefined;
    if (first !== undefined) return { code: first, to: M };
    const second = supervisorOpen ? ready.find(delegated) : undefined;
    return second === undefined ? null : { code: second, to: S };
  }

  const bits = fc
    .integer({ min: 0, max: 63 })
    .map((n) => ORDER.reduce((mask, code, i) => mask | (BigInt((n >> i) & 1) << BigInt(code)), 0n));

  it("are taken in order of priority, in the mode that delegation says, if that mode has them enabled", () => {
    machine.put(new Code(TARGET).label("spin").j("spin"));
    let taken = 0;
    fc.assert(
      fc.property(
        fc.record({
          pending: bits,
          mie: bits,
          mideleg: bits,
          status: fc.constantFrom(0n, SIE, MIE, SIE | MIE),
          privilege: fc.constantFrom(U, S, M),
          vectored: fc.boolean(),
        }),
        ({ pending, mie, mideleg, status, privilege, vectored }) => {
          machine.reset(SETUP, M);
          const has = (code: number): boolean => ((pending >> BigInt(code)) & 1n) === 1n;
          machine.exports.setInterrupt(machine.hart, 11, has(Interrupt.MEI) ? 1 : 0);
          machine.setX(a0, has(Interrupt.MSI) ? 1n : 0n);
          machine.setX(a1, CLINT_MSIP);
          machine.exec((code) => code.store("sw", a0, a1));
          machine.setX(a0, has(Interrupt.MTI) ? 0n : -1n);
          machine.setX(a1, CLINT_MTIMECMP);
          machine.exec((code) => code.store("sd", a0, a1));
          start({ privilege, mideleg, mie, mip: pending & DELEGABLE, mstatus: status, vectored });

          const trap = expected(pending, mie, mideleg, status, privilege);
          const vector = trap?.to === M ? MACHINE_VECTOR : SUPERVISOR_VECTOR;
          expect(machine.pc).toBe(trap === null ? TARGET : vector + (vectored ? 4n * BigInt(trap.code) : 0n));
          expect(machine.privilege).toBe(trap?.to ?? privilege);
          if (trap === null) return;
          taken++;
          const cause = INTERRUPT | BigInt(trap.code);
          if (trap.to === M) {
            expect(machine.machineTrap).toEqual({ cause, value: 0n, pc: TARGET });
            expect(mstatus() & (MPP | MIE | MPIE)).toBe(
              (BigInt(privilege) << 11n) | ((status & MIE) !== 0n ? MPIE : 0n),
            );
          } else {
            const { SCAUSE, STVAL, SEPC } = Layout.HART;
            expect([SCAUSE, STVAL, SEPC].map((field) => machine.field64(field))).toEqual([cause, 0n, TARGET]);
            expect(mstatus() & (SPP | SIE | SPIE)).toBe(
              (privilege === S ? SPP : 0n) | ((status & SIE) !== 0n ? SPIE : 0n),
            );
          }
        },
      ),
      { numRuns: 600 },
    );
    expect(taken).toBeGreaterThan(100);
  });

  it("of the controller and of software share mip.SEIP, and csrrs does not write the wire back", () => {
    const { hart } = machine;
    const seip = () => (machine.getCsr(Csr.MIP) >> 9n) & 1n;
    machine.exports.setInterrupt(hart, 9, 1);
    expect(seip()).toBe(1n);
    machine.exec((code) => code.li(t0, BigInt(Ip.SSIP)).csr("csrrs", zero, Csr.MIP, t0));
    machine.exports.setInterrupt(hart, 9, 0);
    expect(seip()).toBe(0n);
    machine.setCsr(Csr.MIP, BigInt(Ip.SEIP));
    machine.exports.setInterrupt(hart, 9, 1);
    machine.exports.setInterrupt(hart, 9, 0);
    expect(seip()).toBe(1n);
    machine.setCsr(Csr.MIP, 0n);
    expect(seip()).toBe(0n);
  });
});

describe("exceptions", () => {
  interface Kind {
    readonly cause: Cause;
    /** The instructions; the one at `at` bytes traps. a1 holds `address`. */
    readonly code: (code: Code) => void;
    readonly at?: bigint;
    readonly address?: bigint;
    readonly value: bigint;
    readonly pc?: bigint;
  }

  const OUTSIDE = 0x4000_0000n;
  const kinds: Record<string, Kind> = {
    "an illegal instruction": { cause: Cause.ILLEGAL, code: (code) => code.word(0xffff_ffff), value: 0xffff_ffffn },
    "an illegal compressed instruction": { cause: Cause.ILLEGAL, code: (code) => code.half(0).half(0), value: 0n },
    "a CSR of M mode": {
      cause: Cause.ILLEGAL,
      code: (code) => code.csrr(a0, Csr.MSCRATCH),
      value: BigInt(instruction("csrrs", { rd: a0, imm: Csr.MSCRATCH })),
    },
    "a breakpoint": { cause: Cause.BREAKPOINT, code: (code) => code.nop().op("ebreak"), at: 4n, value: TARGET + 4n },
    "a load from nowhere": {
      cause: Cause.LOAD_ACCESS,
      code: (code) => code.load("ld", a0, a1, 8),
      address: OUTSIDE,
      value: OUTSIDE + 8n,
    },
    "a store to nowhere": {
      cause: Cause.STORE_ACCESS,
      code: (code) => code.store("sb", a0, a1),
      address: OUTSIDE,
      value: OUTSIDE,
    },
    "a jump to nowhere": {
      cause: Cause.FETCH_ACCESS,
      code: (code) => code.jr(a1),
      address: OUTSIDE,
      value: OUTSIDE,
      pc: OUTSIDE,
    },
    "a misaligned lr": {
      cause: Cause.LOAD_MISALIGNED,
      code: (code) => code.op("lr.w", { rd: a0, rs1: a1 }),
      address: DATA + 2n,
      value: DATA + 2n,
    },
    "a misaligned amo": {
      cause: Cause.STORE_MISALIGNED,
      code: (code) => code.op("amoadd.d", { rd: a0, rs1: a1, rs2: a0 }),
      address: DATA + 4n,
      value: DATA + 4n,
    },
    "an amo on a device": {
      cause: Cause.STORE_ACCESS,
      code: (code) => code.op("amoor.w", { rd: a0, rs1: a1, rs2: a0 }),
      address: 0x1000_0000n,
      value: 0x1000_0000n,
    },
  };

  const everywhere = [U, S].flatMap((privilege) =>
    [false, true].flatMap((delegated) =>
      Object.entries(kinds).map(([name, kind]) => [name, privilege, delegated ? "S" : "M", kind] as const),
    ),
  );

  it.each(everywhere)("%s in mode %d goes to %s mode", (_name, privilege, to, kind) => {
    const code = new Code(TARGET);
    kind.code(code);
    machine.put(code);
    const status = SIE | (privilege === S ? MIE : 0n);
    // Vectored mode is for interrupts: exceptions go to the base.
    start({ privilege, medeleg: to === "S" ? 1n << BigInt(kind.cause) : 0n, mstatus: status, vectored: true });
    machine.setX(a0, 5n);
    machine.setX(a1, kind.address ?? 0n);
    machine.run(Number(kind.at ?? 0n) / 4 + (kind.pc === undefined ? 1 : 2));
    const pc = kind.pc ?? TARGET + (kind.at ?? 0n);
    if (to === "M") {
      expect(machine.machineTrap).toEqual({ cause: BigInt(kind.cause), value: kind.value, pc });
      expect([machine.pc, machine.privilege]).toEqual([MACHINE_VECTOR, M]);
      expect(mstatus() & (MPP | MIE | MPIE)).toBe((BigInt(privilege) << 11n) | (privilege === S ? MPIE : 0n));
    } else {
      const { SCAUSE, STVAL, SEPC } = Layout.HART;
      expect([SCAUSE, STVAL, SEPC].map((field) => machine.field64(field))).toEqual([
        BigInt(kind.cause),
        kind.value,
        pc,
      ]);
      expect([machine.pc, machine.privilege]).toEqual([SUPERVISOR_VECTOR, S]);
      expect(mstatus() & (SPP | SIE | SPIE)).toBe((privilege === S ? SPP : 0n) | SPIE);
    }
    expect(machine.x(a0)).toBe(5n);
  });

  it.each([
    [U, Cause.ECALL_U],
    [S, Cause.ECALL_S],
    [M, Cause.ECALL_M],
  ])("ecall in mode %d has a cause of its own (%d)", (privilege, cause) => {
    machine.put(new Code(TARGET).op("ecall"));
    start({ privilege });
    machine.run(1);
    expect(machine.machineTrap).toEqual({ cause: BigInt(cause), value: 0n, pc: TARGET });
  });

  it("are never delegated out of M mode", () => {
    machine.put(new Code(TARGET).op("ebreak"));
    start({ privilege: M, medeleg: -1n });
    machine.run(1);
    expect([machine.pc, machine.privilege]).toEqual([MACHINE_VECTOR, M]);
  });
});

describe("privileged instructions", () => {
  const run = (privilege: Privilege, mnemonic: string | ((code: Code) => void), mstatus = 0n): bigint | null => {
    const code = new Code(TARGET);
    if (typeof mnemonic === "string") code.op(mnemonic);
    else mnemonic(code);
    machine.put(code);
    machine.reset(SETUP, M);
    start({ privilege, mstatus });
    machine.setField64(Layout.HART.MCAUSE, 0x55n);
    machine.run(1);
    const { cause } = machine.machineTrap;
    return cause === 0x55n ? null : cause;
  };
  const ILLEGAL = BigInt(Cause.ILLEGAL);
  const readSatp = (code: Code): unknown => code.csrr(a0, Csr.SATP);

  it.each<[string, string | ((code: Code) => void), readonly (readonly [Privilege, bigint, bigint | null])[]]>([
    [
      "mret",
      "mret",
      [
        [U, 0n, ILLEGAL],
        [S, 0n, ILLEGAL],
        [M, 0n, null],
      ],
    ],
    [
      "sret",
      "sret",
      [
        [U, 0n, ILLEGAL],
        [S, 0n, null],
        [S, TSR, ILLEGAL],
        [M, TSR, null],
      ],
    ],
    [
      "sfence.vma",
      "sfence.vma",
      [
        [U, 0n, ILLEGAL],
        [S, 0n, null],
        [S, TVM, ILLEGAL],
        [M, TVM, null],
      ],
    ],
    [
      "sinval.vma",
      "sinval.vma",
      [
        [U, 0n, ILLEGAL],
        [S, 0n, null],
        [S, TVM, ILLEGAL],
        [M, TVM, null],
      ],
    ],
    [
      "sfence.w.inval",
      "sfence.w.inval",
      [
        [U, 0n, ILLEGAL],
        [S, TVM, null],
      ],
    ],
    [
      "sfence.inval.ir",
      "sfence.inval.ir",
      [
        [U, 0n, ILLEGAL],
        [S, TVM, null],
      ],
    ],
    [
      "reading satp",
      readSatp as (code: Code) => void,
      [
        [U, 0n, ILLEGAL],
        [S, 0n, null],
        [S, TVM, ILLEGAL],
        [M, TVM, null],
      ],
    ],
    [
      "wfi",
      "wfi",
      [
        [S, 0n, null],
        [S, TW, ILLEGAL],
        [U, TW, ILLEGAL],
        [M, TW, null],
      ],
    ],
  ])("%s is illegal where the mode or mstatus forbids it", (_name, code, cases) => {
    for (const [privilege, status, expected] of cases) {
      expect(run(privilege, code, status), `mode ${privilege} mstatus ${status.toString(16)}`).toBe(expected);
    }
  });

  it("sret and mret restore the interrupt enables and drop MPRV on the way down", () => {
    const MPRV = 1n << 17n;
    machine.exec((code) =>
      code
        .li(t0, MPRV | MPIE | (1n << 11n))
        .csrw(Csr.MSTATUS, t0)
        .li(t0, TARGET)
        .csrw(Csr.MEPC, t0),
    );
    machine.put(new Code(SETUP).op("mret"));
    machine.setField64(Layout.HART.PC, SETUP);
    machine.run(1);
    expect([machine.privilege, mstatus() & (MPRV | MIE | MPIE | MPP)]).toEqual([S, MIE | MPIE]);
    machine.reset(SETUP, M);
    machine.exec((code) =>
      code
        .li(t0, MPRV | MPIE | MPP)
        .csrw(Csr.MSTATUS, t0)
        .li(t0, TARGET)
        .csrw(Csr.MEPC, t0),
    );
    machine.put(new Code(SETUP).op("mret"));
    machine.setField64(Layout.HART.PC, SETUP);
    machine.run(1);
    expect([machine.privilege, mstatus() & (MPRV | MPP)]).toEqual([M, MPRV]);
  });

  it("mstatus.MPP keeps what it was when mode 2 is written", () => {
    machine.setCsr(Csr.MSTATUS, 1n << 11n);
    machine.setCsr(Csr.MSTATUS, 2n << 11n);
    expect(machine.getCsr(Csr.MSTATUS) & MPP).toBe(1n << 11n);
  });
});
