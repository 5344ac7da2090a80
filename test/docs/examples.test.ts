import { readFileSync, writeFileSync } from "node:fs";
import ts from "typescript";
import { describe, expect, it } from "vitest";
import { blocksOf, documents, firstMissingLine } from "./blocks.js";
import { modulePath, runs, testBlocks } from "./run-block.js";

const KNOWN_WORDS = new Set(["test", "boot", "full", "root", "compile", "self"]);

describe.each(documents())("%s", (file) => {
  const blocks = blocksOf(file);

  it("marks every shell and module example with how it is tested", () => {
    for (const { line, language, words } of blocks) {
      if (!["sh", "bash", "shell", "ts", "js", "mjs"].includes(language)) continue;
      expect(["sh", "ts"], `${file}:${line}`).toContain(language);
      expect([...words], `${file}:${line}`).toContain("test");
      const unknown = [...words].filter((word) => !KNOWN_WORDS.has(word) && !/^exit=\d+$/.test(word));
      expect(unknown, `${file}:${line}`).toEqual([]);
    }
  });

  // Later examples use what earlier ones made: a document with one that boots runs with the guest tests, whole.
  if (!blocks.some(({ words }) => words.has("boot"))) testBlocks(blocks.filter(runs));

  const own = blocks.filter(({ words }) => words.has("self"));
  if (own.length > 0) {
    it("shows only commands that ./build.sh knows", () => {
      const script = readFileSync("build.sh", "utf8");
      for (const command of own.flatMap(({ text }) => text.trim().split("\n"))) {
        const name = /^\.\/build\.sh (\w+)/.exec(command)?.[1];
        expect(script, command).toMatch(new RegExp(`^  ${name}(\\)| \\|)`, "m"));
      }
    });
  }
});

it("the module examples of all documents type-check", { timeout: 120_000 }, () => {
  const modules = documents().flatMap((file) => blocksOf(file).filter(({ language }) => language === "ts"));
  const paths = modules.map((block) => {
    // An export makes it a module even if it imports nothing, so that top-level await is allowed.
    writeFileSync(modulePath(block), `${block.text}\nexport {};\n`);
    return modulePath(block);
  });
  const { config } = ts.readConfigFile("tsconfig.json", (path) => readFileSync(path, "utf8"));
  const { options } = ts.convertCompilerOptionsFromJson(config.compilerOptions, ".");
  const program = ts.createProgram(paths, { ...options, rootDir: ".", noEmit: true });
  const problems = ts.getPreEmitDiagnostics(program).map((problem) => {
    const { line } = problem.file?.getLineAndCharacterOfPosition(problem.start ?? 0) ?? { line: 0 };
    return `${problem.file?.fileName}:${line + 1} ${ts.flattenDiagnosticMessageText(problem.messageText, "\n")}`;
  });
  expect(problems).toEqual([]);
});

describe("the reader of examples", () => {
  const sample = [
    "<!-- stdin: poweroff -->",
    "```sh test boot exit=3",
    "vkrun x",
    "```",
    "",
    "```text",
    "a",
    "...",
    "```",
  ];

  it("takes words, typed input and expected output from around a block", () => {
    const [block, ...rest] = blocksOf("sample.md", sample.join("\n"));
    expect(rest).toEqual([]);
    expect(block).toMatchObject({
      language: "sh",
      exitStatus: 3,
      stdin: "poweroff\n",
      text: "vkrun x",
      expected: ["a", "..."],
    });
  });

  it("takes what to wait for before typing", () => {
    const [block] = blocksOf(
      "sample.md",
      ['<!-- stdin at "~#": poweroff -->', "```sh test", "vkrun", "```"].join("\n"),
    );
    expect(block).toMatchObject({ stdin: "poweroff\n", stdinAt: "~#" });
  });

  it("refuses a block that is not closed", () => {
    expect(() => blocksOf("sample.md", "```sh test\nvkrun")).toThrow("sample.md:1");
  });

  it("finds expected lines only in their order", () => {
    expect(firstMissingLine("one\r\ntwo\nthree", ["one", "...", "three"])).toBeUndefined();
    expect(firstMissingLine("one\ntwo", ["two", "one"])).toBe("one");
  });
});
