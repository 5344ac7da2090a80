// A bare hart for tests: the wasm core over a small RAM, with no device but what a test puts in.

import { Layout } from "../../src/generated/layout.js";
import { Privilege } from "../../src/generated/shared/privileged.js";
import { RunExit } from "../../src/generated/shared/run-exit.js";
import { Core, type CoreExports, type CoreHost } from "../../src/wasm/core.js";
import { Code, t0, t1, zero } from "./hart-code.js";

export const RAM_BASE = BigInt(Layout.RAM.BASE);
export const PAGE = BigInt(Layout.PAGE.SIZE);
const MIB = 0x10_0000;

const MSTATUS = 0x300;
const MEPC = 0x341;

/** The exports that only tests need. */
interface HartExports extends CoreExports {
  walk(hart: number, va: bigint, access: number, privilege: number): number;
  walkedGpa(): bigint;
  clearDirty(): void;
}

/** What a call into guest code came back with. */
export interface Trapped {
  readonly cause: bigint;
  readonly value: bigint;
  readonly pc: bigint;
}

export interface HartMachineOptions {
  readonly ramBytes?: number;
  /** Linear memory behind RAM, for tests that look whether it stays as it was. */
  readonly spareBytes?: number;
  readonly host?: Partial<CoreHost>;
}

export class HartMachine {
  readonly exports: HartExports;
  readonly hart: number;
  readonly view: DataView;

  private constructor(
    readonly core: Core,
    readonly ramBytes: number,
  ) {
    this.exports = core.exports as HartExports;
    this.hart = this.exports.hart(0);
    this.view = new DataView(core.memory.buffer);
  }

  static async create(options: HartMachineOptions = {}): Promise<HartMachine> {
    const { ramBytes = 4 * MIB, spareBytes = 0, host = {} } = options;
    const core = await Core.instantiate(await Core.load(), Core.allocate(ramBytes + spareBytes), ramBytes, {
      mmioLoad: () => 0,
      mmioStore: () => {},
      consoleWrite: () => {},
      consoleRead: () => 0,
      ...host,
    });
    return HartMachine.over(core);
  }

  /** A core that somebody else made. */
  static over(core: Core): HartMachine {
    const machine = new HartMachine(core, core.ramBytes);
    machine.reset(RAM_BASE, Privilege.M);
    return machine;
  }

  /** The pages of RAM that `enter` and `exec` keep for themselves: the last two. */
  get monitor(): bigint {
    return RAM_BASE + BigInt(this.ramBytes) - 2n * PAGE;
  }

  reset(pc: bigint, privilege: Privilege, { sbi = false, a0 = 0n, a1 = 0n } = {}): void {
    this.exports.resetHart(this.hart, pc, privilege, a0, a1, sbi ? 1 : 0);
  }

  run(instructions: number): RunExit {
    return this.exports.run(this.hart, instructions);
  }

  // Guest memory

  linear(gpa: bigint): number {
    const offset = gpa - RAM_BASE;
    if (offset < 0n || offset >= BigInt(this.ramBytes)) throw new Error(`0x${gpa.toString(16)} is not RAM`);
    return Layout.RAM.OFFSET + Number(offset);
  }

  /** Writes as a device would: the hart hears of it. */
  write(gpa: bigint, bytes: Uint8Array): void {
    this.core.bytes.set(bytes, this.linear(gpa));
    this.exports.ramWritten(gpa, bytes.length);
  }

  put(code: Code): void {
    this.write(code.base, code.bytes());
  }

  load64(gpa: bigint): bigint {
    return this.view.getBigUint64(this.linear(gpa), true);
  }

  store64(gpa: bigint, value: bigint): void {
    this.view.setBigUint64(this.linear(gpa), value, true);
    this.exports.ramWritten(gpa, 8);
  }

  isDirty(gpa: bigint): boolean {
    const page = Number((gpa - RAM_BASE) / PAGE);
    return (((this.core.bytes[Layout.DIRTY.BITMAP + (page >> 3)] as number) >> (page & 7)) & 1) !== 0;
  }

  // Hart state

  field64(offset: number): bigint {
    return this.view.getBigUint64(this.hart + offset, true);
  }

  setField64(offset: number, value: bigint): void {
    this.view.setBigUint64(this.hart + offset, value, true);
  }

  field32(offset: number): number {
    return this.view.getUint32(this.hart + offset, true);
  }

  x(number: number): bigint {
    return this.field64(Layout.HART.X + 8 * number);
  }

  setX(number: number, value: bigint): void {
    if (number !== 0) this.setField64(Layout.HART.X + 8 * number, BigInt.asUintN(64, value));
  }

  get pc(): bigint {
    return this.field64(Layout.HART.PC);
  }

  get privilege(): number {
    return this.field32(Layout.HART.PRIVILEGE);
  }

  get icount(): bigint {
    return this.exports.icount(this.hart);
  }

  /** Exports answer i64: as BigInt, a u64 of wasm comes with a sign. */
  get time(): bigint {
    return BigInt.asUintN(64, this.exports.time(this.hart));
  }

  /** The tick of the next timer, or null when none is armed. */
  get nextTimer(): bigint | null {
    const tick = BigInt.asUintN(64, this.exports.nextTimer(this.hart));
    return tick === (1n << 64n) - 1n ? null : tick;
  }

  setClock(time: bigint, rate: number): void {
    this.exports.setClock(this.hart, time, rate);
  }

  get machineTrap(): Trapped {
    const { MCAUSE, MTVAL, MEPC: mepc } = Layout.HART;
    return { cause: this.field64(MCAUSE), value: this.field64(MTVAL), pc: this.field64(mepc) };
  }

  // Guest code on demand. Between calls the hart sits in M mode, behind a wfi.

  /** Runs a few M-mode instructions. The hart must be in M mode, and no interrupt both pending and in mie: wfi would not wait. */
  exec(write: (code: Code) => void): void {
    const code = new Code(this.monitor);
    write(code);
    code.op("wfi");
    this.put(code);
    this.setField64(Layout.HART.PC, this.monitor);
    this.runUntilIdle(code.length);
  }

  setCsr(csr: number, value: bigint): void {
    this.setX(t0, value);
    this.exec((code) => code.csrw(csr, t0));
  }

  getCsr(csr: number): bigint {
    this.exec((code) => code.csrr(t0, csr));
    return this.x(t0);
  }

  /** Makes every trap to M mode stop the machine, with all interrupts off: `enter` needs it. */
  catchTraps(): void {
    const MTVEC = 0x305;
    const MIE = 0x304;
    const handler = new Code(this.monitor + PAGE).csrw(MIE, zero).op("wfi");
    this.put(handler);
    this.setCsr(MTVEC, handler.base);
  }

  /**
   * Runs guest code at `pc` in `privilege` until it traps to M mode. x5 and x6 hold what `mstatus` and `pc` were; the rest of
   * the registers is the test's.
   */
  enter(pc: bigint, privilege: Privilege, mstatus = 0n, limit = 100_000): Trapped {
    const MPP = 3n << 11n;
    const code = new Code(this.monitor).csrw(MSTATUS, t0).csrw(MEPC, t1).op("mret");
    this.put(code);
    this.setX(t0, (mstatus & ~MPP) | (BigInt(privilege) << 11n));
    this.setX(t1, pc);
    this.setField64(Layout.HART.PC, this.monitor);
    this.runUntilIdle(limit);
    return this.machineTrap;
  }

  /** Runs guest code at `pc`, in the mode that the hart is in, until it traps to M mode; see catchTraps. */
  runFrom(pc: bigint, limit = 100_000): Trapped {
    this.setField64(Layout.HART.PC, pc);
    this.runUntilIdle(limit);
    return this.machineTrap;
  }

  private runUntilIdle(limit: number): void {
    const exit = this.run(limit);
    if (exit !== RunExit.Idle) throw new Error(`guest code did not stop: pc=0x${this.pc.toString(16)} exit=${exit}`);
    // Whoever runs next starts at a pc of its own, awake.
    this.view.setUint32(this.hart + Layout.HART.WAITING, 0, true);
  }
}
