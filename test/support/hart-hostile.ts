// Guests that mean harm, or nothing at all: RAM full of instructions with random operands, page tables of random entries,
// registers that point everywhere, devices that answer anything, write into RAM and interrupt. All of it from one seed.

import { Layout } from "../../src/generated/layout.js";
import { Cause, Csr, Privilege } from "../../src/generated/shared/privileged.js";
import { RunExit } from "../../src/generated/shared/run-exit.js";
import type { CoreHost } from "../../src/wasm/core.js";
import { Code, INSTRUCTION_TABLE, instruction, t0, t1, zero } from "./hart-code.js";
import { HartMachine, PAGE, RAM_BASE } from "./hart-machine.js";
import { HartRandom } from "./hart-random.js";

const RAM_BYTES = 0x4_0000;
const PAGES = RAM_BYTES / 0x1000;
/** Pages of code, behind the two of trap handlers; behind them tables, then data. */
const CODE_PAGES = 10;
const TABLE_PAGES = 12;

/** Making an image takes longer than running one: this many seeds share it, with registers and CSRs of their own. */
const STARTS_OF_IMAGE = 4;
const TABLES_PPN = Number(RAM_BASE >> 12n) + 2 + CODE_PAGES;
const LAST_PAGE = RAM_BASE + BigInt(PAGES - 1) * PAGE;

const CSRS: readonly number[] = [
  ...[Csr.FFLAGS, Csr.FRM, Csr.FCSR, Csr.CYCLE, Csr.TIME, Csr.INSTRET, Csr.HPMCOUNTER3, Csr.MCYCLE, Csr.MINSTRET],
  ...[Csr.SSTATUS, Csr.SIE, Csr.STVEC, Csr.SCOUNTEREN, Csr.SENVCFG, Csr.SSCRATCH, Csr.SEPC, Csr.SCAUSE, Csr.STVAL],
  ...[Csr.SIP, Csr.STIMECMP, Csr.SATP, Csr.SATP, Csr.MSTATUS, Csr.MSTATUS, Csr.MISA, Csr.MEDELEG, Csr.MIDELEG, Csr.MIE],
  ...[
    Csr.MTVEC,
    Csr.MCOUNTEREN,
    Csr.MENVCFG,
    Csr.MCOUNTINHIBIT,
    Csr.MSCRATCH,
    Csr.MEPC,
    Csr.MCAUSE,
    Csr.MTVAL,
    Csr.MIP,
  ],
  ...[Csr.PMPCFG0, Csr.PMPCFG2, Csr.PMPADDR0, Csr.PMPADDR0 + 1, Csr.PMPADDR0 + 2, Csr.PMPADDR0 + 15, Csr.MHARTID],
];
const CSR_FORMATS = new Set(["CSR", "CSRI"]);
const DEVICES = [0x1000_0000n, 0x1000_1000n, 0x0c00_0000n, 0x0200_0000n, 0x0200_4000n, 0x0200_bff8n, 0x0010_0000n];
const SBI_EXTENSIONS = [
  0x10n,
  0x5449_4d45n,
  0x73_5049n,
  0x5246_4e43n,
  0x48_534dn,
  0x5352_5354n,
  0x4442_434en,
  0x5355_5350n,
];
const FETCH_FAULTS = (1n << 1n) | (1n << 12n);
const ALL_OPEN = (1n << 54n) - 1n;
/** Half a tick an instruction, so that timers fire in the middle of things. */
const CLOCK_RATE = 0x8000_0000;

export type HostileMode = "M" | "S" | "U" | "SBI";

/** One guest on a machine of its own. Two made from the same seed do the same, however their runs are cut. */
export class HostileGuest {
  #random = new HartRandom(0);
  #machine: HartMachine | undefined;
  #imageSeed: number | undefined;
  #image = new Uint8Array();

  private constructor() {}

  static async create(spareBytes = 0): Promise<HostileGuest> {
    const guest = new HostileGuest();
    guest.#machine = await HartMachine.create({ ramBytes: RAM_BYTES, spareBytes, host: guest.#host() });
    return guest;
  }

  get machine(): HartMachine {
    if (this.#machine === undefined) throw new Error("the machine is not there yet");
    return this.#machine;
  }

  /** Sets the guest up: memory, registers, mode. Caches keep what the last guest left in them. */
  start(seed: number, mode: HostileMode): void {
    const random = new HartRandom(seed);
    this.#random = random;
    const { machine } = this;
    machine.write(RAM_BASE, this.#imageOf(seed - (seed % STARTS_OF_IMAGE)));
    const pc = RAM_BASE + BigInt(2 + random.below(CODE_PAGES)) * PAGE + BigInt(random.below(2048) * 2);
    if (mode === "SBI") this.#startKernel(pc);
    else this.#startBare(pc, { M: Privilege.M, S: Privilege.S, U: Privilege.U }[mode]);
    machine.setClock(0n, CLOCK_RATE);
    for (let x = 1; x < 32; x++) machine.setX(x, randomValue(random));
    if (mode === "SBI" && random.chance(50)) machine.setX(17, random.pick(SBI_EXTENSIONS));
    for (let f = 0; f < 32; f++) machine.setField64(Layout.HART.F + 8 * f, random.bits64());
  }

  /**
   * Runs `total` instructions in slices of at most `slice()`. What the host does besides happens at counts that do not depend
   * on the slices. Answers the instructions run: less than `total` only where the guest waits for nothing.
   */
  run(total: number, slice: () => number): number {
    const { machine } = this;
    const CLOCK_EVERY = 4096;
    let done = 0;
    const start = machine.icount;
    while (done < total) {
      const toClock = CLOCK_EVERY - (done % CLOCK_EVERY);
      const wanted = Math.min(slice(), toClock, total - done);
      const exit = machine.run(wanted);
      const now = Number(machine.icount - start);
      if (now < done || now > done + wanted) throw new Error(`run(${wanted}) executed ${now - done} instructions`);
      if (exit === RunExit.Budget && now !== done + wanted)
        throw new Error(`run(${wanted}) stopped after ${now - done}`);
      if (exit < RunExit.Budget || exit > RunExit.HostStop) throw new Error(`run answered ${exit}`);
      const crossed = now > done && now % CLOCK_EVERY === 0;
      done = now;
      if (crossed) machine.setClock(machine.time + 37n, CLOCK_RATE);
      if (exit === RunExit.Idle) {
        const deadline = machine.nextTimer;
        if (deadline === null) return done;
        machine.setClock(deadline, CLOCK_RATE);
      }
    }
    return done;
  }

  /** What the guest can see of the hart, to compare two runs by. */
  visibleState(): Uint8Array {
    const { HART } = Layout;
    const { hart, core } = this.machine;
    const part = (from: number, to: number) => core.bytes.slice(hart + from, hart + to);
    return Buffer.concat([
      part(0, HART.RESET_REASON + 4),
      part(HART.X, HART.X + 32 * 8),
      part(HART.F, HART.F + 32 * 8),
      part(HART.PMPADDR, HART.PMPCFG + 16),
    ]);
  }

  #imageOf(seed: number): Uint8Array {
    if (this.#imageSeed === seed) return this.#image;
    const random = new HartRandom(seed);
    const image = new Uint8Array(RAM_BYTES);
    const view = new DataView(image.buffer);
    this.#writeHandlers(image);
    const codeEnd = (2 + CODE_PAGES) * 0x1000;
    const noise = random.below(4) === 0;
    for (let at = 2 * 0x1000; at < codeEnd; ) at += noise ? emitNoise(random, view, at) : emit(random, view, at);
    for (let table = 0; table < TABLE_PAGES; table++) writeTable(random, view, codeEnd + table * 0x1000);
    writeIdentity(view, codeEnd);
    random.fill(image.subarray(-0x2000));
    this.#imageSeed = seed;
    this.#image = image;
    return image;
  }

  /** M mode sets its CSRs up and goes to `pc` by mret. */
  #startBare(pc: bigint, privilege: Privilege): void {
    const random = this.#random;
    const code = new Code(LAST_PAGE);
    const set = (csr: number, value: bigint) => code.li(t0, value).csrw(csr, t0);
    set(Csr.MTVEC, RAM_BASE);
    set(Csr.STVEC, RAM_BASE + PAGE);
    set(Csr.PMPADDR0 + 15, ALL_OPEN);
    set(Csr.PMPCFG2, 0x1fn << 56n);
    set(Csr.MEDELEG, random.chance(50) ? 0n : random.bits64() & (random.chance(90) ? ~FETCH_FAULTS : -1n));
    set(Csr.MIDELEG, random.bits64());
    set(Csr.MIE, random.bits64());
    set(Csr.MENVCFG, random.chance(80) ? 0xe000_0000_0000_00d0n | random.bits64() : 0n);
    set(Csr.MCOUNTEREN, random.bits64());
    set(Csr.SCOUNTEREN, random.bits64());
    set(Csr.STIMECMP, BigInt(random.below(20_000)));
    if (random.chance(60)) set(Csr.SATP, randomSatp(random));
    set(Csr.MSTATUS, (random.bits64() & 0x7e_61ean) | (BigInt(privilege) << 11n));
    set(Csr.MEPC, pc).op("mret");
    this.#runSetup(code, Privilege.M, false);
  }

  /** As a kernel without firmware below it. */
  #startKernel(pc: bigint): void {
    const random = this.#random;
    const code = new Code(LAST_PAGE);
    const set = (csr: number, value: bigint) => code.li(t0, value).csrw(csr, t0);
    set(Csr.STVEC, RAM_BASE + PAGE);
    set(Csr.SCOUNTEREN, random.bits64());
    set(Csr.SENVCFG, random.bits64());
    set(Csr.STIMECMP, BigInt(random.below(20_000)));
    set(Csr.SIE, random.bits64());
    set(Csr.SSTATUS, random.bits64());
    if (random.chance(60)) set(Csr.SATP, randomSatp(random, 0));
    code.li(t0, pc).jr(t0);
    this.#runSetup(code, Privilege.S, true);
  }

  #runSetup(code: Code, privilege: Privilege, sbi: boolean): void {
    this.machine.put(code);
    this.machine.reset(code.base, privilege, { sbi });
    this.machine.run(code.length / 4);
  }

  /**
   * M mode's at RAM_BASE, S mode's a page on. They skip what trapped; from where nothing can be fetched, or there are zeroes, they go
   * back among the code, and M mode's turns translation off now and then, lest a guest spends its life in faults.
   */
  #writeHandlers(image: Uint8Array): void {
    for (const [page, cause, value, epc, ret] of [
      [0, Csr.MCAUSE, Csr.MTVAL, Csr.MEPC, "mret"],
      [1, Csr.SCAUSE, Csr.STVAL, Csr.SEPC, "sret"],
    ] as const) {
      const code = new Code(RAM_BASE + BigInt(page) * PAGE);
      code.csrr(t0, value).csrr(t1, epc).addi(t1, t1, 4);
      code.to("elsewhere", "beq", { rs1: t0 }).csrr(t0, cause);
      code.addi(t0, t0, -Cause.FETCH_ACCESS).to("elsewhere", "beq", { rs1: t0 });
      code.addi(t0, t0, Cause.FETCH_ACCESS - Cause.FETCH_PAGE).to("elsewhere", "beq", { rs1: t0 });
      code.j("return").label("elsewhere");
      if (page === 0) {
        code.csrr(t1, Csr.MCYCLE).op("andi", { rd: t0, rs1: t1, imm: 3 }).to("translated", "bne", { rs1: t0 });
        code.csrw(Csr.SATP, zero).label("translated");
      }
      // Some even address among 32 KiB of code, from whatever t1 holds.
      code.op("slli", { rd: t0, rs1: t1, imm: 50 }).op("srli", { rd: t0, rs1: t0, imm: 49 });
      code.li(t1, RAM_BASE + 2n * PAGE).add(t1, t1, t0);
      code.label("return").csrw(epc, t1).op(ret);
      image.set(code.bytes(), page * 0x1000);
    }
  }

  #host(): CoreHost {
    const whim = (): void => {
      const { machine } = this;
      const random = this.#random;
      const what = random.below(16);
      if (what === 0) machine.exports.requestStop(machine.hart);
      if (what === 1) machine.exports.setInterrupt(machine.hart, 9, random.below(2));
      if (what === 2) machine.exports.setInterrupt(machine.hart, 11, random.below(2));
      if (what === 3) {
        const bytes = new Uint8Array(1 + random.below(64));
        random.fill(bytes);
        machine.write(RAM_BASE + BigInt(random.below(RAM_BYTES - 64)), bytes);
      }
      if (what === 4) {
        // Straight into what is being executed.
        const gpa = (machine.pc & ~0xfffn) + BigInt(random.below(0xff0));
        if (gpa >= RAM_BASE && gpa < RAM_BASE + BigInt(RAM_BYTES) - 8n) machine.store64(gpa, random.bits64());
      }
    };
    return {
      mmioLoad: () => {
        whim();
        return this.#random.bits32() | 0;
      },
      mmioStore: whim,
      consoleWrite: (address, length) => this.#checkBuffer(address, length),
      consoleRead: (address, length) => {
        this.#checkBuffer(address, length);
        const got = this.#random.below(length + 1);
        this.machine.core.bytes.fill(0x61, address, address + got);
        return got;
      },
    };
  }

  /** The console may see RAM, and the byte that the core passes on itself. */
  #checkBuffer(address: number, length: number): void {
    const { hart, ramBytes } = this.machine;
    const isRam = address >= Layout.RAM.OFFSET && address + length <= Layout.RAM.OFFSET + ramBytes;
    const isHart = length === 1 && address >= hart && address < hart + Layout.HART.STRIDE;
    if (!isRam && !isHart) throw new Error(`the console was given [0x${address.toString(16)}, +${length})`);
  }
}

function emit(random: HartRandom, view: DataView, at: number): number {
  const room = view.byteLength - at;
  if (random.chance(3)) return emitNoise(random, view, at);
  const row = random.pick(INSTRUCTION_TABLE);
  if (row.width === 16 || room < 4) {
    view.setUint16(at, row.width === 16 ? row.match | (random.bits32() & ~row.mask & 0xffff) : 1, true);
    return 2;
  }
  // What ends everything in one mode, or sleeps, should be rare.
  if (["mret", "sret", "wfi", "ecall"].includes(row.mnemonic) && random.chance(70)) return emit(random, view, at);
  let word = (row.match | (random.bits32() & ~row.mask)) >>> 0;
  if (CSR_FORMATS.has(row.format) && random.chance(90)) word = ((word & 0xf_ffff) | (random.pick(CSRS) << 20)) >>> 0;
  // Branches and jumps stay near, mostly, and go back and forth.
  if (row.format === "B")
    word = instruction(row.mnemonic, { rs1: random.below(32), rs2: random.below(32), imm: near(random, 0x200) });
  if (row.format === "J") word = instruction("jal", { rd: random.below(32), imm: near(random, 0x4000) });
  view.setUint32(at, word, true);
  return 4;
}

function emitNoise(random: HartRandom, view: DataView, at: number): number {
  view.setUint16(at, random.bits32() & 0xffff, true);
  return 2;
}

const near = (random: HartRandom, reach: number): number => (random.below(2 * reach) - reach) & ~1;

/** Tables that lead to tables and pages of RAM, and mostly have RAM where it physically is (as Sv39, or one level down). */
function writeTable(random: HartRandom, view: DataView, at: number): void {
  for (let entry = 0; entry < 512; entry += 1 + random.below(4))
    view.setUint32(at + 8 * entry, randomPte(random), true);
  for (let i = random.below(3); i > 0; i--) view.setBigUint64(at + 8 * random.below(512), random.bits64(), true);
  if (random.chance(70)) view.setUint32(at, ((TABLES_PPN + random.below(TABLE_PAGES)) << 10) | 1, true);
  const GIGAPAGE = 2;
  if (random.chance(80))
    view.setUint32(at + 8 * GIGAPAGE, (Number(RAM_BASE >> 12n) << 10) | random.pick([0xcf, 0xdf, 0x0f]), true);
}

/** Makes a root of any mode that has RAM where it physically is: entry 0 leads back to the table, entry 2 is a gigapage. */
function writeIdentity(view: DataView, at: number): void {
  view.setBigUint64(at, BigInt((TABLES_PPN << 10) | 1), true);
  view.setBigUint64(at + 16, ((RAM_BASE >> 12n) << 10n) | 0xcfn, true);
}

function randomPte(random: HartRandom): number {
  if (random.chance(50)) return ((TABLES_PPN + random.below(TABLE_PAGES)) << 10) | 1;
  const flags = random.pick([0x0f, 0x1f, 0xcf, 0xdf, 0xc7, 0xd7, 0x4b, 0x5b, 0x43, 0xef, 0x0b]);
  return ((Number(RAM_BASE >> 12n) + random.below(PAGES + 2)) << 10) | flags;
}

function randomSatp(random: HartRandom, index = random.below(TABLE_PAGES)): bigint {
  const root = BigInt(TABLES_PPN + index);
  return (random.pick([8n, 8n, 9n, 10n]) << 60n) | (BigInt(random.below(4)) << 44n) | root;
}

function randomValue(random: HartRandom): bigint {
  switch (random.below(12)) {
    case 0:
      return random.bits64();
    case 1:
      return BigInt(random.below(256)) - 128n;
    case 2:
      return random.pick(DEVICES) + BigInt(random.below(64));
    case 3:
      return randomSatp(random);
    case 4:
      return 1n << BigInt(random.below(64));
    case 5:
      // Around RAM's ends and the ends of pages.
      return RAM_BASE + BigInt(random.below(PAGES + 1)) * PAGE + BigInt(random.below(16)) - 8n;
    case 6:
      return random.pick(SBI_EXTENSIONS);
    case 7:
      return random.bits64() & ((1n << 39n) - 1n);
    default:
      return RAM_BASE + BigInt(random.below(RAM_BYTES));
  }
}
