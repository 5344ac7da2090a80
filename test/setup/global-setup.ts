import { spawnSync } from "node:child_process";
import { mkdirSync, rmSync } from "node:fs";
import { leftOutPath } from "./full.js";

/**
 * Tests run sources straight, but the wasm core, the generated layout and dist/ must have been made from them: a test
 * of yesterday's build proves nothing. VKRUN_ANY_BUILD=1 is for whoever works on a part that needs none of these.
 */
export function setup(): void {
  mkdirSync("build/test", { recursive: true });
  rmSync(leftOutPath, { force: true });
  if (process.env["VKRUN_ANY_BUILD"] === "1") return;
  const { status, stderr } = spawnSync("./build.sh", ["build", "--check"], { encoding: "utf8" });
  if (status !== 0) throw new Error(`${stderr.trim()}, or set VKRUN_ANY_BUILD=1 for tests that need no build`);
}
