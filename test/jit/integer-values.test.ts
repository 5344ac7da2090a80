// Integer instructions on values where they have their edges.

import { describe, expect, it } from "vitest";
import { FORMATS } from "../../tools/generate-decoder.mjs";
import { INTEGERS } from "../isa/programs/values.js";
import { INSTRUCTION_TABLE, instruction } from "../support/hart-code.js";
import { HartRandom } from "../support/hart-random.js";
import { operandRegisters, RECORD_WORDS, RESULT, ValueLoop, type Variant } from "../support/jit-values.js";

type Row = (typeof INSTRUCTION_TABLE)[number];

const COMPUTING = new Set(["R", "R1", "I", "I6", "I5"]);
const EXTENSIONS = new Set(["I", "M", "Zba", "Zbb", "Zbc", "Zbs", "Zicond"]);
const rows = INSTRUCTION_TABLE.filter(
  ({ mnemonic, width, extension, format, jit }) =>
    width === 32 &&
    EXTENSIONS.has(extension) &&
    COMPUTING.has(format) &&
    jit === "lower" &&
    !/^(l[bhwd]u?|jalr|fence)$/.test(mnemonic),
);

/** Every register a source, x0 among them; every immediate at its ends. */
function variantsOf({ mnemonic, format }: Row): Variant[] {
  const { rs1, rs2 } = operandRegisters;
  const variant = (name: string, operands: object): Variant => ({
    name: `${mnemonic} ${name}`,
    words: [instruction(mnemonic, { rd: RESULT, rs1, rs2, ...operands })],
    operands: "x",
    result: "x",
  });
  if (FORMATS[format]?.imm !== undefined) {
    const immediates = format === "I" ? [-2048, -1, 0, 1, 2047] : format === "I5" ? [0, 1, 16, 31] : [0, 1, 31, 32, 63];
    return immediates.flatMap((imm) => [variant(`imm=${imm}`, { imm }), variant(`x0, imm=${imm}`, { rs1: 0, imm })]);
  }
  if (FORMATS[format]?.rs2 === undefined) return [variant("", {}), variant("x0", { rs1: 0 })];
  return [
    variant("", {}),
    variant("same", { rs2: rs1 }),
    variant("x0 first", { rs1: 0 }),
    variant("x0 second", { rs2: 0 }),
  ];
}

const pairs = INTEGERS.flatMap((a) => INTEGERS.flatMap((b) => [a, b, 0n]));
const random = new HartRandom(1);
for (let i = 0; i < 500; i++) {
  const shift = (): bigint => BigInt(random.below(64));
  pairs.push(random.bits64() >> shift(), random.bits64() >> shift(), 0n);
  pairs.push(BigInt.asUintN(64, -(random.bits64() >> shift())), random.bits64() >> shift(), 0n);
}
const records = BigUint64Array.from(pairs);

describe("compiled integer instructions", () => {
  it("are all among these tests", () => {
    expect(rows.length).toBeGreaterThan(80);
    expect(records.length / RECORD_WORDS).toBeGreaterThan(1000);
  });

  it.each(rows.map((row) => [row.mnemonic, row] as const))("agree with the interpreter: %s", async (_, row) => {
    const loop = await ValueLoop.create(variantsOf(row));
    expect(loop.run(records)).toBeNull();
  });

  // Compiled as one where the second overwrites the first.
  const shifts = [1, 8, 16, 29, 31, 32, 33, 40, 47, 48, 56, 60, 63];
  it.each(["srli", "srai"])("agree with the interpreter: slli and %s", async (right) => {
    const { rs1 } = operandRegisters;
    for (const left of shifts) {
      const loop = await ValueLoop.create(
        shifts.flatMap((imm) =>
          [RESULT, rs1].map((middle) => ({
            name: `slli ${left}, ${right} ${imm}, by way of x${middle}`,
            words: [
              instruction("slli", { rd: RESULT, rs1, imm: left }),
              instruction(right, { rd: RESULT, rs1: middle, imm }),
              // In place, where the first one's result is its operand.
              instruction("slli", { rd: RESULT, rs1: RESULT, imm }),
              instruction(right, { rd: RESULT, rs1: RESULT, imm: left }),
            ],
            operands: "x",
            result: "x",
          })),
        ),
      );
      expect(loop.run(records)).toBeNull();
    }
  });
});
