// Decoded code is coherent with memory: whatever changes an instruction, the very next fetch of it sees the change.

import { beforeEach, describe, expect, it } from "vitest";
import { Layout } from "../../src/generated/layout.js";
import { Cause, Csr, Privilege } from "../../src/generated/shared/privileged.js";
import { RunExit } from "../../src/generated/shared/run-exit.js";
import { a0, a1, a2, a3, Code, instruction, s0, t0, t1, zero } from "../support/hart-code.js";
import { HartMachine, PAGE, RAM_BASE } from "../support/hart-machine.js";
import { ADUE, SUM } from "../support/hart-model.js";
import { A, AddressSpace, D, PagePool, R, RW, RX, U, V, W, X } from "../support/hart-page-tables.js";
import { Prober } from "../support/hart-prober.js";

const CODE = RAM_BASE;
const OTHER = RAM_BASE + 0x1_0000n;
/** addi a0, x0, n: what programs are changed to. */
const setA0 = (n: number): number => instruction("addi", { rd: a0, imm: n });

let machine: HartMachine;

beforeEach(async () => {
  machine = await HartMachine.create();
});

/** Runs from `pc` in M mode to the next wfi. */
function runTo(pc: bigint, limit = 100_000): void {
  machine.setField64(Layout.HART.PC, pc);
  expect(machine.run(limit)).toBe(RunExit.Idle);
  machine.view.setUint32(machine.hart + Layout.HART.WAITING, 0, true);
}

function openPmp(): void {
  machine.setCsr(Csr.PMPADDR0, (1n << 54n) - 1n);
  machine.setCsr(Csr.PMPCFG0, 0x1fn);
}

describe("a program that changes itself", () => {
  const ways: Record<string, (code: Code) => void> = {
    sw: (code) => code.store("sw", t0, t1),
    "two sh": (code) => code.store("sh", t0, t1).op("srli", { rd: a2, rs1: t0, imm: 16 }).store("sh", a2, t1, 2),
    amoswap: (code) => code.op("amoswap.w", { rd: a2, rs1: t1, rs2: t0 }),
    sc: (code) => code.op("lr.w", { rd: a2, rs1: t1 }).op("sc.w", { rd: a2, rs1: t1, rs2: t0 }),
    fsw: (code) => code.op("fmv.w.x", { rd: 1, rs1: t0 }).op("fsw", { rs1: t1, rs2: 1 }),
  };

  it.each(Object.entries(ways))("by %s runs the new instruction right behind the store", (_name, write) => {
    machine.setCsr(Csr.MSTATUS, 3n << 13n);
    const program = (target: bigint): Code => {
      const code = new Code(CODE).li(t0, BigInt(setA0(2))).li(t1, target);
      write(code);
      return code.label("target").word(setA0(1)).op("wfi");
    };
    const target = program(CODE + 0x100n).address("target");
    machine.put(program(target));
    runTo(CODE);
    expect(machine.x(a0)).toBe(2n);
  });

  it("once a round of a loop runs each round's own instruction", () => {
    const code = new Code(CODE)
      .li(t1, CODE + 0x200n)
      .li(t0, BigInt(setA0(0)))
      .li(s0, 50n);
    code.label("top");
    // Counts in the immediate of the instruction that is executed next.
    code.op("lui", { rd: a2, imm: 0x10_0000 }).add(t0, t0, a2).store("sw", t0, t1);
    code.op("jalr", { rd: 1, rs1: t1 });
    code.add(a1, a1, a0).addi(s0, s0, -1).to("top", "bne", { rs1: s0 }).op("wfi");
    machine.put(code);
    machine.put(new Code(CODE + 0x200n).word(setA0(0)).jr(1));
    runTo(CODE);
    expect(machine.x(a1)).toBe((50n * 51n) / 2n);
  });

  it("with cbo.zero runs into zeroes, which are illegal", () => {
    machine.catchTraps();
    const code = new Code(CODE).li(t1, CODE + 0x40n).op("cbo.zero", { rs1: t1 });
    while (code.length < 0x60) code.nop();
    machine.put(code.op("wfi"));
    runTo(CODE);
    expect(machine.machineTrap).toEqual({ cause: BigInt(Cause.ILLEGAL), value: 0n, pc: CODE + 0x40n });
  });

  it("on another page runs what it wrote there, however often", () => {
    machine.put(new Code(OTHER).word(setA0(1)).jr(1));
    for (let n = 2; n < 20; n++) {
      const code = new Code(CODE).li(s0, OTHER).op("jalr", { rd: 1, rs1: s0 }).add(a1, a0, zero);
      code
        .li(t0, BigInt(setA0(n)))
        .store("sw", t0, s0)
        .op("jalr", { rd: 1, rs1: s0 })
        .op("wfi");
      machine.put(code);
      runTo(CODE);
      expect([machine.x(a1), machine.x(a0)]).toEqual([BigInt(n - 1), BigInt(n)]);
    }
  });

  it("across a page end, with a store into both pages, runs the new instruction", () => {
    // The instruction at the end of one page and the start of the next is replaced by one misaligned store.
    const target = CODE + PAGE - 2n;
    machine.put(new Code(target).word(setA0(1)).op("wfi"));
    const code = new Code(OTHER)
      .li(t1, target)
      .li(t0, BigInt(setA0(7)))
      .op("jalr", { rs1: t1 });
    machine.put(code);
    runTo(OTHER);
    expect(machine.x(a0)).toBe(1n);
    machine.put(
      new Code(OTHER)
        .li(t1, target)
        .li(t0, BigInt(setA0(7)))
        .store("sw", t0, t1)
        .jr(t1),
    );
    runTo(OTHER);
    expect(machine.x(a0)).toBe(7n);
  });
});

describe("an instruction that reaches into the next page", () => {
  const VA = 0x4000_0000n;
  const AT = VA + PAGE - 2n;
  let space: AddressSpace;
  let prober: Prober;
  const first = RAM_BASE + 0x10_0000n;
  const second = RAM_BASE + 0x11_0000n;
  const third = RAM_BASE + 0x12_0000n;

  /** Places the halves of `word`, and an ebreak behind it. */
  function place(word: number, secondPage: bigint): void {
    machine.write(first + PAGE - 2n, Uint8Array.of(word & 0xff, (word >>> 8) & 0xff));
    machine.write(
      secondPage,
      new Code(0n)
        .half(word >>> 16)
        .op("ebreak")
        .bytes(),
    );
  }

  beforeEach(() => {
    prober = new Prober(machine, RAM_BASE + 0x20_0000n);
    openPmp();
    space = new AddressSpace(machine, new PagePool(RAM_BASE + 0x8000n, RAM_BASE + 0x1_0000n));
    space.map(VA, first, RX);
    space.map(VA + PAGE, second, RX);
    prober.setSatp(space.satp);
    place(setA0(1), second);
  });

  it("runs", () => {
    expect(prober.fetch(AT, Privilege.S)).toEqual({ value: 1n });
  });

  it("sees its second half change", () => {
    for (let n = 1; n < 10; n++) {
      machine.write(second, new Code(0n).half(setA0(n) >>> 16).bytes());
      expect(prober.fetch(AT, Privilege.S)).toEqual({ value: BigInt(n) });
    }
  });

  it("sees its first half change", () => {
    machine.setX(1, 40n);
    // What is in the second half, the immediate 1, stays.
    for (const [mnemonic, rs1, expected] of [
      ["addi", 1, 41n],
      ["andi", 1, 0n],
      ["addi", 0, 1n],
    ] as const) {
      const word = instruction(mnemonic, { rd: a0, rs1, imm: 1 });
      machine.write(first + PAGE - 2n, Uint8Array.of(word & 0xff, (word >>> 8) & 0xff));
      expect(prober.fetch(AT, Privilege.S)).toEqual({ value: expected });
    }
    // Now a compressed one: c.li a0, 9; what follows is the page's first halfword, of no use by itself.
    machine.write(first + PAGE - 2n, Uint8Array.of(0x25, 0x45));
    machine.write(second, new Code(0n).op("ebreak").bytes());
    expect(prober.fetch(AT, Privilege.S)).toEqual({ value: 9n });
  });

  it("sees its second page remapped, behind a fence", () => {
    machine.write(
      third,
      new Code(0n)
        .half(setA0(3) >>> 16)
        .op("ebreak")
        .bytes(),
    );
    expect(prober.fetch(AT, Privilege.S)).toEqual({ value: 1n });
    space.map(VA + PAGE, third, RX);
    prober.fence({ va: VA + PAGE });
    expect(prober.fetch(AT, Privilege.S)).toEqual({ value: 3n });
    space.map(VA + PAGE, second, RX);
    prober.fence({ va: VA + PAGE });
    expect(prober.fetch(AT, Privilege.S)).toEqual({ value: 1n });
  });

  it("has its own second half in each address space", () => {
    const other = new AddressSpace(machine, new PagePool(RAM_BASE + 0x18_0000n, RAM_BASE + 0x19_0000n), 8, 1);
    machine.write(
      third,
      new Code(0n)
        .half(setA0(3) >>> 16)
        .op("ebreak")
        .bytes(),
    );
    other.map(VA, first, RX);
    other.map(VA + PAGE, third, RX);
    for (let round = 0; round < 3; round++) {
      prober.setSatp(space.satp);
      expect(prober.fetch(AT, Privilege.S)).toEqual({ value: 1n });
      prober.setSatp(other.satp);
      expect(prober.fetch(AT, Privilege.S)).toEqual({ value: 3n });
    }
  });

  it("faults for its second half with that page's address, at its own, and can be tried again", () => {
    space.unmap(VA + PAGE);
    prober.fence();
    expect(prober.fetch(AT, Privilege.S)).toEqual({ cause: Cause.FETCH_PAGE, tval: VA + PAGE });
    expect(machine.machineTrap.pc).toBe(AT);
    space.map(VA + PAGE, second, V | R | A);
    prober.fence();
    expect(prober.fetch(AT, Privilege.S)).toEqual({ cause: Cause.FETCH_PAGE, tval: VA + PAGE });
    space.map(VA + PAGE, 0x1000_0000n, RX);
    prober.fence();
    expect(prober.fetch(AT, Privilege.S)).toEqual({ cause: Cause.FETCH_ACCESS, tval: VA + PAGE });
    space.map(VA + PAGE, second, RX);
    prober.fence();
    expect(prober.fetch(AT, Privilege.S)).toEqual({ value: 1n });
  });

  it("that is illegal has all of its bits in tval", () => {
    const ILLEGAL = 0xabcd_e07f;
    place(ILLEGAL, second);
    expect(prober.fetch(AT, Privilege.S)).toEqual({ cause: Cause.ILLEGAL, tval: BigInt(ILLEGAL) });
    const CSR_OF_M = instruction("csrrs", { rd: a0, imm: Csr.MSCRATCH });
    place(CSR_OF_M, second);
    expect(prober.fetch(AT, Privilege.S)).toEqual({ cause: Cause.ILLEGAL, tval: BigInt(CSR_OF_M) });
  });

  it("that jumps counts from its own address", () => {
    place(instruction("jal", { rd: a0, imm: 0x102 }), second);
    machine.write(second + 0x100n, new Code(0n).op("ebreak").bytes());
    expect(prober.fetch(AT, Privilege.S)).toEqual({ value: AT + 4n });
    expect(machine.machineTrap.pc).toBe(AT + 0x102n);
    place(instruction("auipc", { rd: a0, imm: 0x1000 }), second);
    expect(prober.fetch(AT, Privilege.S)).toEqual({ value: AT + 0x1000n });
  });

  it("is reached from the instructions before it as by a jump to it", () => {
    machine.write(first + PAGE - 10n, new Code(0n).addi(a1, zero, 4).addi(a1, a1, 1).bytes());
    expect(prober.fetch(AT - 8n, Privilege.S)).toEqual({ value: 1n });
    expect(machine.x(a1)).toBe(5n);
  });
});

describe("code that another mapping writes", () => {
  const VA = 0x4000_0000n;
  const ALIAS = 0x5000_0000n;
  const page = RAM_BASE + 0x10_0000n;

  it("is seen in the block that is running", () => {
    const prober = new Prober(machine, RAM_BASE + 0x20_0000n);
    openPmp();
    const space = new AddressSpace(machine, new PagePool(RAM_BASE + 0x8000n, RAM_BASE + 0x1_0000n));
    space.map(VA, page, RX);
    space.map(ALIAS, page, RW);
    prober.setSatp(space.satp);
    const program = (target: bigint): Code =>
      new Code(VA)
        .li(a1, BigInt(setA0(2)))
        .li(a2, target)
        .store("sw", a1, a2)
        .label("target")
        .word(setA0(1))
        .op("ebreak");
    const target = program(ALIAS + 0x800n).address("target") - VA + ALIAS;
    machine.write(page, program(target).bytes());
    expect(prober.fetch(VA, Privilege.S)).toEqual({ value: 2n });
    // And again, with the store's page long in the TLB.
    machine.write(page, program(target).bytes());
    expect(prober.fetch(VA, Privilege.S)).toEqual({ value: 2n });
  });

  it("by a page-table walk is seen in the block that is running", () => {
    machine.setCsr(Csr.MENVCFG, ADUE);
    const prober = new Prober(machine, RAM_BASE + 0x20_0000n);
    openPmp();
    const space = new AddressSpace(machine, new PagePool(RAM_BASE + 0x8000n, RAM_BASE + 0x1_0000n));
    space.map(VA, page, RX);
    // The page that runs is the leaf table of ALIAS besides. Entry 16 of it is also the instruction addi a0, x0, 0x200; with A set it
    // is in OP-FP, which mstatus.FS = 0 makes illegal.
    space.map(ALIAS, page, V, 1);
    prober.setSatp(space.satp);
    const entry = (((RAM_BASE >> 12n) | 1n) << 10n) | (1n << 8n) | U | R | V;
    expect(Number(entry)).toBe(instruction("addi", { rd: a0, imm: 0x200 }));
    const code = new Code(VA + 8n * 16n - 4n).load("lw", a3, a2);
    machine.write(page + 8n * 16n - 4n, code.bytes());
    machine.store64(page + 8n * 16n, entry);
    machine.setX(a2, ALIAS + 16n * PAGE);
    expect(prober.fetch(code.base, Privilege.S, SUM)).toEqual({ cause: Cause.ILLEGAL, tval: entry | A });
    expect(machine.machineTrap.pc).toBe(code.here);
    expect(machine.load64(page + 8n * 16n)).toBe(entry | A);
  });
});

describe("code that the host writes", () => {
  it("between slices is seen at the next fetch", () => {
    machine.put(new Code(CODE).label("top").word(setA0(1)).j("top"));
    machine.setField64(Layout.HART.PC, CODE);
    for (let n = 2; n < 10; n++) {
      machine.write(CODE, new Code(CODE).word(setA0(n)).bytes());
      machine.run(7);
      expect(machine.x(a0)).toBe(BigInt(n));
    }
  });

  it.each(["lw", "sw"])("inside a device access (%s) is seen by the next instruction", async (mnemonic) => {
    const patch = (): number => {
      machine.write(CODE + 4n, new Code(0n).word(setA0(2)).bytes());
      return 0;
    };
    machine = await HartMachine.create({ host: { mmioLoad: patch, mmioStore: patch } });
    machine.setX(a1, 0x1000_0000n);
    const code = new Code(CODE);
    if (mnemonic === "lw") code.load("lw", t0, a1);
    else code.store("sw", t0, a1);
    machine.put(code.word(setA0(1)).op("wfi"));
    runTo(CODE);
    expect(machine.x(a0)).toBe(2n);
  });

  it("takes the reservation of lr away where it writes, and nowhere else", () => {
    for (const [at, expected] of [
      [OTHER, 1n],
      [OTHER + 4n, 1n],
      [OTHER + 8n, 0n],
      [OTHER - 8n, 0n],
    ] as const) {
      machine.setX(a1, OTHER);
      machine.put(new Code(CODE).op("lr.d", { rd: a0, rs1: a1 }).op("sc.d", { rd: a2, rs1: a1, rs2: a1 }).op("wfi"));
      machine.setField64(Layout.HART.PC, CODE);
      machine.run(1);
      machine.write(at, Uint8Array.of(1, 2, 3, 4));
      machine.run(10);
      expect(machine.x(a2), `write at +${at - OTHER}`).toBe(expected);
      machine.view.setUint32(machine.hart + Layout.HART.WAITING, 0, true);
    }
  });
});

describe("blocks at the end of a page", () => {
  it("go on in the page that is mapped behind, not the one that lies behind", () => {
    const VA = 0x4000_0000n;
    const prober = new Prober(machine, RAM_BASE + 0x20_0000n);
    openPmp();
    const space = new AddressSpace(machine, new PagePool(RAM_BASE + 0x8000n, RAM_BASE + 0x1_0000n));
    const [first, second] = [RAM_BASE + 0x10_0000n, RAM_BASE + 0x12_0000n];
    space.map(VA, first, RX);
    space.map(VA + PAGE, second, RX);
    prober.setSatp(space.satp);
    machine.write(first + PAGE - 4n, new Code(0n).word(setA0(1)).word(setA0(9)).op("ebreak").bytes());
    machine.write(second, new Code(0n).addi(a0, a0, 1).op("ebreak").bytes());
    expect(prober.fetch(VA + PAGE - 4n, Privilege.S)).toEqual({ value: 2n });
    // The last halfword as an instruction of its own: c.li a0, 3.
    machine.write(first + PAGE - 2n, Uint8Array.of(0x0d, 0x45));
    expect(prober.fetch(VA + PAGE - 2n, Privilege.S)).toEqual({ value: 4n });
  });

  it("branch back and forth across the boundary", () => {
    const code = new Code(CODE + PAGE - 8n)
      .label("top")
      .addi(a0, a0, 1)
      .addi(a1, a1, -1)
      .to("top", "bne", { rs1: a1 })
      .op("wfi");
    machine.put(code);
    machine.setX(a1, 1000n);
    runTo(code.base);
    expect(machine.x(a0)).toBe(1000n);
  });

  it("at the end of RAM fault behind it", () => {
    machine.put(new Code(CODE + 0x1000n).op("wfi"));
    machine.setCsr(Csr.MTVEC, CODE + 0x1000n);
    const end = RAM_BASE + BigInt(machine.ramBytes);
    machine.put(new Code(end - 4n).addi(a0, zero, 3));
    runTo(end - 4n);
    expect([machine.x(a0), machine.machineTrap]).toEqual([
      3n,
      { cause: BigInt(Cause.FETCH_ACCESS), value: end, pc: end },
    ]);
    machine.write(end - 2n, Uint8Array.of(0x13, 0x05));
    runTo(end - 2n);
    expect(machine.machineTrap).toEqual({ cause: BigInt(Cause.FETCH_ACCESS), value: end, pc: end - 2n });
  });
});

describe("more code than the cache holds", () => {
  const MIB = 0x10_0000;

  it("runs right when the room for operations is used up, again and again", async () => {
    // c.addi a0, 1 on every halfword: 2048 operations a page.
    const pages = Math.ceil((Layout.OPS.END - Layout.OPS.BASE) / (2048 * 16)) + 50;
    const bytes = pages * 0x1000;
    machine = await HartMachine.create({ ramBytes: 24 * MIB });
    const image = new Uint8Array(bytes);
    new Uint16Array(image.buffer).fill(0x0505);
    machine.write(CODE, image);
    machine.write(CODE + BigInt(bytes), new Code(0n).op("wfi").bytes());
    for (let round = 1; round <= 2; round++) {
      runTo(CODE, 10_000_000);
      expect(machine.x(a0)).toBe(BigInt((round * bytes) / 2));
    }
  });

  it("runs right when there are more pages of code than records of them", async () => {
    const pages = Math.ceil((Layout.CODE.PAGES_END - Layout.CODE.PAGES) / 8192) + 50;
    machine = await HartMachine.create({ ramBytes: 56 * MIB });
    // Each page counts and jumps to the next.
    const image = new Uint8Array(pages * 0x1000);
    const step = new Code(0n)
      .addi(a0, a0, 1)
      .op("jal", { imm: 0x1000 - 4 })
      .bytes();
    for (let page = 0; page < pages; page++) image.set(step, page * 0x1000);
    machine.write(CODE, image);
    machine.write(CODE + BigInt(pages * 0x1000), new Code(0n).op("wfi").bytes());
    for (let round = 1; round <= 3; round++) {
      runTo(CODE);
      expect(machine.x(a0)).toBe(BigInt(round * pages));
    }
  });

  it("runs right where a page that is called from stays in use while the others come and go", async () => {
    const pages = Math.ceil((Layout.CODE.PAGES_END - Layout.CODE.PAGES) / 8192) + 50;
    machine = await HartMachine.create({ ramBytes: 56 * MIB });
    const image = new Uint8Array(pages * 0x1000);
    // The words lie where the caller's loop has other ones.
    const callee = new Code(0n).addi(a0, a0, 1).addi(a0, a0, 1).addi(a0, a0, 1).addi(a0, a0, 1).jr(1).bytes();
    for (let page = 0; page < pages; page++) image.set(callee, page * 0x1000);
    machine.write(CODE + PAGE, image);
    const caller = new Code(CODE).label("top").op("jalr", { rd: 1, rs1: a1 }).add(a1, a1, a2).addi(a3, a3, 1);
    machine.put(caller.to("top", "bne", { rs1: a1, rs2: s0 }).op("wfi"));
    machine.setX(a2, PAGE);
    machine.setX(s0, CODE + PAGE + BigInt(pages) * PAGE);
    for (let round = 1; round <= 3; round++) {
      machine.setX(a1, CODE + PAGE);
      runTo(CODE, 200_000);
      expect([machine.x(a0), machine.x(a3)]).toEqual([BigInt(4 * round * pages), BigInt(round * pages)]);
    }
  });

  it("and is changed all the while runs right", () => {
    // Each round of the loop drops the page and decodes it anew: far more than fits.
    const ROUNDS = 40_000n;
    const code = new Code(CODE)
      .li(a1, ROUNDS)
      .li(t1, CODE + 0x400n)
      .li(t0, 0n);
    code.label("top").store("sd", a1, t1);
    for (let i = 0; i < 120; i++) code.addi(a0, a0, 1);
    machine.put(code.addi(a1, a1, -1).to("top", "bne", { rs1: a1 }).op("wfi"));
    runTo(CODE, 10_000_000);
    expect(machine.x(a0)).toBe(ROUNDS * 120n);
  });
});

describe("executability", () => {
  it("is lost at once where a page is unmapped or loses X, behind a fence", () => {
    const VA = 0x4000_0000n;
    const page = RAM_BASE + 0x10_0000n;
    const prober = new Prober(machine, RAM_BASE + 0x20_0000n);
    openPmp();
    const space = new AddressSpace(machine, new PagePool(RAM_BASE + 0x8000n, RAM_BASE + 0x1_0000n));
    machine.write(page, new Code(0n).word(setA0(1)).op("ebreak").bytes());
    prober.setSatp(space.satp);
    for (const flags of [V | R | W | A | D, 0n, V | X | A]) {
      space.map(VA, page, RX);
      prober.fence();
      expect(prober.fetch(VA, Privilege.S)).toEqual({ value: 1n });
      space.map(VA, page, flags);
      prober.fence({ va: VA });
      if ((flags & X) !== 0n) expect(prober.fetch(VA, Privilege.S)).toEqual({ value: 1n });
      else expect(prober.fetch(VA, Privilege.S)).toEqual({ cause: Cause.FETCH_PAGE, tval: VA });
    }
  });
});
