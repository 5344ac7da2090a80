// Verify mode on bare harts: what it lets pass, and that it finds compiled code that is wrong.

import { describe, expect, it } from "vitest";
import { VkrunError } from "../../../src/errors.js";
import { Layout } from "../../../src/generated/layout.js";
import { Interrupt, Privilege } from "../../../src/generated/shared/privileged.js";
import { RunExit } from "../../../src/generated/shared/run-exit.js";
import { Lockstep } from "../../../src/machine/lockstep/lockstep.js";
import { Core, type CoreHost } from "../../../src/wasm/core.js";
import { a0, a1, Code, t0, t1, t2, zero } from "../../support/hart-code.js";
import { RAM_BASE } from "../../support/hart-machine.js";

const RAM_BYTES = 4 * 2 ** 20;
const DEVICE = 0x1000_0000;
const DATA = RAM_BASE + 0x10_0000n;
const HOT = 2;

async function create(host: Partial<CoreHost> = {}): Promise<Lockstep> {
  const devices = { mmioLoad: () => 0, mmioStore: () => {}, consoleWrite: () => {}, consoleRead: () => 0, ...host };
  const memory = Core.allocate(RAM_BYTES);
  return Lockstep.create({
    module: await Core.load(),
    memory,
    ramBytes: RAM_BYTES,
    host: devices,
    hot: HOT,
    patience: 0,
  });
}

function start({ core, exports, hart }: Lockstep, code: Code): void {
  core.ram.set(code.bytes(), Number(code.base - RAM_BASE));
  exports.ramWritten(code.base, code.length);
  exports.resetHart(hart, code.base, Privilege.M, 0n, 0n, 0);
}

const x = ({ core, hart }: Lockstep, register: number): bigint =>
  core.view.getBigUint64(hart + Layout.HART.X + 8 * register, true);

/** Replaces bytes of every module that is compiled: what a wrong lowering would come to. */
function plant({ core }: Lockstep, right: readonly number[], wrong: readonly number[]): { planted: number } {
  const count = { planted: 0 };
  const install = core.regions.install.bind(core.regions);
  core.regions.install = (address, length, regions) => {
    const module = Buffer.from(core.bytes.buffer as ArrayBuffer, address, length);
    for (let at = module.indexOf(Buffer.from(right)); at !== -1; at = module.indexOf(Buffer.from(right), at + 1)) {
      module.set(wrong, at);
      count.planted++;
    }
    return install(address, length, regions);
  };
  return count;
}

function mismatch(lockstep: Lockstep, instructions: number): VkrunError {
  try {
    lockstep.exports.run(lockstep.hart, instructions);
  } catch (error) {
    expect(error).toBeInstanceOf(VkrunError);
    expect((error as VkrunError).code).toBe("ERR_VKRUN_JIT_MISMATCH");
    return error as VkrunError;
  }
  throw new Error("nothing was found");
}

const report = (error: VkrunError): string => (error.cause as Error).message;

/** `i64.const 0x5a5` and `i64.const 0x5a6`. */
const RIGHT = [0x42, 0xa5, 0x0b];
const WRONG = [0x42, 0xa6, 0x0b];

/** Counts t0 down, calling a function in another block that has to do with 0x5a5. */
function counting(store: boolean): Code {
  const code = new Code(RAM_BASE);
  code.li(t0, 5000n).li(t1, DATA).label("loop");
  code.op("addi", { rd: a0, rs1: a0, imm: 3 }).to("never", "beq", { rs1: a0, rs2: zero });
  code.op("xori", { rd: t2, rs1: t0, imm: 0x5a5 });
  if (store) code.op("sd", { rs1: t1, rs2: t2, imm: 64 }).op("addi", { rd: t2, rs1: zero, imm: 0 });
  code.op("addi", { rd: t0, rs1: t0, imm: -1 }).to("loop", "bne", { rs1: t0, rs2: zero }).label("never").op("wfi");
  return code;
}

describe("a guest in verify mode", () => {
  it("runs as it does without", async () => {
    const lockstep = await create();
    start(lockstep, counting(true));
    const { exports, hart } = lockstep;
    let exit: RunExit;
    do exit = exports.run(hart, 3000);
    while (exit === RunExit.Budget);
    expect(exit).toBe(RunExit.Idle);
    expect(x(lockstep, a0)).toBe(15_000n);
    expect(lockstep.core.regions.statistics.regions).toBeGreaterThan(0);
    expect(lockstep.twin.regions.statistics.regions).toBe(0);
    expect(lockstep.core.view.getBigUint64(Layout.RAM.OFFSET + Number(DATA - RAM_BASE) + 64, true)).toBe(1n ^ 0x5a5n);
  });

  it("meets its devices once: answers, DMA, interrupts and stops are the same for both machines", async () => {
    const seen: string[] = [];
    const lockstep: Lockstep = await create({
      mmioLoad: (gpa) => seen.push(`load ${gpa.toString(16)}`),
      mmioStore: (_gpa, _size, value) => {
        seen.push(`store ${value}`);
        const { core, exports, hart } = lockstep;
        core.view.setUint32(Layout.RAM.OFFSET + Number(DATA - RAM_BASE), value * 7, true);
        exports.ramWritten(DATA, 4);
        exports.setInterrupt(hart, Interrupt.MEI, value & 1);
        if (value % 10 === 0) exports.requestStop(hart);
      },
    });
    const code = new Code(RAM_BASE).li(t0, 1n).li(t1, DATA).li(t2, BigInt(DEVICE)).label("loop");
    code
      .op("sw", { rs1: t2, rs2: t0, imm: 0 })
      .op("lw", { rd: a0, rs1: t2, imm: 4 })
      .op("lw", { rd: a1, rs1: t1, imm: 0 });
    code.op("addi", { rd: t0, rs1: t0, imm: 1 }).j("loop");
    start(lockstep, code);
    const { exports, hart } = lockstep;
    const exits = [exports.run(hart, 10_000), exports.run(hart, 10_000), exports.run(hart, 20)];
    expect(exits).toEqual([RunExit.HostStop, RunExit.HostStop, RunExit.Budget]);
    expect(seen.slice(0, 4)).toEqual(["store 1", "load 10000004", "store 2", "load 10000004"]);
    expect(new Set(seen.filter((line) => line.startsWith("store"))).size).toBe(Math.ceil(seen.length / 2));
    expect(x(lockstep, a1)).toBe((x(lockstep, t0) - 1n) * 7n);
  });

  it("takes over what the host does between slices", async () => {
    const lockstep = await create();
    const code = new Code(RAM_BASE).li(t1, DATA).label("loop").op("ld", { rd: a0, rs1: t1, imm: 0 });
    start(lockstep, code.op("addi", { rd: t0, rs1: t0, imm: 1 }).j("loop"));
    const { core, exports, hart } = lockstep;
    for (let value = 1n; value < 20n; value++) {
      core.view.setBigUint64(Layout.RAM.OFFSET + Number(DATA - RAM_BASE), value, true);
      exports.ramWritten(DATA, 8);
      exports.setClock(hart, value * 1000n, 0x1000_0000);
      exports.run(hart, 700);
      expect(x(lockstep, a0)).toBe(value);
    }
  });
});

describe("wrong code is found", () => {
  it("by the register that it leaves wrong, with block, region and wasm", async () => {
    const lockstep = await create();
    const code = counting(false);
    start(lockstep, code);
    const count = plant(lockstep, RIGHT, WRONG);
    const error = mismatch(lockstep, 50_000);
    expect(count.planted).toBeGreaterThan(0);
    expect(error.message).toMatch(
      /compiled code went wrong in the block up to 0x8000[0-9a-f]+: x7 is 0x[0-9a-f]+, interpreted 0x[0-9a-f]+/,
    );
    const text = report(error);
    expect(text).toMatch(/The region that was entered at 0x8000[0-9a-f]{4} does it/);
    expect(text).toMatch(/5a52c393 {2}xori/);
    expect(text).toMatch(/\(func [\s\S]*i64\.const 1446/);
  });

  it("by what it stores, when no register tells", async () => {
    const lockstep = await create();
    start(lockstep, counting(true));
    plant(lockstep, RIGHT, WRONG);
    const error = mismatch(lockstep, 200_000);
    expect(error.message).toMatch(/: memory at 0x80100040 is 0x[0-9a-f]+, interpreted 0x[0-9a-f]+$/);
    expect(report(error)).toMatch(/xori[\s\S]*sd/);
  });

  it("by what it tells a device", async () => {
    const lockstep = await create();
    const code = new Code(RAM_BASE).li(t0, 200n).li(t1, BigInt(DEVICE)).label("loop");
    code.op("xori", { rd: t2, rs1: t0, imm: 0x5a5 }).op("sw", { rs1: t1, rs2: t2, imm: 0 });
    code.op("addi", { rd: t2, rs1: zero, imm: 0 }).op("addi", { rd: t0, rs1: t0, imm: -1 });
    start(lockstep, code.to("loop", "bne", { rs1: t0, rs2: zero }).op("wfi"));
    plant(lockstep, RIGHT, WRONG);
    const error = mismatch(lockstep, 10_000);
    expect(error.message).toMatch(/compiled code went wrong in the block up to 0x8000/);
    expect(report(error)).toMatch(/xori/);
  });
});
