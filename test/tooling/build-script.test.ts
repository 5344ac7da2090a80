import { execFileSync, spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { expect, it } from "vitest";

it("knows every command that ./build.sh help lists", () => {
  const help = execFileSync("./build.sh", ["help"], { encoding: "utf8" });
  const listed = [...help.matchAll(/^\.\/build\.sh (\w+)/gm)].map((match) => match[1]);
  const script = readFileSync("build.sh", "utf8");
  expect(listed).toContain("run");
  for (const command of listed) expect(script).toMatch(new RegExp(`^  ${command}\\)`, "m"));
});

it("says what there is when a command is unknown", () => {
  const { status, stderr } = spawnSync("./build.sh", ["biuld"], { encoding: "utf8" });
  expect(status).toBe(1);
  expect(stderr).toContain("there is no command 'biuld'");
  expect(stderr).toContain("./build.sh build");
});

it("says what can be set up when a purpose is unknown", () => {
  const { status, stderr } = spawnSync("./build.sh", ["setup", "tests"], { encoding: "utf8" });
  expect(status).toBe(1);
  expect(stderr).toContain("Known: build image test check bench");
});
