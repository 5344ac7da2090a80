import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { expect, it } from "vitest";

const flags = (text: string): string[] => [...new Set(text.match(/(?<![\w-])--[a-z][a-z-]+/g))].sort();

it("docs/cli.md lists the options of vkrun, all of them and no others", () => {
  const help = execFileSync(process.execPath, ["dist/cli/main.js", "run", "--help"], { encoding: "utf8" });
  const options = help.slice(help.indexOf("Options:"), help.indexOf("Exit status:"));
  const page = readFileSync("docs/cli.md", "utf8");
  const section = page.slice(page.indexOf("## Options"), page.indexOf("## Drives"));
  const table = section.match(/^\| `.*$/gm) ?? [];
  // The first cell of a row: what follows explains, and may mention other options.
  const listed = flags(table.map((row) => row.split(" | ")[0]).join("\n"));
  expect(listed).toEqual(flags(options));
});

it.each([
  "ps",
  "balloon",
  "bench",
  "ckpt NAME",
  "ckpt merge",
  "ckpt compress",
  "ckpt rm",
  "inspect",
  "vmspaces",
  "stop",
])("docs/cli.md lists the options of `vkrun %s`", (command) => {
  const words = command.split(" ").filter((word) => word !== "NAME");
  const help = execFileSync(process.execPath, ["dist/cli/main.js", ...words, "--help"], { encoding: "utf8" });
  const rows = readFileSync("docs/cli.md", "utf8").match(new RegExp(`^\\| \`vkrun ${command}\\b.*$`, "gm")) ?? [];
  expect(rows).not.toEqual([]);
  const listed = flags(rows.map((row) => row.split(" | ")[0]).join("\n"));
  expect(listed).toEqual(flags(help.slice(help.indexOf("Options:"))).filter((option) => option !== "--help"));
});

it("docs/api.md lists the options of VKernel.boot, all of them and no others", () => {
  const source = readFileSync("src/api/boot-options.ts", "utf8");
  const body = /export interface BootOptions \{\n(.*?)\n\}/s.exec(source)?.[1] ?? "";
  const options = [...body.matchAll(/^ {2}(\w+)\?:/gm)].map((match) => match[1]);
  const page = readFileSync("docs/api.md", "utf8");
  const table = page.slice(page.indexOf("## `VKernel.boot"), page.indexOf("## A `VKernel`"));
  const listed = (table.match(/^\| `.*$/gm) ?? []).flatMap((row) =>
    [...(row.split(" | ")[0] ?? "").matchAll(/`(\w+)`/g)].map((match) => match[1]),
  );
  expect(listed.sort()).toEqual(options.sort());
});
