import { readdirSync, readFileSync } from "node:fs";

/**
 * Fenced code in README.md and docs/ is run. The words behind the language say how:
 *
 *   sh test          a shell command, here and now; exit status 0 unless `exit=N` is among the words
 *   ts test          a module, type-checked and run
 *   ... boot         it starts a guest: runs with the guest tests
 *   ... full         it takes long: runs under ./build.sh test --full only
 *   ... root         it runs in the root of the tree, not in a folder of its own
 *   ... compile      (ts) type-checked only, as it needs what a test machine lacks
 *   ... self         it is the test run itself: only that ./build.sh knows the command is checked
 *
 * Blocks of one document run in order, in one folder, so a later one may use what an earlier one made. A comment
 * `<!-- stdin: TEXT -->` before a block is typed into it; with `stdin at "OUTPUT"`, once it has printed OUTPUT. A
 * `text` block right behind it is what it must print, line by line and in this order; a line `...` stands for anything.
 * Of `sh`, `ts` and `js` there are no unmarked blocks.
 */
export interface Block {
  readonly file: string;
  readonly line: number;
  readonly language: string;
  readonly words: ReadonlySet<string>;
  readonly exitStatus: number;
  readonly stdin: string;
  /** What has to be printed before `stdin` is typed. */
  readonly stdinAt: string;
  readonly text: string;
  readonly expected: readonly string[];
}

/** README.md and everything below docs/. */
export function documents(): string[] {
  const docs = readdirSync("docs", { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".md"));
  return ["README.md", "ARCHITECTURE.md", ...docs.sort().map((name) => `docs/${name}`)];
}

const FENCE = /^```(.*)$/;
const STDIN = /^<!-- stdin(?: at "(.+)")?: (.*) -->$/;

export function blocksOf(file: string, markdown = readFileSync(file, "utf8")): Block[] {
  const blocks: Block[] = [];
  const lines = markdown.split("\n");
  let stdin = "";
  let stdinAt = "";
  /** The block that a `text` block would belong to: nothing but blank lines came since. */
  let open: (Block & { expected: string[] }) | undefined;
  for (let i = 0; i < lines.length; i++) {
    const line = lines[i] ?? "";
    const info = FENCE.exec(line)?.[1];
    if (info === undefined) {
      const typed = STDIN.exec(line);
      if (typed !== null) {
        stdinAt = typed[1] ?? "";
        stdin = `${typed[2]?.replaceAll("\\n", "\n")}\n`;
      } else if (line.trim() !== "") {
        open = undefined;
        stdin = "";
        stdinAt = "";
      }
      continue;
    }
    const end = lines.indexOf("```", i + 1);
    if (end < 0) throw new Error(`${file}:${i + 1}: the code block is not closed`);
    const body = lines.slice(i + 1, end);
    const [language = "", ...words] = info.split(/\s+/);
    if (language === "text" && open !== undefined) {
      open.expected.push(...body);
      open = undefined;
    } else {
      const exitStatus = Number(words.find((word) => word.startsWith("exit="))?.slice(5) ?? 0);
      const block = {
        file,
        line: i + 1,
        language,
        words: new Set(words),
        exitStatus,
        stdin,
        stdinAt,
        text: body.join("\n"),
        expected: [],
      };
      blocks.push(block);
      open = block;
    }
    stdin = "";
    stdinAt = "";
    i = end;
  }
  return blocks;
}

/** Checks that `output` has the lines of `expected` in their order; answers the first one that it lacks. */
export function firstMissingLine(output: string, expected: readonly string[]): string | undefined {
  const lines = output.split(/\r?\n/).map((line) => line.trimEnd());
  let at = 0;
  for (const wanted of expected) {
    if (wanted.trim() === "..." || wanted.trim() === "") continue;
    const found = lines.findIndex((line, index) => index >= at && line.includes(wanted.trimEnd()));
    if (found < 0) return wanted;
    at = found + 1;
  }
  return undefined;
}
