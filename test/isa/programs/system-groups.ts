// Groups for CSR instructions, for words that are no instruction, and for what QEMU 7.2 does not know.

import { decodeByTable } from "../../../tools/generate-decoder.mjs";
import { type Group, group, TABLE, type Target } from "./emitter.js";
import { forEachValue } from "./integer-groups.js";
import { INTEGERS, Random } from "./values.js";

/** The CSR operations on a register that holds any value. */
function csrGroup(mnemonic: string): Group {
  const SSCRATCH = 0x140;
  return group(mnemonic, (emit) => {
    const values = emit.label();
    emit.data(values, INTEGERS);
    const table = { label: values, count: INTEGERS.length };
    forEachValue(emit, { ...table, register: "a1", pointer: "s0", counter: "s1" }, () => {
      if (mnemonic.endsWith("i")) {
        for (const uimm of [0, 1, 2, 10, 21, 31]) {
          emit.asm("csrw sscratch, a1");
          emit.insn(mnemonic, { rd: 10, rs1: uimm, imm: SSCRATCH });
          emit.asm("csrr a2, sscratch");
          emit.insn(mnemonic, { rd: 0, rs1: uimm, imm: SSCRATCH });
          emit.asm("csrr a3, sscratch");
          emit.mix("a0", "a2", "a3");
        }
        return;
      }
      forEachValue(emit, { ...table, register: "a2", pointer: "s2", counter: "s3" }, () => {
        emit.asm("csrw sscratch, a1");
        emit.insn(mnemonic, { rd: 10, rs1: 12, imm: SSCRATCH });
        emit.asm("csrr a3, sscratch");
        emit.insn(mnemonic, { rd: 12, rs1: 12, imm: SSCRATCH });
        emit.asm("csrr a4, sscratch");
        emit.insn(mnemonic, { rd: 0, rs1: 11, imm: SSCRATCH });
        emit.asm("csrr a5, sscratch");
        emit.mix("a0", "a2", "a3", "a4", "a5");
      });
      emit.insn(mnemonic, { rd: 10, rs1: 0, imm: SSCRATCH });
      emit.asm("csrr a3, sscratch");
      emit.mix("a0", "a3");
    });
    // Read-only registers: an attempt to write traps, whether or not it would change them.
    for (const csr of [0xf11, 0xf14, 0xc00]) {
      emit.asm("li a0, 0");
      emit.insn(mnemonic, { rd: 0, rs1: 0, imm: csr });
      emit.insn(mnemonic, { rd: 10, rs1: 11, imm: csr });
      emit.mix("a0");
    }
  });
}

/** Registers that do not exist on a hart without the extensions that define them. */
function absentCsrGroup(): Group {
  return group("absent CSRs", (emit) => {
    for (const csr of [
      0x000, 0x008, 0x045, 0x07f, 0x200, 0x600, 0x5a8, 0x645, 0x7ff, 0x9ff, 0xbff, 0xdff, 0xeff, 0xfff,
    ]) {
      emit.asm("li a0, 1", `.4byte 0x${(((csr << 20) | 0x2573) >>> 0).toString(16)}  // csrr a0, ${csr}`);
      emit.mix("a0");
    }
  });
}

/** Every 16-bit parcel that the table calls illegal: each must trap, with the parcel in mtval. */
function illegalParcels(): Group {
  return group("illegal 16-bit parcels", (emit) => {
    for (let parcel = 0; parcel < 0x1_0000; parcel++) {
      if ((parcel & 3) !== 3 && decodeByTable(TABLE, parcel, 16) === null) emit.asm(`.2byte 0x${parcel.toString(16)}`);
    }
    emit.asm("li a0, 0");
  });
}

/** Words near instructions that the table calls illegal, and random ones. */
export function illegalWords(): number[] {
  const random = new Random(4242);
  const words = new Set<number>();
  for (const { match, mask, width } of TABLE) {
    if (width !== 32) continue;
    for (let n = 0; n < 60; n++) {
      const operands = Number(random.bits64() & 0xffff_ffffn);
      const flip = n % 2 === 0 ? 1 << (2 + random.below(30)) : Number(random.bits64() & random.bits64() & 0xffff_fffcn);
      words.add(((match | (operands & ~mask)) ^ flip) >>> 0);
    }
  }
  for (let n = 0; n < 3000; n++) words.add((Number(random.bits64() & 0xffff_ffffn) | 3) >>> 0);
  return [...words].filter((word) => (word & 3) === 3 && decodeByTable(TABLE, word, 32) === null);
}

function illegalWordGroups(): Group[] {
  const words = illegalWords();
  const groups: Group[] = [];
  for (let at = 0; at < words.length; at += 500) {
    const some = words.slice(at, at + 500);
    groups.push(
      group(`illegal words ${at}`, (emit) => {
        for (const word of some) emit.asm(`.4byte 0x${word.toString(16)}`);
      }),
    );
  }
  return groups;
}

export function systemGroups(): Group[] {
  const traps = ["ecall", "ebreak", "c.ebreak"].map((mnemonic) =>
    group(mnemonic, (emit) => {
      emit.asm("li a0, 1");
      emit.insn(mnemonic, {});
      emit.mix("a0");
    }),
  );
  const csr = ["csrrw", "csrrs", "csrrc", "csrrwi", "csrrsi", "csrrci"].map(csrGroup);
  return [...traps, ...csr, absentCsrGroup(), illegalParcels(), ...illegalWordGroups()];
}

/** Zicond, Zawrs, Zicbom, Zicboz, Zicbop: on QEMU the same effect in other instructions. */
export function groupsBeyondQemu(target: Target): Group[] {
  const native = target === "vkrun";
  const conditional = ["czero.eqz", "czero.nez"].map((mnemonic) =>
    group(mnemonic, (emit) => {
      const values = emit.label();
      emit.data(values, INTEGERS);
      const table = { label: values, count: INTEGERS.length };
      const once = (rd: string, rs1: string, rs2: string, operands: { rd: number; rs1: number; rs2: number }) => {
        if (native) emit.insn(mnemonic, operands);
        else
          emit.asm(`${mnemonic === "czero.eqz" ? "snez" : "seqz"} t0, ${rs2}`, "neg t0, t0", `and ${rd}, ${rs1}, t0`);
        emit.mix(rd);
      };
      forEachValue(emit, { ...table, register: "a1", pointer: "s0", counter: "s1" }, () => {
        forEachValue(emit, { ...table, register: "a2", pointer: "s2", counter: "s3" }, () => {
          once("a0", "a1", "a2", { rd: 10, rs1: 11, rs2: 12 });
          emit.asm("mv a0, a1");
          once("a0", "a0", "a2", { rd: 10, rs1: 10, rs2: 12 });
          emit.asm("mv a0, a2");
          once("a0", "a1", "a0", { rd: 10, rs1: 11, rs2: 10 });
          once("zero", "a1", "a2", { rd: 0, rs1: 11, rs2: 12 });
        });
        once("a0", "a1", "zero", { rd: 10, rs1: 11, rs2: 0 });
        once("a0", "zero", "a1", { rd: 10, rs1: 0, rs2: 11 });
      });
    }),
  );
  const zero = group("cbo.zero", (emit) => {
    for (const at of [0, 1, 32, 63, 64, 4032, 4095, 4096]) {
      emit.asm("la a0, scratch", "li a1, 1024", "li a2, -1", "1: sd a2, 0(a0)", "addi a0, a0, 8", "addi a1, a1, -1");
      emit.asm("bnez a1, 1b", `la a3, scratch + ${at}`);
      // Block size 64, as the device tree says (riscv,cboz-block-size).
      if (native) emit.insn("cbo.zero", { rs1: 13 });
      else emit.asm("andi a4, a3, -64", ...Array.from({ length: 8 }, (_, n) => `sd zero, ${n * 8}(a4)`));
      emit.asm("la a0, scratch", "li a1, 1024", "2: ld a2, 0(a0)");
      emit.mix("a2");
      emit.asm("addi a0, a0, 8", "addi a1, a1, -1", "bnez a1, 2b");
    }
  });
  // One coherent hart without caches: these change nothing that a program can see.
  const without = ["cbo.clean", "cbo.flush", "cbo.inval", "wrs.nto", "wrs.sto"].map((mnemonic) =>
    group(mnemonic, (emit) => {
      emit.asm("la a3, scratch + 64", "li a0, 42", "sd a0, 0(a3)");
      if (mnemonic.startsWith("wrs")) emit.asm("lr.d a1, (a3)", "sd a1, 8(a3)");
      if (native) emit.insn(mnemonic, { rs1: 13 });
      emit.asm("ld a1, 0(a3)");
      emit.mix("a0", "a1", "a3");
    }),
  );
  const prefetch = group("prefetch", (emit) => {
    // ori x0, rs1, offset|type with an address that nothing answers: a hint never traps.
    emit.asm("li a3, -8");
    for (const kind of [0, 1, 3]) emit.asm(`.4byte 0x${((kind << 20) | (13 << 15) | (6 << 12) | 0x13).toString(16)}`);
    emit.mix("a3", "zero");
  });
  return [...conditional, zero, ...without, prefetch];
}
