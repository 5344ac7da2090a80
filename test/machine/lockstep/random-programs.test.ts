// Random loops of all instructions in verify mode: what differs is reported as it would be of any guest.

import { expect, it } from "vitest";
import { Lockstep } from "../../../src/machine/lockstep/lockstep.js";
import { Core } from "../../../src/wasm/core.js";
import { describeFull } from "../../setup/full.js";
import { HartMachine } from "../../support/hart-machine.js";
import { HartRandom } from "../../support/hart-random.js";
import { HOT } from "../../support/jit-pair.js";
import { RANDOM_RAM_BYTES, RandomProgram } from "../../support/jit-random.js";

const INSTRUCTIONS = 30_000;

async function verify(firstSeed: number, programs: number): Promise<number> {
  const lockstep = await Lockstep.create({
    module: await Core.load(),
    memory: Core.allocate(RANDOM_RAM_BYTES),
    ramBytes: RANDOM_RAM_BYTES,
    host: { mmioLoad: () => 0, mmioStore: () => {}, consoleWrite: () => {}, consoleRead: () => 0 },
    hot: HOT,
    patience: 0,
  });
  const machine = HartMachine.over(lockstep.core.withExports(lockstep.exports));
  for (let seed = firstSeed; seed < firstSeed + programs; seed++) {
    new RandomProgram(seed, { memory: seed % 2 === 1 ? "paged" : "window" }).start(machine);
    const random = new HartRandom(seed);
    try {
      for (let run = 0; run < INSTRUCTIONS; ) {
        const slice = 1 + random.below(3000);
        machine.run(slice);
        run += slice;
      }
    } catch (error) {
      throw new Error(`seed ${seed}: ${(error as Error).message}\n${((error as Error).cause as Error)?.message}`);
    }
  }
  return lockstep.core.regions.statistics.regions;
}

it("verify mode finds nothing wrong with random loops, in M mode, and in S mode with paging", {
  timeout: 120_000,
}, async () => {
  const PROGRAMS = 30;
  expect(await verify(500_000, PROGRAMS)).toBeGreaterThan(PROGRAMS);
});

describeFull("random loops, many, in verify mode", "about 5 minutes", () => {
  it.each([1, 2, 3, 4, 5])("round %i", { timeout: 300_000 }, async (round) => {
    expect(await verify(600_000 + round * 10_000, 500)).toBeGreaterThan(500);
  });
});
