// Groups for jumps and branches: taken or not on cross products of values, and every bit of every offset.

import { type Emitter, type Group, group, row, word } from "./emitter.js";
import { forEachValue } from "./integer-groups.js";
import { INTEGERS } from "./values.js";

const BRANCHES = ["beq", "bne", "blt", "bge", "bltu", "bgeu"];
const COMPRESSED_BRANCHES = ["c.beqz", "c.bnez"];

function decisionGroup(mnemonic: string, branch: string): Group {
  return group(`${mnemonic} decision`, (emit) => {
    emit.cover(mnemonic);
    const values = emit.label();
    emit.data(values, INTEGERS);
    const table = { label: values, count: INTEGERS.length };
    forEachValue(emit, { ...table, register: "a1", pointer: "s0", counter: "s1" }, () => {
      forEachValue(emit, { ...table, register: "a2", pointer: "s2", counter: "s3" }, () => {
        const taken = emit.label();
        emit.asm("li a0, 1", ".option push", ".option rvc", `${branch}, ${taken}`, ".option pop", "li a0, 2");
        emit.asm(`${taken}:`);
        emit.mix("a0");
      });
    });
  });
}

/**
 * Runs the instruction in RAM far from the program, once for each offset: code of two instructions is written
 * there, the one under test and, at its target, a return.
 */
function offsetGroup(mnemonic: string, offsets: readonly number[]): Group {
  return group(`${mnemonic} offset`, (emit) => {
    const { width } = row(mnemonic);
    for (const offset of offsets) {
      const bits = Number.parseInt(word(mnemonic, { rd: 1, rs1: 10, rs2: 10, imm: offset }).slice(7), 16);
      const back = emit.label();
      emit.asm("li s0, 0x80800000", `li s1, ${offset}`, "add s1, s1, s0");
      // The target is `jr t0`; what follows the jump is `jr 4(t0)`, which leaves out telling that the jump was made.
      emit.asm("li t0, 0x00428067", `sw t0, ${width / 8}(s0)`, "li t0, 0x00028067", "sw t0, 0(s1)");
      emit.asm(`li t1, 0x${bits.toString(16)}`, width === 16 ? "sh t1, 0(s0)" : "sw t1, 0(s0)", "fence.i");
      emit.asm("li ra, 0", "li a0, 0", `la t0, ${back}`, "jr s0", `${back}:`, "li a0, 1");
      emit.cover(mnemonic);
      emit.mix("ra", "a0");
    }
  });
}

/** Every single bit and its negative, and both ends, within the offset's width; none shorter than `least`. */
function offsetsOf(bits: number, least: number): number[] {
  const powers = Array.from({ length: bits - 2 }, (_, index) => 2 ** (index + 1));
  const all = [...powers, ...powers.map((power) => -power), -(2 ** (bits - 1)), 2 ** (bits - 1) - 2];
  return all.filter((offset) => Math.abs(offset) >= least);
}

function jalrGroups(): Group[] {
  const target = (emit: Emitter, imm: number, odd: number) => {
    const label = emit.label();
    emit.asm(`la a1, ${label} + ${odd}`, `li t0, ${imm}`, "sub a1, a1, t0");
    return label;
  };
  const wide = group("jalr", (emit) => {
    for (const imm of [-2048, -2047, -1, 0, 1, 2, 4, 1024, 2047]) {
      for (const odd of [0, 1]) {
        const label = target(emit, imm, odd);
        emit.asm("la a3, 1f");
        emit.insn("jalr", { rd: 12, rs1: 11, imm });
        emit.asm("1:", "li a0, 1");
        emit.mix("a0");
        emit.asm(`${label}:`, "sub a3, a2, a3");
        emit.mix("a3");
      }
    }
    const same = emit.label();
    emit.asm(`la a1, ${same}`, "la a3, 1f");
    emit.insn("jalr", { rd: 11, rs1: 11, imm: 0 });
    emit.asm("1:", "li a0, 2", `${same}:`, "sub a3, a1, a3");
    emit.mix("a0", "a3");
  });
  const compressed = ["c.jr", "c.jalr"].map((mnemonic) =>
    group(mnemonic, (emit) => {
      for (const register of [11, 1]) {
        const label = emit.label();
        emit.asm("li ra, 0", "la a3, 1f", `la x${register}, ${label}`, "li a0, 1");
        emit.insn(mnemonic, { rs1: register });
        emit.asm("1:", "li a0, 2", `${label}:`, "sub a3, ra, a3");
        emit.mix("a0");
        if (mnemonic === "c.jalr") emit.mix("a3");
      }
    }),
  );
  return [wide, ...compressed];
}

function jumpLinkGroup(): Group {
  return group("jal", (emit) => {
    for (const rd of [0, 1, 5, 31]) {
      const over = emit.label();
      emit.asm("la a3, 1f", "li a0, 1", `jal x${rd}, ${over}`, "1:", "li a0, 2", `${over}:`, `sub a3, x${rd}, a3`);
      emit.cover("jal");
      emit.mix("a0");
      if (rd !== 0) emit.mix("a3");
    }
  });
}

export function controlGroups(): Group[] {
  return [
    jumpLinkGroup(),
    ...jalrGroups(),
    ...BRANCHES.map((mnemonic) => decisionGroup(mnemonic, `${mnemonic} a1, a2`)),
    ...COMPRESSED_BRANCHES.map((mnemonic) => decisionGroup(mnemonic, `${mnemonic} a1`)),
    offsetGroup("jal", offsetsOf(21, 8)),
    offsetGroup("beq", offsetsOf(13, 8)),
    offsetGroup("bge", offsetsOf(13, 8)),
    offsetGroup("bgeu", offsetsOf(13, 8)),
    offsetGroup("c.j", offsetsOf(12, 8)),
    offsetGroup("c.beqz", offsetsOf(9, 8)),
  ];
}
