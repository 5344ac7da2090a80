import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { basename, delimiter, resolve } from "node:path";
import { text } from "node:stream/consumers";
import ts from "typescript";
import { expect, it } from "vitest";
import { full, noteLeftOut } from "../setup/full.js";
import { type Block, firstMissingLine } from "./blocks.js";

const OUTPUT = resolve("build/test/docs");
const FULL_TIMEOUT_MS = 2 * 3600 * 1000;

/** A folder that holds `vkrun`, as `npm install` would have linked it. */
function commandFolder(): string {
  const folder = `${OUTPUT}/bin`;
  mkdirSync(folder, { recursive: true });
  writeFileSync(`${folder}/vkrun`, `#!/bin/sh\nexec "${process.execPath}" "${resolve("dist/cli/main.js")}" "$@"\n`);
  chmodSync(`${folder}/vkrun`, 0o755);
  return folder;
}

function workFolder(block: Block): string {
  if (block.words.has("root")) return resolve(".");
  const folder = `${OUTPUT}/${basename(block.file, ".md")}`;
  mkdirSync(folder, { recursive: true });
  return folder;
}

/** Where a `ts` block is written, so that it can be type-checked and, transpiled, be run: "vkrun" resolves to this tree. */
export function modulePath(block: Block): string {
  return `${workFolder(block)}/line-${block.line}.ts`;
}

function commandOf(block: Block): string[] {
  if (block.language === "sh") return ["bash", "-euo", "pipefail", "-c", block.text];
  const path = modulePath(block).replace(/\.ts$/, ".mjs");
  const options = { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022 };
  writeFileSync(path, ts.transpileModule(block.text, { compilerOptions: options }).outputText);
  return [process.execPath, path];
}

/** Types what a block is to be given as soon as it has printed what it is waited for. */
function typeAt({ stdin, stdinAt }: Block, child: ChildProcessWithoutNullStreams): void {
  let seen = "";
  child.stdout.on("data", (chunk: Buffer) => {
    if (child.stdin.writableEnded) return;
    seen += chunk.toString("latin1");
    if (seen.includes(stdinAt)) child.stdin.end(stdin);
  });
}

/** Runs a block and holds it to its exit status and to the output that the document shows. */
async function runBlock(block: Block, signal: AbortSignal): Promise<void> {
  const [program = "", ...args] = commandOf(block);
  const child = spawn(program, args, {
    cwd: workFolder(block),
    env: { ...process.env, PATH: `${commandFolder()}${delimiter}${process.env["PATH"]}` },
    signal,
  });
  const ended = new Promise<number | NodeJS.Signals | null>((settle, reject) => {
    child.once("error", reject);
    child.once("close", (code, killedBy) => settle(code ?? killedBy));
  });
  child.stdin.on("error", () => {}); // A program need not read what is typed.
  if (block.stdinAt === "") child.stdin.end(block.stdin);
  else typeAt(block, child);
  const [stdout, stderr, status] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
  expect(status, `${stdout}\n${stderr}`).toBe(block.exitStatus);
  expect(firstMissingLine(`${stdout}\n${stderr}`, block.expected), `${stdout}\n${stderr}`).toBeUndefined();
}

/** Registers a test for each of `blocks`, which are of one document and in its order. */
export function testBlocks(blocks: readonly Block[]): void {
  for (const block of blocks) {
    const name = `${block.file}:${block.line} ${block.text.trim().split("\n")[0]}`;
    if (!block.words.has("full")) it(name, ({ signal }) => runBlock(block, signal));
    else if (full) it(name, { timeout: FULL_TIMEOUT_MS }, ({ signal }) => runBlock(block, signal));
    else noteLeftOut(name, "an example that takes long");
  }
}

/** Whether a block is run at all, here or with the guest tests. */
export function runs({ words }: Block): boolean {
  return words.has("test") && !words.has("self") && !words.has("compile");
}
