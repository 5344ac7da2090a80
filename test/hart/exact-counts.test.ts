// Counted time: a run stops after exactly as many instructions as it was given, and what the guest sees does not depend on
// how a run is cut into slices.

import { beforeEach, describe, expect, it } from "vitest";
import { Layout } from "../../src/generated/layout.js";
import { Cause, Csr, Ip, Privilege } from "../../src/generated/shared/privileged.js";
import { RunExit } from "../../src/generated/shared/run-exit.js";
import { a0, a1, a2, a3, Code, s0, s1, t0, t1, t2, zero } from "../support/hart-code.js";
import { HostileGuest, type HostileMode } from "../support/hart-hostile.js";
import { HartMachine, RAM_BASE } from "../support/hart-machine.js";
import { HartRandom } from "../support/hart-random.js";

const MTIMECMP = 0x0200_4000n;
const MIE = 1n << 3n;
const SIE = 1n << 1n;

describe.each<[HostileMode, number]>([
  ["M", 50_000],
  ["S", 60_000],
  ["U", 70_000],
  ["SBI", 80_000],
])("hostile guests that start in %s", (mode, firstSeed) => {
  const GUESTS = 120;
  const INSTRUCTIONS = 2500;

  it.each<[string, (random: HartRandom) => number]>([
    ["one by one", () => 1],
    ["in small uneven slices", (random) => 1 + random.below(70)],
    ["in large uneven slices", (random) => 1 + random.below(1000)],
  ])("come to the same state %s as in one go", async (_how, cut) => {
    const whole = await HostileGuest.create();
    const sliced = await HostileGuest.create();
    for (let seed = firstSeed; seed < firstSeed + GUESTS; seed++) {
      const cuts = new HartRandom(seed);
      whole.start(seed, mode);
      sliced.start(seed, mode);
      expect(
        sliced.run(INSTRUCTIONS, () => cut(cuts)),
        `seed ${seed}`,
      ).toBe(whole.run(INSTRUCTIONS, () => INSTRUCTIONS));
      const sameState = Buffer.compare(whole.visibleState(), sliced.visibleState()) === 0;
      const sameMemory = Buffer.compare(whole.machine.core.ram, sliced.machine.core.ram) === 0;
      expect({ seed, sameState, sameMemory }).toEqual({ seed, sameState: true, sameMemory: true });
    }
  });
});

describe("a slice", () => {
  let machine: HartMachine;

  /** 70 instructions and a jump back: longer than the longest block. */
  const endless = (): Code => {
    const code = new Code(RAM_BASE).label("top");
    for (let i = 0; i < 70; i++) code.addi(a0, a0, 1);
    return code.addi(a1, a1, 1).j("top");
  };

  beforeEach(async () => {
    machine = await HartMachine.create();
  });

  it("ends after exactly the instructions given", () => {
    machine.put(endless());
    const random = new HartRandom(1);
    let total = 0n;
    for (let i = 0; i < 500; i++) {
      const count = random.below(200);
      total += BigInt(count);
      expect(machine.run(count)).toBe(RunExit.Budget);
      expect(machine.icount).toBe(total);
      // 72 instructions a round: 70 times a0, then a1, then the jump.
      const [rounds, rest] = [total / 72n, total % 72n];
      expect([machine.x(a0), machine.x(a1)]).toEqual([
        rounds * 70n + (rest < 70n ? rest : 70n),
        rounds + (rest > 70n ? 1n : 0n),
      ]);
      expect(machine.pc).toBe(RAM_BASE + rest * 4n);
    }
  });

  it("of no instructions changes nothing", () => {
    machine.put(endless());
    expect(machine.run(0)).toBe(RunExit.Budget);
    expect([machine.icount, machine.pc]).toEqual([0n, RAM_BASE]);
  });

  it("counts instructions that trap, so that a guest without a handler uses its slice up", () => {
    machine.exec((code) => code.li(t0, 0n).csrw(Csr.MTVEC, t0));
    machine.setField64(Layout.HART.PC, 0n);
    const before = machine.icount;
    expect(machine.run(1000)).toBe(RunExit.Budget);
    expect(machine.icount - before).toBe(1000n);
    expect(machine.machineTrap).toEqual({ cause: BigInt(Cause.FETCH_ACCESS), value: 0n, pc: 0n });
  });

  it("goes on where the last one ended, in the middle of a block and across pages", () => {
    const code = new Code(RAM_BASE + 0x1000n - 20n);
    for (let i = 0; i < 10; i++) code.addi(a0, a0, 1);
    machine.put(code.op("wfi"));
    machine.setField64(Layout.HART.PC, code.base);
    for (let i = 1n; i <= 10n; i++) {
      machine.run(1);
      expect([machine.x(a0), machine.pc]).toEqual([i, code.base + 4n * i]);
    }
  });

  it("says Idle in wfi as long as nothing is pending, and goes on once an enabled interrupt is, taken or not", () => {
    machine.put(
      new Code(RAM_BASE).li(t0, BigInt(Ip.MEIP)).csrw(Csr.MIE, t0).op("wfi").addi(a0, zero, 5).label("end").j("end"),
    );
    expect(machine.run(100)).toBe(RunExit.Idle);
    const [idleAt, pc] = [machine.icount, machine.pc];
    expect(machine.run(100)).toBe(RunExit.Idle);
    expect([machine.icount, machine.pc, machine.x(a0)]).toEqual([idleAt, pc, 0n]);
    machine.exports.setInterrupt(machine.hart, 11, 1);
    // mstatus.MIE is clear: it resumes without a trap (3.3.3).
    expect(machine.run(10)).toBe(RunExit.Budget);
    expect(machine.x(a0)).toBe(5n);
  });

  it("does not wait in wfi when an interrupt is pending already", () => {
    machine.exports.setInterrupt(machine.hart, 11, 1);
    machine.put(
      new Code(RAM_BASE).li(t0, BigInt(Ip.MEIP)).csrw(Csr.MIE, t0).op("wfi").addi(a0, zero, 5).label("end").j("end"),
    );
    expect(machine.run(100)).toBe(RunExit.Budget);
    expect(machine.x(a0)).toBe(5n);
  });
});

describe("inside a device access", () => {
  it("icount and time are those of the instruction that makes it", async () => {
    const seen: { icount: bigint; time: bigint }[] = [];
    const look = (): number => {
      seen.push({ icount: machine.icount, time: machine.time });
      return 0;
    };
    const machine = await HartMachine.create({ host: { mmioLoad: look, mmioStore: look } });
    const UART = 0x1000_0000n;
    machine.setX(a1, UART);
    const code = new Code(RAM_BASE).nop().load("lbu", a0, a1).nop().nop().store("sb", zero, a1).nop().nop();
    machine.put(code.load("lw", a0, a1).label("end").j("end"));
    machine.setClock(1000n, 0x8000_0000);
    machine.run(3);
    machine.run(100);
    expect(seen).toEqual([
      { icount: 1n, time: 1000n },
      { icount: 4n, time: 1002n },
      { icount: 7n, time: 1003n },
    ]);
  });

  it("requestStop ends the slice right behind that instruction", async () => {
    const machine: HartMachine = await HartMachine.create({
      host: { mmioStore: () => machine.exports.requestStop(machine.hart) },
    });
    machine.setX(a1, 0x1000_0000n);
    machine.put(new Code(RAM_BASE).nop().store("sw", zero, a1).addi(a0, zero, 1).label("end").j("end"));
    expect(machine.run(1000)).toBe(RunExit.HostStop);
    expect([machine.icount, machine.pc, machine.x(a0)]).toEqual([2n, RAM_BASE + 8n, 0n]);
    expect(machine.run(1000)).toBe(RunExit.Budget);
    expect([machine.icount, machine.x(a0)]).toEqual([1002n, 1n]);
  });

  it("an interrupt that it raises is taken before the next instruction", async () => {
    const machine: HartMachine = await HartMachine.create({
      host: { mmioStore: () => machine.exports.setInterrupt(machine.hart, 11, 1) },
    });
    machine.setX(a1, 0x1000_0000n);
    const code = new Code(RAM_BASE).li(t0, BigInt(Ip.MEIP)).csrw(Csr.MIE, t0).li(t0, MIE).csrw(Csr.MSTATUS, t0);
    code.store("sw", zero, a1).label("next").addi(a0, zero, 1).label("end").j("end");
    machine.put(code);
    machine.catchTraps();
    machine.setX(a0, 0n);
    machine.setField64(Layout.HART.PC, RAM_BASE);
    expect(machine.run(1000)).toBe(RunExit.Idle);
    expect(machine.machineTrap).toEqual({ cause: (1n << 63n) | 11n, value: 0n, pc: code.address("next") });
    expect(machine.x(a0)).toBe(0n);
  });
});

describe("timer interrupts", () => {
  /** Counts in a0; the handler notes count and time of each interrupt and arms the next one `period` later, `rounds` times. */
  function timed(kind: "stimecmp" | "mtimecmp", period: bigint): { code: Code; start: bigint } {
    const code = new Code(RAM_BASE);
    code.label("handler");
    code.store("sd", a0, s0).csrr(t1, Csr.TIME).store("sd", t1, s0, 8).csrr(t1, Csr.MCYCLE).store("sd", t1, s0, 16);
    code.addi(s0, s0, 24);
    if (kind === "stimecmp") code.csrr(t1, Csr.STIMECMP).li(t2, period).add(t1, t1, t2).csrw(Csr.STIMECMP, t1);
    else code.load("ld", t1, s1).li(t2, period).add(t1, t1, t2).store("sd", t1, s1);
    code.op("mret");
    const start = code.here;
    code
      .li(t0, RAM_BASE)
      .csrw(Csr.MTVEC, t0)
      .li(s0, RAM_BASE + 0x1_0000n)
      .li(s1, MTIMECMP);
    code.li(t0, 1n << 63n).csrw(Csr.MENVCFG, t0);
    code.li(t0, period);
    if (kind === "stimecmp") code.csrw(Csr.STIMECMP, t0).li(t0, BigInt(Ip.STIP));
    else code.store("sd", t0, s1).li(t0, BigInt(Ip.MTIP));
    code.csrw(Csr.MIE, t0).li(t0, MIE).csrw(Csr.MSTATUS, t0);
    code.label("top").addi(a0, a0, 1).addi(a0, a0, 1).addi(a0, a0, 1).j("top");
    return { code, start };
  }

  async function log(
    kind: "stimecmp" | "mtimecmp",
    rate: number,
    slice: () => number,
    total: number,
  ): Promise<Uint8Array> {
    const machine = await HartMachine.create();
    const { code, start } = timed(kind, 100n);
    machine.put(code);
    machine.setField64(Layout.HART.PC, start);
    machine.setClock(0n, rate);
    for (let done = 0; done < total; ) {
      const count = Math.min(slice(), total - done);
      expect(machine.run(count)).toBe(RunExit.Budget);
      done += count;
    }
    return machine.core.ram.slice(0x1_0000, 0x1_8000);
  }

  it.each([
    ["stimecmp", 0x1_0000_0000 / 7],
    ["stimecmp", 0xffff_ffff],
    ["mtimecmp", 0x1_0000_0000 / 3],
    ["mtimecmp", 0x1234_5678],
  ] as const)("of %s at rate %d are taken at the same counts, whichever way the run is cut", async (kind, rate) => {
    const TOTAL = 12_000;
    const rateBits = Math.floor(rate);
    const whole = await log(kind, rateBits, () => TOTAL, TOTAL);
    const random = new HartRandom(rateBits);
    for (const slice of [() => 1, () => 1 + random.below(9), () => 1 + random.below(500)]) {
      expect(Buffer.compare(await log(kind, rateBits, slice, TOTAL), whole)).toBe(0);
    }
    // Every interrupt came with the first instruction at which its time was reached: the handler's own look at the time is two
    // instructions later.
    const view = new DataView(whole.buffer, whole.byteOffset);
    const rounds = Math.floor((TOTAL * rateBits) / 2 ** 32 / 100) - 1;
    expect(rounds).toBeGreaterThan(5);
    for (let i = 0; i < rounds; i++) {
      const count = view.getBigUint64(24 * i + 16, true) - 3n;
      const deadline = 100n * BigInt(i + 1);
      const timeAt = (at: bigint): bigint => (at * BigInt(rateBits)) >> 32n;
      expect(timeAt(count) >= deadline && timeAt(count - 1n) < deadline, `interrupt ${i}`).toBe(true);
    }
  });

  it("follow the clock when the host sets it, at once", async () => {
    const machine = await HartMachine.create();
    machine.put(new Code(RAM_BASE).label("top").addi(a0, a0, 1).j("top"));
    machine.catchTraps();
    machine.exec((code) => {
      code
        .li(t0, 1n << 63n)
        .csrw(Csr.MENVCFG, t0)
        .li(t0, 5000n)
        .csrw(Csr.STIMECMP, t0);
      code.li(t0, BigInt(Ip.STIP)).csrw(Csr.MIE, t0).li(t0, MIE).csrw(Csr.MSTATUS, t0);
    });
    expect(machine.nextTimer).toBe(5000n);
    machine.setField64(Layout.HART.PC, RAM_BASE);
    machine.run(1000);
    expect(machine.pc - RAM_BASE).toBeLessThan(8n);
    machine.setClock(5000n, 1);
    machine.run(0);
    expect(machine.machineTrap.cause).toBe((1n << 63n) | 5n);
    expect(machine.nextTimer).toBe(null);
  });

  it("without STCE, stimecmp raises nothing and STIP is software's", async () => {
    const machine = await HartMachine.create();
    machine.setCsr(Csr.STIMECMP, 0n);
    machine.setClock(100n, 1);
    expect(machine.getCsr(Csr.MIP) & BigInt(Ip.STIP)).toBe(0n);
    machine.setCsr(Csr.MIP, BigInt(Ip.STIP));
    expect(machine.getCsr(Csr.MIP) & BigInt(Ip.STIP)).toBe(BigInt(Ip.STIP));
    machine.setCsr(Csr.MENVCFG, 1n << 63n);
    machine.setCsr(Csr.STIMECMP, (1n << 64n) - 1n);
    machine.setCsr(Csr.MIP, BigInt(Ip.STIP));
    expect(machine.getCsr(Csr.MIP) & BigInt(Ip.STIP)).toBe(0n);
  });

  it("in S mode go to S mode when delegated, at the count that the deadline names", async () => {
    const machine = await HartMachine.create();
    const code = new Code(RAM_BASE)
      .label("top")
      .addi(a0, a0, 1)
      .j("top")
      .label("handler")
      .csrr(a1, Csr.SCAUSE)
      .op("ebreak");
    machine.put(code);
    machine.exec((setup) => {
      setup
        .li(t0, (1n << 54n) - 1n)
        .csrw(Csr.PMPADDR0, t0)
        .li(t0, 0x1fn)
        .csrw(Csr.PMPCFG0, t0);
      setup
        .li(t0, 1n << 63n)
        .csrw(Csr.MENVCFG, t0)
        .li(t0, BigInt(Ip.STIP))
        .csrw(Csr.MIDELEG, t0)
        .csrw(Csr.MIE, t0);
      setup.li(t0, code.address("handler")).csrw(Csr.STVEC, t0);
    });
    machine.catchTraps();
    machine.setX(a0, 0n);
    machine.setCsr(Csr.STIMECMP, 1000n);
    machine.setClock(0n, 0x8000_0000);
    const start = machine.icount;
    machine.enter(RAM_BASE, Privilege.S, SIE);
    expect(machine.x(a1)).toBe((1n << 63n) | 5n);
    // 2000 instructions to tick 1000, three of them csrw, csrw and mret; then csrr, ebreak, and csrw and wfi in M mode.
    expect([machine.icount - start, machine.x(a0)]).toEqual([2000n + 4n, (2000n - 3n + 1n) / 2n]);
  });
});

describe("counters", () => {
  let machine: HartMachine;

  beforeEach(async () => {
    machine = await HartMachine.create();
    machine.catchTraps();
  });

  it("mcycle and minstret go up by one an instruction", () => {
    machine.exec((code) => {
      code.csrr(a0, Csr.MCYCLE).nop().csrr(a1, Csr.MCYCLE).csrr(a2, Csr.MINSTRET).nop().nop().csrr(a3, Csr.MINSTRET);
    });
    expect([machine.x(a1) - machine.x(a0), machine.x(a3) - machine.x(a2)]).toEqual([2n, 3n]);
  });

  it("a written counter reads as written in the next instruction", () => {
    machine.exec((code) => {
      code.li(t0, 1000n).csrw(Csr.MCYCLE, t0).csrr(a0, Csr.MCYCLE).csrr(a1, Csr.CYCLE);
      code.csrw(Csr.MINSTRET, t0).csrr(a2, Csr.MINSTRET).csrr(a3, Csr.INSTRET);
    });
    expect([a0, a1, a2, a3].map((x) => machine.x(x))).toEqual([1000n, 1001n, 1000n, 1001n]);
  });

  it("wrap at 64 bits", () => {
    machine.exec((code) => code.li(t0, -1n).csrw(Csr.MCYCLE, t0).nop().csrr(a0, Csr.MCYCLE));
    expect(machine.x(a0)).toBe(0n);
  });

  it("minstret leaves out what trapped, mcycle does not", () => {
    // The handler returns behind the ebreak.
    const handler = new Code(RAM_BASE).csrr(t0, Csr.MEPC).addi(t0, t0, 4).csrw(Csr.MEPC, t0).op("mret");
    machine.put(handler);
    machine.setCsr(Csr.MTVEC, RAM_BASE);
    machine.exec((code) => {
      code.csrr(a0, Csr.MCYCLE).csrr(a1, Csr.MINSTRET).op("ebreak").csrr(a2, Csr.MCYCLE).csrr(a3, Csr.MINSTRET);
    });
    // Between each pair: one other csrr, the ebreak, four of the handler.
    expect([machine.x(a2) - machine.x(a0), machine.x(a3) - machine.x(a1)]).toEqual([7n, 6n]);
  });

  it("mcountinhibit stops each of them, keeps what it had, and lets it go on from there", () => {
    machine.exec((code) => {
      code.li(t0, 5n).csrw(Csr.MCOUNTINHIBIT, t0);
      code.csrr(a0, Csr.MCYCLE).nop().nop().csrr(a1, Csr.MCYCLE).csrr(a2, Csr.MINSTRET).nop().csrr(a3, Csr.MINSTRET);
    });
    expect([machine.x(a1), machine.x(a3)]).toEqual([machine.x(a0), machine.x(a2)]);
    machine.exec((code) => {
      code.li(t0, 50n).csrw(Csr.MCYCLE, t0).nop().csrr(a0, Csr.MCYCLE);
      code.csrw(Csr.MCOUNTINHIBIT, zero).nop().nop().csrr(a1, Csr.MCYCLE);
    });
    expect(machine.x(a0)).toBe(50n);
    const resumed = machine.x(a1) - 50n;
    expect(resumed === 2n || resumed === 3n).toBe(true);
  });

  it("bits of mcountinhibit that stop nothing stay zero", () => {
    machine.setCsr(Csr.MCOUNTINHIBIT, (1n << 64n) - 1n);
    expect(machine.getCsr(Csr.MCOUNTINHIBIT) & 2n).toBe(0n);
  });
});
