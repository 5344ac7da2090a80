import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { describeFull } from "../../setup/full.js";
import { edgeOperands, Random, RECORD_WORDS, randomOperands } from "./operands.js";
import type { Operation } from "./operations.js";
import { operations } from "./operations.js";
import { Oracle } from "./oracle.js";
import { Subject } from "./subject.js";

const rows = operations.map((operation) => [operation.instruction, operation] as const);
const roundingModes = ["RNE", "RTZ", "RDN", "RUP", "RMM"];
const NX = 1;
/** Flags accrued before an operation. With NX among them the fast paths do not look for inexactness. */
const accrued = [0, NX];

let oracle: Oracle;
let subject: Subject;

beforeAll(async () => {
  [oracle, subject] = await Promise.all([Oracle.create(), Subject.create()]);
}, 120_000);

afterAll(() => oracle[Symbol.dispose]());

describe.each(rows)("%s", (_, operation) => {
  test("agrees with a RISC-V hart on all combinations of edge values", async () => {
    await expectAgreement(operation, edgeOperands(operation));
  });

  test("agrees with a RISC-V hart on random operands that cancel, tie, underflow and overflow", async () => {
    await expectAgreement(operation, randomOperands(operation, 4_000, new Random(0xf1_0a7)));
  });
});

describeFull("floating point: two million random cases of each operation and mode", "about 30 minutes", () => {
  test.each(rows)(
    "%s agrees with a RISC-V hart",
    async (_, operation) => {
      for (let seed = 1; seed <= 20; seed++) {
        await expectAgreement(operation, randomOperands(operation, 100_000, new Random(seed)));
      }
    },
    600_000,
  );
});

async function expectAgreement(operation: Operation, operands: BigUint64Array): Promise<void> {
  const modes = operation.rounds ? [0, 1, 2, 3, 4] : [0];
  const answers = await oracle.answer(modes.map((rm) => ({ instruction: operation.instruction, rm, operands })));
  expect(operands.length).toBeGreaterThan(0);
  const differences: string[] = [];
  answers.forEach((expected, rm) => {
    for (const before of accrued) {
      const actual = subject.run(operation, rm, operands, before);
      for (let i = 0; i < expected.length; i += 2) {
        if (actual[i] === expected[i] && actual[i + 1] === ((expected[i + 1] as bigint) | BigInt(before))) continue;
        const at = (i / 2) * RECORD_WORDS;
        const given = [...operands.subarray(at, at + operation.operands.length)].map(hex).join(", ");
        const pair = (words: BigUint64Array): string => `${hex(words[i] as bigint)} flags ${words[i + 1]}`;
        differences.push(`${roundingModes[rm]} (${given}): ${pair(actual)}, hart ${pair(expected)}, accrued ${before}`);
      }
    }
  });
  expect(differences.length, differences.slice(0, 10).join("\n")).toBe(0);
}

function hex(word: bigint): string {
  return `0x${word.toString(16)}`;
}
