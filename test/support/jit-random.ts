// Random programs that run hot: two pages of instructions of every kind, among which branches lead anywhere, so that
// loops have any number of entries. A timer interrupt now and then, at a random place, takes them elsewhere; nothing
// else would end a tight loop. All of it from one seed.
//
// Reserved: sp, s0 and s1 point at data, gp into the code, tp at a device; s11 holds an instruction, which some programs
// store over others near by; t5 and t6 belong to the trap handler.

import { Layout } from "../../src/generated/layout.js";
import { Csr, Mstatus, Privilege } from "../../src/generated/shared/privileged.js";
import { decodeByTable, FORMATS } from "../../tools/generate-decoder.mjs";
import { Code, INSTRUCTION_TABLE, instruction, s0, s1, sp, t0, zero } from "./hart-code.js";
import { type HartMachine, PAGE, RAM_BASE } from "./hart-machine.js";
import { AddressSpace, PagePool, RW, RX } from "./hart-page-tables.js";
import { HartRandom } from "./hart-random.js";
import { closeWindow } from "./hart-state.js";

export const RANDOM_RAM_BYTES = 0x2_0000;

const gp = 3;
const tp = 4;
const s11 = 27;
const t5 = 30;
const t6 = 31;
const RESERVED = new Set([sp, gp, tp, s0, s1, s11, t5, t6]);

const HANDLER = RAM_BASE;
const SETUP = RAM_BASE + PAGE;
const CODE = RAM_BASE + 2n * PAGE;
const CODE_BYTES = 0x2000;
const DATA = RAM_BASE + 4n * PAGE;
const DATA_PAGES = 4n;
const TABLES = RAM_BASE + 8n * PAGE;
/** Where paged programs see their code, besides where it is, and their data, shuffled. */
const CODE_ALIAS = 0x4000_0000n;
const DATA_VIEW = 0x4010_0000n;
const DEVICE = 0x1000_0000n;
const MTIMECMP = 0x0200_4000n;

type Row = (typeof INSTRUCTION_TABLE)[number];
type Kind = "compute" | "float" | "memory" | "amo" | "branch" | "system";

function kindOf({ extension, format, mnemonic, base }: Row): Kind | null {
  const operation = base ?? mnemonic;
  if (format === "B" || format === "CB" || /^(?:jal|jalr)$/.test(operation)) return "branch";
  if (/^f?[ls][bhwd]u?$/.test(operation)) return "memory";
  if (extension === "A") return "amo";
  if (extension === "F" || extension === "D") return "float";
  if (["Zicsr", "Zifencei"].includes(extension) || /^(?:ecall|c?\.?ebreak|fence)$/.test(operation)) return "system";
  // Its destination is always sp.
  if (mnemonic === "c.addi16sp") return null;
  if (["S", "Svinval", "M-mode", "Zawrs", "Zicbom", "Zicboz"].includes(extension)) return null;
  return "compute";
}

const ROWS: Readonly<Record<Kind, readonly Row[]>> = (() => {
  const rows: Record<Kind, Row[]> = { compute: [], float: [], memory: [], amo: [], branch: [], system: [] };
  for (const row of INSTRUCTION_TABLE) {
    const kind = kindOf(row);
    if (kind !== null) rows[kind].push(row);
  }
  return rows;
})();

const PLAIN_CSRS = [
  ...[Csr.FFLAGS, Csr.FRM, Csr.FCSR, Csr.MSCRATCH, Csr.MCYCLE, Csr.MINSTRET, Csr.TIME],
  ...[Csr.SSCRATCH, Csr.SEPC, Csr.SCAUSE, Csr.STVAL, Csr.SSTATUS],
];
const DOUBLES = [0n, 1n << 63n, 0x3ff0n << 48n, 0x7ff0n << 48n, 0x7ff8n << 48n, 0x7ff4n << 48n, 1n, 0x000fn << 48n];
const SINGLES = [0n, 0x8000_0000n, 0x3f80_0000n, 0x7f80_0000n, 0x7fc0_0000n, 0x7fa0_0000n, 1n, 0x0080_0000n];

export interface RandomProgramOptions {
  /** In S mode behind page tables, its code at two addresses; or in M mode, with or without a window. */
  readonly memory: "paged" | "window" | "tlb";
}

export class RandomProgram {
  readonly #random: HartRandom;
  readonly #selfModifying: boolean;

  constructor(
    seed: number,
    private readonly options: RandomProgramOptions,
  ) {
    this.#random = new HartRandom(seed);
    this.#selfModifying = this.#random.chance(25);
  }

  /** Puts the program into `machine` and starts it. Doing so twice takes two objects of the same seed. */
  start(machine: HartMachine): void {
    const random = this.#random;
    machine.write(RAM_BASE, new Uint8Array(machine.ramBytes));
    machine.put(this.#handler());
    machine.write(CODE, this.#code());
    const data = new Uint8Array(Number(DATA_PAGES * PAGE));
    random.fill(data);
    machine.write(DATA, data);
    const satp = this.#paged ? this.#map(machine) : 0n;
    machine.put(this.#setup(satp));
    machine.reset(SETUP, Privilege.M);
    if (this.options.memory === "tlb") closeWindow(machine);
    machine.setClock(0n, 0x4000_0000);
    for (let f = 0; f < 32; f++) machine.setField64(Layout.HART.F + 8 * f, this.#float());
  }

  get #paged(): boolean {
    return this.options.memory === "paged";
  }

  #float(): bigint {
    const random = this.#random;
    if (random.chance(25)) return random.bits64();
    if (random.chance(40)) return 0xffff_ffff_0000_0000n | random.pick(SINGLES);
    // Values of ordinary size, or something special.
    return random.chance(60)
      ? (BigInt(1003 + random.below(40)) << 52n) | BigInt(random.bits32())
      : random.pick(DOUBLES);
  }

  #map(machine: HartMachine): bigint {
    const space = new AddressSpace(machine, new PagePool(TABLES, RAM_BASE + BigInt(machine.ramBytes)));
    const A_OR_NOT = this.#random.pick([0n, RX]);
    for (let page = 0n; page < 2n; page++) {
      space.map(CODE + page * PAGE, CODE + page * PAGE, RX | RW);
      space.map(CODE_ALIAS + page * PAGE, CODE + page * PAGE, RX | A_OR_NOT);
    }
    for (let page = 0n; page < DATA_PAGES; page++) {
      const flags = this.#random.pick([RW, RW, RW & ~0xc0n, RX]);
      space.map(DATA_VIEW + page * PAGE, DATA + (DATA_PAGES - 1n - page) * PAGE, flags);
    }
    space.map(DEVICE, DEVICE, RW);
    return space.satp;
  }

  #setup(satp: bigint): Code {
    const random = this.#random;
    const code = new Code(SETUP);
    const set = (csr: number, value: bigint) => code.li(t0, value).csrw(csr, t0);
    set(Csr.MTVEC, HANDLER);
    set(Csr.PMPADDR0, (1n << 54n) - 1n);
    set(Csr.PMPCFG0, 0x1fn);
    set(Csr.MCOUNTEREN, 7n);
    set(Csr.MENVCFG, random.chance(50) ? 1n << 61n : 0n);
    set(Csr.MIE, 1n << 7n);
    set(Csr.FRM, BigInt(random.pick([0, 0, 0, 1, 4, 5])));
    set(Csr.SATP, satp);
    const privilege = BigInt(this.#paged ? Privilege.S : Privilege.M);
    set(Csr.MSTATUS, BigInt(Mstatus.FS) | (1n << 7n) | (privilege << 11n) | (BigInt(random.below(2)) << 18n));
    set(Csr.MEPC, CODE);
    const data = satp === 0n ? DATA : DATA_VIEW;
    for (let x = 1; x < 30; x++)
      if (!RESERVED.has(x)) code.li(x, random.chance(50) ? random.bits64() : BigInt(random.below(64)));
    code
      .li(sp, data + 0x800n)
      .li(gp, CODE + 0x800n)
      .li(tp, DEVICE);
    code.li(s0, data + 0x1800n).li(s1, data + 0x2ffcn);
    code.li(s11, BigInt(instruction("addi", { rd: 10, rs1: 11, imm: random.below(64) })));
    return code.op("mret");
  }

  /** Steps over what trapped; from an interrupt, or from where nothing can be fetched, it goes to some place in the code. */
  #handler(): Code {
    const paged = this.#paged;
    const code = new Code(HANDLER).csrr(t5, Csr.MCAUSE).to("elsewhere", "blt", { rs1: t5 });
    for (const cause of [1, 12]) code.addi(t6, zero, cause).to("elsewhere", "beq", { rs1: t5, rs2: t6 });
    code.csrr(t5, Csr.MEPC).addi(t5, t5, 4).csrw(Csr.MEPC, t5).op("mret").label("elsewhere");
    code
      .csrr(t5, Csr.TIME)
      .addi(t5, t5, 40 + this.#random.below(300))
      .li(t6, MTIMECMP)
      .store("sd", t5, t6);
    code.csrr(t5, Csr.MCYCLE).li(t6, 0x9e37_79b9_7f4a_7c15n).op("mul", { rd: t5, rs1: t5, rs2: t6 });
    if (paged) code.to("here", "blt", { rs1: t5 }).li(t6, CODE_ALIAS).j("go").label("here").li(t6, CODE).label("go");
    else code.li(t6, CODE);
    code.op("srli", { rd: t5, rs1: t5, imm: 64 - 13 }).op("andi", { rd: t5, rs1: t5, imm: -2 });
    return code.add(t6, t6, t5).csrw(Csr.MEPC, t6).op("mret");
  }

  #code(): Uint8Array {
    const bytes = new Uint8Array(CODE_BYTES);
    const view = new DataView(bytes.buffer);
    for (let at = 0; at < CODE_BYTES; ) {
      const row = this.#row();
      if (row.width === 16 || at === CODE_BYTES - 2) {
        const halfword = row.width === 16 ? this.#word(row, at) : 1;
        view.setUint16(at, halfword, true);
        at += 2;
      } else {
        view.setUint32(at, this.#word(row, at), true);
        at += 4;
      }
    }
    return bytes;
  }

  #row(): Row {
    const random = this.#random;
    const roll = random.below(100);
    if (roll < 40) return random.pick(ROWS.compute);
    if (roll < 60) return random.pick(ROWS.float);
    if (roll < 80) return random.pick(ROWS.memory);
    if (roll < 84) return random.pick(ROWS.amo);
    return random.pick(roll < 98 ? ROWS.branch : ROWS.system);
  }

  #word(row: Row, at: number): number {
    const random = this.#random;
    const format = FORMATS[row.format];
    if (format === undefined) throw new Error(`no format ${row.format}`);
    const kind = kindOf(row);
    if (kind === "branch") return this.#branch(row, at);
    if (row.mnemonic === "sw" && this.#selfModifying && random.chance(50)) {
      const near = (at + 4 * (random.below(32) - 16)) & 0xffc;
      return instruction("sw", { rs2: s11, rs1: gp, imm: near - 0x800 });
    }
    if (row.extension === "Zicsr") {
      const imm = random.pick(PLAIN_CSRS);
      return instruction(row.mnemonic, { rd: random.pick([0, 5, 10, 20]), rs1: random.below(30), imm });
    }
    while (true) {
      let word = (row.match | (random.bits32() & ~row.mask)) >>> 0;
      if (row.width === 16) word &= 0xffff;
      const decoded = decodeByTable([row], word, row.width);
      if (decoded === null) continue;
      const based = kind === "memory" || kind === "amo";
      if (based && format.rs1 && format.rs1.bits > 0) {
        const compressed = format.rs1.bits === 3;
        // Mostly where it works; now and then in the code itself, or a device, or anywhere.
        const base = random.pick(
          compressed ? [s0, s0, s0, s1] : [s0, s0, s0, s0, s0, s0, s1, sp, sp, gp, tp, random.below(32)],
        );
        word = (word & ~(((1 << format.rs1.bits) - 1) << format.rs1.lo)) >>> 0;
        word = (word | ((base - format.rs1.base) << format.rs1.lo)) >>> 0;
      }
      const again = decodeByTable([row], word, row.width);
      if (again === null) continue;
      if (format.rd?.kind === "x" && RESERVED.has(again.rd ?? 0)) continue;
      return word;
    }
  }

  /** To somewhere near, mostly: loops are what gets compiled. */
  #branch(row: Row, at: number): number {
    const random = this.#random;
    const operation = row.base ?? row.mnemonic;
    const reach = random.chance(80) ? 160 : 1000;
    const imm = (random.below(2 * reach) - reach) & ~1;
    const link = random.pick([0, 0, 1, 5]);
    if (operation === "jalr") {
      // Through gp, which points into the code; compressed, wherever ra leads.
      if (row.width === 16) return instruction(row.mnemonic, { rs1: 1 });
      return instruction("jalr", { rd: link, rs1: random.pick([gp, gp, 1]), imm: random.below(4096) - 2048 });
    }
    if (row.width === 16) {
      const near = (random.below(240) - 120) & ~1;
      return instruction(row.mnemonic, { rs1: 8 + random.below(8), imm: near });
    }
    if (operation === "jal") return instruction("jal", { rd: link, imm: at + imm < 0 ? -at : imm });
    return instruction(row.mnemonic, { rs1: random.below(30), rs2: random.below(30), imm });
  }
}
