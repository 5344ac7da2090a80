import { describe, expect, it } from "vitest";
import { Layout } from "../../src/generated/layout.js";
import { Privilege } from "../../src/generated/shared/privileged.js";
import { RunExit } from "../../src/generated/shared/run-exit.js";
import { JitObserver } from "../../src/machine/jit-observer.js";
import type { JitStats } from "../../src/machine/machine-config.js";
import { Symbols } from "../../src/machine/symbols.js";
import { Code, s0, t0, t1, zero } from "../support/hart-code.js";
import { HartMachine, PAGE, RAM_BASE } from "../support/hart-machine.js";

const CODE = RAM_BASE + 16n * PAGE;
const ROUNDS = 200_000n;
const ROUND_INSTRUCTIONS = 4n;
const SAMPLED_MS = 200;
const START_MS = 5;
const IDLE_MS = 7;

/** A loop with something to do, and a wfi behind it. */
function counting(): Code {
  const code = new Code(CODE).li(t0, ROUNDS).label("loop").addi(s0, s0, 3);
  return code
    .op("xori", { rd: t1, rs1: s0, imm: 0x55 })
    .addi(t0, t0, -1)
    .to("loop", "bne", { rs1: t0, rs2: zero })
    .op("wfi");
}

function runToEnd(machine: HartMachine, slice = 3000): bigint {
  machine.reset(CODE, Privilege.M);
  while (machine.run(slice) !== RunExit.Idle);
  return machine.icount;
}

async function observed(hot: number): Promise<{ stats: JitStats; instructions: bigint }> {
  const machine = await HartMachine.create();
  machine.put(counting());
  const symbols = new Symbols([{ name: "counting", value: CODE }]);
  using observer = new JitObserver(machine.core, { stats: true, symbols });
  machine.exports.setJit(hot);
  let instructions = runToEnd(machine);
  // Time enough for samples to be taken.
  for (const start = performance.now(); performance.now() - start < SAMPLED_MS; ) instructions += runToEnd(machine);
  const stats = observer.stats(instructions, START_MS, IDLE_MS);
  if (stats === undefined) throw new Error("no statistics");
  return { stats, instructions };
}

describe("statistics of compiled code", () => {
  it("count instructions as the hart does, those of compiled code apart", async () => {
    const { stats, instructions } = await observed(Layout.JIT.HOT);
    const { compiled, interpreted } = stats.instructions;
    expect(compiled + interpreted).toBe(instructions);
    expect(compiled).toBeGreaterThan(ROUNDS * ROUND_INSTRUCTIONS - 20_000n);
    expect(interpreted).toBeGreaterThan(BigInt(Layout.JIT.HOT));
    expect(stats.regions).toBeGreaterThan(0);
    expect(stats.bytes).toBeGreaterThan(0);
  });

  it("name the hottest regions", async () => {
    const { stats } = await observed(Layout.JIT.HOT);
    const loop = stats.hottest.find(({ instructions }) => instructions > 700_000n);
    expect(loop?.address).toBeGreaterThan(CODE);
    expect(loop?.symbol).toMatch(/^counting\+0x[0-9a-f]+$/);
    expect(loop?.entries).toBeGreaterThan(100n);
    expect(loop?.entries).toBeLessThan(loop?.instructions ?? 0n);
  });

  it("have nothing compiled to tell of when everything is interpreted, and pass on the runner's own times", async () => {
    const { stats, instructions } = await observed(0);
    expect(stats).toMatchObject({ regions: 0, hottest: [], instructions: { compiled: 0n, interpreted: instructions } });
    const { times } = stats;
    expect([times.compiledMs, times.runMs, times.idleMs]).toEqual([0, START_MS, IDLE_MS]);
    expect(times.interpreterMs).toBeGreaterThan(0);
  });

  it("change nothing in what the guest does", async () => {
    const plain = await HartMachine.create();
    const machine = await HartMachine.create();
    using _observer = new JitObserver(machine.core, { stats: true, symbols: undefined });
    for (const each of [plain, machine]) {
      each.put(counting());
      each.exports.setJit(Layout.JIT.HOT);
    }
    expect(runToEnd(machine, 777)).toBe(runToEnd(plain, 3000));
    expect(machine.x(s0)).toBe(plain.x(s0));
  });
});
