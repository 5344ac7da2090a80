// Groups for F and D: every operation on cross products of all classes and of badly boxed singles, in every static
// rounding mode and every dynamic one, with the flags of each single operation.

import { type Emitter, type Group, group, type Row, TABLE } from "./emitter.js";
import { forEachValue } from "./integer-groups.js";
import { DOUBLES, forTriples, INTEGERS, Random, randomTriples, SINGLES } from "./values.js";

const FA0 = 10;
const FA1 = 11;
const FA2 = 12;
const FA3 = 13;
const DYN = 7;
const SOURCES: Readonly<Record<string, number>> = { FR: 2, FRrm: 2, FCMP: 2, FR4: 3 };
const STATIC_MODES = [0, 1, 2, 3, 4];

/** Mixes the result, in fa0 or a0, and the flags, and clears the flags. */
function mixResult(emit: Emitter, integer: boolean): void {
  emit.asm(...(integer ? [] : ["fmv.x.d a0, fa0"]), "csrrw a3, fflags, zero");
  emit.mix("a0", "a3");
}

/** Emits the instruction in every rounding mode that it can have, and hashes each result. */
function inEveryMode(emit: Emitter, { mnemonic, constraints }: Row, operands: object, integer: boolean): void {
  if (!constraints.includes("rm")) {
    emit.insn(mnemonic, operands);
    mixResult(emit, integer);
    return;
  }
  for (const rm of STATIC_MODES) {
    emit.insn(mnemonic, { ...operands, rm });
    mixResult(emit, integer);
  }
  for (const rm of STATIC_MODES) {
    emit.asm(`csrwi frm, ${rm}`);
    emit.insn(mnemonic, { ...operands, rm: DYN });
    mixResult(emit, integer);
  }
  emit.asm("csrwi frm, 0");
}

function isSingleSource({ mnemonic }: Row): boolean {
  return mnemonic.endsWith(".s") || mnemonic === "fmv.x.w";
}

function floatGroup(row: Row): Group {
  const { mnemonic, format } = row;
  const single = isSingleSource(row);
  const integer = ["FCMP", "FX", "FXrm"].includes(format);
  const all = single ? SINGLES : DOUBLES;
  const random = new Random(row.line);
  return group(mnemonic, (emit) => {
    const body = () => inEveryMode(emit, row, { rd: FA0, rs1: FA1, rs2: FA2, rs3: FA3 }, integer);
    const load = (n: number, register: string) => emit.asm(`fmv.d.x fa${n}, ${register}`);
    if (format.startsWith("XF")) {
      const values = emit.label();
      emit.data(values, [...INTEGERS, ...roundingIntegers(random)]);
      const count = INTEGERS.length + roundingIntegers(new Random(row.line)).length;
      forEachValue(emit, { label: values, count, register: "a1", pointer: "s0", counter: "s1" }, body);
      return;
    }
    const sources = SOURCES[format] ?? 1;
    const cross = sources === 3 ? forTriples(all, single) : all;
    const values = emit.label();
    emit.data(values, cross);
    const loop = (n: number, inner: () => void): void => {
      if (n > sources) {
        inner();
        return;
      }
      const names = { register: `a${n}`, pointer: `s${n * 2}`, counter: `s${n * 2 + 1}` };
      forEachValue(emit, { label: values, count: cross.length, ...names }, () => {
        load(n, `a${n}`);
        loop(n + 1, inner);
      });
    };
    loop(1, body);
    const triples = emit.label();
    const count = sources === 3 ? 1000 : 400;
    emit.data(triples, randomTriples(random, count, single));
    const table = { label: triples, count, stride: 24, register: "a1", pointer: "s0", counter: "s1" };
    forEachValue(emit, table, () => {
      load(1, "a1");
      emit.asm("fld fa2, 8(s0)", "fld fa3, 16(s0)");
      body();
    });
    accumulate(emit, row, integer, cross, values);
  });
}

/** Flags accumulate until they are cleared: the same again, reading them after each and clearing never. */
function accumulate(emit: Emitter, row: Row, integer: boolean, cross: readonly bigint[], values: string): void {
  const table = { label: values, count: cross.length, register: "a1", pointer: "s0", counter: "s1" };
  emit.asm("fmv.d.x fa2, zero", "fmv.d.x fa3, zero", "csrw fcsr, zero");
  forEachValue(emit, table, () => {
    emit.asm("fmv.d.x fa1, a1");
    emit.insn(row.mnemonic, { rd: integer ? 0 : FA0, rs1: FA1, rs2: FA1, rs3: FA2 });
    emit.asm("csrr a3, fcsr");
    emit.mix("a3");
  });
  emit.asm("csrw fcsr, zero");
}

/** Integers that need rounding at 24 and 53 bits: exact, tie, just below and above. */
function roundingIntegers(random: Random): bigint[] {
  const values: bigint[] = [];
  for (const bits of [24n, 53n]) {
    for (let top = bits; top < 64n; top += 5n) {
      const odd = (1n << top) | (1n << (top - bits + 1n));
      const half = 1n << (top - bits);
      values.push(odd + half, odd + half - 1n, odd + half + 1n, -(odd + half), (1n << (top + 1n)) - 1n);
    }
  }
  for (let n = 0; n < 40; n++) values.push(random.bits64() >> BigInt(random.below(64)));
  return values.map((value) => BigInt.asUintN(64, value));
}

/** fcsr, frm and fflags are three views of one register. */
function statusGroup(): Group {
  return group("fcsr views", (emit) => {
    for (const value of [0, 1, 0x1f, 0x20, 0x3f, 0xe0, 0xff, 0x100, -1]) {
      emit.asm(`li a1, ${value}`, "csrrw a0, fcsr, a1", "csrr a2, frm", "csrr a3, fflags", "csrr a4, fcsr");
      emit.mix("a0", "a2", "a3", "a4");
      emit.asm("csrrw a0, frm, a1", "csrr a2, fcsr", "csrrw a3, fflags, a1", "csrr a4, fcsr");
      emit.mix("a0", "a2", "a3", "a4");
      emit.asm("csrrc a0, frm, a1", "csrr a2, fcsr", "csrrsi a3, fflags, 10", "csrrci a4, fflags, 3", "csrr a5, fcsr");
      emit.mix("a0", "a2", "a3", "a4", "a5");
    }
    emit.asm("csrw fcsr, zero");
  });
}

/** A dynamic rounding mode that does not exist makes every rounding instruction illegal, and no other. */
function badModeGroup(rows: readonly Row[]): Group {
  return group("invalid frm", (emit) => {
    for (const frm of [5, 6, 7]) {
      emit.asm(`csrwi frm, ${frm}`);
      for (const { mnemonic, format } of rows) {
        emit.asm("fmv.d.x fa0, zero", "li a0, 9", "li a1, 1");
        emit.insn(mnemonic, { rd: 10, rs1: 11, rs2: 12, rs3: 13, rm: DYN });
        emit.asm(...(["FCMP", "FX", "FXrm"].includes(format) ? [] : ["fmv.x.d a0, fa0"]), "csrr a3, fcsr");
        emit.mix("a0", "a3");
      }
    }
    emit.asm("csrw fcsr, zero");
  });
}

export function floatGroups(): Group[] {
  const rows = TABLE.filter(
    ({ extension, base, format }) => ["F", "D"].includes(extension) && base === null && !["FI", "FS"].includes(format),
  );
  return [...rows.map(floatGroup), statusGroup(), badModeGroup(rows)];
}
