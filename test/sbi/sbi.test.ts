// The built-in SBI, call by call, from S mode: what OpenSBI does not have (dbcn, susp), does otherwise, or cannot be seen
// to do from outside (fences, reset reasons, registers kept).

import { beforeEach, describe, expect, it } from "vitest";
import { Layout } from "../../src/generated/layout.js";
import { Cause, Csr, Ip, Privilege } from "../../src/generated/shared/privileged.js";
import { ResetType, RunExit } from "../../src/generated/shared/run-exit.js";
import { SbiError, SbiExtension } from "../../src/generated/shared/sbi.js";
import { a0, a1, a2, Code, t0, zero } from "../support/hart-code.js";
import { HartMachine, PAGE, RAM_BASE } from "../support/hart-machine.js";
import { AddressSpace, PagePool, RW, V } from "../support/hart-page-tables.js";

const CALL = RAM_BASE;
const DATA = RAM_BASE + 0x1_0000n;
const ONE = 0x1111n;
const TWO = 0x2222n;

let machine: HartMachine;
/** What the guest wrote to the debug console, and what it may read. */
let written: Buffer[];
let toRead: Buffer;

beforeEach(async () => {
  written = [];
  toRead = Buffer.alloc(0);
  machine = await HartMachine.create({
    host: {
      consoleWrite: (address, length) => written.push(Buffer.from(machine.core.bytes.slice(address, address + length))),
      consoleRead: (address, length) => {
        const part = toRead.subarray(0, length);
        machine.core.bytes.set(part, address);
        toRead = toRead.subarray(part.length);
        return part.length;
      },
    },
  });
  machine.put(new Code(CALL).op("ecall").addi(t0, zero, 1).label("end").j("end"));
  machine.reset(CALL, Privilege.S, { sbi: true });
});

/** One ecall; [error, value], as signed numbers. The hart is behind it then. */
function sbi(extension: SbiExtension | number, fid: number, ...args: bigint[]): [number, number] {
  for (let i = 0; i < 6; i++) machine.setX(a0 + i, args[i] ?? 0n);
  machine.setX(16, BigInt(fid));
  machine.setX(17, BigInt(extension));
  machine.setField64(Layout.HART.PC, CALL);
  machine.run(1);
  return [Number(BigInt.asIntN(64, machine.x(a0))), Number(BigInt.asIntN(64, machine.x(a1)))];
}

/** A few instructions in S mode, as far as `count`. */
function inSMode(write: (code: Code) => void): void {
  const code = new Code(RAM_BASE + 0x1000n);
  write(code);
  machine.put(code);
  machine.setField64(Layout.HART.PC, code.base);
  machine.run(code.length / 4);
}

const ok = (value = 0): [number, number] => [SbiError.SUCCESS, value];
const fails = (error: SbiError): [number, number] => [error, 0];

describe("base", () => {
  it("is SBI 2.0 of an implementation of its own, on no particular machine", () => {
    expect(sbi(SbiExtension.BASE, 0)).toEqual(ok(0x0200_0000));
    const [, implementation] = sbi(SbiExtension.BASE, 1);
    // 0 to 11 belong to others.
    expect(implementation).toBeGreaterThan(11);
    for (const fid of [4, 5, 6]) expect(sbi(SbiExtension.BASE, fid)).toEqual(ok(0));
    expect(sbi(SbiExtension.BASE, 7)).toEqual(fails(SbiError.NOT_SUPPORTED));
  });

  it("probes true for what there is and false for the rest", () => {
    const { BASE, TIME, IPI, RFENCE, HSM, SRST, DBCN, SUSP } = {
      ...{ BASE: SbiExtension.BASE, TIME: SbiExtension.TIME, IPI: SbiExtension.IPI, RFENCE: SbiExtension.RFENCE },
      ...{ HSM: SbiExtension.HSM, SRST: SbiExtension.SRST, DBCN: SbiExtension.DBCN, SUSP: SbiExtension.SUSP },
    };
    for (const extension of [BASE, TIME, IPI, RFENCE, HSM, SRST, DBCN, SUSP]) {
      expect(sbi(BASE, 3, BigInt(extension))).toEqual(ok(1));
    }
    // Legacy calls, PMU, CPPC, NACL, STA.
    for (const extension of [0, 1, 8, 0x50_4d55, 0x4350_5043, 0x4e41_434c, 0x53_5441]) {
      expect(sbi(BASE, 3, BigInt(extension))).toEqual(ok(0));
    }
  });

  it("keeps every register but a0 and a1", () => {
    for (let x = 1; x < 32; x++) machine.setX(x, BigInt(1000 + x));
    const before = Array.from({ length: 32 }, (_, x) => machine.x(x));
    sbi(SbiExtension.BASE, 0);
    for (let x = 1; x < 32; x++) if (x < a0 || x > 17) expect(machine.x(x), `x${x}`).toBe(before[x]);
    expect([machine.x(16), machine.x(17), machine.x(12), machine.pc]).toEqual([0n, 0x10n, 0n, CALL + 4n]);
  });

  it("answers NOT_SUPPORTED to extensions and functions that do not exist", () => {
    expect(sbi(0x1234, 0)).toEqual(fails(SbiError.NOT_SUPPORTED));
    for (const extension of [
      SbiExtension.TIME,
      SbiExtension.IPI,
      SbiExtension.RFENCE,
      SbiExtension.HSM,
      SbiExtension.SRST,
      SbiExtension.DBCN,
      SbiExtension.SUSP,
    ]) {
      expect(sbi(extension, 50, 0n, 0n, 0n), extension.toString(16)).toEqual(fails(SbiError.NOT_SUPPORTED));
    }
  });

  it("is for S mode only: an ecall from U mode traps to S mode", () => {
    machine.setX(t0, CALL);
    inSMode((code) => {
      code
        .csrw(Csr.SEPC, t0)
        .li(t0, RAM_BASE + 0x2000n)
        .csrw(Csr.STVEC, t0);
      code.csrw(Csr.SSTATUS, zero).op("sret");
    });
    expect(machine.privilege).toBe(Privilege.U);
    machine.run(1);
    expect([machine.field64(Layout.HART.SCAUSE), machine.privilege, machine.pc]).toEqual([
      BigInt(Cause.ECALL_U),
      Privilege.S,
      RAM_BASE + 0x2000n,
    ]);
  });

  it("is not there for a machine that brings its own firmware", () => {
    machine.reset(CALL, Privilege.S);
    // Without PMP entries S mode may not even fetch; M mode sees to that first.
    machine.reset(RAM_BASE, Privilege.M);
    machine.setCsr(Csr.PMPADDR0, (1n << 54n) - 1n);
    machine.setCsr(Csr.PMPCFG0, 0x1fn);
    machine.catchTraps();
    expect(machine.enter(CALL, Privilege.S).cause).toBe(BigInt(Cause.ECALL_S));
  });
});

describe("time", () => {
  it("arms stimecmp, clears a pending interrupt, and lets it come again", () => {
    machine.setClock(1000n, 0);
    const stip = (): boolean => (machine.field64(Layout.HART.MIP) & BigInt(Ip.STIP)) !== 0n;
    expect(sbi(SbiExtension.TIME, 0, 999n)).toEqual(ok());
    expect(stip()).toBe(true);
    expect(sbi(SbiExtension.TIME, 0, 1001n)).toEqual(ok());
    expect([stip(), machine.nextTimer]).toEqual([false, 1001n]);
    machine.setClock(1001n, 0);
    expect(stip()).toBe(true);
    expect(sbi(SbiExtension.TIME, 0, (1n << 64n) - 1n)).toEqual(ok());
    expect([stip(), machine.nextTimer]).toEqual([false, null]);
  });
});

describe("ipi", () => {
  const ssip = (): boolean => {
    const pending = (machine.field64(Layout.HART.MIP) & BigInt(Ip.SSIP)) !== 0n;
    inSMode((code) => code.csr("csrrci", zero, Csr.SIP, Ip.SSIP));
    return pending;
  };

  it("reaches the hart by mask and base, and by base -1", () => {
    expect(ssip()).toBe(false);
    expect(sbi(SbiExtension.IPI, 0, 1n, 0n)).toEqual(ok());
    expect(ssip()).toBe(true);
    expect(ssip()).toBe(false);
    expect(sbi(SbiExtension.IPI, 0, 0n, -1n)).toEqual(ok());
    expect(ssip()).toBe(true);
    expect(sbi(SbiExtension.IPI, 0, 0n, 0n)).toEqual(ok());
    expect(ssip()).toBe(false);
  });

  it("refuses harts that do not exist, and interrupts none then", () => {
    for (const [mask, base] of [
      [2n, 0n],
      [3n, 0n],
      [1n, 1n],
      [1n, 1n << 40n],
      [1n << 63n, 0n],
    ] as const) {
      expect(sbi(SbiExtension.IPI, 0, mask, base)).toEqual(fails(SbiError.INVALID_PARAM));
      expect(ssip()).toBe(false);
    }
  });
});

describe("rfence", () => {
  const VA = 0x4000_0000n;
  const ASID = 3;
  let space: AddressSpace;

  /** What S mode reads at these addresses. */
  function read(...vas: bigint[]): bigint[] {
    return vas.map((va) => {
      machine.setX(a1, va);
      inSMode((code) => code.load("ld", a0, a1));
      return machine.x(a0);
    });
  }

  beforeEach(() => {
    space = new AddressSpace(machine, new PagePool(RAM_BASE + 0x2_0000n, RAM_BASE + 0x4_0000n), 8, ASID);
    // The code runs where it physically is.
    space.map(0x8000_0000n, 0x8000_0000n, RW | 8n, 2);
    for (let i = 0n; i < 4n; i++) space.map(VA + i * PAGE, DATA, RW);
    machine.store64(DATA, ONE);
    machine.store64(DATA + PAGE, TWO);
    machine.setX(t0, space.satp);
    inSMode((code) => code.csrw(Csr.SATP, t0));
    expect(read(VA, VA + PAGE, VA + 2n * PAGE, VA + 3n * PAGE)).toEqual([ONE, ONE, ONE, ONE]);
    for (let i = 0n; i < 4n; i++) space.map(VA + i * PAGE, DATA + PAGE, RW);
  });

  it.each<[string, number, bigint[]]>([
    ["0, 0 means everything", 1, [1n, 0n, 0n, 0n]],
    ["size -1 means everything", 1, [0n, -1n, VA, -1n]],
    ["everything of an ASID", 2, [1n, 0n, 0n, 0n, BigInt(ASID)]],
    ["a range", 1, [1n, 0n, VA, 4n * PAGE]],
    ["a range of an ASID", 2, [1n, 0n, VA, 4n * PAGE, BigInt(ASID)]],
    ["a range that begins in the middle of a page", 1, [1n, 0n, VA + 0x800n, 3n * PAGE]],
    ["a range that begins in the middle of a page, of an ASID", 2, [1n, 0n, VA + 0x800n, 3n * PAGE, BigInt(ASID)]],
    ["a range larger than is fenced page by page", 1, [1n, 0n, VA - 0x10_0000n, 0x20_0000n]],
    ["a range that wraps", 1, [1n, 0n, VA, -0x1000n]],
  ])("%s: translations of it are made anew", (_name, fid, args) => {
    expect(sbi(SbiExtension.RFENCE, fid, ...args)).toEqual(ok());
    expect(read(VA, VA + PAGE, VA + 2n * PAGE, VA + 3n * PAGE)).toEqual([TWO, TWO, TWO, TWO]);
  });

  it("fence.i is taken, hypervisor fences are not", () => {
    expect(sbi(SbiExtension.RFENCE, 0, 1n, 0n)).toEqual(ok());
    for (const fid of [3, 4, 5, 6]) {
      expect(sbi(SbiExtension.RFENCE, fid, 1n, 0n, 0n, 0n)).toEqual(fails(SbiError.NOT_SUPPORTED));
    }
  });

  it("refuses harts that do not exist", () => {
    expect(sbi(SbiExtension.RFENCE, 1, 2n, 0n, 0n, 0n)).toEqual(fails(SbiError.INVALID_PARAM));
    expect(sbi(SbiExtension.RFENCE, 2, 1n, 5n, 0n, 0n)).toEqual(fails(SbiError.INVALID_PARAM));
  });

  it("takes a permission away", () => {
    space.map(VA, DATA, V | 8n);
    expect(sbi(SbiExtension.RFENCE, 1, 1n, 0n, VA, PAGE)).toEqual(ok());
    machine.setX(a1, VA);
    inSMode((code) => code.load("ld", a0, a1));
    expect(machine.field64(Layout.HART.SCAUSE)).toBe(BigInt(Cause.LOAD_PAGE));
  });
});

describe("hsm", () => {
  it("knows one hart, which is started", () => {
    expect(sbi(SbiExtension.HSM, 2, 0n)).toEqual(ok(0));
    expect(sbi(SbiExtension.HSM, 2, 1n)).toEqual(fails(SbiError.INVALID_PARAM));
    expect(sbi(SbiExtension.HSM, 0, 0n, CALL, 0n)).toEqual(fails(SbiError.ALREADY_AVAILABLE));
    expect(sbi(SbiExtension.HSM, 0, 1n, CALL, 0n)).toEqual(fails(SbiError.INVALID_PARAM));
  });

  it("cannot stop the last hart", () => {
    expect(sbi(SbiExtension.HSM, 1)).toEqual(fails(SbiError.FAILED));
  });

  it("suspends until an enabled interrupt, then goes on behind the call", () => {
    inSMode((code) => code.li(t0, BigInt(Ip.SEIP)).csrw(Csr.SIE, t0));
    machine.setX(t0, 0n);
    sbi(SbiExtension.HSM, 3, 0n);
    expect(machine.run(100)).toBe(RunExit.Idle);
    // One that is not enabled does not count.
    machine.setClock(0n, 0);
    machine.setField64(Layout.HART.STIMECMP, 0n);
    expect(machine.run(100)).toBe(RunExit.Idle);
    expect(machine.x(t0)).toBe(0n);
    machine.exports.setInterrupt(machine.hart, 9, 1);
    expect(machine.run(2)).toBe(RunExit.Budget);
    expect([machine.x(t0), machine.x(a0)]).toEqual([1n, 0n]);
  });

  it("wakes from a non-retentive suspend at the address given, untranslated, with interrupts off", () => {
    const space = new AddressSpace(machine, new PagePool(RAM_BASE + 0x2_0000n, RAM_BASE + 0x4_0000n));
    space.map(0x8000_0000n, 0x8000_0000n, RW | 8n, 2);
    const resume = new Code(RAM_BASE + 0x3000n).csrr(a2, Csr.SATP).label("end").j("end");
    machine.put(resume);
    inSMode((code) => {
      code.li(t0, space.satp).csrw(Csr.SATP, t0).li(t0, BigInt(Ip.SEIP)).csrw(Csr.SIE, t0);
      code.csr("csrrsi", zero, Csr.SSTATUS, 2);
    });
    sbi(SbiExtension.HSM, 3, 0x8000_0000n, resume.base, 0x77n);
    expect(machine.run(100)).toBe(RunExit.Idle);
    machine.exports.setInterrupt(machine.hart, 9, 1);
    machine.setX(a2, 5n);
    expect(machine.run(10)).toBe(RunExit.Budget);
    expect([machine.pc, machine.privilege]).toEqual([resume.address("end"), Privilege.S]);
    expect([machine.x(a0), machine.x(a1), machine.x(a2)]).toEqual([0n, 0x77n, 0n]);
  });

  it("refuses suspend types that do not exist, and resume addresses that cannot be executed", () => {
    for (const type of [1n, 0x1000_0000n, 0x7fff_ffffn, 0x8000_0001n, 0xffff_ffffn]) {
      expect(sbi(SbiExtension.HSM, 3, type, RAM_BASE, 0n)).toEqual(fails(SbiError.INVALID_PARAM));
    }
    for (const address of [0n, 0x1000_0000n, RAM_BASE + 1n, RAM_BASE + BigInt(machine.ramBytes), -2n]) {
      expect(sbi(SbiExtension.HSM, 3, 0x8000_0000n, address, 0n)).toEqual(fails(SbiError.INVALID_ADDRESS));
      expect(sbi(SbiExtension.SUSP, 0, 0n, address, 0n)).toEqual(fails(SbiError.INVALID_ADDRESS));
    }
  });
});

describe("susp", () => {
  it("sleeps until an interrupt and starts over at the resume address", () => {
    const resume = new Code(RAM_BASE + 0x3000n).label("end").j("end");
    machine.put(resume);
    inSMode((code) => code.li(t0, BigInt(Ip.SEIP)).csrw(Csr.SIE, t0));
    sbi(SbiExtension.SUSP, 0, 0n, resume.base, 0x99n);
    expect(machine.run(100)).toBe(RunExit.Idle);
    machine.exports.setInterrupt(machine.hart, 9, 1);
    expect(machine.run(3)).toBe(RunExit.Budget);
    expect([machine.pc, machine.x(a0), machine.x(a1)]).toEqual([resume.base, 0n, 0x99n]);
  });

  it("knows no other sleep", () => {
    for (const type of [1n, 0x8000_0000n]) {
      expect(sbi(SbiExtension.SUSP, 0, type, RAM_BASE, 0n)).toEqual(fails(SbiError.INVALID_PARAM));
    }
  });
});

describe("srst", () => {
  const ecall = (type: bigint, reason: bigint): RunExit => {
    sbi(SbiExtension.BASE, 0);
    for (const [x, value] of [
      [a0, type],
      [a1, reason],
      [16, 0n],
      [17, BigInt(SbiExtension.SRST)],
    ] as const) {
      machine.setX(x, value);
    }
    machine.setField64(Layout.HART.PC, CALL);
    return machine.run(1000);
  };

  it.each([
    [ResetType.SHUTDOWN, 0],
    [ResetType.SHUTDOWN, 1],
    [ResetType.COLD_REBOOT, 0],
    [ResetType.WARM_REBOOT, 1],
  ])("ends the run with type %d and reason %d", (type, reason) => {
    expect(ecall(BigInt(type), BigInt(reason))).toBe(RunExit.Reset);
    expect([machine.field32(Layout.HART.RESET_TYPE), machine.field32(Layout.HART.RESET_REASON)]).toEqual([
      type,
      reason,
    ]);
    // Once: the next slice is an ordinary one.
    expect(machine.run(10)).toBe(RunExit.Budget);
  });

  it.each([
    [3n, 0n],
    [0xefff_ffffn, 0n],
    [0xf000_0000n, 0n],
    [0n, 2n],
    [0n, 0xe000_0000n],
    [0n, 0xffff_ffffn],
  ])("refuses type %d with reason %d, and goes on", (type, reason) => {
    expect(ecall(type, reason)).toBe(RunExit.Budget);
    expect(BigInt.asIntN(64, machine.x(a0))).toBe(BigInt(SbiError.INVALID_PARAM));
  });
});

describe("dbcn", () => {
  const TEXT = Buffer.from("hello, console\n");
  const end = (): bigint => RAM_BASE + BigInt(machine.ramBytes);

  it("writes what lies in memory", () => {
    machine.write(DATA, TEXT);
    expect(sbi(SbiExtension.DBCN, 0, BigInt(TEXT.length), DATA, 0n)).toEqual(ok(TEXT.length));
    expect(Buffer.concat(written)).toEqual(TEXT);
  });

  it("writes in parts, and says how much", () => {
    machine.write(DATA, Buffer.alloc(10_000, "x"));
    let sent = 0;
    for (let calls = 0; sent < 10_000; calls++) {
      expect(calls).toBeLessThan(10_000);
      const [error, count] = sbi(SbiExtension.DBCN, 0, BigInt(10_000 - sent), DATA + BigInt(sent), 0n);
      expect(error).toBe(SbiError.SUCCESS);
      expect(count).toBeGreaterThan(0);
      sent += count;
    }
    expect(Buffer.concat(written).toString()).toBe("x".repeat(10_000));
  });

  it("writes a byte", () => {
    for (const byte of TEXT) expect(sbi(SbiExtension.DBCN, 2, BigInt(byte) | 0xabcd_0000n)).toEqual(ok());
    expect(Buffer.concat(written)).toEqual(TEXT);
  });

  it("reads what there is, marks the page dirty, and answers 0 when there is nothing", () => {
    toRead = TEXT;
    machine.exports.clearDirty();
    expect(sbi(SbiExtension.DBCN, 1, 100n, DATA, 0n)).toEqual(ok(TEXT.length));
    const at = machine.linear(DATA);
    expect(Buffer.from(machine.core.bytes.slice(at, at + TEXT.length))).toEqual(TEXT);
    expect([machine.isDirty(DATA), machine.isDirty(DATA + PAGE)]).toEqual([true, false]);
    expect(sbi(SbiExtension.DBCN, 1, 100n, DATA, 0n)).toEqual(ok(0));
  });

  it("reads no more than was asked for", () => {
    toRead = TEXT;
    machine.write(DATA, Buffer.alloc(16, 0xee));
    expect(sbi(SbiExtension.DBCN, 1, 5n, DATA, 0n)).toEqual(ok(5));
    const at = machine.linear(DATA);
    expect(Buffer.from(machine.core.bytes.slice(at, at + 6))).toEqual(
      Buffer.concat([TEXT.subarray(0, 5), Buffer.of(0xee)]),
    );
  });

  it("takes code that it reads over for what it is then", () => {
    toRead = Buffer.from(new Code(0n).addi(t0, zero, 7).bytes());
    expect(sbi(SbiExtension.DBCN, 1, 4n, CALL + 4n, 0n)).toEqual(ok(4));
    machine.run(1);
    expect(machine.x(t0)).toBe(7n);
  });

  it.each<[string, (end: bigint) => [bigint, bigint, bigint]]>([
    ["below RAM", () => [4n, 0x1000_0000n, 0n]],
    ["behind RAM", (end) => [1n, end, 0n]],
    ["across the end of RAM", (end) => [5n, end - 4n, 0n]],
    ["far longer than RAM", () => [-1n, DATA, 0n]],
    ["with an upper half", () => [4n, DATA, 1n]],
    ["that wraps", () => [16n, -8n, 0n]],
  ])("refuses a buffer %s", (_name, make) => {
    toRead = TEXT;
    for (const fid of [0, 1])
      expect(sbi(SbiExtension.DBCN, fid, ...make(end()))).toEqual(fails(SbiError.INVALID_PARAM));
    expect([written.length, toRead.length]).toEqual([0, TEXT.length]);
  });

  it("takes a buffer at the very end of RAM, and one of no bytes", () => {
    machine.write(end() - 4n, Buffer.from("last"));
    expect(sbi(SbiExtension.DBCN, 0, 4n, end() - 4n, 0n)).toEqual(ok(4));
    expect(sbi(SbiExtension.DBCN, 0, 0n, DATA, 0n)).toEqual(ok(0));
    expect(Buffer.concat(written).toString()).toBe("last");
  });
});
