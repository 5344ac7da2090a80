// npm's install script of the published package: compiles the addon, unless one that loads is there. Not by
// `node-gyp-build` or `node-gyp rebuild`, which begin by removing build/, and vkrun.wasm with it.

import { spawnSync } from "node:child_process";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const nodeGypBuild = createRequire(import.meta.url)("node-gyp-build");

function loads() {
  try {
    nodeGypBuild(root);
    return true;
  } catch {
    return false;
  }
}

if (!loads()) {
  // npm puts a node-gyp of its own on the PATH of scripts.
  spawnSync("node-gyp", ["configure", "build"], { cwd: root, stdio: "inherit" });
  // The installation goes on without it: see the message.
  if (!loads()) await import("./addon-missing.mjs");
}
