// Groups for loads and stores (every width, misaligned, across a page's end, every offset bit), integer and
// floating-point, compressed or not; and for the A extension.

import { type Emitter, type Group, group, type Row, TABLE } from "./emitter.js";
import { forEachValue } from "./integer-groups.js";
import { INTEGERS, Random } from "./values.js";

/** Fills two pages of scratch memory with a fixed pattern. */
function fillScratch(emit: Emitter): void {
  const again = emit.label();
  emit.asm("la a0, scratch", "li a1, 1024", "li a2, 0x0123456789abcdef", "li a3, 0x9e3779b97f4a7c15");
  emit.asm(`${again}:`, "sd a2, 0(a0)", "mul a2, a2, a3", "xor a2, a2, a1", "addi a0, a0, 8", "addi a1, a1, -1");
  emit.asm(`bnez a1, ${again}`);
}

/** Takes the 32 bytes around a5 into the hash. */
function mixAround(emit: Emitter): void {
  for (const offset of [-8, 0, 8, 16]) {
    emit.asm("andi a4, a5, -8", `ld a4, ${offset}(a4)`);
    emit.mix("a4");
  }
}

/** Where accesses go: every offset in a line and all around a page's end. */
const PLACES = [...Array.from({ length: 9 }, (_, n) => 64 + n), ...Array.from({ length: 12 }, (_, n) => 4096 - 9 + n)];

function isFloat(mnemonic: string): boolean {
  return /^(?:c\.)?f[ls]/.test(mnemonic);
}

/** Offsets for a format: none, each bit, the ends. */
function offsetsOf({ format, mnemonic }: Row): number[] {
  if (["I", "S", "FI", "FS"].includes(format))
    return [0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2047, -1, -2, -1024, -2048];
  const step = /w(?:sp)?$/.test(mnemonic) ? 4 : 8;
  const most = mnemonic.endsWith("sp") ? 64 * step : 32 * step;
  const bits: number[] = [0];
  for (let bit = step; bit < most; bit *= 2) bits.push(bit);
  return [...bits, most - step];
}

function loadGroup(load: Row): Group {
  const { mnemonic, format } = load;
  const base = format.includes("sp") ? 2 : 14;
  const float = isFloat(mnemonic);
  return group(mnemonic, (emit) => {
    fillScratch(emit);
    for (const imm of offsetsOf(load)) {
      for (const place of imm === 0 ? PLACES : [64, 4096]) {
        emit.asm("mv s4, sp", `la x${base}, scratch + ${place} - ${imm}`);
        emit.insn(mnemonic, { rd: 10, rs1: base, imm });
        emit.asm(...(base === 2 ? ["mv sp, s4"] : []), ...(float ? ["fmv.x.d a0, fa0"] : []));
        emit.mix("a0");
      }
    }
    if (!mnemonic.startsWith("c.") && !float) {
      emit.asm("la a4, scratch");
      emit.insn(mnemonic, { rd: 14, rs1: 14, imm: 8 });
      emit.mix("a4");
      emit.asm("la a4, scratch");
      emit.insn(mnemonic, { rd: 0, rs1: 14, imm: 8 });
      emit.mix("zero");
    }
  });
}

function storeGroup(store: Row): Group {
  const { mnemonic, format } = store;
  const base = format.startsWith("CSS") ? 2 : 14;
  const float = isFloat(mnemonic);
  return group(mnemonic, (emit) => {
    fillScratch(emit);
    const random = new Random(store.line);
    for (const imm of offsetsOf(store)) {
      for (const place of imm === 0 ? PLACES : [64, 4096]) {
        emit.asm(`li a0, ${BigInt.asIntN(64, random.bits64())}`, ...(float ? ["fmv.d.x fa0, a0"] : []));
        emit.asm("mv s4, sp", `la a5, scratch + ${place}`, `la x${base}, scratch + ${place} - ${imm}`);
        emit.insn(mnemonic, { rs2: 10, rs1: base, imm });
        emit.asm(...(base === 2 ? ["mv sp, s4"] : []));
        mixAround(emit);
      }
    }
    if (!mnemonic.startsWith("c.") && !float) {
      emit.asm("la a5, scratch + 64", "mv a4, a5");
      emit.insn(mnemonic, { rs2: 0, rs1: 14, imm: 0 });
      mixAround(emit);
    }
  });
}

/** Aligned ones; QEMU 7.2 calls a misaligned AMO a misaligned load, so that case is checked in test/isa/traps.test.ts. */
function amoGroup({ mnemonic }: Row): Group {
  const single = mnemonic.endsWith(".w");
  return group(mnemonic, (emit) => {
    const values = emit.label();
    emit.data(values, INTEGERS);
    const table = { label: values, count: INTEGERS.length };
    const once = (rd: number, rs2: number, bytes: number) => {
      emit.asm("la a5, scratch + 64", "sd a1, 0(a5)", "not a4, a1", "sd a4, 8(a5)", `addi a4, a5, ${bytes}`);
      emit.asm("li a0, 0");
      emit.insn(mnemonic, { rd, rs1: 14, rs2 });
      emit.asm(`mv a3, x${rd}`, "ld a6, 0(a5)", "ld a7, 8(a5)");
      emit.mix("a3", "a6", "a7");
    };
    forEachValue(emit, { ...table, register: "a1", pointer: "s0", counter: "s1" }, () => {
      forEachValue(emit, { ...table, register: "a2", pointer: "s2", counter: "s3" }, () => {
        for (const bytes of single ? [0, 4] : [0, 8]) once(10, 12, bytes);
        once(0, 12, 0);
        once(12, 12, 0); // rd = rs2: the old value wins
        emit.asm("ld a2, 0(s2)");
        once(14, 12, 0); // rd = rs1
      });
      once(10, 0, 0);
    });
  });
}

/** LR and SC. What the specification leaves open (other addresses or widths, own stores in between) is left out. */
function reservationGroups(): Group[] {
  return ["w", "d"].map((width) => {
    const lr = `lr.${width}`;
    const sc = `sc.${width}`;
    return group(`${lr} ${sc}`, (emit) => {
      const values = emit.label();
      emit.data(values, INTEGERS);
      forEachValue(
        emit,
        { label: values, count: INTEGERS.length, register: "a1", pointer: "s0", counter: "s1" },
        () => {
          emit.asm("la a4, scratch + 64", "sd a1, 0(a4)", "not a2, a1");
          emit.insn(lr, { rd: 10, rs1: 14 });
          emit.insn(sc, { rd: 13, rs1: 14, rs2: 12 });
          emit.asm("ld a6, 0(a4)");
          emit.mix("a0", "a3", "a6");
          // The first SC, successful or not, ends the reservation.
          emit.insn(sc, { rd: 13, rs1: 14, rs2: 11 });
          emit.asm("ld a6, 0(a4)");
          emit.mix("a3", "a6");
        },
      );
      // An SC to another address fails, and ends the reservation.
      emit.asm("la a4, scratch + 64", "addi a5, a4, 64", "li a2, 77", "sd zero, 0(a4)", "sd zero, 0(a5)");
      emit.insn(lr, { rd: 10, rs1: 14 });
      emit.insn(sc, { rd: 13, rs1: 15, rs2: 12 });
      emit.mix("a3");
      emit.insn(sc, { rd: 13, rs1: 14, rs2: 12 });
      emit.asm("ld a6, 0(a4)", "ld a7, 0(a5)");
      emit.mix("a3", "a6", "a7");
      // The latest LR counts.
      emit.insn(lr, { rd: 10, rs1: 14 });
      emit.insn(lr, { rd: 10, rs1: 15 });
      emit.insn(sc, { rd: 13, rs1: 15, rs2: 12 });
      emit.asm("ld a7, 0(a5)");
      emit.mix("a3", "a7");
      // Register overlap: rd = rs1, rd = rs2, rd = x0.
      emit.asm("mv a3, a4");
      emit.insn(lr, { rd: 13, rs1: 13 });
      emit.asm("mv a0, a3", "mv a3, a4");
      emit.insn(sc, { rd: 13, rs1: 13, rs2: 12 });
      emit.mix("a0", "a3");
      emit.insn(lr, { rd: 0, rs1: 14 });
      emit.insn(sc, { rd: 0, rs1: 14, rs2: 0 });
      emit.asm("ld a6, 0(a4)");
      emit.mix("zero", "a6");
      emit.insn(lr, { rd: 0, rs1: 14 });
      emit.insn(sc, { rd: 12, rs1: 14, rs2: 12 });
      emit.asm("ld a6, 0(a4)");
      emit.mix("a2", "a6");
      // A misaligned LR is an exception and reserves nothing.
      emit.asm("addi a5, a4, 1", "li a0, 5");
      emit.insn(lr, { rd: 10, rs1: 15 });
      emit.mix("a0");
    });
  });
}

export function memoryGroups(): Group[] {
  const loads = TABLE.filter(({ mnemonic }) => /^(?:c\.)?(?:f?l[bhwd]u?)(?:sp)?$/.test(mnemonic));
  const stores = TABLE.filter(({ mnemonic }) => /^(?:c\.)?(?:f?s[bhwd])(?:sp)?$/.test(mnemonic));
  return [
    ...loads.map(loadGroup),
    ...stores.map(storeGroup),
    ...reservationGroups(),
    ...TABLE.filter(({ mnemonic }) => mnemonic.startsWith("amo")).map(amoGroup),
    group("fence", (emit) => {
      // Every reserved form is a fence too, pause among them.
      for (const imm of [0x0ff, 0x833, 0x010, 0x000, 0xfff, 0x533])
        emit.asm(`.4byte 0x${(((imm << 20) | 0x0f) >>> 0).toString(16)}`);
      emit.asm(".4byte 0x0ff5058f");
      emit.insn("fence", {});
      emit.mix("a1");
    }),
    group("fence.i", (emit) => {
      emit.asm("la a5, 1f", "li a2, 0x00200513", "sw a2, 0(a5)");
      emit.insn("fence.i", {});
      emit.asm("1:", "li a0, 1");
      emit.mix("a0");
    }),
  ];
}
