// Puts groups and the runtime together into one program's source.

import { readFileSync } from "node:fs";
import { assemble, type BareMetalProgram } from "../../support/riscv-toolchain.js";
import type { Group } from "./emitter.js";

const RUNTIME = ["runtime.S", "probe.S"]
  .map((name) => readFileSync(new URL(name, import.meta.url), "utf8"))
  .join("\n    .text\n");

export interface ProgramOptions {
  /** Print every value that goes into a hash: for finding the first difference of a group that differs. */
  readonly verbose?: boolean;
}

export function programSource(groups: readonly Group[]): string {
  const bodies = groups.map((group, index) => `    .text\n    .balign 8\ngroup_${index}:\n${group.source}\n`);
  const table = groups.map((_, index) => `    .quad group_${index}, group_name_${index}`);
  const names = groups.map((group, index) => `group_name_${index}: .asciz "${group.name}"`);
  return [
    RUNTIME,
    ...bodies,
    "    .section .rodata\n    .balign 8\ngroup_table:",
    ...table,
    "    .quad 0",
    ...names,
    "",
  ].join("\n");
}

export function assembleGroups(groups: readonly Group[], options: ProgramOptions = {}): Promise<BareMetalProgram> {
  return assemble(programSource(groups), { defines: options.verbose === true ? { VERBOSE: 1 } : {} });
}

/** The program's output as hash by group name. */
export function resultsOf(output: string): Map<string, string> {
  return new Map(
    output
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => {
        const space = line.lastIndexOf(" ");
        return [line.slice(0, space), line.slice(space + 1)];
      }),
  );
}
