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

  // Compiled as one where they make a rotation: the same register shifted both ways, and not written in between.
  it.each([
    ["words", "slliw", "srliw", 32],
    ["doublewords", "slli", "srli", 64],
  ] as const)("agree with the interpreter: rotations of %s out of shifts", async (_, left, right, bits) => {
    const { rs1, rs2 } = operandRegisters;
    const [SCRATCH, OTHER] = [14, 15];
    const shift = (mnemonic: string, rd: number, source: number, imm: number): number =>
      instruction(mnemonic, { rd, rs1: source, imm });
    const combine = (mnemonic: string, a: number, b: number): number =>
      instruction(mnemonic, { rd: RESULT, rs1: a, rs2: b });
    const copy = instruction("addi", { rd: OTHER, rs1, imm: 0 });
    const amounts = [1, 7, bits / 2, bits - 1];
    for (const mnemonic of ["or", "xor", "add"]) {
      for (const n of amounts) {
        const [up, down] = [shift(left, SCRATCH, rs1, n), shift(right, RESULT, rs1, bits - n)];
        const programs: Record<string, number[]> = {
          "left first": [up, down, combine(mnemonic, SCRATCH, RESULT)],
          "right first": [down, up, combine(mnemonic, RESULT, SCRATCH)],
          "amounts that are not all bits": [up, shift(right, RESULT, rs1, n), combine(mnemonic, SCRATCH, RESULT)],
          "two registers": [up, shift(right, RESULT, rs2, bits - n), combine(mnemonic, SCRATCH, RESULT)],
          "the operand written in between": [
            copy,
            shift(left, SCRATCH, OTHER, n),
            instruction("addi", { rd: OTHER, rs1: OTHER, imm: 1 }),
            shift(right, RESULT, OTHER, bits - n),
            combine(mnemonic, SCRATCH, RESULT),
          ],
          "the operand written behind": [
            copy,
            shift(left, SCRATCH, OTHER, n),
            shift(right, RESULT, OTHER, bits - n),
            instruction("xori", { rd: OTHER, rs1: OTHER, imm: -1 }),
            combine(mnemonic, SCRATCH, RESULT),
          ],
          "in place": [copy, up, shift(right, OTHER, OTHER, bits - n), combine(mnemonic, SCRATCH, OTHER)],
          "one part written again": [
            up,
            down,
            instruction("addi", { rd: SCRATCH, rs1: SCRATCH, imm: 3 }),
            combine(mnemonic, SCRATCH, RESULT),
          ],
          "only its lower half read": [
            up,
            down,
            combine(mnemonic, SCRATCH, RESULT),
            instruction("addiw", { rd: RESULT, rs1: RESULT, imm: 1 }),
          ],
        };
        const variants = Object.entries(programs).map(([name, words]) => ({
          name: `${mnemonic} of ${left} ${n} and ${right}: ${name}`,
          words,
          operands: "x" as const,
          result: "x" as const,
        }));
        const loop = await ValueLoop.create(variants);
        expect(loop.run(records)).toBeNull();
      }
    }
  });
});
