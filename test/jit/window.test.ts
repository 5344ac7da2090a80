// Loads and stores of compiled code where nothing is translated: through Hart.window instead of the TLB. Whatever an access
// is, wherever it goes and whatever the hart's state has become since it was compiled, it does what the interpreter does.

import { beforeEach, describe, expect, it } from "vitest";
import { Layout } from "../../src/generated/layout.js";
import { Csr, Mstatus, Privilege } from "../../src/generated/shared/privileged.js";
import { a0, a1, a2, a3, a4, a5, Code, instruction, t0, t1 } from "../support/hart-code.js";
import { HartMachine, PAGE, RAM_BASE } from "../support/hart-machine.js";
import { LOAD, type PmpEntry, pmpAllows, STORE } from "../support/hart-model.js";
import { AddressSpace, PagePool, RW, RX, U } from "../support/hart-page-tables.js";
import { HartRandom } from "../support/hart-random.js";
import { ALL_OPEN, closedPmp, type HartState, napot, OFF, putState, seesWindow } from "../support/hart-state.js";
import { callBoth, callIn, createCallable, ENOUGH } from "../support/jit-calls.js";
import type { JitPair } from "../support/jit-pair.js";

const RAM_BYTES = 0x4_0000;
const RAM_END = RAM_BASE + BigInt(RAM_BYTES);
const CODE = RAM_BASE + 16n * PAGE;
const TABLES = RAM_BASE + 20n * PAGE;
const DATA = RAM_BASE + 32n * PAGE;
const DEVICE = 0x1000_0000n;
const FS = BigInt(Mstatus.FS);
const MPRV = 1n << 17n;
const mpp = (privilege: Privilege): bigint => BigInt(privilege) << 11n;
const [READ, WRITE] = [1, 2];

describe("the window", () => {
  const cases: readonly [string, HartState, boolean][] = [
    ["in M mode without PMP", { pmp: [] }, true],
    ["in M mode with everything open", {}, true],
    ["in M mode while satp translates for others", { satp: 8n << 60n }, true],
    [
      "in M mode, all of RAM locked open",
      { pmp: [napot(RAM_BASE, 0x8000_0000n, READ | WRITE, { locked: true })] },
      true,
    ],
    ["in M mode, RAM locked for loads only", { pmp: [napot(RAM_BASE, 0x8000_0000n, READ, { locked: true })] }, false],
    ["in M mode, RAM locked for fetches only", { pmp: [napot(RAM_BASE, 0x8000_0000n, 4, { locked: true })] }, false],
    ["in M mode, one page locked", { pmp: [napot(DATA, PAGE, 0, { locked: true })] }, false],
    [
      "in M mode, 8 bytes locked behind an entry that opens",
      { pmp: [ALL_OPEN, napot(DATA, 8n, 0, { locked: true })] },
      true,
    ],
    ["in M mode, a page of its own for S", { pmp: [napot(DATA, PAGE, 0)] }, true],
    ["in M mode, an entry that ends inside of a page", { pmp: [napot(DATA, 64n, 0)] }, false],
    ["in M mode, what is locked lies beside RAM", { pmp: [napot(DEVICE, PAGE, 0, { locked: true })] }, true],
    ["in S mode, untranslated", { privilege: Privilege.S }, true],
    ["in U mode, untranslated", { privilege: Privilege.U }, true],
    ["in S mode without PMP", { privilege: Privilege.S, pmp: [] }, false],
    ["in S mode, half of RAM open", { privilege: Privilege.S, pmp: [napot(RAM_BASE, 0x2_0000n, 7)] }, false],
    ["in S mode, a page closed", { privilege: Privilege.S, pmp: [napot(DATA, PAGE, 0), ALL_OPEN] }, false],
    ["in S mode, a page open twice", { privilege: Privilege.S, pmp: [napot(DATA, PAGE, 3), ALL_OPEN] }, true],
    ["in S mode, translated", { privilege: Privilege.S, satp: 8n << 60n }, false],
    ["in U mode, translated", { privilege: Privilege.U, satp: 9n << 60n }, false],
    ["with MPRV, as M", { mstatus: MPRV | mpp(Privilege.M), satp: 8n << 60n }, true],
    ["with MPRV, as S untranslated", { mstatus: MPRV | mpp(Privilege.S) }, true],
    ["with MPRV, as S that has no PMP", { mstatus: MPRV | mpp(Privilege.S), pmp: [] }, false],
    ["with MPRV, as S translated", { mstatus: MPRV | mpp(Privilege.S), satp: 8n << 60n }, false],
    ["with MPRV, as U translated", { mstatus: MPRV, satp: 8n << 60n }, false],
  ];

  it.each(cases)("%s: is it there?", async (_where, state, expected) => {
    const machine = await HartMachine.create({ ramBytes: RAM_BYTES });
    putState(machine, state);
    expect(seesWindow(machine)).toBe(expected);
  });

  it("is there only where protection lets every load and store through", async () => {
    const machine = await HartMachine.create({ ramBytes: RAM_BYTES });
    const random = new HartRandom(1);
    const allowed = (pmp: readonly PmpEntry[], gpa: bigint, size: bigint, privilege: Privilege): boolean => {
      const end = (gpa & ~0xfffn) + PAGE;
      if (gpa + size > end) {
        return allowed(pmp, gpa, end - gpa, privilege) && allowed(pmp, end, gpa + size - end, privilege);
      }
      return pmpAllows(pmp, gpa, size, LOAD, privilege) && pmpAllows(pmp, gpa, size, STORE, privilege);
    };
    let open = 0;
    for (let n = 0; n < 4000; n++) {
      // RAM's ends, ends of pages, and places inside of them: what is aligned to RAM_BYTES can cover all of it.
      const place = (): bigint =>
        random.pick([0n, RAM_BASE, RAM_END, RAM_BASE + PAGE * BigInt(random.below(66))]) +
        (random.chance(30) ? 4n * BigInt(random.below(64)) : 0n);
      const entry = (): PmpEntry => {
        const cfg =
          random.pick([0, 8, 8, 16, 24, 24]) | random.pick([0, 1, 3, 3, 7, 7]) | (random.chance(30) ? 0x80 : 0);
        const ones = random.pick([0n, 9n, 15n, 28n, 53n]);
        return { cfg, address: (place() >> 2n) | ((cfg & 24) === 24 ? (1n << ones) - 1n : 0n) };
      };
      const pmp = Array.from({ length: 1 + random.below(4) }, entry);
      if (random.chance(40)) pmp.push(ALL_OPEN);
      while (pmp.length < 16) pmp.push(OFF);
      const privilege = random.pick([Privilege.M, Privilege.S]);
      putState(machine, { privilege, pmp });
      if (!seesWindow(machine)) continue;
      open++;
      // It can only change next to where some region begins or ends.
      const ends = pmp.flatMap(({ address }) => [address, address & (address + 1n), (address | (address + 1n)) + 1n]);
      for (const at of [RAM_BASE, RAM_END - 8n, ...ends.map((end) => end << 2n)]) {
        for (let gpa = at - 8n; gpa <= at + 1n; gpa++) {
          if (gpa < RAM_BASE || gpa + 8n > RAM_END) continue;
          if (!allowed(pmp, gpa, 8n, privilege)) throw new Error(`0x${gpa.toString(16)} is not open, round ${n}`);
        }
      }
    }
    expect(open).toBeGreaterThan(200);
  });
});

/** Accesses at a1 with what a2, or f2, holds. */
const ACCESSES = [
  ...["lb", "lh", "lw", "ld", "lbu", "lhu", "lwu"].map((name) => instruction(name, { rd: a3, rs1: a1 })),
  ...["sb", "sh", "sw", "sd"].map((name) => instruction(name, { rs1: a1, rs2: a2 })),
  ...["flw", "fld"].map((name) => instruction(name, { rd: 3, rs1: a1 })),
  ...["fsw", "fsd"].map((name) => instruction(name, { rs1: a1, rs2: 2 })),
  ...["lr.w", "lr.d"].map((name) => instruction(name, { rd: a3, rs1: a1 })),
  ...["sc.w", "sc.d", "amoadd.w", "amoadd.d", "amomaxu.w", "amoswap.d"].map((name) =>
    instruction(name, { rd: a3, rs1: a1, rs2: a2 }),
  ),
  // With an offset, across all ends that there are.
  ...[-2048, -8, 8, 2047].map((imm) => instruction("ld", { rd: a3, rs1: a1, imm })),
  ...[-2048, -8, 8, 2047].map((imm) => instruction("sd", { rs1: a1, rs2: a2, imm })),
];

/** The places where something begins or ends. */
const EDGES = [
  ...[0n, RAM_BASE, RAM_BASE + PAGE, DATA + PAGE, DATA + 2n * PAGE, RAM_END],
  ...[1n << 32n, RAM_BASE + (1n << 32n), RAM_END + (1n << 32n), 1n << 56n, RAM_BASE + (1n << 56n), 1n << 63n],
];
const ADDRESSES = [
  ...EDGES.flatMap((edge) =>
    [-16n, -8n, -7n, -4n, -3n, -2n, -1n, 0n, 1n, 8n].map((by) => BigInt.asUintN(64, edge + by)),
  ),
  ...[DEVICE, DEVICE + 4n, DATA + 60n, DATA + 64n, DATA + 124n, DATA + 0x101n],
];

/** One function for each access, in pages of code. */
function functions(): Code {
  const code = new Code(CODE);
  for (const word of ACCESSES) code.word(word).op("ebreak");
  return code;
}
const FUNCTION_BYTES = 8n;

/** Identity for the code, two pages of data exchanged, the device; for S, or for U. */
function space(pair: JitPair, flags: bigint): bigint {
  let satp = 0n;
  pair.each((machine) => {
    const tables = new AddressSpace(machine, new PagePool(flags === 0n ? TABLES : TABLES + 6n * PAGE, DATA));
    tables.map(CODE, CODE, RX);
    tables.map(DATA, DATA + PAGE, RW | flags);
    tables.map(DATA + PAGE, DATA, RW | flags);
    tables.map(DATA + 2n * PAGE, DATA + 2n * PAGE, RX | flags);
    tables.map(DEVICE, DEVICE, RW | flags);
    satp = tables.satp;
  });
  return satp;
}

describe.each([
  ["through a window", true],
  ["by the TLB", false],
])("an access that was compiled to go %s", (_how, window) => {
  let pair: JitPair;
  let states: readonly (readonly [string, HartState])[];

  beforeEach(async () => {
    pair = await createCallable({ window, ramBytes: RAM_BYTES, hosts: () => ({ mmioLoad: () => 0x55 }) });
    const code = functions();
    pair.each((machine) => machine.put(code));
    const [forS, forU] = [space(pair, 0n), space(pair, U)];
    const locked = (gpa: bigint, size: bigint, permissions: number): HartState => ({
      pmp: [napot(gpa, size, permissions, { locked: true })],
    });
    states = [
      ["with a window", {}],
      ["with an unused page locked", { pmp: closedPmp(pair.compiled) }],
      ["with 64 bytes of the data locked", locked(DATA + 64n, 64n, 0)],
      ["with a page that can be read only", locked(DATA + PAGE, PAGE, READ)],
      ["with a page that nothing is allowed in", locked(DATA + PAGE, PAGE, 0)],
      ["with an open region that begins inside of a page", { pmp: [napot(DATA + 64n, 64n, 0)] }],
      ["in S mode, untranslated", { privilege: Privilege.S }],
      ["in S mode, a page closed", { privilege: Privilege.S, pmp: [napot(DATA, PAGE, READ), ALL_OPEN] }],
      ["in S mode, translated", { privilege: Privilege.S, satp: forS }],
      ["with MPRV, as M", { mstatus: MPRV | mpp(Privilege.M), satp: forS }],
      ["with MPRV, as S untranslated", { mstatus: MPRV | mpp(Privilege.S) }],
      ["with MPRV, as S without PMP", { mstatus: MPRV | mpp(Privilege.S), pmp: [] }],
      ["with MPRV, as S translated", { mstatus: MPRV | mpp(Privilege.S), satp: forS }],
      ["with MPRV, as U translated", { mstatus: MPRV, satp: forU }],
    ];
    for (let n = 0; n < ENOUGH; n++) {
      for (let at = CODE; at < CODE + BigInt(code.length); at += FUNCTION_BYTES) {
        pair.each((machine) => {
          machine.setX(a1, DATA + 2048n);
          machine.setX(a2, 0x1122_3344_5566_7788n);
        });
        expect(callIn(pair, at, { ...(window ? {} : { pmp: closedPmp(pair.compiled) }), mstatus: FS })).toBeNull();
      }
    }
    expect(pair.regions).toBeGreaterThanOrEqual(ACCESSES.length);
  });

  it("does what the interpreter does at every edge, in every state", () => {
    const random = new HartRandom(2);
    const traps = new Set<bigint>();
    for (const [name, state] of states) {
      for (const [index, word] of ACCESSES.entries()) {
        for (const address of ADDRESSES) {
          // A tenth of all would do; which tenth differs.
          if (!random.chance(12)) continue;
          const value = random.bits64();
          const clear = random.chance(20);
          pair.each((machine) => {
            if (clear) machine.exports.clearDirty();
            machine.setX(a1, address);
            machine.setX(a2, value);
          });
          const entry = CODE + FUNCTION_BYTES * BigInt(index);
          const difference = callIn(pair, entry, { ...state, mstatus: (state.mstatus ?? 0n) | FS });
          traps.add(pair.compiled.machineTrap.cause);
          if (difference === null) continue;
          throw new Error(`${word.toString(16)} at 0x${address.toString(16)} ${name}: ${difference}`);
        }
      }
    }
    // Breakpoints, and every fault that loads and stores have.
    expect([...traps].sort((a, b) => Number(a - b))).toEqual([3n, 4n, 5n, 6n, 7n, 13n, 15n]);
  });

  it("follows CSRs that guest code writes between two executions of it", () => {
    const random = new HartRandom(3);
    const touch = new Code(CODE + PAGE).label("loop").addi(a0, a0, 1).load("ld", a3, a1).store("sd", a3, a1, 8);
    touch.addi(a4, a4, -1).to("loop", "bne", { rs1: a4 }).op("ebreak");
    const stub = new Code(CODE + 2n * PAGE).csrw(Csr.PMPCFG0, t0).csrw(Csr.SATP, t1).csrw(Csr.MSTATUS, a5);
    stub.li(a2, touch.base).jr(a2);
    const satp = space(pair, 0n);
    pair.each((machine) => {
      machine.put(touch);
      machine.put(stub);
      for (let page = 0n; page < 2n; page++) machine.store64(DATA + page * PAGE, 7n + page);
    });
    const seen = new Set<string>();
    for (let n = 0; n < 300; n++) {
      const [cfg, root] = [random.pick([0x1f, 0x19, 0x18, 0]), random.pick([0n, satp])];
      const mstatus = random.pick([0n, MPRV | mpp(Privilege.M), MPRV | mpp(Privilege.S)]);
      pair.each((machine) => {
        // Entry 0 where it is not locked, else entry 1.
        machine.setX(t0, BigInt(cfg << (window ? 0 : 8)));
        machine.setX(t1, root);
        machine.setX(a5, mstatus);
        machine.setX(a1, DATA);
        machine.setX(a4, 3n);
      });
      const difference = callIn(pair, stub.base, window ? {} : { pmp: closedPmp(pair.compiled) });
      if (difference !== null) throw new Error(`round ${n}: ${difference}`);
      seen.add(`${pair.compiled.machineTrap.cause} ${pair.compiled.x(a3)}`);
    }
    for (const cause of [3, 5, 7]) expect([...seen].some((s) => s.startsWith(`${cause} `))).toBe(true);
  });

  it("reaches RAM and a device by the same instruction, in turns", () => {
    const code = new Code(CODE + PAGE).li(a4, 40n).label("loop").load("lw", a3, a1).add(a0, a0, a3).store("sw", a0, a1);
    code.op("xor", { rd: a1, rs1: a1, rs2: a5 }).addi(a4, a4, -1).to("loop", "bne", { rs1: a4 }).op("ebreak");
    for (let n = 0; n < ENOUGH; n++) {
      pair.each((machine) => {
        if (n === 0) machine.put(code);
        machine.store64(DATA, 1n);
        machine.setX(a5, DATA ^ DEVICE);
      });
      const { a0: sum, difference } = callBoth(pair, code.base, { argument: DATA });
      expect(difference).toBeNull();
      // What is stored in RAM comes back doubled, with what the device adds.
      let [expected, stored] = [0n, 1n];
      for (let i = 0; i < 40; i++) {
        expected = BigInt.asIntN(64, expected + (i % 2 === 0 ? BigInt.asIntN(32, stored) : 0x55n));
        if (i % 2 === 0) stored = expected;
      }
      expect(BigInt.asIntN(64, sum)).toBe(expected);
    }
  });
});

describe.each([
  ["through a window", true],
  ["by the TLB", false],
])("stores of compiled code %s", (_how, window) => {
  let pair: JitPair;

  beforeEach(async () => {
    pair = await createCallable({ window, ramBytes: RAM_BYTES });
  });

  const call = (pc: bigint, argument: bigint): bigint => {
    const { a0: result, difference } = callBoth(pair, pc, { argument });
    expect(difference).toBeNull();
    return result;
  };
  const clearDirty = (): void => pair.each((machine) => machine.exports.clearDirty());
  const dirty = (gpa: bigint): boolean => pair.compiled.isDirty(gpa);

  /** Writes from a1 up to a5, `step` at a time, through one cursor: the page that it is in is kept. */
  const fill = (store: string, step: number): Code =>
    new Code(CODE)
      .label("loop")
      .store(store, a2, a1)
      .store(store, a2, a1, 16)
      .addi(a1, a1, step)
      .addi(a0, a0, 1)
      .to("loop", "bltu", { rs1: a1, rs2: a5 })
      .op("ebreak");

  it.each([
    ["sb", 1],
    ["sh", 6],
    ["sw", 7],
    ["sd", 8],
    ["sd", 12],
    ["sd", 504],
  ] as const)("mark each page that a cursor comes through, in each round: %s by %i", (store, step) => {
    const code = fill(store, step);
    const end = DATA + 3n * PAGE - 24n;
    pair.each((machine) => {
      machine.put(code);
      machine.setX(a5, end);
    });
    for (let n = 0; n < ENOUGH; n++) {
      clearDirty();
      call(code.base, DATA + 5n);
      for (let page = -1n; page < 4n; page++)
        expect([page, dirty(DATA + page * PAGE)]).toEqual([page, page >= 0n && page < 3n]);
    }
    // A round of tracking that begins in the middle of a page.
    pair.each((machine) => machine.setX(a5, DATA + 100n));
    call(code.base, DATA);
    clearDirty();
    call(code.base, DATA + 40n);
    expect([dirty(DATA), dirty(DATA + PAGE)]).toEqual([true, false]);
  });

  it("mark both pages where they reach across, whichever was known to be dirty before", () => {
    const code = new Code(CODE);
    for (const store of ["sh", "sw", "sd"]) code.store(store, a2, a1).op("ebreak");
    pair.each((machine) => machine.put(code));
    for (const [index] of ["sh", "sw", "sd"].entries()) {
      const pc = CODE + BigInt(8 * index);
      for (let n = 0; n < ENOUGH; n++) call(pc, DATA);
      for (const known of [[], [DATA], [DATA + PAGE], [DATA, DATA + PAGE]]) {
        clearDirty();
        for (const gpa of known) call(pc, gpa + 512n);
        call(pc, DATA + PAGE - 1n);
        expect([dirty(DATA), dirty(DATA + PAGE)]).toEqual([true, true]);
      }
    }
  });

  const EBREAK = BigInt(instruction("ebreak"));
  /** Differs from what is there in its first byte, and returns 0. */
  const OTHER = BigInt(instruction("addi", { rd: a1, rs1: a0, imm: 16 })) | (EBREAK << 32n);

  it.each([
    ["sb", 0n],
    ["sw", 0n],
    ["sd", 0n],
    ["sh", -1n],
    ["sw", -3n],
    ["sd", -4n],
    ["sd", -6n],
    ["fsd", -2n],
    ["fsw", -2n],
  ] as const)("into code are what runs next, also from the page before it: %s at %i", (store, at) => {
    const target = DATA + PAGE;
    const code = new Code(CODE).store(store, 12, a1).op("ebreak");
    const value = BigInt.asUintN(64, OTHER << (-8n * at));
    const run = (pc: bigint, argument: bigint): bigint => {
      const { a0: result, difference } = callBoth(pair, pc, { argument, mstatus: FS });
      expect(difference).toBeNull();
      return result;
    };
    pair.each((machine) => {
      machine.put(code);
      machine.setX(12, value);
      machine.setField64(Layout.HART.F + 8 * 12, value);
    });
    for (let n = 0; n < 2 * ENOUGH; n++) {
      // Each time code comes to a page that is stored to without notice.
      for (let k = 0; k < ENOUGH; k++) for (const gpa of [DATA, target]) run(code.base, gpa + 1024n);
      pair.each((machine) => machine.put(new Code(target).addi(a0, a0, 1).op("ebreak")));
      for (let k = 0; k < ENOUGH; k++) expect(run(target, 0n)).toBe(1n);
      run(code.base, target + at);
      expect(run(target, 0n)).toBe(0n);
    }
  });
});
