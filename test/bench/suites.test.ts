import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { PROGRAMS } from "../../bench/programs.mjs";
import { COUNTS } from "../../bench/system.mjs";
import { parseLockFile } from "../../src/images/lock-file.js";
import { readRecipe } from "../../src/images/recipe.js";

const GUEST = "bench/guest";

test("each program of the suite can be run, and what it made checked", () => {
  const script = readFileSync(`${GUEST}/programs.sh`, "utf8");
  const functions = [...script.matchAll(/^(\w+)\(\)/gm)].map(([, name]) => name);
  for (const program of PROGRAMS) {
    const name = program.replaceAll("-", "_");
    expect(functions).toContain(`run_${name}`);
    expect(functions).toContain(`check_${name}`);
  }
});

test("the program that walks the kernel's paths knows each path of the suite, and no other", () => {
  const source = readFileSync(`${GUEST}/system-paths.c`, "utf8");
  const names = [...source.matchAll(/\{"([a-z-]+)", \w+_path\}/g)].map(([, name]) => name);
  expect(names.sort()).toEqual(Object.keys(COUNTS).sort());
});

test("the lock file of the tools pins every package of their recipe", async () => {
  const { packages } = await readRecipe("tools", GUEST);
  const lock = parseLockFile(readFileSync(`${GUEST}/tools.lock.json`, "utf8"), "tools.lock.json");
  expect(lock.packages.map((entry) => entry.package)).toEqual([...packages, lock.kernel]);
});
