// Memory for compiled code is bounded: when there is too much of it, or no room to decode, all of it goes, and comes back as
// it is needed.

import { describe, expect, it } from "vitest";
import { Privilege } from "../../src/generated/shared/privileged.js";
import { a0, a1, a2, a3, a4, Code, instruction } from "../support/hart-code.js";
import { PAGE, RAM_BASE } from "../support/hart-machine.js";
import { JitPair } from "../support/jit-pair.js";

const MIB = 0x10_0000;
/** MAX_REGIONS of assembly/jit/jit.ts: compiled regions at most, whatever the guest does and however long a slice is. */
const MOST_REGIONS = 32_768;

/** A pair, and the most regions that were in the table at once. */
async function createWatched(ramBytes: number) {
  const pair = await JitPair.create({ ramBytes, hot: 1 });
  const { regions } = pair.compiled.core;
  const watched = { pair, live: 0, most: 0 };
  const [install, forget] = [regions.install.bind(regions), regions.forget.bind(regions)];
  regions.install = (address, length, count) => {
    watched.live += count;
    watched.most = Math.max(watched.most, watched.live);
    return install(address, length, count);
  };
  regions.forget = () => {
    watched.live = 0;
    forget();
  };
  return watched;
}

describe("compiled code", () => {
  it("fits its buffers when every instruction takes the most room", async () => {
    const { pair } = await createWatched(4 * MIB);
    const DATA = RAM_BASE + 8n * PAGE;
    const code = new Code(RAM_BASE).li(a2, DATA).li(a4, 40n).label("loop");
    for (let n = 0; n < 900; n++) code.op("sc.d", { rd: a0, rs1: a2, rs2: a1 });
    code.addi(a4, a4, -1).to("loop", "bne", { rs1: a4 }).label("end").op("wfi").j("end");
    pair.each((machine) => {
      machine.put(code);
      machine.reset(RAM_BASE, Privilege.M);
    });
    for (let n = 0; n < 20; n++) expect(pair.run(2000)).toBeNull();
    expect(pair.compiled.x(a4)).toBe(0n);
    // Blocks of 64: the regions of the first ones have all of the instructions that a region may have.
    expect(pair.regions).toBeGreaterThan(900 / 64);
    expect(pair.compiled.core.regions.statistics.bytes).toBeGreaterThan(600 * 400);
  });

  const PAGES = 2400n;
  const BLOCKS = 20;

  it.each([
    ["short", 5000],
    ["long", 2_000_000],
  ])("is dropped when there is too much of it, in %s slices", { timeout: 120_000 }, async (_what, slice) => {
    const watched = await createWatched(12 * MIB);
    const { pair } = watched;
    const START = RAM_BASE + PAGE;
    const total = Number(PAGES) * BLOCKS;
    pair.each((machine) => {
      for (let page = 0n; page < PAGES; page++) {
        const code = new Code(START + page * PAGE);
        for (let n = 0; n < BLOCKS - 1; n++) {
          // Through a register, or a page would be one region.
          code.addi(a0, a0, 1).op("auipc", { rd: a2 }).jr(a2, 8);
        }
        code.addi(a0, a0, 1);
        const far = page === PAGES - 1n ? RAM_BASE : code.base + PAGE;
        code.li(a2, far).jr(a2);
        machine.put(code);
      }
      machine.put(new Code(RAM_BASE).addi(a1, a1, 1).li(a2, START).jr(a2));
      machine.reset(RAM_BASE, Privilege.M);
    });
    const rounds = 2;
    for (let done = 0; done < rounds * total * 3.2; done += slice) expect(pair.run(slice)).toBeNull();
    expect(Number(pair.compiled.x(a0))).toBeGreaterThan(rounds * total);
    // In the long slice there is no time to drop anything; what does not fit stays interpreted.
    expect(pair.regions).toBeGreaterThanOrEqual(slice < total ? total : MOST_REGIONS / 2);
    expect(watched.most).toBeGreaterThan(MOST_REGIONS / 2);
    expect(watched.most).toBeLessThanOrEqual(MOST_REGIONS);
    const { drops } = pair.compiled.core.regions.statistics;
    expect(drops).toBeGreaterThan(slice < total ? 1 : 0);
    // The table is no larger than what was live.
    expect(pair.compiled.core.regions.table.length).toBeLessThan(2 * MOST_REGIONS);
  });

  it("is dropped with everything decoded when there is no room to decode, and runs on", {
    timeout: 120_000,
  }, async () => {
    const watched = await createWatched(12 * MIB);
    const { pair } = watched;
    const TARGET = RAM_BASE + 8n * PAGE;
    // Each round writes over the first word of a page of 60 instructions, which has it decoded anew.
    const target = new Code(TARGET);
    for (let n = 0; n < 60; n++) target.addi(a0, a0, 1);
    target.jr(a3);
    const code = new Code(RAM_BASE).li(a1, TARGET).li(a2, BigInt(instruction("addi", { rd: a0, rs1: a0, imm: 1 })));
    code.li(a4, 160_000n).label("loop").store("sw", a2, a1).op("jalr", { rd: a3, rs1: a1 }).addi(a4, a4, -1);
    code.to("loop", "bne", { rs1: a4 }).label("end").op("wfi").j("end");
    pair.each((machine) => {
      machine.put(target);
      machine.put(code);
      machine.reset(RAM_BASE, Privilege.M);
      // Compiling each round's page is not what this is about.
      machine.exports.setJit(machine === pair.compiled ? 3 : 0);
    });
    for (let n = 0; n < 60; n++) expect(pair.run(200_000)).toBeNull();
    expect(pair.compiled.x(a0)).toBe(160_000n * 60n);
    expect(pair.compiled.core.regions.statistics.drops).toBeGreaterThan(0);
    expect(pair.regions).toBeGreaterThan(1);
  });
});
