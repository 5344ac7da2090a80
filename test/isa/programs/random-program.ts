// Random programs: hundreds of instructions of every kind mixed, on all registers, with branches and bounded loops.
// Their result is every register, fcsr and the memory that they worked on.
//
// x3 holds the address of the memory and x4 serves loops and tracing; everything else belongs to the program.
// Addresses are taken out of registers again behind the instruction that needs them, so that a program's result does
// not depend on where it lies.

import { FORMATS } from "../../../tools/generate-decoder.mjs";
import { type Emitter, type Group, group, type Operands, type Row, row, TABLE } from "./emitter.js";
import { DOUBLES, INTEGERS, Random, SINGLES } from "./values.js";

const MEMORY = 3;
const COUNTER = 4;
/** Bytes of memory that programs use; behind them loops keep their counters. */
const MEMORY_BYTES = 8192;
/** Where paged programs see it. */
const PAGED_MEMORY = 0x4000_0000;
const DYN = 7;
/** fflags and sscratch, which take any value; frm is written with modes that exist. */
const PLAIN_CSRS = [0x001, 0x140];

type Kind = "compute" | "load" | "store" | "amo" | "reserved" | "csr" | "branch" | "jump" | "loop" | "none";

/** What a row is to this generator; `none` is what has groups of its own. */
function kindOf({ mnemonic, format, extension, base }: Row): Kind {
  const operation = base ?? mnemonic;
  if (extension === "A") return /^(?:lr|sc)/.test(mnemonic) ? "reserved" : "amo";
  if (["Zicond", "Zicbom", "Zicboz", "Zawrs", "S", "Svinval", "M-mode"].includes(extension)) return "none";
  if (extension === "Zicsr") return "csr";
  if (/^f?l[bhwd]u?$/.test(operation)) return "load";
  if (/^f?s[bhwd]$/.test(operation)) return "store";
  if (format === "B" || format === "CB") return "branch";
  if (["jal", "jalr"].includes(operation)) return "jump";
  // ctzw: see integer-groups.ts. auipc: where the code lies is no part of the result.
  if (["ecall", "ebreak", "fence.i", "auipc", "ctzw"].includes(operation)) return "none";
  return "compute";
}

const rowsOf = (kind: Kind): Row[] => TABLE.filter((row) => kindOf(row) === kind);

const ROWS = {
  compute: rowsOf("compute"),
  load: rowsOf("load"),
  store: rowsOf("store"),
  amo: rowsOf("amo"),
  csr: rowsOf("csr"),
  branch: rowsOf("branch"),
  jump: rowsOf("jump"),
} as const;
const REGISTER_OPERATIONS = ROWS.compute.filter(({ format }) => format === "R");

class Writer {
  /** Instructions under test so far. */
  count = 0;

  constructor(
    private readonly emit: Emitter,
    private readonly random: Random,
  ) {}

  /** A register that the program may write, or read and write. */
  private free(): number {
    const register = this.random.below(32);
    return register === MEMORY || register === COUNTER ? 31 : register;
  }

  private freeCompressed(): number {
    return 8 + this.random.below(8);
  }

  /** Operands for a row, random but for what would take it out of its row or touch x3 and x4. */
  private operands(row: Row): Operands {
    const format = FORMATS[row.format];
    if (format === undefined) throw new Error(`no format ${row.format}`);
    const operands: Operands = {};
    for (const name of ["rd", "rs1", "rs2", "rs3"] as const) {
      const field = format[name];
      if (field === undefined || field.bits === 0) continue;
      if (field.kind === "f") operands[name] = field.bits === 3 ? this.freeCompressed() : this.random.below(32);
      else operands[name] = field.bits === 3 ? this.freeCompressed() : this.free();
    }
    // Two names for one field.
    if (format.rd && format.rs1 && format.rd.lo === format.rs1.lo && format.rd.bits === format.rs1.bits) {
      operands.rs1 = operands.rd ?? 0;
    }
    if (format.rm) operands.rm = this.random.pick([0, 1, 2, 3, 4, DYN, DYN]);
    const { imm } = format;
    if (imm) {
      const bits = Number(this.random.bits64() & 0xffff_ffffn);
      let value = 0;
      for (const { hi, lo, to } of imm.parts) value |= ((bits >>> lo) & (2 ** (hi - lo + 1) - 1)) << to;
      operands.imm = imm.signed === 0 ? value : (value << (32 - imm.signed)) >> (32 - imm.signed);
    }
    for (const constraint of row.constraints) {
      const [name, text] = constraint.split("!=");
      if (name === "rm") continue;
      const key = name as "rd" | "rs1" | "rs2" | "imm";
      while (operands[key] === Number(text)) {
        operands[key] = key === "imm" ? (row.mnemonic === "c.lui" ? 4096 : 16) : this.random.pick([1, 5, 8, 15, 31]);
      }
    }
    if (row.mnemonic === "c.nop") operands.rd = operands.rs1 = 0;
    if (format.rd && format.rs1 && format.rd.lo === format.rs1.lo && format.rd.bits === format.rs1.bits) {
      operands.rs1 = operands.rd ?? 0;
    }
    return operands;
  }

  private insn(row: Row, operands: Operands): void {
    this.count += 1;
    this.emit.insn(row.mnemonic, operands);
    this.emit.asm(".ifdef VERBOSE", "jal x4, trace", ".endif");
  }

  compute(): void {
    const row = this.random.pick(ROWS.compute);
    const operands = this.operands(row);
    // sp-relative arithmetic would put an address into a register.
    if (row.format === "CIW" || row.format === "CIsp") this.emit.asm("li sp, 0x1234567");
    this.insn(row, operands);
  }

  /** Points `register` at somewhere in memory such that register + offset is inside. */
  private point(register: number, offset: number, align: number): void {
    const at = Math.floor(this.random.below(MEMORY_BYTES - 64) / align) * align + 16;
    this.emit.asm(`li x${register}, ${at - offset}`, `add x${register}, x${register}, x${MEMORY}`);
  }

  /** Forgets an address. */
  private forget(register: number, rd: number | undefined): void {
    if (register !== rd && register !== 0) this.emit.asm(`li x${register}, ${this.random.below(4096) - 2048}`);
  }

  memory(kind: "load" | "store"): void {
    const row = this.random.pick(ROWS[kind]);
    const format = FORMATS[row.format];
    const operands = this.operands(row);
    const fixed = format?.rs1?.bits === 0;
    let base = fixed ? 2 : (operands.rs1 ?? 0);
    if (base === 0) base = 9;
    operands.rs1 = base;
    // The base must not be what is stored: that would put an address into memory.
    if (kind === "store" && operands.rs2 === base && format?.rs2?.kind === "x") operands.rs2 = base === 8 ? 9 : 8;
    this.point(base, operands.imm ?? 0, this.random.chance(70) ? 8 : 1);
    this.insn(row, operands);
    this.forget(base, kind === "load" && format?.rd?.kind === "x" ? operands.rd : undefined);
  }

  amo(): void {
    const row = this.random.pick(ROWS.amo);
    const operands = this.operands(row);
    const base = operands.rs1 === 0 ? 9 : (operands.rs1 ?? 9);
    operands.rs1 = base;
    if (operands.rs2 === base) operands.rs2 = base === 8 ? 9 : 8;
    this.point(base, 0, 8);
    this.insn(row, operands);
    this.forget(base, operands.rd);
  }

  /** LR, sometimes something harmless, and SC: to the same place, or to another, where it must fail. */
  reserved(): void {
    const width = this.random.pick(["w", "d"]);
    const [lr, sc] = [row(`lr.${width}`), row(`sc.${width}`)];
    const base = this.random.pick([5, 6, 7]);
    this.point(base, 0, 8);
    this.insn(lr, { rd: this.random.pick([0, 10, 20, 30]), rs1: base });
    for (let n = this.random.below(3); n > 0; n--) {
      const between = this.random.pick(REGISTER_OPERATIONS);
      this.insn(between, { ...this.operands(between), rd: 11 });
    }
    const elsewhere = this.random.chance(30);
    if (elsewhere) this.emit.asm(`xori x${base}, x${base}, 8`);
    this.insn(sc, { rd: this.random.pick([0, 10, 21, 31]), rs1: base, rs2: this.random.pick([0, 12, 22]) });
    this.forget(base, undefined);
  }

  csr(): void {
    const row = this.random.pick(ROWS.csr);
    if (this.random.chance(20)) {
      this.emit.asm(`csrwi frm, ${this.random.below(5)}`);
    }
    const imm = this.random.pick(PLAIN_CSRS);
    this.insn(row, { ...this.operands(row), imm });
  }

  branch(depth: number): void {
    const row = this.random.pick(ROWS.branch);
    const over = this.emit.label();
    this.emit.cover(row.mnemonic);
    const operands =
      row.format === "CB"
        ? `x${this.freeCompressed()}`
        : `x${this.free()}, x${this.random.chance(10) ? 0 : this.free()}`;
    this.emit.asm(".option push", row.format === "CB" ? ".option rvc" : ".option norvc");
    this.emit.asm(`${row.mnemonic} ${operands}, ${over}`, ".option pop");
    this.count += 1;
    // Compressed branches reach 256 bytes.
    this.block(1 + this.random.below(row.format === "CB" ? 3 : 8), depth + 1, row.format === "CB");
    this.emit.asm(`${over}:`);
  }

  jump(): void {
    const over = this.emit.label();
    const row = this.random.pick(ROWS.jump);
    this.emit.cover(row.mnemonic);
    this.count += 1;
    const scratch = this.random.pick([6, 7, 28, 29]);
    const link = row.mnemonic === "c.jalr" ? 1 : this.random.pick([0, 1, 5, scratch]);
    if (row.mnemonic === "jal") this.emit.asm(`jal x${link}, ${over}`);
    else if (row.mnemonic === "c.j") this.emit.asm(".option push", ".option rvc", `c.j ${over}`, ".option pop");
    else {
      this.emit.asm(`la x${scratch}, ${over}`);
      if (row.mnemonic === "jalr") this.emit.asm(`jalr x${link}, 0(x${scratch})`);
      else this.emit.asm(".option push", ".option rvc", `${row.mnemonic} x${scratch}`, ".option pop");
    }
    for (let n = this.random.below(3); n >= 0; n--) this.compute();
    this.emit.asm(`${over}:`);
    // Where the code lies is no part of the result.
    for (const register of new Set([scratch, 1, 5])) this.emit.asm(`li x${register}, ${this.random.below(2048)}`);
  }

  loop(depth: number): void {
    const again = this.emit.label();
    const out = this.emit.label();
    const slot = MEMORY_BYTES + depth * 8;
    this.emit.asm(
      `li x4, ${1 + this.random.below(6)}`,
      `li x1, ${slot}`,
      `add x1, x1, x3`,
      "sd x4, 0(x1)",
      `${again}:`,
    );
    this.block(3 + this.random.below(12), depth + 1, false);
    this.emit.asm(`li x1, ${slot}`, "add x1, x1, x3", "ld x4, 0(x1)", "addi x4, x4, -1", "sd x4, 0(x1)");
    this.emit.asm("li x1, 0", `beqz x4, ${out}`, `j ${again}`, `${out}:`);
  }

  block(length: number, depth: number, short: boolean): void {
    for (let n = 0; n < length; n++) {
      const roll = this.random.below(100);
      if (short || roll < 62) this.compute();
      else if (roll < 72) this.memory("load");
      else if (roll < 81) this.memory("store");
      else if (roll < 85) this.amo();
      else if (roll < 87) this.reserved();
      else if (roll < 89) this.csr();
      else if (roll < 91) this.jump();
      else if (roll < 98 || depth > 2) this.branch(depth);
      else this.loop(depth);
    }
  }
}

/** Where a program runs: in M mode on bare memory, or in S mode behind page tables that shuffle its memory's pages. */
export type Place = "bare" | "paged";

/** Initial register values and memory, then the program, then the hash of everything. */
export function randomProgram(seed: number, length: number, place: Place): Group {
  return group(`random program ${seed}${place === "paged" ? " paged" : ""}`, (emit) => {
    const random = new Random(seed);
    const values = [...INTEGERS, ...DOUBLES, ...SINGLES];
    const [initial, start, resume] = [emit.label(), emit.label(), emit.label()];
    emit.data(
      initial,
      Array.from({ length: 64 }, () => (random.chance(30) ? random.bits64() : random.pick(values))),
    );
    emit.asm("la a0, scratch", `li a1, ${(MEMORY_BYTES + 64) / 8}`, `li a2, ${BigInt.asIntN(64, random.bits64())}`);
    emit.asm("li a3, 0x9e3779b97f4a7c15", "1: sd a2, 0(a0)", "mul a2, a2, a3", "xor a2, a2, a1", "addi a0, a0, 8");
    emit.asm("addi a1, a1, -1", "bnez a1, 1b", `csrwi frm, ${random.below(5)}`);
    if (place === "paged") emit.asm(`la a0, ${resume}`, "call paged_begin", `la t0, ${start}`, "csrw mepc, t0");
    emit.asm(place === "paged" ? `li x3, ${PAGED_MEMORY}` : "la x3, scratch", "la t0, memory_base", "sd x3, 0(t0)");
    emit.asm(`la x3, ${initial}`);
    for (let n = 0; n < 32; n++) emit.asm(`fld f${n}, ${256 + n * 8}(x3)`);
    for (let n = 1; n < 32; n++) if (n !== MEMORY) emit.asm(`ld x${n}, ${n * 8}(x3)`);
    emit.asm(...(place === "paged" ? [`li x3, ${PAGED_MEMORY}`, "mret", `${start}:`] : ["la x3, scratch"]));
    new Writer(emit, random).block(length, 0, false);
    if (place === "paged") emit.asm("ecall", `${resume}:`);
    finish(emit);
    if (place === "paged") emit.asm("call paged_end");
  });
}

function finish(emit: Emitter): void {
  const slot = MEMORY_BYTES + 64;
  emit.asm("la x3, scratch", `li x4, ${slot}`, "add x4, x4, x3");
  for (let n = 1; n < 32; n++) if (n !== MEMORY && n !== COUNTER) emit.asm(`sd x${n}, ${n * 8}(x4)`);
  emit.asm("sd zero, 0(x4)", "sd zero, 24(x4)", "sd zero, 32(x4)");
  for (let n = 0; n < 32; n++) emit.asm(`fsd f${n}, ${256 + n * 8}(x4)`);
  emit.asm("csrr x5, fcsr", "sd x5, 512(x4)", "csrr x5, sscratch", "sd x5, 520(x4)", "la sp, stack_top");
  emit.asm(
    "li s10, 0x9e3779b97f4a7c15",
    "li s11, 0",
    "la a0, scratch",
    `li a1, ${(slot + 528) / 8}`,
    "2: ld a2, 0(a0)",
  );
  emit.mix("a2");
  emit.asm("addi a0, a0, 8", "addi a1, a1, -1", "bnez a1, 2b", "csrw fcsr, zero");
}

/** `count` programs, the same ones every time. */
export function randomPrograms(first: number, count: number, length = 300, place: Place = "bare"): Group[] {
  return Array.from({ length: count }, (_, n) => randomProgram(first + n, length, place));
}
