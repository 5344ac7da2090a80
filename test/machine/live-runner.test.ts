import { afterEach, describe, expect, it, vi } from "vitest";
import { LiveRunner } from "../../src/machine/live-runner.js";
import type { RunnerParts, RunOutcome } from "../../src/machine/runner.js";
import { FakeMachine, type Slice } from "./fake-core.js";

afterEach(() => vi.restoreAllMocks());

const MS = 10_000n;
/** 100 million instructions a second. */
const STEADY: Slice = (instructions) => ({ ran: instructions, ms: instructions / 100_000 });

async function run(machine: FakeMachine, overrides: Partial<RunnerParts> = {}): Promise<RunOutcome> {
  const runner = new LiveRunner(machine.parts(overrides), undefined);
  machine.runner = runner;
  return runner.run();
}

describe("slices", () => {
  it("take about three milliseconds, whatever the guest's speed", async () => {
    for (const perMs of [5_000, 100_000, 1_000_000]) {
      const machine = new FakeMachine((instructions) => ({ ran: instructions, ms: instructions / perMs }), 50);
      expect(await run(machine)).toEqual({ kind: "stopped" });
      const last = machine.budgets.at(-1) ?? 0;
      expect(last / perMs).toBeGreaterThan(2);
      expect(last / perMs).toBeLessThan(4);
    }
  });

  it("end early for a device's deadline, and the device acts then and not before", async () => {
    let acted: bigint | undefined;
    const machine = new FakeMachine(STEADY, 30);
    const device = {
      nextDeadlineTicks: () => (acted === undefined ? 25n * MS : undefined),
      tick: () => {
        acted = machine.ticks;
      },
    };
    await run(machine, { ticking: [device] });
    expect(acted).toBeGreaterThanOrEqual(25n * MS);
    expect(acted).toBeLessThan(28n * MS);
  });

  it("are cut short by an input in their middle, which is let in before the next", async () => {
    const order: string[] = [];
    const machine = new FakeMachine((instructions) => {
      order.push("slice");
      if (order.length === 1) machine.inputs.post("a", () => void order.push("a"));
      return { ran: instructions, ms: 1 };
    }, 2);
    await run(machine);
    expect(order).toEqual(["slice", "a", "slice"]);
  });
});

describe("guest time", () => {
  it("never goes back and never gets ahead of the host's, while the guest's speed changes", async () => {
    let step = 0;
    const machine = new FakeMachine((instructions) => {
      const perMs = [100_000, 1_000_000, 20_000][Math.floor(step++ / 20) % 3] ?? 1;
      return { ran: instructions, ms: instructions / perMs };
    }, 200);
    const shown: bigint[] = [];
    const ahead: bigint[] = [];
    await run(machine, {
      afterSlice: () => {
        shown.push(machine.ticks);
        ahead.push(machine.ticks - machine.hostTicks);
        return undefined;
      },
    });
    for (const [index, ticks] of shown.entries()) expect(ticks).toBeGreaterThanOrEqual(shown[index - 1] ?? 0n);
    for (const [index, anchor] of machine.anchors.entries()) {
      expect(anchor.ticks).toBeGreaterThanOrEqual(machine.anchors[index - 1]?.ticks ?? 0n);
    }
    // Only in the slices after a guest has become faster, before that was measured: then it waits.
    expect(ahead.filter((ticks) => ticks > 0n).length).toBeLessThan(40);
    expect(ahead.at(-1)).toBeLessThanOrEqual(0n);
  });

  it("keeps up with the host's while the guest is busy", async () => {
    const machine = new FakeMachine(STEADY, 300);
    await run(machine);
    expect(machine.hostTicks - machine.ticks).toBeLessThan(2n * MS);
  });

  it("does not pass for a busy guest while the host does something else, and catches up when the guest is idle", async () => {
    let slice = 0;
    const machine = new FakeMachine((instructions) => {
      slice++;
      if (slice > 120) machine.nextTimer = machine.ticks + 100n * MS;
      // Each slice loses the processor for 50 ms.
      const lost = slice <= 100 ? 50 : 0;
      return { ran: Math.min(instructions, 300_000), ms: 3 + lost, idle: slice > 120 };
    }, 1000);
    const steps: bigint[] = [];
    let behind = 0n;
    await run(machine, {
      afterSlice: () => {
        steps.push(machine.ticks);
        if (slice === 100) behind = machine.hostTicks - machine.ticks;
        if (slice > 120 && machine.hostTicks - machine.ticks < 100n * MS) machine.runner?.stop();
        return undefined;
      },
    });
    for (const [index, ticks] of steps.slice(0, 100).entries()) {
      expect(ticks - (steps[index - 1] ?? 0n)).toBeLessThanOrEqual(13n * MS);
    }
    expect(behind).toBeGreaterThan(3000n * MS);
    // Timers that were due in the meantime fire one after the other, each at its time, without anybody waiting.
    expect(steps.length).toBeLessThan(200);
    for (const [index, ticks] of steps.entries()) {
      if (index > 120) expect(ticks - (steps[index - 1] ?? 0n)).toBeLessThanOrEqual(104n * MS);
    }
  });

  it("follows a guest that sets mtime, forwards and back", async () => {
    let slice = 0;
    const machine = new FakeMachine((instructions) => {
      const result = STEADY(instructions);
      slice++;
      if (slice === 20) machine.setTime(1_000_000n * MS);
      if (slice === 40) machine.setTime(5n * MS);
      return result;
    }, 60);
    const shown: bigint[] = [];
    await run(machine, {
      afterSlice: () => {
        shown.push(machine.ticks);
        return undefined;
      },
    });
    expect(shown[30]).toBeGreaterThan(1_000_000n * MS);
    expect(shown[30]).toBeLessThan(1_000_100n * MS);
    expect(shown[59]).toBeGreaterThan(5n * MS);
    expect(shown[59]).toBeLessThan(200n * MS);
  });

  it("stands still while paused", async () => {
    const machine = new FakeMachine((instructions) => {
      if (machine.budgets.length === 10) machine.runner?.pause();
      return STEADY(instructions);
    }, 20);
    const running = run(machine);
    await vi.waitUntil(() => machine.runner?.isPaused);
    await new Promise((resolve) => setImmediate(resolve));
    const { ticks } = machine;
    machine.passMs(60_000);
    machine.runner?.resume();
    await running;
    expect(machine.ticks - ticks).toBeLessThan(100n * MS);
    expect(machine.budgets.length).toBe(20);
  });
});

describe("an idle guest", () => {
  it("is woken by an input, at once", async () => {
    const machine: FakeMachine = new FakeMachine((instructions) => {
      const waits = machine.budgets.length === 1;
      return { ran: waits ? 5 : instructions, ms: 0.1, idle: waits };
    }, 2);
    const running = run(machine);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(machine.budgets.length).toBe(1);
    let applied = false;
    machine.inputs.post("uart0:input:0", () => {
      applied = true;
    });
    await running;
    expect(applied).toBe(true);
    expect(machine.budgets.length).toBe(2);
  });

  it("without a timer waits for ever, and still can be stopped", async () => {
    const machine = new FakeMachine(() => ({ ran: 5, ms: 0.1, idle: true }), 1000);
    const running = run(machine);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(machine.budgets.length).toBe(1);
    machine.runner?.stop();
    expect(await running).toEqual({ kind: "stopped" });
  });

  it("sleeps until its timer is due", async () => {
    vi.restoreAllMocks();
    const machine = new FakeMachine(() => ({ ran: 5, ms: 0, idle: true }), 3);
    vi.restoreAllMocks();
    // The host's own clock here: the wait is a real one.
    const start = process.hrtime.bigint();
    const wakes: bigint[] = [];
    machine.nextTimer = 30n * MS;
    await run(machine, {
      afterSlice: () => {
        wakes.push((process.hrtime.bigint() - start) / 100n);
        machine.nextTimer = machine.ticks + 30n * MS;
        return undefined;
      },
    });
    // A wake that came late does not delay those after it.
    expect(wakes[1]).toBeGreaterThanOrEqual(30n * MS);
    expect(wakes[2]).toBeGreaterThanOrEqual(60n * MS);
  });
});

it("a guest that prints faster than anybody reads waits", async () => {
  let release: () => void = () => {};
  const drained = new Promise<void>((resolve) => {
    release = resolve;
  });
  const machine = new FakeMachine(STEADY, 3);
  const running = run(machine, { congestion: () => (machine.budgets.length === 1 ? drained : undefined) });
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(machine.budgets.length).toBe(1);
  release();
  await running;
  expect(machine.budgets.length).toBe(3);
});
