// @ts-check
// Writes docs/media/session.svg: a real session of vkrun on a terminal of its own, as an animated picture.
//
//   node tools/record-session.mjs [OUTPUT.svg]
//
// The terminal comes from script(1); what appears on it is replayed through @xterm/headless, frame by frame.

import { spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { renderFrames } from "./terminal-svg.mjs";

const COLUMNS = 92;
const ROWS = 24;
const TIMEOUT_MS = 180_000;
/** How fast the typist is, and how long the reader is given before the next line. */
const KEY_MS = 55;
const READ_MS = 900;

const COMMAND = "node dist/cli/main.js";
const PROMPT = /[#$] $/;
/** By which busybox's line editor asks the terminal where its cursor is, right behind the prompt. */
const CURSOR_QUERY = "\x1b[6n";
/** What is shown at the host's own prompt, then what is typed in the guest. */
const HOST_LINE = "$ vkrun";
const GUEST_LINES = ["uname -a", "head -5 /proc/cpuinfo", "free -m", "poweroff"];

/** @typedef {{ ms: number, data: string }} Chunk */

/** @returns {Promise<Chunk[]>} */
async function record() {
  /** @type {Chunk[]} */
  const chunks = [];
  const shell = `stty cols ${COLUMNS} rows ${ROWS}; exec ${COMMAND}`;
  const child = spawn("script", ["-qfec", shell, "/dev/null"], {
    stdio: ["pipe", "pipe", "inherit"],
    env: { ...process.env, SHELL: "/bin/sh", TERM: "xterm-256color" },
  });
  const start = performance.now();
  let output = "";
  let seen = 0;
  child.stdout.setEncoding("utf8").on("data", (data) => {
    chunks.push({ ms: performance.now() - start, data });
    output += data;
  });
  const ended = new Promise((resolve) => child.once("close", resolve));

  /** @param {number} from */
  const prompt = async (from) => {
    while (output.length === from || !PROMPT.test(output.replaceAll(CURSOR_QUERY, ""))) {
      if (performance.now() - start > TIMEOUT_MS || child.exitCode !== null) {
        child.kill();
        throw new Error(`the guest shows no prompt:\n${output}`);
      }
      await delay(50);
    }
  };
  for (const line of GUEST_LINES) {
    await prompt(seen);
    await delay(READ_MS);
    for (const key of line) {
      child.stdin.write(key);
      await delay(KEY_MS);
    }
    // The echo of what was typed is in by now: what comes behind it is the answer.
    seen = output.length;
    child.stdin.write("\r");
  }
  await ended;
  return chunks;
}

/**
 * The line by which the session was started, typed at a prompt of the host.
 * @returns {Chunk[]}
 */
function typedHostLine() {
  return [...HOST_LINE, "\r\n"].map((data, index) => ({ ms: index * KEY_MS, data }));
}

const typed = typedHostLine();
const offset = typed.length * KEY_MS;
const session = (await record()).map(({ ms, data }) => ({ ms: ms + offset, data }));
const path = process.argv[2] ?? "docs/media/session.svg";
writeFileSync(
  path,
  await renderFrames([...typed, ...session], { columns: COLUMNS, rows: ROWS, title: "vkrun boots Linux" }),
);
console.log(`wrote ${path}`);
