// One instruction, one row: no row of the table without its case in the interpreter and its test against QEMU.

import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { opName } from "../../tools/generate-decoder.mjs";
import { controlGroups } from "./programs/control-groups.js";
import { type Group, TABLE, type Target } from "./programs/emitter.js";
import { floatGroups } from "./programs/float-groups.js";
import { integerGroups } from "./programs/integer-groups.js";
import { mappingGroups } from "./programs/mapping-groups.js";
import { memoryGroups } from "./programs/memory-groups.js";
import { randomPrograms } from "./programs/random-program.js";
import { groupsBeyondQemu, systemGroups } from "./programs/system-groups.js";
import { trapGroups } from "./programs/trap-groups.js";

const HART = new URL("../../assembly/hart/", import.meta.url);

describe("every row of the instruction table", () => {
  it("has a case in the interpreter", () => {
    const source = readdirSync(HART)
      .filter((name) => name.endsWith(".ts"))
      .map((name) => readFileSync(new URL(name, HART), "utf8"))
      .join("\n");
    // A case of a switch, or a comparison: LR and SC are told apart by ifs.
    const cases = new Set([...source.matchAll(/(?:\bcase|==) Op\.(\w+)/g)].map(([, name]) => name));
    const missing = TABLE.filter(({ base }) => base === null).filter(({ mnemonic }) => !cases.has(opName(mnemonic)));
    expect(missing.map(({ mnemonic }) => mnemonic)).toEqual([]);
  });

  it("is executed under test by a group, on edge values or in traps", () => {
    const target: Target = "vkrun";
    const groups: readonly Group[] = [
      integerGroups(target),
      controlGroups(),
      memoryGroups(),
      floatGroups(),
      systemGroups(),
      groupsBeyondQemu(target),
      trapGroups(target),
      mappingGroups(),
    ].flat();
    expect(missingFrom(groups)).toEqual([]);
  });

  it("is in the random programs, but for system instructions and what QEMU lacks or gets wrong", () => {
    const elsewhere = ["Zicond", "Zicbom", "Zicboz", "Zawrs", "S", "Svinval", "M-mode", "Zifencei"];
    const mnemonics = new Set(["ecall", "ebreak", "c.ebreak", "auipc", "ctzw"]);
    const missing = missingFrom(randomPrograms(1, 150)).filter(
      (mnemonic) => !mnemonics.has(mnemonic) && !elsewhere.includes(rowOf(mnemonic)?.extension ?? ""),
    );
    expect(missing).toEqual([]);
  });
});

const rowOf = (mnemonic: string) => TABLE.find((row) => row.mnemonic === mnemonic);

function missingFrom(groups: readonly Group[]): string[] {
  const covered = new Set(groups.flatMap((group) => [...group.covers]));
  return TABLE.map(({ mnemonic }) => mnemonic).filter((mnemonic) => !covered.has(mnemonic));
}
