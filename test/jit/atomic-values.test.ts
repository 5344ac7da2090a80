// AMO, LR and SC on values and addresses where they have their edges: aligned and not, in and beside a reservation.

import { describe, expect, it } from "vitest";
import { Csr, Privilege } from "../../src/generated/shared/privileged.js";
import { INTEGERS } from "../isa/programs/values.js";
import { a0, a1, a2, a3, Code, INSTRUCTION_TABLE, s0, s1, s3, t0, zero } from "../support/hart-code.js";
import { PAGE, RAM_BASE } from "../support/hart-machine.js";
import { JitPair } from "../support/jit-pair.js";

const HANDLER = RAM_BASE + PAGE;
const LOOP = RAM_BASE + 4n * PAGE;
const RECORDS = RAM_BASE + 16n * PAGE;
const MEMORY = RAM_BASE + 64n * PAGE;
const RESULTS = RAM_BASE + 512n * PAGE;
const RECORD_BYTES = 24;

const amos = INSTRUCTION_TABLE.filter(({ mnemonic }) => mnemonic.startsWith("amo")).map(({ mnemonic }) => mnemonic);

interface Record {
  readonly address: bigint;
  readonly value: bigint;
  readonly other: bigint;
}

/** Runs `body`, in a loop, with a0, a1 and a2 from each record; whoever traps goes on behind the instruction. */
async function compare(records: readonly Record[], body: (code: Code) => void): Promise<string | null> {
  const pair = await JitPair.create();
  const loop = new Code(LOOP).label("next").load("ld", a0, s0, 0).load("ld", a1, s0, 8).load("ld", a2, s0, 16);
  body(loop);
  loop.addi(s0, s0, RECORD_BYTES).to("next", "bne", { rs1: s0, rs2: s3 }).op("wfi");
  const handler = new Code(HANDLER).csrr(t0, Csr.MEPC).addi(t0, t0, 4).csrw(Csr.MEPC, t0).op("mret");
  const end = RECORDS + BigInt(records.length * RECORD_BYTES);
  const start = new Code(RAM_BASE).li(t0, HANDLER).csrw(Csr.MTVEC, t0).li(s0, RECORDS).li(s1, RESULTS).li(s3, end);
  start.li(t0, LOOP).jr(t0);
  pair.each((machine) => {
    for (const code of [loop, handler, start]) machine.put(code);
    for (const [i, value] of INTEGERS.entries()) machine.store64(MEMORY + 8n * BigInt(i), value);
    for (const [i, { address, value, other }] of records.entries()) {
      const at = RECORDS + BigInt(i * RECORD_BYTES);
      machine.store64(at, address);
      machine.store64(at + 8n, value);
      machine.store64(at + 16n, other);
    }
    machine.reset(RAM_BASE, Privilege.M);
  });
  const perRecord = loop.length;
  const difference = pair.run(100 + 4 * perRecord) ?? pair.run(records.length * perRecord);
  if (pair.interpreted.x(s0) !== end || pair.regions === 0) throw new Error("the loop was not compiled, or not ended");
  return difference;
}

function keep(code: Code, register: number): void {
  code.store("sd", register, s1, 0).addi(s1, s1, 8);
}

describe("compiled atomics agree with the interpreter", () => {
  const values = INTEGERS.flatMap((_, i) =>
    INTEGERS.map((value) => {
      const address = MEMORY + 8n * BigInt(i);
      return { address, value, other: address };
    }),
  );
  const awkward = [1n, 2n, 4n, 6n, PAGE - 4n, PAGE - 2n, PAGE - 8n].map((offset) => ({
    address: MEMORY + offset,
    value: 0x8123_4567_89ab_cdefn,
    other: MEMORY,
  }));
  // No RAM there: faults.
  const nowhere = { address: 0x1000n, value: 1n, other: MEMORY };

  it.each(amos)("%s", async (mnemonic) => {
    const difference = await compare([...values, ...awkward, nowhere, ...awkward, ...values.slice(0, 50)], (code) => {
      code.op(mnemonic, { rd: a3, rs1: a0, rs2: a1 });
      keep(code, a3);
      code.op(mnemonic, { rd: zero, rs1: a0, rs2: a1 }).op(mnemonic, { rd: a3, rs1: a0, rs2: zero });
      keep(code, a3);
      // Both operands in one register, and the result in it, too.
      code.op(mnemonic, { rd: a0, rs1: a0, rs2: a0 });
      keep(code, a0);
    });
    expect(difference).toBeNull();
  });

  const places = [0n, 4n, 8n, 12n, 2n, PAGE - 8n, PAGE - 4n, PAGE, 0x1000n - MEMORY];
  const meetings = places.flatMap((first) =>
    places.flatMap((second) =>
      [0n, 0x8123_4567_89ab_cdefn].map((value) => ({ address: MEMORY + first, value, other: MEMORY + second })),
    ),
  );

  it.each(["w", "d"].flatMap((load) => ["w", "d"].map((store) => [`lr.${load}`, `sc.${store}`])))(
    "%s and %s in one another's places",
    async (load, store) => {
      const difference = await compare([...meetings, ...meetings], (code) => {
        // Twice: the second one finds no reservation.
        code.op(load, { rd: a3, rs1: a0 });
        keep(code, a3);
        for (let i = 0; i < 2; i++) {
          code.op(store, { rd: a3, rs1: a2, rs2: a1 });
          keep(code, a3);
        }
        // Left over by an LR, with other accesses between, for the next round's SC.
        code.op(store, { rd: zero, rs1: a0, rs2: a1 }).op(load, { rd: zero, rs1: a2 }).store("sd", a1, a2, 0);
        code.op("amoadd.w", { rd: a3, rs1: a2, rs2: a1 }).op(store, { rd: a2, rs1: a2, rs2: a2 });
        keep(code, a2);
      });
      expect(difference).toBeNull();
    },
  );
});
