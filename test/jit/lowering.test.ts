// One instruction, one row: what the jit column of the table says is what the compiler does. Each instruction is put into a
// loop that is compiled; then it is made illegal wherever the interpreter would find it, in memory and decoded, without
// telling the core. Compiled code never looks there; a region that is left for the interpreter ends in a trap.

import { beforeAll, describe, expect, it } from "vitest";
import { Layout } from "../../src/generated/layout.js";
import { Csr, Mstatus, Privilege } from "../../src/generated/shared/privileged.js";
import { FORMATS } from "../../tools/generate-decoder.mjs";
import { a0, Code, INSTRUCTION_TABLE, instruction, s0, s1, sp, t0, t1, zero } from "../support/hart-code.js";
import { HartMachine, PAGE, RAM_BASE } from "../support/hart-machine.js";
import { HOT } from "../support/jit-pair.js";

type Row = (typeof INSTRUCTION_TABLE)[number];

const PROGRAM = RAM_BASE + 4n * PAGE;
const DATA = RAM_BASE + 8n * PAGE;
/** Left alone by every instruction under test, of which none writes x31. */
const DONE = 31;
const ROUNDS = 40;
const OP_ILLEGAL = 0;

/** Reasons why the interpreter keeps an instruction, and what they mean. */
const REASONS: Readonly<Record<string, string>> = {
  trap: "changes the privilege mode",
  csr: "may change what compiled code relies on: rounding mode, flags, address space, timers",
  wait: "ends the slice",
  tlb: "empties the TLB that compiled code looks into",
  code: "is the end of a block, and rare",
  "cache-block": "is rare, and more than one access",
};

/** An instruction that executes without a trap, on registers and memory that the program below prepares. */
function wordOf(row: Row): number {
  const { mnemonic, format } = row;
  const operation = row.base ?? mnemonic;
  const compressed = row.width === 16;
  if (format === "B" || format === "CB") return instruction(mnemonic, { rs1: s0, rs2: s0, imm: compressed ? 2 : 4 });
  if (operation === "jal") return instruction(mnemonic, { rd: zero, imm: compressed ? 2 : 4 });
  if (operation === "jalr") return instruction(mnemonic, { rd: zero, rs1: t1 });
  if (format === "CSR") return instruction(mnemonic, { rd: a0, rs1: t0, imm: Csr.MSCRATCH });
  if (format === "CSRI") return instruction(mnemonic, { rd: a0, rs1: 1, imm: Csr.MSCRATCH });
  const fields = FORMATS[format];
  const shared = compressed && fields?.rs1 && fields.rd && fields.rs1.lo === fields.rd.lo;
  const imm = mnemonic === "c.lui" ? 4096 : mnemonic.startsWith("c.addi") ? 16 : compressed ? 8 : 0;
  const rd = mnemonic === "c.nop" ? zero : a0;
  return instruction(mnemonic, { rd, rs1: shared ? rd : s0, rs2: s1, rs3: 3, imm, rm: 0 });
}

/** Makes the instruction at `gpa` illegal to whoever looks at it from now on. Not by machine.write: the core must not hear of it. */
function poison(machine: HartMachine, gpa: bigint, width: number): void {
  machine.core.bytes.fill(0, machine.linear(gpa), machine.linear(gpa) + width);
  const { view } = machine;
  const offset = Number(gpa & 0xfffn);
  const codePage = view.getUint32(Layout.CODE.PAGE_INDEX + 4 * Number((gpa - RAM_BASE) / PAGE), true);
  // The format is that of assembly/hart/code-cache.ts.
  for (let start = 0; start < 4096; start += 2) {
    const block = view.getUint32(codePage + 2 * start, true);
    if (block === 0) continue;
    const operations = view.getUint16(block, true) + view.getUint16(block + 2, true);
    for (let op = block + 16; op < block + 16 + 16 * operations; op += 16) {
      if (view.getUint16(op + 12, true) === offset) view.setUint16(op, OP_ILLEGAL, true);
    }
  }
}

/** Whether the loop around `row` runs on behind it without the interpreter reading the instruction. */
function isLowered(machine: HartMachine, row: Row): boolean {
  const word = wordOf(row);
  const setup = new Code(RAM_BASE).li(t0, RAM_BASE + PAGE).csrw(Csr.MTVEC, t0);
  setup.li(t0, BigInt(Mstatus.FS)).csr("csrrs", zero, Csr.MSTATUS, t0).li(t0, 0n);
  setup.li(sp, DATA).li(s0, DATA).li(DONE, 0n);
  // Compiled code leaves it to the interpreter to find that an f register holds no single.
  if (row.extension === "F" || row.mnemonic === "fcvt.d.s") {
    for (const f of [3, a0, s0, s1]) setup.op("fmv.w.x", { rd: f, rs1: zero });
  }
  const code = new Code(PROGRAM).label("loop").nop();
  const at = code.here;
  if (row.width === 16) code.half(word);
  else code.word(word);
  const next = code.here;
  code.addi(DONE, DONE, 1).j("loop");
  // jalr leads to the instruction behind it; the address in s0 and sp survives whatever the instruction does to a0.
  setup.li(t1, next).li(a0, DATA).li(28, PROGRAM).jr(28);
  const handler = new Code(RAM_BASE + PAGE).label("stop").op("wfi").j("stop");
  for (const part of [setup, code, handler]) machine.put(part);
  machine.reset(RAM_BASE, Privilege.M);
  // wfi goes on at once when something is pending; nothing is enabled globally.
  machine.setField64(Layout.HART.MIE, 1n << 11n);
  machine.exports.setInterrupt(machine.hart, 11, 1);
  machine.run(setup.length / 4 + 4 * 10);
  const mcause = machine.machineTrap.cause;
  if (mcause !== 0n) throw new Error(`${row.mnemonic} traps: cause ${mcause}`);
  const done = machine.x(DONE);
  poison(machine, at, row.width / 8);
  machine.run(4 * ROUNDS);
  return machine.x(DONE) - done === BigInt(ROUNDS);
}

/** Those whose execution ends in a trap, or elsewhere: in no loop. */
const LEAVES = new Set(["ecall", "ebreak", "c.ebreak", "mret", "sret"]);

describe("the jit column of the instruction table", () => {
  let machine: HartMachine;

  beforeAll(async () => {
    machine = await HartMachine.create();
  });

  it("says `lower`, or why not, for every instruction", () => {
    const undecided = INSTRUCTION_TABLE.filter(
      ({ jit }) => jit !== "lower" && !(jit.startsWith("interpret:") && jit.slice(10) in REASONS),
    );
    expect(undecided.map(({ mnemonic, jit }) => `${mnemonic} ${jit}`)).toEqual([]);
  });

  it("says of a compressed instruction what it says of the operation that it stands for", () => {
    const jitOf = new Map(INSTRUCTION_TABLE.map(({ mnemonic, jit }) => [mnemonic, jit]));
    const differing = INSTRUCTION_TABLE.filter(({ base, jit }) => base !== null && jitOf.get(base) !== jit);
    expect(differing.map(({ mnemonic }) => mnemonic)).toEqual([]);
  });

  it.each(INSTRUCTION_TABLE.filter(({ mnemonic }) => !LEAVES.has(mnemonic)).map((row) => [row.mnemonic, row] as const))(
    "is right about %s",
    (_mnemonic, row) => {
      machine.exports.setJit(HOT);
      expect(isLowered(machine, row)).toBe(row.jit === "lower");
    },
  );

  it("is checked by a test that can tell: while the compiler is off, nothing is lowered", () => {
    machine.exports.setJit(0);
    const lowered = INSTRUCTION_TABLE.filter(({ mnemonic }) => !LEAVES.has(mnemonic)).filter((row) =>
      isLowered(machine, row),
    );
    expect(lowered.map(({ mnemonic }) => mnemonic)).toEqual([]);
  });

  it("has those that trap or return interpreted", () => {
    const rows = INSTRUCTION_TABLE.filter(({ mnemonic }) => LEAVES.has(mnemonic));
    expect(rows.map(({ jit }) => jit)).toEqual(rows.map(() => "interpret:trap"));
  });
});
