// Exits 0 when node_modules holds what package-lock.json asks for. `npm ls` answers the same in a second; this takes
// 50 ms, and ./build.sh asks at every turn. npm writes the hidden lock file after each install.
import { readFileSync } from "node:fs";

function packagesOf(path) {
  try {
    return JSON.parse(readFileSync(path, "utf8")).packages;
  } catch {
    return undefined;
  }
}

const wanted = packagesOf("package-lock.json");
const installed = packagesOf("node_modules/.package-lock.json");
const current =
  wanted !== undefined &&
  installed !== undefined &&
  Object.entries(wanted).every(([path, { version, integrity, optional }]) => {
    if (path === "") return true;
    const there = installed[path];
    // Optional packages of other platforms (linters' binaries) are left out on purpose.
    return there === undefined ? optional === true : there.version === version && there.integrity === integrity;
  });
process.exitCode = current ? 0 : 1;
