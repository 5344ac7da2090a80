// Results whose upper half is nobody's are not sign-extended: random straight-line code of few registers, most of whose
// results are soon overwritten, left at any place by faults and by the ends of slices. Whoever looks sees every bit right.

import { describe, expect, it } from "vitest";
import { Layout } from "../../src/generated/layout.js";
import { Csr, Privilege } from "../../src/generated/shared/privileged.js";
import { Code, INSTRUCTION_TABLE, instruction } from "../support/hart-code.js";
import { PAGE, RAM_BASE } from "../support/hart-machine.js";
import { HartRandom } from "../support/hart-random.js";
import { HOT, JitPair } from "../support/jit-pair.js";

const HANDLER = RAM_BASE;
const SETUP = RAM_BASE + PAGE;
const CODE = RAM_BASE + 2n * PAGE;
const DATA = RAM_BASE + 4n * PAGE;
const NOWHERE = 0x6000_0000n;
/** x10 to x14: so few that most results are overwritten within a block. */
const [FIRST, REGISTERS] = [10, 5];
/** Point at data, and nowhere. */
const [VALID, FAULTING] = [8, 9];
const t5 = 30;

const COMPUTATIONS = INSTRUCTION_TABLE.filter(
  ({ extension, base, width, mnemonic }) =>
    width === 32 &&
    base === null &&
    ["I", "M", "Zba", "Zbb", "Zbs", "Zbc", "Zicond"].includes(extension) &&
    !/^(?:[bj].*|[ls][bhwd]u?|fence.*|e.*|pause)$/.test(mnemonic),
);
const WORDS = COMPUTATIONS.filter(({ mnemonic }) => /w$/.test(mnemonic));

function computation(random: HartRandom): number {
  const { mnemonic, format } = random.chance(60) ? random.pick(WORDS) : random.pick(COMPUTATIONS);
  const register = (): number => (random.chance(5) ? 0 : FIRST + random.below(REGISTERS));
  const operands = { rd: register(), rs1: register(), rs2: register() };
  const shamt = random.pick([0, 1, 16, 24, 31]);
  const imm = format === "U" ? random.bits32() & ~0xfff : random.below(4096) - 2048;
  for (const value of [imm, random.chance(50) ? shamt : 32 + shamt, shamt]) {
    try {
      return instruction(mnemonic, { ...operands, imm: value });
    } catch {
      // It has no room for so large a number: a shift, then one of words.
    }
  }
  throw new Error(`no operands for ${mnemonic}`);
}

/** A pair of shifts that extends, as compilers write it where there is no Zbb. */
function extension(code: Code, random: HartRandom): void {
  const [rd, rs1] = [FIRST + random.below(REGISTERS), FIRST + random.below(REGISTERS)];
  const by = random.pick([32, 48, 56, 40]);
  code.op("slli", { rd, rs1, imm: by });
  code.op(random.pick(["srli", "srai"]), { rd, rs1: rd, imm: random.chance(70) ? by : 32 - random.below(8) });
}

/** Two shifts and an `or`, which are a rotation unless something comes between them, or they do not fit together. */
function rotation(code: Code, random: HartRandom): void {
  const register = (): number => FIRST + random.below(REGISTERS);
  const [left, right] = random.pick([
    ["slliw", "srliw"],
    ["slli", "srli"],
  ]) as [string, string];
  const by = 1 + random.below(31);
  const [source, a, b] = [register(), register(), register()];
  code.op(left, { rd: a, rs1: source, imm: by });
  if (random.chance(20)) code.word(computation(random));
  code.op(right, { rd: b, rs1: source, imm: (left === "slli" ? 64 : 32) - by });
  if (random.chance(20)) code.word(computation(random));
  code.op(random.pick(["or", "xor"]), { rd: register(), rs1: a, rs2: b });
}

function program(random: HartRandom): Code {
  const code = new Code(CODE).label("loop");
  for (let n = 0; n < 300; n++) {
    const roll = random.below(100);
    const rs1 = random.chance(30) ? FAULTING : VALID;
    const value = FIRST + random.below(REGISTERS);
    if (roll < 5) code.load(random.pick(["lw", "ld", "lbu", "lh"]), value, rs1, random.below(200));
    else if (roll < 9) code.store(random.pick(["sw", "sd", "sb"]), value, rs1, random.below(200));
    else if (roll < 12) code.op("bgeu", { rs1: value, rs2: FIRST + random.below(REGISTERS), imm: 4 });
    else if (roll < 18) extension(code, random);
    else if (roll < 24) rotation(code, random);
    else code.word(computation(random));
  }
  return code.j("loop");
}

describe("straight-line code of words", () => {
  it("leaves every register as the interpreter does, wherever it is left", async () => {
    const PROGRAMS = 60;
    const pair = await JitPair.create({ ramBytes: 0x2_0000, hot: HOT });
    for (let seed = 1; seed <= PROGRAMS; seed++) {
      const random = new HartRandom(seed);
      const code = program(random);
      const setup = new Code(SETUP).li(t5, HANDLER).csrw(Csr.MTVEC, t5).li(VALID, DATA).li(FAULTING, NOWHERE);
      for (let i = 0; i < REGISTERS; i++) setup.li(FIRST + i, random.bits64());
      setup.li(t5, CODE).jr(t5);
      // What faulted is stepped over.
      const handler = new Code(HANDLER).csrr(t5, Csr.MEPC).addi(t5, t5, 4).csrw(Csr.MEPC, t5).op("mret");
      pair.each((machine) => {
        for (const part of [code, setup, handler]) machine.put(part);
        machine.reset(SETUP, Privilege.M);
      });
      for (let n = 0; n < 40; n++) {
        const difference = pair.run(1 + random.below(n < 5 ? 1200 : 300));
        if (difference !== null) throw new Error(`program ${seed}, slice ${n}: ${difference}`);
      }
      expect(pair.compiled.field64(Layout.HART.TRAPS)).toBeGreaterThan(10n);
    }
    expect(pair.regions).toBeGreaterThan(PROGRAMS);
  });
});
