// Floating-point instructions on values where they have their edges, with and without NX raised before, in all rounding modes.

import { describe, expect, it } from "vitest";
import { edgeOperands, Random, RECORD_WORDS, randomOperands } from "../isa/fp/operands.js";
import { type Operation, operations } from "../isa/fp/operations.js";
import { INSTRUCTION_TABLE, instruction } from "../support/hart-code.js";
import { operandRegisters, RESULT, ValueLoop, type Variant } from "../support/jit-values.js";

const BOX = 0xffff_ffff_0000_0000n;
const NX = 1n;
const MODES = [0n, 1n, 2n, 3n, 4n];
const DYNAMIC = 7;
const MOST_EDGES = 1200;
const RANDOM = 1200;

/** Operands and results of an instruction by the name of its format: what its operands are, and where its result goes. */
const rows = INSTRUCTION_TABLE.filter(
  ({ mnemonic, extension, width }) =>
    width === 32 && (extension === "F" || extension === "D") && !/^f(l|s)[wd]$/.test(mnemonic),
);

/** The operation whose operands an instruction is tried on. */
function operandsFor(mnemonic: string): Operation {
  const fused = mnemonic.replace(/^fn?m(add|sub)/, "fmadd");
  const sign = fused
    .replace(/^fsgnjn?x?/, "fmin")
    .replace(/^fmv\.x\.([wd])$/, (_, w) => `fclass.${w === "w" ? "s" : "d"}`);
  const found = operations.find(({ instruction: name }) => name === sign);
  return found ?? { instruction: mnemonic, operands: ["integer"], rounds: false, call: "" };
}

/** Boxed singles; now and then one that is not. */
function inRegisters(operation: Operation, operands: BigUint64Array): BigUint64Array {
  return operands.map((value, i) => {
    const kind = operation.operands[i % RECORD_WORDS];
    const single = kind !== undefined && kind !== "integer" && kind.suffix === "s";
    return single && i % 29 !== 0 ? value | BOX : value;
  });
}

function recordsFor(operation: Operation): BigUint64Array {
  const edges = edgeOperands(operation);
  const total = edges.length / RECORD_WORDS;
  // A step that has no factor in common with the rows of the cross product.
  const step = total <= MOST_EDGES ? 1 : Math.floor(total / MOST_EDGES) | 1;
  const some: bigint[] = [];
  for (let i = 0; i < total; i += step) some.push(...edges.subarray(i * RECORD_WORDS, (i + 1) * RECORD_WORDS));
  const random = randomOperands(operation, RANDOM, new Random(7));
  return inRegisters(operation, BigUint64Array.from([...some, ...random]));
}

function variantsOf({ mnemonic, format }: (typeof INSTRUCTION_TABLE)[number]): Variant[] {
  const fromX = /^fmv\.[wd]\.x$|^fcvt\.[sd]\.(w|l)u?$/.test(mnemonic);
  const toX = /^(feq|flt|fle|fclass)|^fmv\.x|^fcvt\.(w|l)u?\.[sd]$/.test(mnemonic);
  const variant = (name: string, operands: object): Variant => ({
    name: `${mnemonic} ${name}`,
    words: [instruction(mnemonic, { rd: RESULT, ...operandRegisters, ...operands })],
    operands: fromX ? "x" : "f",
    result: toX ? "x" : "f",
  });
  const { rs1 } = operandRegisters;
  const modes = /rm|4/.test(format) ? [DYNAMIC, 0, 1, 2, 3, 4] : [0];
  return modes.flatMap((rm) => [
    variant(`rm=${rm}`, { rm }),
    ...(fromX ? [] : [variant(`same, rm=${rm}`, { rs2: rs1, rm })]),
  ]);
}

function firstDifference(loop: ValueLoop, mnemonic: string): string | null {
  const records = recordsFor(operandsFor(mnemonic));
  for (const frm of MODES) {
    for (const flags of [0n, NX]) {
      const difference = loop.run(records, Number((frm << 5n) | flags));
      if (difference !== null) return difference;
    }
  }
  return null;
}

describe("compiled floating-point instructions", () => {
  it("are all among these tests", () => {
    expect(rows.length).toBe(58);
  });

  it.each(rows.map((row) => [row.mnemonic, row] as const))("agree with the interpreter: %s", async (_, row) => {
    const loop = await ValueLoop.create(variantsOf(row));
    expect(firstDifference(loop, row.mnemonic)).toBeNull();
  });

  it.each(
    rows.filter(({ mnemonic }) => /^fn?m(add|sub)\.d$/.test(mnemonic)).map((row) => [row.mnemonic, row] as const),
  )("agree with the interpreter on hosts without fused multiply-add: %s", async (_, row) => {
    const loop = await ValueLoop.create(variantsOf(row), { fused: false });
    expect(firstDifference(loop, row.mnemonic)).toBeNull();
  });
});
