/** How much code either form is, as it is installed. */
import { readFile } from "node:fs/promises";
import { functionSizes } from "../wasm/function-sizes.js";
import type { CodeSize } from "./results.js";

interface Path {
  readonly path: string;
  /** What the names of its functions begin with. */
  readonly functions: readonly string[];
  /** Modules of src/reference. */
  readonly modules: readonly string[];
}

const PATHS: readonly Path[] = [
  { path: "dirty bitmap", functions: ["assembly/mmu/bitmap"], modules: ["bitmaps"] },
  { path: "walks", functions: ["assembly/mmu/walk", "assembly/mmu/pmp"], modules: ["walk", "pmp"] },
  {
    path: "virtqueues",
    functions: ["assembly/virtio/"],
    modules: ["virtqueues", "packed-ring", "split-ring", "virtq-chain", "virtq-fields", "virtq-records", "guest-ram"],
  },
];

export async function codeSizes(): Promise<CodeSize[]> {
  const sizes = await functionSizes();
  return Promise.all(
    PATHS.map(async ({ path, functions, modules }) => {
      const own = [...sizes].filter(([name]) => functions.some((prefix) => name.startsWith(prefix)));
      const scripts = await Promise.all(modules.map(scriptSize));
      return { path, wasm: total(own.map(([, size]) => size)), ts: total(scripts) };
    }),
  );
}

/** Of what tsc made of a module, without comments, the lines' indentation and the reference to its source map. */
async function scriptSize(module: string): Promise<number> {
  const text = await readFile(new URL(`../reference/${module}.js`, import.meta.url), "utf8");
  const code = text.replace(/\/\*[\s\S]*?\*\//g, "").replace(/^\s*\/\/.*$/gm, "");
  return Buffer.byteLength(code.replace(/^\s+/gm, ""));
}

function total(sizes: readonly number[]): number {
  return sizes.reduce((sum, size) => sum + size, 0);
}
