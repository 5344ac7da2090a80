// Another Node than the one that runs the tests: the npm package `node` brings its program.

import { existsSync, mkdirSync } from "node:fs";
import { resolve } from "node:path";
import { execa } from "execa";

const FOLDER = "build/node-24";

/** The path of Node 24, which is installed when it is first asked for. */
export async function node24(): Promise<string> {
  const path = resolve(FOLDER, "node_modules/node/bin/node");
  if (!existsSync(path)) {
    mkdirSync(FOLDER, { recursive: true });
    await execa("npm", ["install", "--no-save", "--no-audit", "--no-fund", "--prefix", FOLDER, "node@24"], {
      timeout: 150_000,
    });
  }
  return path;
}
