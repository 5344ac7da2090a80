// Groups for the integer computational instructions: every one on cross products of edge values, with the destination
// apart from, equal to and instead of its sources, and with x0 as destination.

import { FORMATS } from "../../../tools/generate-decoder.mjs";
import { type Emitter, type Group, group, type Row, TABLE, type Target } from "./emitter.js";
import { IMMEDIATES_12, INTEGERS } from "./values.js";

const A0 = 10;
const A1 = 11;
const A2 = 12;

/** Runs `body` with each value of the table at `label` in `register`; `pointer` and `count` belong to the loop. */
export function forEachValue(
  emit: Emitter,
  loop: { label: string; count: number; register: string; pointer: string; counter: string; stride?: number },
  body: () => void,
): void {
  const again = emit.label();
  emit.asm(`la ${loop.pointer}, ${loop.label}`, `li ${loop.counter}, ${loop.count}`, `${again}:`);
  emit.asm(`ld ${loop.register}, 0(${loop.pointer})`);
  body();
  emit.asm(`addi ${loop.pointer}, ${loop.pointer}, ${loop.stride ?? 8}`, `addi ${loop.counter}, ${loop.counter}, -1`);
  const out = emit.label();
  emit.asm(`beqz ${loop.counter}, ${out}`, `j ${again}`, `${out}:`);
}

function overPairs(emit: Emitter, body: () => void): void {
  const values = emit.label();
  emit.data(values, INTEGERS);
  const table = { label: values, count: INTEGERS.length };
  forEachValue(emit, { ...table, register: "a1", pointer: "s0", counter: "s1" }, () => {
    forEachValue(emit, { ...table, register: "a2", pointer: "s2", counter: "s3" }, body);
  });
}

function overValues(emit: Emitter, body: () => void): void {
  const values = emit.label();
  emit.data(values, INTEGERS);
  forEachValue(emit, { label: values, count: INTEGERS.length, register: "a1", pointer: "s0", counter: "s1" }, body);
}

function registerGroup({ mnemonic }: Row): Group {
  return group(mnemonic, (emit) => {
    overPairs(emit, () => {
      emit.insn(mnemonic, { rd: A0, rs1: A1, rs2: A2 });
      emit.mix("a0");
      emit.asm("mv a0, a1");
      emit.insn(mnemonic, { rd: A0, rs1: A0, rs2: A2 });
      emit.mix("a0");
      emit.asm("mv a0, a2");
      emit.insn(mnemonic, { rd: A0, rs1: A1, rs2: A0 });
      emit.mix("a0");
    });
    overValues(emit, () => {
      emit.insn(mnemonic, { rd: A0, rs1: A1, rs2: A1 });
      emit.mix("a0");
      emit.insn(mnemonic, { rd: 0, rs1: A1, rs2: A1 });
      emit.mix("zero");
      emit.insn(mnemonic, { rd: A0, rs1: A1, rs2: 0 });
      emit.mix("a0");
      emit.insn(mnemonic, { rd: A0, rs1: 0, rs2: A1 });
      emit.mix("a0");
    });
  });
}

/** Instructions with one source and an immediate or none. */
function unaryGroup({ mnemonic }: Row, immediates: readonly number[]): Group {
  return group(mnemonic, (emit) => {
    overValues(emit, () => {
      for (const imm of immediates) {
        emit.insn(mnemonic, { rd: A0, rs1: A1, imm });
        emit.mix("a0");
      }
      emit.asm("mv a0, a1");
      emit.insn(mnemonic, { rd: A0, rs1: A0, imm: immediates[immediates.length - 1] ?? 0 });
      emit.mix("a0");
      emit.insn(mnemonic, { rd: 0, rs1: A1, imm: immediates[0] ?? 0 });
      emit.mix("zero");
    });
  });
}

/** QEMU 7.2's ctzw looks for a set bit in all 64 (mended in 8.0); the specification's is ctz with a stop at bit 32. */
function countTrailingGroup({ mnemonic }: Row, target: Target): Group {
  return group(mnemonic, (emit) => {
    const once = (rd: number, rs1: number) => {
      if (target === "vkrun") emit.insn(mnemonic, { rd, rs1 });
      else emit.asm("li t0, 1", "slli t0, t0, 32", `or t0, t0, x${rs1}`, `ctz x${rd}, t0`);
      emit.mix(`x${rd}`);
    };
    overValues(emit, () => {
      once(A0, A1);
      emit.asm("mv a0, a1");
      once(A0, A0);
      once(0, A1);
    });
  });
}

function upperGroup({ mnemonic }: Row): Group {
  return group(mnemonic, (emit) => {
    const here = emit.label();
    for (const imm of [0, 1, 0x7ffff, 0x80000, 0x80001, 0xfffff, 0x55555, 0xaaaaa]) {
      emit.insn(mnemonic, { rd: A0, imm: imm << 12 });
      // Relative to the group, so that a change elsewhere in the program does not show up here.
      if (mnemonic === "auipc") emit.asm("la a1, 1f", "1:", "sub a0, a0, a1");
      emit.mix("a0");
    }
    emit.asm(`${here}:`);
    emit.insn(mnemonic, { rd: 0, imm: 1 << 12 });
    emit.mix("zero");
  });
}

const range = (from: number, to: number, step = 1) =>
  Array.from({ length: Math.floor((to - from) / step) + 1 }, (_, index) => from + index * step);

/** Compressed arithmetic: operands in a0 (destination and first source) and a1. */
function compressedGroup({ mnemonic, format }: Row): Group {
  const immediates: Record<string, readonly number[]> = {
    CI: range(-32, 31),
    CIli: range(-32, 31),
    CBi: range(-32, 31),
    CIsp: range(-512, 496, 16).filter((imm) => imm !== 0),
    CIlui: range(-32, 31).flatMap((imm) => (imm === 0 ? [] : [imm << 12])),
    CIW: range(4, 1020, 4),
    CIsh: range(0, 63),
    CBsh: range(0, 63),
  };
  return group(mnemonic, (emit) => {
    const body = (imm?: number) => {
      emit.asm("mv a0, a1");
      if (format === "CIsp") emit.asm("mv s4, sp", "mv sp, a1");
      if (format === "CIW") emit.asm("mv s4, sp", "mv sp, a1");
      const operands = imm === undefined ? {} : { imm };
      const register = mnemonic === "c.nop" ? 0 : A0;
      emit.insn(mnemonic, { rd: register, rs1: register, rs2: A2, ...operands });
      if (format === "CIsp") emit.asm("mv a0, sp", "mv sp, s4");
      if (format === "CIW") emit.asm("mv sp, s4");
      emit.mix("a0");
    };
    if (format in immediates) {
      overValues(emit, () => {
        for (const imm of immediates[format] ?? []) body(imm);
      });
      // With x0 as destination these are hints: nothing changes.
      if (["c.li", "c.slli"].includes(mnemonic)) emit.insn(mnemonic, { rd: 0, rs1: 0, imm: 5 });
      if (mnemonic === "c.lui") emit.insn(mnemonic, { rd: 0, imm: 5 << 12 });
    } else {
      overPairs(emit, () => body());
      if (["c.mv", "c.add"].includes(mnemonic)) emit.insn(mnemonic, { rd: 0, rs1: 0, rs2: A2 });
    }
    emit.mix("zero");
  });
}

const OWN_GROUPS = new Set(["jalr"]);

export function integerGroups(target: Target): Group[] {
  return TABLE.flatMap((row) => {
    const { mnemonic, extension, format } = row;
    if (mnemonic === "ctzw") return [countTrailingGroup(row, target)];
    if (OWN_GROUPS.has(mnemonic) || ["A", "F", "Zicond", "S", "M-mode", "Zicsr"].includes(extension)) return [];
    if (row.base !== null) {
      return ["CI", "CIli", "CBi", "CIsp", "CIlui", "CIW", "CIsh", "CBsh", "CA", "CR", "CRmv"].includes(format)
        ? [compressedGroup(row)]
        : [];
    }
    const operands = FORMATS[format];
    if (operands === undefined || (row.match & 0x7f) === 0x03) return [];
    switch (format) {
      case "R":
        return [registerGroup(row)];
      case "R1":
        return [unaryGroup(row, [0])];
      case "I":
        return [unaryGroup(row, IMMEDIATES_12)];
      case "I6":
        return [unaryGroup(row, range(0, 63))];
      case "I5":
        return [unaryGroup(row, range(0, 31))];
      case "U":
        return [upperGroup(row)];
      default:
        return [];
    }
  });
}
