// Instructions that only compute, on many operands: interpreted, and as part of a compiled loop.

import { Layout } from "../../src/generated/layout.js";
import { Csr, Mstatus, Privilege } from "../../src/generated/shared/privileged.js";
import { a0, a1, Code, s0, s1, s2, s3, t0, t1, zero } from "./hart-code.js";
import { PAGE, RAM_BASE } from "./hart-machine.js";
import { JitPair } from "./jit-pair.js";

/** Operands of one execution: rs1, rs2, rs3. */
export const RECORD_WORDS = 3;

const LOOP = RAM_BASE + 4n * PAGE;
const OPERANDS = RAM_BASE + 16n * PAGE;
const RESULTS = RAM_BASE + 512n * PAGE;
/** What fits between OPERANDS and RESULTS. */
const MOST_RECORDS = 80_000;
/** Registers that the instructions under test read: x10 to x12, or f10 to f12. */
export const operandRegisters = { rs1: a0, rs2: a1, rs3: 12 } as const;
/** What they write, x13 or f13. */
export const RESULT = 13;

export interface Variant {
  /** For reports. */
  readonly name: string;
  readonly words: readonly number[];
  readonly operands: "x" | "f";
  readonly result: "x" | "f";
}

/** A pair of harts with a program that executes each variant on every record, and keeps result and fcsr. */
export class ValueLoop {
  private constructor(
    private readonly pair: JitPair,
    private readonly variants: readonly Variant[],
    /** Whether there is an fcsr to set before, and to look at behind, every execution. */
    private readonly float: boolean,
  ) {}

  /** With `fused: false`, compiled code does without the host's fused multiply-add. */
  static async create(variants: readonly Variant[], { fused = true } = {}): Promise<ValueLoop> {
    const pair = await JitPair.create();
    if (!fused) pair.each(({ exports }) => exports.setFused(0));
    const float = variants.some(({ operands, result }) => operands === "f" || result === "f");
    const code = new Code(LOOP).label("next");
    for (const kind of new Set(variants.map(({ operands }) => operands))) {
      for (const [i, register] of Object.values(operandRegisters).entries()) {
        code.op(kind === "f" ? "fld" : "ld", { rd: register, rs1: s0, imm: 8 * i });
      }
    }
    for (const { words, result } of variants) {
      if (float) code.csrw(Csr.FCSR, s2);
      for (const word of words) code.word(word);
      if (float) code.csrr(t1, Csr.FCSR);
      code.store(result === "f" ? "fsd" : "sd", RESULT, s1, 0).addi(s1, s1, 8);
      if (float) code.store("sd", t1, s1, 0).addi(s1, s1, 8);
    }
    code
      .addi(s0, s0, 8 * RECORD_WORDS)
      .to("next", "bne", { rs1: s0, rs2: s3 })
      .op("wfi");
    pair.each((machine) => machine.put(code));
    return new ValueLoop(pair, variants, float);
  }

  /** What first differs, or null. */
  run(records: BigUint64Array, fcsr = 0): string | null {
    const count = records.length / RECORD_WORDS;
    if (count > MOST_RECORDS) throw new Error(`${count} records are too many`);
    const { pair, variants } = this;
    pair.each((machine) => {
      machine.write(OPERANDS, new Uint8Array(records.buffer, records.byteOffset, records.byteLength));
      const start = new Code(RAM_BASE).li(t0, BigInt(Mstatus.FS)).csr("csrrs", zero, Csr.MSTATUS, t0);
      start.li(s0, OPERANDS).li(s1, RESULTS).li(s2, BigInt(fcsr));
      start
        .li(s3, OPERANDS + BigInt(records.byteLength))
        .li(t0, LOOP)
        .jr(t0);
      machine.put(start);
      machine.reset(RAM_BASE, Privilege.M);
    });
    // What is hot is compiled between slices: the first one is for that.
    const perRecord = 10 + 8 * variants.length;
    const difference = pair.run(60 + 4 * perRecord) ?? pair.run(count * perRecord);
    const isDone = pair.interpreted.x(s0) === OPERANDS + BigInt(records.byteLength);
    if (!isDone || pair.regions === 0) throw new Error("the loop did not come to its end, or was not compiled");
    return this.#firstResult(records, fcsr) ?? difference;
  }

  #firstResult(records: BigUint64Array, fcsr: number): string | null {
    const { variants, float } = this;
    const [expected, actual] = [this.pair.interpreted, this.pair.compiled].map(
      ({ core }) => new BigUint64Array(core.memory.buffer, Layout.RAM.OFFSET + Number(RESULTS - RAM_BASE)),
    ) as [BigUint64Array, BigUint64Array];
    const words = variants.length * (float ? 2 : 1);
    const total = (records.length / RECORD_WORDS) * words;
    for (let i = 0; i < total; i++) {
      if (expected[i] === actual[i]) continue;
      const record = Math.floor(i / words);
      const { name } = variants[Math.floor((i % words) / (float ? 2 : 1))] as Variant;
      const given = [...records.subarray(record * RECORD_WORDS, (record + 1) * RECORD_WORDS)].map(hex).join(", ");
      const what = float && i % 2 === 1 ? "fcsr" : "result";
      return `${name} (${given}) with fcsr ${hex(BigInt(fcsr))}: ${what} ${hex(expected[i])} interpreted, ${hex(actual[i])} compiled`;
    }
    return null;
  }
}

function hex(word: bigint | undefined): string {
  return `0x${(word ?? 0n).toString(16)}`;
}
