// What compiled code was made from, or relies on, changes: its instructions, by all the ways there are, and where they are mapped.
// Each test knows the answer, and has the interpreter give it too.

import { beforeEach, describe, expect, it } from "vitest";
import { Cause, Csr, Privilege } from "../../src/generated/shared/privileged.js";
import { a0, a1, a2, a3, a4, Code, instruction, ra, zero } from "../support/hart-code.js";
import type { HartMachine } from "../support/hart-machine.js";
import { PAGE, RAM_BASE } from "../support/hart-machine.js";
import { AddressSpace, PagePool, RW, RX } from "../support/hart-page-tables.js";
import { type Call, callBoth, createCallable, ENOUGH } from "../support/jit-calls.js";
import type { JitPair } from "../support/jit-pair.js";

const CODE = RAM_BASE + 16n * PAGE;
const OTHER = RAM_BASE + 17n * PAGE;
const DATA = RAM_BASE + 20n * PAGE;
const TABLES = RAM_BASE + 32n * PAGE;
const ADDI_16 = instruction("addi", { rd: a0, rs1: a0, imm: 16 });
const DEVICE = 0x1000_0000n;

const WAYS: readonly [string, boolean][] = [
  ["through a window", true],
  ["by the TLB", false],
];

let pair: JitPair;
/** What the device does when it is read. */
let onRead: (machine: HartMachine) => void;

/** In M mode, with a window or without. */
async function create(window: boolean): Promise<void> {
  onRead = () => {};
  const machines: HartMachine[] = [];
  let next = 0;
  pair = await createCallable({
    window,
    hosts: () => {
      const index = next++;
      return {
        mmioLoad: () => {
          onRead(machines[index] as HartMachine);
          return 0;
        },
      };
    },
  });
  machines.push(pair.interpreted, pair.compiled);
}

/** Calls `pc` on both; answers a0, in which, as in everything else, they must agree. */
function call(pc: bigint, { a1: argument = 0n, ...options }: Omit<Call, "argument"> & { a1?: bigint } = {}): bigint {
  const { a0: result, difference } = callBoth(pair, pc, { ...options, argument });
  expect(difference).toBeNull();
  return result;
}

/** Has the function at `pc`, which answers 10, compiled: the store in it too, which goes where it does no harm. */
function heat(pc: bigint, options: Parameters<typeof call>[1] = { a1: DATA }): void {
  for (let n = 0; n < ENOUGH; n++) expect(call(pc, options)).toBe(10n);
  expect(pair.regions).toBeGreaterThan(0);
}

/** Ten rounds of a0 += 1, the instruction at `patched`, written over with a2 at address a1 in round 5 if a1 is not 0. */
function patchingLoop(base: bigint, where: "before the store" | "behind the store" | "in another block"): Code {
  const code = new Code(base).li(a2, BigInt(ADDI_16)).li(a4, 5n).li(a3, 10n).label("loop");
  if (where === "before the store") code.label("patched").addi(a0, a0, 1);
  code.to("skip", "bne", { rs1: a3, rs2: a4 }).to("skip", "beq", { rs1: a1 });
  code.store("sw", a2, a1);
  if (where === "behind the store") code.label("patched").addi(a0, a0, 1).j("next");
  code.label("skip");
  if (where === "behind the store") code.addi(a0, a0, 1).label("next");
  if (where === "in another block") code.j("apart").label("apart").label("patched").addi(a0, a0, 1);
  return code.addi(a3, a3, -1).to("loop", "bne", { rs1: a3 }).op("ebreak");
}

const patched = (code: Code): bigint => code.address("patched");

describe.each(WAYS)("code that is stored into %s", (_way, window) => {
  beforeEach(() => create(window));

  it.each([
    // Rounds 10 to 6 and 5 itself ran before the store; 4 to 1 behind it.
    ["before the store", 6n + 4n * 16n],
    // Only round 5 comes by there.
    ["behind the store", 9n + 16n],
    // Round 5 is the first to see it.
    ["in another block", 5n + 5n * 16n],
  ] as const)("by its own loop, %s, is what runs next", (where, expected) => {
    const code = patchingLoop(CODE, where);
    pair.each((machine) => machine.put(code));
    heat(CODE);
    expect(call(CODE, { a1: patched(code) })).toBe(expected);
    // From now on it is the new instruction, also when compiled anew.
    const after = where === "behind the store" ? 10n : 160n;
    for (let n = 0; n < ENOUGH; n++) expect(call(CODE)).toBe(after);
  });

  it("by code of another page is what runs next", () => {
    const target = new Code(OTHER).label("patched").addi(a0, a0, 1).jr(ra);
    const code = new Code(CODE).li(a2, BigInt(ADDI_16)).li(a4, 5n).li(a3, 10n).li(16, OTHER).label("loop");
    code.op("jalr", { rd: ra, rs1: 16 }).to("skip", "bne", { rs1: a3, rs2: a4 }).to("skip", "beq", { rs1: a1 });
    code.store("sw", a2, a1).label("skip").addi(a3, a3, -1).to("loop", "bne", { rs1: a3 }).op("ebreak");
    pair.each((machine) => {
      machine.put(target);
      machine.put(code);
    });
    heat(CODE);
    expect(call(CODE, { a1: patched(target) })).toBe(6n + 4n * 16n);
    for (let n = 0; n < ENOUGH; n++) expect(call(CODE)).toBe(160n);
  });

  it("through another virtual address is what runs next", () => {
    const VIEW = 0x4000_0000n;
    const ALIAS = 0x5000_0000n;
    const code = patchingLoop(CODE, "in another block");
    pair.each((machine) => {
      machine.put(code);
      const space = new AddressSpace(machine, new PagePool(TABLES, TABLES + 16n * PAGE));
      space.map(VIEW, CODE, RX);
      space.map(ALIAS, CODE, RW);
      space.map(DATA, DATA, RW);
      machine.setCsr(Csr.SATP, space.satp);
    });
    const privilege = Privilege.S;
    heat(VIEW, { privilege, a1: DATA });
    expect(call(VIEW, { privilege, a1: ALIAS + (patched(code) - CODE) })).toBe(5n + 5n * 16n);
    for (let n = 0; n < ENOUGH; n++) expect(call(VIEW, { privilege })).toBe(160n);
  });

  it("by an AMO is what runs next", () => {
    const code = new Code(CODE).li(a2, BigInt(ADDI_16)).li(a3, 10n).label("loop");
    code.to("skip", "beq", { rs1: a1 }).op("amoswap.w", { rd: zero, rs1: a1, rs2: a2 }).label("skip");
    if (code.length % 4 !== 0) code.half(1);
    code.label("patched").addi(a0, a0, 1).addi(a3, a3, -1).to("loop", "bne", { rs1: a3 }).op("ebreak");
    pair.each((machine) => machine.put(code));
    heat(CODE);
    expect(call(CODE, { a1: patched(code) })).toBe(160n);
  });

  it("by a device between slices is what runs next", () => {
    const code = patchingLoop(CODE, "in another block");
    pair.each((machine) => machine.put(code));
    for (let n = 0; n < ENOUGH; n++) expect(call(CODE)).toBe(10n);
    pair.each((machine) => machine.write(patched(code), new Uint8Array(new Uint32Array([ADDI_16]).buffer)));
    expect(call(CODE)).toBe(160n);
  });

  it("by a device while it runs is what runs next", () => {
    const code = new Code(CODE).li(a2, DEVICE).li(a3, 10n).label("loop").load("lw", zero, a2);
    code.j("apart").label("apart").label("patched").addi(a0, a0, 1);
    code.addi(a3, a3, -1).to("loop", "bne", { rs1: a3 }).op("ebreak");
    pair.each((machine) => machine.put(code));
    for (let n = 0; n < ENOUGH; n++) expect(call(CODE)).toBe(10n);
    onRead = (machine) => {
      if (machine.x(a3) === 5n) machine.write(patched(code), new Uint8Array(new Uint32Array([ADDI_16]).buffer));
    };
    expect(call(CODE)).toBe(5n + 5n * 16n);
  });

  it("is coherent without fence.i, and with it", () => {
    const code = new Code(CODE).li(a2, BigInt(ADDI_16)).li(a3, 10n).label("loop");
    code.to("skip", "beq", { rs1: a1 }).store("sw", a2, a1).op("fence.i").label("skip");
    code.label("patched").addi(a0, a0, 1).addi(a3, a3, -1).to("loop", "bne", { rs1: a3 }).op("ebreak");
    pair.each((machine) => machine.put(code));
    heat(CODE);
    expect(call(CODE, { a1: patched(code) })).toBe(160n);
  });

  it("is compiled anew every time: code that never stays the same", () => {
    // Stores addi a0, a0, n over an instruction that it then runs twenty times.
    const code = new Code(CODE)
      .li(a2, BigInt(instruction("addi", { rd: a0, rs1: a0 })))
      .li(a4, 200n)
      .label("again");
    code.op("slli", { rd: a3, rs1: a4, imm: 20 }).add(a3, a3, a2).store("sw", a3, a1).li(a3, 20n);
    code.label("loop").label("patched").addi(a0, a0, 1).addi(a3, a3, -1).to("loop", "bne", { rs1: a3 });
    code.addi(a4, a4, -1).to("again", "bne", { rs1: a4 }).op("ebreak");
    pair.each((machine) => machine.put(code));
    const sum = (200n * 201n) / 2n;
    for (let n = 0; n < 3; n++) expect(call(CODE, { a1: patched(code) })).toBe(20n * sum);
  });
});

describe("code that is mapped", () => {
  beforeEach(() => create(true));

  const privilege = Privilege.S;
  const VA = 0x4000_0000n;
  const ALIAS = 0x7f_1234_5000n - 0x40_0000_0000n;
  /** Ten rounds that add up where they are, by auipc, jal and jalr. */
  const whereAmI = (): Code => {
    const code = new Code(CODE).li(a3, 10n).label("loop").op("auipc", { rd: a2 }).add(a0, a0, a2);
    code.to("call", "jal", { rd: ra }).label("back").addi(a3, a3, -1).to("loop", "bne", { rs1: a3 }).op("ebreak");
    return code.label("call").add(a0, a0, ra).jr(ra);
  };
  const answerAt = (code: Code, va: bigint): bigint =>
    BigInt.asUintN(64, 10n * (va + (code.address("loop") - CODE) + va + (code.address("back") - CODE)));

  it("at two addresses knows where it is at each", () => {
    const code = whereAmI();
    pair.each((machine) => {
      machine.put(code);
      const space = new AddressSpace(machine, new PagePool(TABLES, TABLES + 16n * PAGE));
      space.map(VA, CODE, RX);
      space.map(ALIAS, CODE, RX);
      machine.setCsr(Csr.SATP, space.satp);
    });
    for (let n = 0; n < ENOUGH; n++) expect(call(VA, { privilege })).toBe(answerAt(code, VA));
    const { regions } = pair;
    for (let n = 0; n < ENOUGH; n++) expect(call(ALIAS, { privilege })).toBe(answerAt(code, ALIAS));
    for (let n = 0; n < ENOUGH; n++) expect(call(CODE)).toBe(answerAt(code, CODE));
    // One compilation serves all.
    expect(pair.regions).toBe(regions);
  });

  it("elsewhere behind sfence.vma, runs what is mapped there now", () => {
    const spaces = new Map<HartMachine, AddressSpace>();
    const adding = (base: bigint, imm: number) =>
      new Code(base)
        .li(a3, 10n)
        .label("loop")
        .addi(a0, a0, imm)
        .addi(a3, a3, -1)
        .to("loop", "bne", { rs1: a3 })
        .op("ebreak");
    pair.each((machine) => {
      machine.put(adding(CODE, 1));
      machine.put(adding(OTHER, 3));
      const space = new AddressSpace(machine, new PagePool(TABLES, TABLES + 16n * PAGE));
      spaces.set(machine, space);
      space.map(VA, CODE, RX);
      machine.setCsr(Csr.SATP, space.satp);
    });
    for (let n = 0; n < ENOUGH; n++) expect(call(VA, { privilege })).toBe(10n);
    for (const [gpa, expected] of [
      [OTHER, 30n],
      [CODE, 10n],
      [OTHER, 30n],
    ] as const) {
      pair.each((machine) => {
        spaces.get(machine)?.map(VA, gpa, RX);
        machine.exec((code) => code.op("sfence.vma"));
      });
      for (let n = 0; n < ENOUGH; n++) expect(call(VA, { privilege })).toBe(expected);
    }
    pair.each((machine) => {
      spaces.get(machine)?.unmap(VA);
      machine.exec((code) => code.op("sfence.vma"));
    });
    expect(call(VA, { privilege, cause: Cause.FETCH_PAGE })).toBe(0n);
  });

  it("in two address spaces of different ASIDs, runs and sees what the current one has", () => {
    const satp = new Map<HartMachine, readonly bigint[]>();
    const DATA_VA = 0x4010_0000n;
    const code = new Code(CODE).li(a3, 10n).label("loop").load("ld", a2, a1).add(a0, a0, a2);
    code.store("sd", a3, a1, 8).addi(a3, a3, -1).to("loop", "bne", { rs1: a3 }).op("ebreak");
    pair.each((machine) => {
      machine.put(code);
      const pool = new PagePool(TABLES, TABLES + 16n * PAGE);
      const made = [1, 2].map((asid) => {
        const space = new AddressSpace(machine, pool, 8, asid);
        space.map(VA, CODE, RX);
        space.map(DATA_VA, DATA + BigInt(asid) * PAGE, RW);
        machine.store64(DATA + BigInt(asid) * PAGE, BigInt(asid));
        return space.satp;
      });
      satp.set(machine, made);
    });
    for (let n = 0; n < 8; n++) {
      pair.each((machine) => machine.setCsr(Csr.SATP, satp.get(machine)?.[n % 2] as bigint));
      expect(call(VA, { privilege, a1: DATA_VA })).toBe(10n * BigInt((n % 2) + 1));
    }
    expect(pair.regions).toBeGreaterThan(0);
  });
});
