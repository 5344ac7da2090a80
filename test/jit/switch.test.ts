// Jumps through a register to places of their own page (a switch): by a table in compiled code, to where such jumps were
// seen to go. Wherever else one goes, it leaves the region.

import { beforeEach, describe, expect, it } from "vitest";
import { Csr, Privilege } from "../../src/generated/shared/privileged.js";
import { a0, a1, a2, a3, a4, a5, Code, instruction, ra, s0, t1, t2, t3 } from "../support/hart-code.js";
import { PAGE, RAM_BASE } from "../support/hart-machine.js";
import { AddressSpace, PagePool, RW, RX } from "../support/hart-page-tables.js";
import { HartRandom } from "../support/hart-random.js";
import { type Call, callBoth, createCallable, ENOUGH } from "../support/jit-calls.js";
import type { JitPair } from "../support/jit-pair.js";

const CODE = RAM_BASE + 8n * PAGE;
const OTHER = RAM_BASE + 9n * PAGE;
const TABLE = RAM_BASE + 16n * PAGE;
const TABLES = RAM_BASE + 32n * PAGE;
const ROUNDS = 200;

let pair: JitPair;

beforeEach(async () => {
  pair = await createCallable({ ramBytes: 0x4_0000 });
});

/** Head of an interpreter: a1 counts down, a0 has the digits of the cases that were run, the next is chosen by all of them. */
function dispatch(code: Code, cases: number, offset = 0): Code {
  code.li(s0, TABLE).li(a3, BigInt(cases)).label("next").addi(a1, a1, -1).to("end", "beq", { rs1: a1 });
  code.op("srli", { rd: t1, rs1: a0, imm: 7 }).op("xor", { rd: t1, rs1: t1, rs2: a0 });
  code.op("remu", { rd: t1, rs1: t1, rs2: a3 }).op("slli", { rd: t1, rs1: t1, imm: 3 }).add(t1, t1, s0);
  // Not t0: a jump through that is a return.
  return code.load("ld", t3, t1).jr(t3, offset).label("end").op("ebreak");
}

/** a0 = 31 * a0 + digit. */
function digit(code: Code, n: number): Code {
  return code.op("slli", { rd: t2, rs1: a0, imm: 5 }).op("sub", { rd: a0, rs1: t2, rs2: a0 }).addi(a0, a0, n);
}

function step(value: bigint, n: number): bigint {
  return BigInt.asUintN(64, 31n * value + BigInt(n));
}

/** What ROUNDS rounds give when case i does `act`. */
function simulate(cases: number, act: (value: bigint, i: number) => bigint = (value, i) => step(value, i + 1)): bigint {
  let value = 0n;
  for (let n = 1; n < ROUNDS; n++) value = act(value, Number(((value >> 7n) ^ value) % BigInt(cases)));
  return value;
}

function putTable(targets: readonly bigint[]): void {
  pair.each((machine) => {
    for (const [i, target] of targets.entries()) machine.store64(TABLE + 8n * BigInt(i), target);
  });
}

function call(pc: bigint, options: Call = {}): bigint {
  const { a0: result, difference } = callBoth(pair, pc, { argument: BigInt(ROUNDS), ...options });
  expect(difference).toBeNull();
  return result;
}

/** Has `code` compiled, and run with `targets`: each time it is `expected`. */
function expectAlways(code: Code, targets: readonly bigint[], expected: bigint): void {
  pair.each((machine) => machine.put(code));
  putTable(targets);
  for (let n = 0; n < 2 * ENOUGH; n++) expect(call(code.base)).toBe(expected);
  expect(pair.regions).toBeGreaterThan(0);
}

const labels = (count: number): string[] => Array.from({ length: count }, (_, i) => `case ${i}`);

/** Cases that are `gap` bytes apart, in the given order. */
function withCases(count: number, gap = 0): Code {
  const code = dispatch(new Code(CODE), count);
  for (const [i, name] of labels(count).entries()) {
    const from = code.length;
    digit(code.label(name), i + 1).j("next");
    while (code.length - from < gap) code.half(0x0001);
  }
  return code;
}

describe("a switch in compiled code", () => {
  it.each([
    [2, 0],
    [7, 64],
    // As many as a table has, and more.
    [24, 0],
    [25, 0],
    [47, 0],
    [60, 0],
    // As far apart as a table reaches, and further.
    [2, 2046],
    [2, 2048],
    [2, 2050],
    [3, 1100],
    [8, 500],
  ])("has %i cases, %i bytes apart at least", (count, gap) => {
    const code = withCases(count, gap);
    expectAlways(
      code,
      labels(count).map((name) => code.address(name)),
      simulate(count),
    );
  });

  it("goes to an even address where the register holds an odd one", () => {
    const code = withCases(5);
    expectAlways(
      code,
      labels(5).map((name, i) => code.address(name) + BigInt(i % 2)),
      simulate(5),
    );
  });

  it("adds its own offset", () => {
    const code = dispatch(new Code(CODE), 4, -40);
    for (const [i, name] of labels(4).entries()) digit(code.label(name), i + 1).j("next");
    expectAlways(
      code,
      labels(4).map((name) => code.address(name) + 40n),
      simulate(4),
    );
  });

  it("has cases that are loops, and one that is its own block", () => {
    const code = dispatch(new Code(CODE), 4);
    // Case 0 is the head of a loop; case 1 enters that loop; case 2 jumps itself.
    code.label("case 0").addi(a0, a0, 3).op("andi", { rd: t2, rs1: a0, imm: 7 });
    code
      .label("case 1")
      .addi(a0, a0, 5)
      .op("andi", { rd: t2, rs1: a0, imm: 8 })
      .to("case 0", "beq", { rs1: t2 })
      .j("next");
    code.label("case 2").addi(a0, a0, 1).addi(a1, a1, -1).to("end", "bge", { rs1: 0, rs2: a1 });
    code.op("andi", { rd: t2, rs1: a0, imm: 3 }).op("slli", { rd: t2, rs1: t2, imm: 3 }).add(t2, t2, s0);
    code.load("ld", t3, t2).jr(t3);
    code.label("case 3").addi(a0, a0, 7).j("next");
    const targets = labels(4).map((name) => code.address(name));
    pair.each((machine) => machine.put(code));
    putTable(targets);
    const expected = call(CODE);
    for (let n = 0; n < 3 * ENOUGH; n++) expect(call(CODE)).toBe(expected);
    // All cases are case 2: its block jumps to itself. Then they are the head, which had no such jump before.
    for (const name of ["case 2", "next", "case 1"]) {
      putTable(labels(4).map(() => code.address(name)));
      const again = call(CODE);
      for (let n = 0; n < ENOUGH; n++) expect(call(CODE)).toBe(again);
    }
  });

  it("goes where no jump was seen to go: into the middle of a case, to another page, to a page of the same code", () => {
    const code = withCases(4, 40);
    const targets = labels(4).map((name) => code.address(name));
    expectAlways(code, targets, simulate(4));
    // Behind the first two instructions of case 1 its digit alone is added.
    putTable(targets.map((target, i) => (i === 1 ? target + 8n : target)));
    const short = simulate(4, (value, i) => (i === 1 ? BigInt.asUintN(64, value + 2n) : step(value, i + 1)));
    for (let n = 0; n < 2 * ENOUGH; n++) expect(call(CODE)).toBe(short);
    const away = digit(new Code(OTHER + (targets[2] as bigint) - CODE), 100)
      .li(t3, code.address("next"))
      .jr(t3);
    pair.each((machine) => machine.put(away));
    putTable(targets.map((target, i) => (i === 2 ? away.base : target)));
    const far = simulate(4, (value, i) => step(value, i === 2 ? 100 : i + 1));
    for (let n = 0; n < 2 * ENOUGH; n++) expect(call(CODE)).toBe(far);
  });

  it("knows its page by its address: mapped twice, each jump stays in the mapping that it leads to", () => {
    const [VIEW, ALIAS] = [0x4000_0000n, 0x4000_1000n];
    const code = dispatch(new Code(CODE), 4);
    for (let i = 0; i < 3; i++) digit(code.label(`case ${i}`), i + 1).j("next");
    // Where it is by now is part of the answer.
    code.label("case 3").op("auipc", { rd: t2 }).op("srli", { rd: t2, rs1: t2, imm: 12 }).add(a0, a0, t2).j("next");
    pair.each((machine) => {
      machine.put(code);
      const space = new AddressSpace(machine, new PagePool(TABLES, TABLES + 16n * PAGE));
      space.map(VIEW, CODE, RX);
      space.map(ALIAS, CODE, RX);
      space.map(TABLE, TABLE, RW);
      machine.setCsr(Csr.SATP, space.satp);
    });
    const privilege = Privilege.S;
    const at = (base: bigint, name: string): bigint => base + code.address(name) - CODE;
    for (const bases of [
      [VIEW, VIEW, VIEW],
      [ALIAS, ALIAS, ALIAS],
      [VIEW, ALIAS, VIEW],
      [ALIAS, VIEW, VIEW],
    ] as const) {
      putTable([at(bases[0], "case 0"), at(bases[1], "case 1"), at(bases[2], "case 2"), at(bases[1], "case 3")]);
      for (const base of [VIEW, ALIAS]) {
        const expected = simulate(4, (value, i) => {
          if (i < 3) return step(value, i + 1);
          return BigInt.asUintN(64, value + (bases[1] >> 12n));
        });
        for (let n = 0; n < ENOUGH; n++) expect(call(base, { privilege })).toBe(expected);
      }
    }
  });

  it("runs the case that a case has written", () => {
    // Case 2 writes a4 over the digit of case 1.
    const code = dispatch(new Code(CODE), 4);
    for (const [i, name] of labels(4).entries()) {
      if (i === 2) code.label(name).store("sw", a4, a2).addi(a0, a0, 3).j("next");
      else digit(code.label(name), i + 1).j("next");
    }
    pair.each((machine) => {
      machine.put(code);
      machine.setX(a2, code.address("case 1") + 8n);
      machine.setX(a4, BigInt(instruction("addi", { rd: a0, rs1: a0, imm: 2 })));
    });
    putTable(labels(4).map((name) => code.address(name)));
    for (let n = 0; n < ENOUGH; n++) call(CODE);
    let written = 2;
    for (let n = 0; n < 3 * ENOUGH; n++) {
      const digitNow = 2 + (n % 5);
      const word = BigInt(instruction("addi", { rd: a0, rs1: a0, imm: digitNow }));
      pair.each((machine) => machine.setX(a4, word));
      const expected = simulate(4, (value, i) => {
        if (i === 2) written = digitNow;
        if (i === 2) return BigInt.asUintN(64, value + 3n);
        return step(value, i === 1 ? written : i + 1);
      });
      expect(call(CODE)).toBe(expected);
    }
  });
});

describe("random switches", () => {
  const BLOCKS = 40;
  const RANDOM = a5;

  /** Leaves a number from 0 to `limit` - 1 (a power of two) in `rd`: RANDOM is a generator's state. */
  function draw(code: Code, rd: number, limit: number): Code {
    code.op("slli", { rd: t2, rs1: RANDOM, imm: 13 }).op("xor", { rd: RANDOM, rs1: RANDOM, rs2: t2 });
    code.op("srli", { rd: t2, rs1: RANDOM, imm: 7 }).op("xor", { rd: RANDOM, rs1: RANDOM, rs2: t2 });
    code.op("slli", { rd: t2, rs1: RANDOM, imm: 17 }).op("xor", { rd: RANDOM, rs1: RANDOM, rs2: t2 });
    return code.op("andi", { rd, rs1: RANDOM, imm: limit - 1 });
  }

  /** Blocks that lead anywhere by branches, calls, returns and switches, over a table of 16 in which any block may stand. */
  function program(random: HartRandom): Code {
    const code = new Code(CODE).li(s0, TABLE);
    const anywhere = (): string => `block ${random.below(BLOCKS)}`;
    for (let i = 0; i < BLOCKS; i++) {
      code.label(`block ${i}`).addi(a1, a1, -1).to("end", "bge", { rs1: 0, rs2: a1 });
      code.label(`entry ${i}`);
      for (let n = random.below(4); n > 0; n--) digit(code, random.below(100));
      switch (random.below(7)) {
        case 0:
          draw(code, t1, 2).to(anywhere(), "beq", { rs1: t1 });
          break;
        case 1:
          code.j(anywhere());
          break;
        case 2:
          code.to(anywhere(), "jal", { rd: ra });
          break;
        case 3:
          draw(code, t1, 16).op("slli", { rd: t1, rs1: t1, imm: 3 }).add(t1, t1, s0).load("ld", t3, t1);
          code.op("jalr", { rd: random.pick([0, 0, 0, ra, t1]), rs1: t3 });
          break;
        case 4:
          draw(code, t1, 4).op("slli", { rd: t1, rs1: t1, imm: 3 }).add(t1, t1, s0).load("ld", t3, t1).jr(t3);
          break;
        case 5:
          code.jr(ra);
          break;
        default:
      }
    }
    return code.label("end").op("ebreak");
  }

  it("lead where they lead interpreted, behind any number of instructions", async () => {
    const PROGRAMS = 25;
    for (let seed = 1; seed <= PROGRAMS; seed++) {
      const random = new HartRandom(seed);
      const code = program(random);
      if (code.length > Number(PAGE)) throw new Error(`program ${seed} takes ${code.length} bytes`);
      const kind = (): string => random.pick(["block", "block", "entry"]);
      putTable(Array.from({ length: 16 }, () => code.address(`${kind()} ${random.below(BLOCKS)}`)));
      pair.each((machine) => machine.put(code));
      for (let run = 0; run < 6; run++) {
        const start = random.bits64() | 1n;
        pair.each((machine) => {
          machine.reset(CODE, Privilege.M);
          machine.setX(a1, 400n);
          machine.setX(ra, code.address("block 0"));
          machine.setX(RANDOM, start);
        });
        for (let n = 0; n < 6; n++) {
          const difference = pair.run(1 + random.below(n % 2 === 0 ? 60 : 900));
          if (difference !== null) throw new Error(`program ${seed}, run ${run}: ${difference}`);
        }
      }
    }
    expect(pair.regions).toBeGreaterThan(5 * PROGRAMS);
  });
});
