import { expect, it } from "vitest";
import { Privilege } from "../../src/generated/shared/privileged.js";
import { Code, t0 } from "../support/hart-code.js";
import { HartMachine, PAGE, RAM_BASE } from "../support/hart-machine.js";

const CODE = RAM_BASE + 16n * PAGE;
const PATIENCE = 1000;

it("hot blocks wait for others to share a module with, as long as the host has patience", async () => {
  const machine = await HartMachine.create();
  const { statistics } = machine.core.regions;
  machine.exports.setJit(2, PATIENCE);
  // Two loops on pages of their own, the second one hot a little later.
  for (const page of [0n, 1n]) machine.put(new Code(CODE + page * PAGE).label("loop").addi(t0, t0, 1).j("loop"));
  machine.reset(CODE, Privilege.M);
  machine.run(100);
  machine.reset(CODE + PAGE, Privilege.M);
  machine.run(PATIENCE / 2);
  expect(statistics).toMatchObject({ modules: 0 });
  machine.run(PATIENCE);
  expect(statistics).toMatchObject({ modules: 1, regions: 2 });
});
