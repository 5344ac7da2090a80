/**
 * Has V8 read the branch hints of compiled regions (assembly/jit/hints.ts; docs/adr/0008). It does so by itself from
 * V8 14 on; before, it is an option, and one for the whole process: modules without hints compile as ever.
 */
import { setFlagsFromString } from "node:v8";

const BY_ITSELF_FROM = 14;

let enabled = false;

export function enableBranchHints(): void {
  if (enabled) return;
  enabled = true;
  if (Number.parseInt(process.versions.v8, 10) < BY_ITSELF_FROM)
    setFlagsFromString("--experimental-wasm-branch-hinting");
}
