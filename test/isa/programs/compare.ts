// Runs the same groups on QEMU and on the core and says where they part.

import { runOnCore } from "../../support/bare-metal.js";
import { type QemuOptions, runUnderQemu } from "../../support/qemu-oracle.js";
import type { Group, Target } from "./emitter.js";
import { assembleGroups, resultsOf } from "./program.js";

/** Lines of context that a report shows ahead of the first difference. */
const CONTEXT = 3;
/** Groups that a report goes into; one cause tends to show in many. */
const MOST_REPORTED = 5;

type GroupsFor = (target: Target) => readonly Group[];

async function outputs(groupsFor: GroupsFor, verbose: boolean, qemu: QemuOptions): Promise<[string, string]> {
  using forQemu = await assembleGroups(groupsFor("qemu"), { verbose });
  using forCore = await assembleGroups(groupsFor("vkrun"), { verbose });
  const theirs = await runUnderQemu(forQemu.elfPath, qemu);
  const { output: ours } = await runOnCore(forCore.elfPath);
  return [theirs, ours];
}

/** The first line at which two verbose outputs differ, with the results before it. */
function firstDifference(theirs: string, ours: string): string {
  const [a, b] = [theirs.split("\n"), ours.split("\n")];
  const at = a.findIndex((line, index) => line !== b[index]);
  if (at < 0) return "no difference when verbose";
  const before = a.slice(Math.max(1, at - CONTEXT), at).map((line) => `      ${line}`);
  return [`result ${at} (QEMU, then vkrun), behind`, ...before, `    - ${a[at]}`, `    + ${b[at] ?? "nothing"}`].join(
    "\n",
  );
}

/** Compares every group; the answer has one entry for each that differs, and is empty when all is well. */
export async function differences(groupsFor: GroupsFor, qemu: QemuOptions = {}): Promise<string[]> {
  const [theirs, ours] = await outputs(groupsFor, false, qemu);
  const [expected, actual] = [resultsOf(theirs), resultsOf(ours)];
  const groups = groupsFor("qemu");
  const missing = groups.filter(({ name }) => !expected.has(name)).map(({ name }) => `${name}: QEMU printed no result`);
  const differing = groups.filter(({ name }) => expected.has(name) && expected.get(name) !== actual.get(name));
  const reports: string[] = [];
  for (const { name } of differing.slice(0, MOST_REPORTED)) {
    const only = (target: Target) => groupsFor(target).filter((group) => group.name === name);
    reports.push(`${name}: ${firstDifference(...(await outputs(only, true, qemu)))}`);
  }
  return [...missing, ...reports, ...differing.slice(MOST_REPORTED).map(({ name }) => `${name}: differs`)];
}
