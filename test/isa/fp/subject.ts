// assembly/isa/fp compiled by asc into a module of its own, with one exported loop for each operation.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import asc from "assemblyscript/asc";
import { RECORD_WORDS } from "./operands.js";
import type { Operation } from "./operations.js";
import { operations } from "./operations.js";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));
const ENTRY = "fp-test-entry.ts";
/** Executions at once; operands and results lie behind the module's own data. */
const BATCH = 16_384;
const OPERANDS = 0x1_0000;
const RESULTS = OPERANDS + BATCH * RECORD_WORDS * 8;
const PAGES = (RESULTS + BATCH * 16) / 0x1_0000;

type Loop = (count: number, rm: number, flags: number) => void;

export class Subject {
  private constructor(
    private readonly loops: Readonly<Record<string, Loop>>,
    private readonly memory: WebAssembly.Memory,
  ) {}

  static async create(): Promise<Subject> {
    const { instance } = await WebAssembly.instantiate(await compile());
    const { memory, ...loops } = instance.exports;
    return new Subject(loops as Record<string, Loop>, memory as WebAssembly.Memory);
  }

  /** A (result, flags) pair of words for each execution, with `flags` accrued before each. */
  run(operation: Operation, rm: number, operands: BigUint64Array, flags: number): BigUint64Array {
    const loop = this.loops[exportName(operation)];
    if (loop === undefined) throw new Error(`no export for ${operation.instruction}`);
    const total = operands.length / RECORD_WORDS;
    const results = new BigUint64Array(total * 2);
    for (let start = 0; start < total; start += BATCH) {
      const count = Math.min(BATCH, total - start);
      const batch = operands.subarray(start * RECORD_WORDS, (start + count) * RECORD_WORDS);
      new BigUint64Array(this.memory.buffer, OPERANDS).set(batch);
      loop(count, rm, flags);
      results.set(new BigUint64Array(this.memory.buffer, RESULTS, count * 2), start * 2);
    }
    return results;
  }
}

function exportName(operation: Operation): string {
  return operation.instruction.replaceAll(".", "_");
}

function entrySource(): string {
  const loops = operations.map(
    (operation) => `
export function ${exportName(operation)}(count: u32, rm: u32, flags: u32): void {
  let from: usize = ${OPERANDS};
  let to: usize = ${RESULTS};
  for (let i: u32 = 0; i < count; i++, from += 24, to += 16) {
    const a = load<u64>(from);
    const b = load<u64>(from, 8);
    const c = load<u64>(from, 16);
    Fp.flags = flags;
    store<u64>(to, ${operation.call});
    store<u64>(to, Fp.flags, 8);
  }
}`,
  );
  return `
import { Convert } from "./assembly/isa/fp/convert";
import { F32 } from "./assembly/isa/fp/f32";
import { F64 } from "./assembly/isa/fp/f64";
import { Fp } from "./assembly/isa/fp/flags";
${loops.join("\n")}
`;
}

async function compile(): Promise<Uint8Array<ArrayBuffer>> {
  let wasm: Uint8Array<ArrayBuffer> | undefined;
  const options = ["--runtime", "stub", "--noAssert", "-O3", "--memoryBase", "1024", "--initialMemory", String(PAGES)];
  const { error, stderr } = await asc.main([ENTRY, ...options, "--outFile", "fp.wasm"], {
    // The project's asconfig.json names its own entry: only sources are to be found.
    readFile: (name) => {
      if (name === ENTRY) return entrySource();
      if (!name.endsWith(".ts")) return null;
      try {
        return readFileSync(join(ROOT, name), "utf8");
      } catch {
        return null;
      }
    },
    writeFile: (name, contents) => {
      if (name === "fp.wasm") wasm = Uint8Array.from(contents as Uint8Array);
    },
    listFiles: () => [],
  });
  if (error !== null || wasm === undefined) throw new Error(`asc: ${error?.message ?? "no output"}\n${stderr}`);
  return wasm;
}
