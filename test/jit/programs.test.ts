// Whole programs, compiled against interpreted: those that the interpreter itself is compared with QEMU by, and C kernels.

import { beforeAll, describe, expect, it } from "vitest";
import { compileKernel, kernelNames } from "../../bench/kernels.mjs";
import { controlGroups } from "../isa/programs/control-groups.js";
import type { Group } from "../isa/programs/emitter.js";
import { floatGroups } from "../isa/programs/float-groups.js";
import { integerGroups } from "../isa/programs/integer-groups.js";
import { interruptGroups } from "../isa/programs/interrupt-groups.js";
import { mappingGroups } from "../isa/programs/mapping-groups.js";
import { memoryGroups } from "../isa/programs/memory-groups.js";
import { protectionGroups } from "../isa/programs/pmp-groups.js";
import { assembleGroups } from "../isa/programs/program.js";
import { randomPrograms } from "../isa/programs/random-program.js";
import { specifiedGroups } from "../isa/programs/specified-groups.js";
import { groupsBeyondQemu, systemGroups } from "../isa/programs/system-groups.js";
import { translationGroups } from "../isa/programs/translation-groups.js";
import { trapGroups } from "../isa/programs/trap-groups.js";
import { HartRandom } from "../support/hart-random.js";
import { BareMetalPair } from "../support/jit-bare-metal.js";
import { HOT } from "../support/jit-pair.js";

const MIB = 0x10_0000;
const TIMEOUT_MS = 180_000;

describe("programs of the instruction tests", () => {
  // Every block is compiled when it is first entered, and runs compiled when the program is run once more.
  it.each<[string, () => readonly Group[]]>([
    ["integer instructions", () => integerGroups("vkrun")],
    ["control transfer", controlGroups],
    ["memory", memoryGroups],
    ["floating point", floatGroups],
    ["system instructions", systemGroups],
    ["extensions that QEMU lacks", () => groupsBeyondQemu("vkrun")],
    ["traps", () => trapGroups("vkrun")],
    ["interrupts", interruptGroups],
    ["what is specified and QEMU is not", () => specifiedGroups("vkrun")],
    ["mappings", mappingGroups],
    ["translation", translationGroups],
    ["protection", protectionGroups],
    ["random programs", () => randomPrograms(1, 40)],
    ["random programs in S mode", () => randomPrograms(20_001, 40, 300, "paged")],
  ])("do the same compiled: %s", { timeout: TIMEOUT_MS }, async (_name, groups) => {
    using program = await assembleGroups(groups());
    const pair = await BareMetalPair.load(program.elfPath, 32 * MIB, 1);
    const first = await pair.run({ slice: () => 200_000 });
    expect(first).toMatchObject({ difference: null, finished: true });
    const random = new HartRandom(1);
    const second = await pair.run({ slice: () => 20_000 + random.below(300_000) });
    expect(second).toMatchObject({ difference: null, finished: true, output: first.output });
    expect(pair.machines.regions).toBeGreaterThan(10);
  });
});

describe("C kernels", () => {
  const INSTRUCTIONS = 1_500_000;
  let paths: Map<string, string>;

  beforeAll(() => {
    paths = new Map(kernelNames().map((name) => [name, compileKernel(name)]));
  });

  it.each(kernelNames())(
    "do the same compiled, with a window and without: %s",
    { timeout: TIMEOUT_MS },
    async (name) => {
      const pair = await BareMetalPair.load(paths.get(name) as string, 16 * MIB, HOT);
      const random = new HartRandom(2);
      const slice = () => (random.chance(20) ? 1 + random.below(100) : 1000 + random.below(200_000));
      // What was compiled for a window runs without one, and the other way about.
      for (const window of [true, false]) {
        const { difference, instructions } = await pair.run({ instructions: INSTRUCTIONS, slice, window });
        expect(difference).toBeNull();
        expect(Number(instructions)).toBeGreaterThanOrEqual(INSTRUCTIONS);
      }
      expect(pair.machines.regions).toBeGreaterThan(2);
    },
  );
});
