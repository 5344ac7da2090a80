// Traps, interrupts and ends of slices in the middle of compiled code: at every instruction there is.

import { beforeEach, describe, expect, it } from "vitest";
import { Layout } from "../../src/generated/layout.js";
import { Csr, Privilege } from "../../src/generated/shared/privileged.js";
import { a0, a1, a2, a3, a4, a5, a6, Code, ra, s0, s1, s2, s3, t0, t1, t2, zero } from "../support/hart-code.js";
import { type HartMachine, PAGE, RAM_BASE } from "../support/hart-machine.js";
import { AddressSpace, PagePool, RW, RX } from "../support/hart-page-tables.js";
import { HartRandom } from "../support/hart-random.js";
import { closeWindow } from "../support/hart-state.js";
import { JitPair } from "../support/jit-pair.js";

const HANDLER = RAM_BASE;
const CODE = RAM_BASE + 16n * PAGE;
const DATA = RAM_BASE + 20n * PAGE;
const TABLES = RAM_BASE + 32n * PAGE;
const DEVICE = 0x1000_0000n;
const MTIMECMP = 0x0200_4000n;
/** Mapped nowhere. */
const NOWHERE = 0x6000_0000n;
const NEVER = -1n;
const t5 = 30;
const t6 = 31;

/** Loops within loops, calls, and every kind of instruction that can leave compiled code; traps where `faulting`. */
function program(base: bigint, data: bigint, faulting: boolean): Code {
  const code = new Code(base)
    .li(s0, data)
    .li(s1, faulting ? NOWHERE : data)
    .li(s2, DEVICE)
    .li(s3, data + PAGE - 2n);
  code.li(a4, 3n).label("outer").li(a3, 4n).label("inner");
  code.load("ld", a0, s0).addi(a0, a0, 1).store("sd", a0, s0).load("lw", a1, s1, 16).add(a2, a2, a1);
  code.op("andi", { rd: t0, rs1: a3, imm: 1 }).to("even", "beq", { rs1: t0 });
  code.op("amoadd.w", { rd: a5, rs1: s0, rs2: a3 }).op("mulhu", { rd: a6, rs1: a0, rs2: a5 }).j("meet");
  code.label("even").op("fcvt.d.l", { rd: 1, rs1: a0 }).op("fadd.d", { rd: 2, rs1: 2, rs2: 1 }).store("fsd", 2, s0, 24);
  code.label("meet").to("leaf", "jal", { rd: ra }).store("sw", a3, s1, 32);
  code.addi(a3, a3, -1).to("inner", "bne", { rs1: a3 });
  // Across pages, from a device, misaligned, with a CSR.
  code.load("lw", t1, s3).store("sw", t1, s3).load("lw", t2, s2).load("lh", t2, s0, 9).csrr(t2, Csr.INSTRET);
  if (faulting) code.op("amoadd.w", { rd: a5, rs1: s3, rs2: a3 }).word(0).load("fld", 3, s1);
  code
    .op("sc.w", { rd: t0, rs1: s0, rs2: a0 })
    .op("lr.w", { rd: t0, rs1: s0 })
    .op("sc.w", { rd: t0, rs1: s0, rs2: a0 });
  code.addi(a4, a4, -1).to("outer", "bne", { rs1: a4 }).label("end").j("outer");
  code.label("leaf").op("xor", { rd: t0, rs1: t0, rs2: a3 }).to("out", "blt", { rs1: t0 }).addi(a2, a2, 1);
  return code.label("out").jr(ra);
}

/** Skips what trapped; disarms the timer. */
function handler(): Code {
  const code = new Code(HANDLER).csrr(t5, Csr.MCAUSE).to("interrupt", "blt", { rs1: t5 });
  code.csrr(t5, Csr.MEPC).addi(t5, t5, 4).csrw(Csr.MEPC, t5).op("mret");
  return code.label("interrupt").li(t5, MTIMECMP).li(t6, NEVER).store("sd", t6, t5).op("mret");
}

/** From the beginning, in M mode on bare memory or in S mode behind a page table. Compiled code stays. */
function start(machine: HartMachine, privilege: Privilege, window: boolean, timerAt: bigint | null): void {
  machine.write(DATA, new Uint8Array(Number(2n * PAGE)).fill(3));
  const setup = new Code(RAM_BASE + PAGE);
  const set = (csr: number, value: bigint) => setup.li(t0, value).csrw(csr, t0);
  set(Csr.MTVEC, HANDLER);
  set(Csr.PMPADDR0, (1n << 54n) - 1n);
  set(Csr.PMPCFG0, 0x1fn);
  set(Csr.MCOUNTEREN, 7n);
  set(Csr.MIE, 1n << 7n);
  if (privilege === Privilege.S) {
    const space = new AddressSpace(machine, new PagePool(TABLES, TABLES + 16n * PAGE));
    space.map(CODE, CODE, RX);
    // The second page is not where the end of the first one leads.
    space.map(DATA, DATA + PAGE, RW);
    space.map(DATA + PAGE, DATA, RW);
    space.map(DEVICE, DEVICE, RW);
    set(Csr.SATP, space.satp);
  }
  set(Csr.MSTATUS, (3n << 13n) | (1n << 7n) | (BigInt(privilege) << 11n));
  set(Csr.MEPC, CODE);
  setup.op("mret");
  machine.put(setup);
  machine.reset(setup.base, Privilege.M);
  if (!window) closeWindow(machine);
  machine.run(setup.length / 4);
  // One tick an instruction, from the first of the program.
  machine.exports.setClock(machine.hart, 0n, 0xffff_ffff);
  machine.setField64(Layout.HART.MTIMECMP, BigInt.asUintN(64, timerAt ?? NEVER));
}

const PLACES: readonly [string, Privilege, boolean][] = [
  ["in M mode", Privilege.M, true],
  ["in M mode by the TLB", Privilege.M, false],
  ["in S mode behind a page table", Privilege.S, true],
];

describe.each(PLACES)("compiled code %s", (_place, privilege, window) => {
  let pair: JitPair;
  const LENGTH = 600;

  const begin = (faulting: boolean, timerAt: bigint | null = null): void =>
    pair.each((machine) => {
      const code = program(CODE, DATA, faulting);
      // Only when it is not there already: to write it would drop what was compiled.
      if (machine.load64(code.base) === 0n) {
        machine.put(code);
        machine.put(handler());
      }
      start(machine, privilege, window, timerAt);
    });
  const heat = (faulting: boolean): void => {
    for (let n = 0; n < 4; n++) {
      begin(faulting);
      expect(pair.run(LENGTH)).toBeNull();
    }
    expect(pair.regions).toBeGreaterThan(3);
  };

  beforeEach(async () => {
    pair = await JitPair.create({ ramBytes: 0x4_0000 });
  });

  it.each([
    ["without traps", false],
    ["with faults, misaligned AMOs and illegal words in it", true],
  ])("ends its slice after any number of instructions, and goes on: %s", (_what, faulting) => {
    heat(faulting);
    for (let cut = 1; cut < LENGTH; cut++) {
      begin(faulting);
      expect([cut, pair.run(cut)]).toEqual([cut, null]);
      expect([cut, pair.run(LENGTH - cut)]).toEqual([cut, null]);
    }
    if (faulting) expect(pair.compiled.field64(Layout.HART.TRAPS)).toBeGreaterThan(10n);
  });

  it.each([
    ["without traps", false],
    ["with faults, misaligned AMOs and illegal words in it", true],
  ])("is interrupted by a timer at any instruction: %s", (_what, faulting) => {
    heat(faulting);
    const places = new Set<bigint>();
    for (let tick = 1; tick < LENGTH - 10; tick++) {
      begin(faulting, BigInt(tick));
      expect([tick, pair.run(LENGTH)]).toEqual([tick, null]);
      begin(faulting, BigInt(tick));
      pair.run(tick + 1);
      places.add(pair.compiled.field64(Layout.HART.MEPC));
    }
    // It was taken in the middle of blocks, not only where they begin.
    expect(places.size).toBeGreaterThan(40);
  });

  it("is interrupted from outside between any two slices", () => {
    heat(true);
    const random = new HartRandom(5);
    for (let n = 0; n < 200; n++) {
      begin(true);
      expect([n, pair.run(1 + random.below(LENGTH))]).toEqual([n, null]);
      pair.each((machine) => {
        machine.setField64(Layout.HART.MIE, 1n << 11n);
        machine.exports.setInterrupt(machine.hart, 11, 1);
      });
      expect([n, pair.run(1 + random.below(9))]).toEqual([n, null]);
      pair.each((machine) => machine.exports.setInterrupt(machine.hart, 11, 0));
      expect([n, pair.run(LENGTH)]).toEqual([n, null]);
    }
  });
});

describe("a device access in a compiled loop", () => {
  it("knows its count, and can stop the slice right behind it", async () => {
    const counts: bigint[][] = [[], []];
    const machines: HartMachine[] = [];
    let next = 0;
    const pair = await JitPair.create({
      ramBytes: 0x4_0000,
      hosts: () => {
        const index = next++;
        const seen = (): void => {
          const machine = machines[index] as HartMachine;
          counts[index]?.push(machine.icount, machine.time);
          if ((counts[index]?.length ?? 0) % 6 === 0) machine.exports.requestStop(machine.hart);
        };
        return {
          mmioLoad: () => {
            seen();
            return 7;
          },
          mmioStore: seen,
        };
      },
    });
    machines.push(pair.interpreted, pair.compiled);
    const code = new Code(CODE).li(s2, DEVICE).label("loop").addi(a0, a0, 1).load("lw", a1, s2).add(a2, a2, a1);
    code.store("sb", a0, s2, 3).to("loop", "bne", { rs1: a0, rs2: zero });
    pair.each((machine) => {
      machine.put(code);
      machine.reset(CODE, Privilege.M);
      machine.setClock(5n, 0x4000_0000);
    });
    for (let n = 0; n < 300; n++) expect([n, pair.run(1 + (n % 37))]).toEqual([n, null]);
    expect(counts[1]).toEqual(counts[0]);
    expect(counts[0]?.length).toBeGreaterThan(500);
    expect(pair.regions).toBeGreaterThan(0);
  });
});
