// The dirty bitmap: after clearDirty(), a page has its bit set exactly when something has written to it since.

import { beforeEach, describe, expect, it } from "vitest";
import { Csr, Privilege } from "../../src/generated/shared/privileged.js";
import { a0, a1, a2, type Code, t0 } from "../support/hart-code.js";
import { HartMachine, PAGE, RAM_BASE } from "../support/hart-machine.js";
import { ADUE } from "../support/hart-model.js";
import { AddressSpace, PagePool, R, RW, V, W } from "../support/hart-page-tables.js";
import { Prober } from "../support/hart-prober.js";
import { HartRandom } from "../support/hart-random.js";

const DATA = RAM_BASE + 0x10_0000n;

let machine: HartMachine;

beforeEach(async () => {
  machine = await HartMachine.create();
  machine.setCsr(Csr.MSTATUS, 3n << 13n);
});

/** Dirty pages from `gpa` on, as offsets in pages. */
function dirtyPages(gpa: bigint, pages: number): number[] {
  return Array.from({ length: pages }, (_, i) => i).filter((i) => machine.isDirty(gpa + BigInt(i) * PAGE));
}

/** Runs it with a1 = address and a0 = a value; the code itself is placed first, and is not what is looked at. */
function execAt(address: bigint, write: (code: Code) => void): void {
  machine.setX(a1, address);
  machine.setX(a0, 0x1234_5678n);
  machine.exec(write);
}

const stores: Record<string, (code: Code) => void> = {
  sb: (code) => code.store("sb", a0, a1),
  sh: (code) => code.store("sh", a0, a1),
  sw: (code) => code.store("sw", a0, a1),
  sd: (code) => code.store("sd", a0, a1),
  fsw: (code) => code.op("fsw", { rs1: a1, rs2: 1 }),
  fsd: (code) => code.op("fsd", { rs1: a1, rs2: 1 }),
  "amoadd.w": (code) => code.op("amoadd.w", { rd: a2, rs1: a1, rs2: a0 }),
  "amomaxu.d": (code) => code.op("amomaxu.d", { rd: a2, rs1: a1, rs2: a0 }),
  "sc.d": (code) => code.op("lr.d", { rd: a2, rs1: a1 }).op("sc.d", { rd: a2, rs1: a1, rs2: a0 }),
  "cbo.zero": (code) => code.op("cbo.zero", { rs1: a1 }),
};

describe("the dirty bitmap", () => {
  it.each(Object.entries(stores))(
    "has the page of each %s, also where the TLB knew the page before",
    (_name, store) => {
      for (let round = 0; round < 3; round++) {
        machine.exports.clearDirty();
        expect(dirtyPages(RAM_BASE, machine.ramBytes / 4096)).toEqual([]);
        execAt(DATA + 3n * PAGE + 64n, store);
        expect(dirtyPages(DATA, 8)).toEqual([3]);
      }
    },
  );

  it("has neither pages that were read nor such where a store faulted", () => {
    machine.exports.clearDirty();
    execAt(DATA, (code) => {
      for (const mnemonic of ["lb", "lhu", "lw", "ld"]) code.load(mnemonic, a2, a1);
      code.op("lr.w", { rd: a2, rs1: a1 });
    });
    expect(dirtyPages(DATA, 2)).toEqual([]);
    machine.catchTraps();
    machine.exports.clearDirty();
    const end = RAM_BASE + BigInt(machine.ramBytes);
    execAt(DATA + 1n, (code) => code.op("amoswap.w", { rd: a2, rs1: a1, rs2: a0 }));
    execAt(end + 16n, (code) => code.store("sd", a0, a1));
    expect(dirtyPages(DATA, 2)).toEqual([]);
  });

  it("has both pages of a store across their boundary", () => {
    machine.exports.clearDirty();
    execAt(DATA + PAGE - 3n, (code) => code.store("sd", a0, a1));
    expect(dirtyPages(DATA - PAGE, 4)).toEqual([1, 2]);
  });

  it("has every page of a write by a device, and none besides", () => {
    machine.exports.clearDirty();
    machine.write(DATA + PAGE - 1n, new Uint8Array(2 * 4096 + 2));
    expect(dirtyPages(DATA - PAGE, 6)).toEqual([1, 2, 3, 4]);
    machine.exports.clearDirty();
    machine.exports.ramWritten(DATA, 0);
    machine.exports.ramWritten(RAM_BASE - 8n, 16);
    machine.exports.ramWritten(RAM_BASE + BigInt(machine.ramBytes) - 8n, 16);
    machine.exports.ramWritten(-1n, 0xffff_ffff);
    expect(dirtyPages(RAM_BASE, machine.ramBytes / 4096)).toEqual([]);
  });

  it("has the table in which a walk sets A or D", () => {
    const prober = new Prober(machine, RAM_BASE + 0x20_0000n);
    machine.setCsr(Csr.MENVCFG, ADUE);
    machine.setCsr(Csr.PMPADDR0, (1n << 54n) - 1n);
    machine.setCsr(Csr.PMPCFG0, 0x1fn);
    const space = new AddressSpace(machine, new PagePool(RAM_BASE + 0x1_0000n, RAM_BASE + 0x2_0000n));
    const VA = 0x4000_0000n;
    space.map(VA, DATA, V | R | W);
    prober.setSatp(space.satp);
    const table = space.entry(VA) & ~0xfffn;
    machine.exports.clearDirty();
    prober.load(VA, Privilege.S);
    expect([machine.isDirty(table), machine.isDirty(DATA)]).toEqual([true, false]);
    machine.exports.clearDirty();
    prober.load(VA, Privilege.S);
    expect(machine.isDirty(table)).toBe(false);
    prober.store(VA, 1n, Privilege.S);
    expect([machine.isDirty(table), machine.isDirty(DATA)]).toEqual([true, true]);
  });

  it("notices stores through every mapping of a page, in every mode, in each round", () => {
    const prober = new Prober(machine, RAM_BASE + 0x20_0000n);
    machine.setCsr(Csr.PMPADDR0, (1n << 54n) - 1n);
    machine.setCsr(Csr.PMPCFG0, 0x1fn);
    const pool = new PagePool(RAM_BASE + 0x1_0000n, RAM_BASE + 0x8_0000n);
    const spaces = [1, 2, 3].map((asid) => new AddressSpace(machine, pool, 8, asid));
    const VA = 0x4000_0000n;
    for (const space of spaces) {
      space.map(VA, DATA, RW);
      space.map(VA + PAGE, DATA, RW | 16n);
      space.map(VA + 0x20_0000n, DATA & ~0x1f_ffffn, RW, 1);
    }
    const large = VA + 0x20_0000n + (DATA & 0x1f_ffffn);
    for (let round = 0; round < 2; round++) {
      for (const space of spaces) {
        prober.setSatp(space.satp);
        for (const [va, privilege] of [
          [VA, Privilege.S],
          [VA + PAGE, Privilege.U],
          [large, Privilege.S],
        ] as const) {
          machine.exports.clearDirty();
          expect(prober.store(va, 1n, privilege)).toEqual({ value: 0n });
          expect(machine.isDirty(DATA)).toBe(true);
        }
      }
    }
  });

  it("agrees with what a random program has changed", () => {
    const random = new HartRandom(7);
    const PAGES = 64;
    for (let round = 0; round < 50; round++) {
      machine.exports.clearDirty();
      const written = new Set<number>();
      machine.exec((code) => {
        for (let i = 0; i < 20; i++) {
          const page = random.below(PAGES);
          code.li(t0, DATA + BigInt(page) * PAGE + BigInt(random.below(4096)));
          if (random.chance(50)) code.load("lbu", a2, t0);
          else {
            code.store("sb", a2, t0);
            written.add(page);
          }
        }
      });
      expect(dirtyPages(DATA, PAGES)).toEqual([...written].sort((a, b) => a - b));
    }
  });
});
