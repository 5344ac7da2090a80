// Random guests, compiled against interpreted. A failure names the seed, and what differed first.

import { describe, expect, it } from "vitest";
import { describeFull } from "../setup/full.js";
import { HostileGuest, type HostileMode } from "../support/hart-hostile.js";
import { HartRandom } from "../support/hart-random.js";
import { differenceOf, HOT, JitPair } from "../support/jit-pair.js";
import { RANDOM_RAM_BYTES, RandomProgram } from "../support/jit-random.js";

const INSTRUCTIONS = 4000;
const MODES: readonly [HostileMode, number][] = [
  ["M", 110_000],
  ["S", 120_000],
  ["U", 130_000],
  ["SBI", 140_000],
];

/** Runs the guests of `guests` seeds; answers what the first one that differs differs in, and how many regions were compiled. */
async function compare(mode: HostileMode, firstSeed: number, guests: number) {
  const interpreted = await HostileGuest.create();
  const compiled = await HostileGuest.create();
  interpreted.machine.exports.setJit(0);
  compiled.machine.exports.setJit(HOT);
  for (let seed = firstSeed; seed < firstSeed + guests; seed++) {
    const cuts = new HartRandom(seed);
    interpreted.start(seed, mode);
    compiled.start(seed, mode);
    const counts = [
      interpreted.run(INSTRUCTIONS, () => INSTRUCTIONS),
      compiled.run(INSTRUCTIONS, () => 1 + cuts.below(400)),
    ];
    const difference =
      counts[0] === counts[1]
        ? differenceOf(interpreted.machine, compiled.machine)
        : `ran ${counts[0]} instructions interpreted, ${counts[1]} compiled`;
    if (difference !== null) return { difference: `seed ${seed} in ${mode} mode: ${difference}`, regions: 0 };
  }
  return { difference: null, regions: compiled.machine.core.regions.statistics.regions };
}

describe("hostile guests come to the same state compiled as interpreted", () => {
  it.each(MODES)("when they start in %s", async (mode, firstSeed) => {
    const GUESTS = 200;
    const { difference, regions } = await compare(mode, firstSeed, GUESTS);
    expect(difference).toBeNull();
    // Most of them run in circles somewhere.
    expect(regions).toBeGreaterThan(GUESTS);
  });
});

const LOOPS_INSTRUCTIONS = 30_000;
const MEMORY = ["paged", "window", "tlb"] as const;

const createLoops = (): Promise<JitPair> => JitPair.create({ ramBytes: RANDOM_RAM_BYTES });

function startLoops(pair: JitPair, seed: number): void {
  const memory = MEMORY[seed % MEMORY.length] as (typeof MEMORY)[number];
  pair.each((machine) => new RandomProgram(seed, { memory }).start(machine));
}

/** Length of the next slice, before which a round of dirty tracking may begin. */
function nextSlice(pair: JitPair, random: HartRandom): number {
  if (random.chance(20)) pair.each((machine) => machine.exports.clearDirty());
  return random.chance(10) ? 1 + random.below(40) : 500 + random.below(3000);
}

/** Runs one program in a pair; answers the difference and how many instructions the slices before it have run. */
function runLoops(pair: JitPair, seed: number): { difference: string; good: number; slice: number } | null {
  startLoops(pair, seed);
  const random = new HartRandom(seed);
  for (let good = 0; good < LOOPS_INSTRUCTIONS; ) {
    const slice = nextSlice(pair, random);
    const difference = pair.run(slice);
    if (difference !== null) return { difference, good, slice };
    good += slice;
  }
  return null;
}

/** The first difference of a program that is known to differ, at the instruction that makes it. */
async function narrow(seed: number, { difference, good, slice }: { difference: string; good: number; slice: number }) {
  let [equal, differs, found] = [0, slice, difference];
  let pc = 0n;
  while (differs - equal > 1) {
    const middle = (equal + differs) >> 1;
    const pair = await createLoops();
    startLoops(pair, seed);
    const random = new HartRandom(seed);
    for (let done = 0; done < good; ) {
      const next = nextSlice(pair, random);
      pair.run(next);
      done += next;
    }
    nextSlice(pair, random);
    const now = pair.run(middle);
    if (now === null) {
      equal = middle;
      pc = pair.interpreted.pc;
    } else {
      differs = middle;
      found = now;
    }
  }
  return `seed ${seed}: the instruction at 0x${pc.toString(16)}, number ${good + differs}: ${found}`;
}

/** As above, for programs that are made of loops. */
async function compareLoops(firstSeed: number, programs: number) {
  const pair = await createLoops();
  for (let seed = firstSeed; seed < firstSeed + programs; seed++) {
    const differing = runLoops(pair, seed);
    if (differing !== null) return { difference: await narrow(seed, differing), regions: 0 };
  }
  return { difference: null, regions: pair.regions };
}

describe("random loops of all instructions come to the same state compiled as interpreted", () => {
  it("in M mode with and without a window, and in S mode with their code mapped twice", {
    timeout: 120_000,
  }, async () => {
    const PROGRAMS = 200;
    const { difference, regions } = await compareLoops(1, PROGRAMS);
    expect(difference).toBeNull();
    expect(regions).toBeGreaterThan(20 * PROGRAMS);
  });
});

describeFull("random loops, many, compiled against interpreted", "about 10 minutes", () => {
  it.each([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])("round %i", { timeout: 300_000 }, async (round) => {
    expect((await compareLoops(round * 100_000, 500)).difference).toBeNull();
  });
});

describeFull("hostile guests, many, compiled against interpreted", "about 10 minutes", () => {
  it.each(MODES)("in %s", { timeout: 600_000 }, async (mode, firstSeed) => {
    for (let round = 1; round <= 20; round++) {
      expect((await compare(mode, firstSeed + round * 1_000_000, 400)).difference).toBeNull();
    }
  });
});
