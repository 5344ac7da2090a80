// The generated decoder alone, compiled to a wasm module of its own: the core does not export it.

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import asc from "assemblyscript/asc";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const ENTRY = "decoder-entry.ts";
const SOURCE = `
import { Decoder } from "./assembly/isa/generated/decode";
export function decode(insn: u32, out: usize): void { Decoder.decode(insn, out); }
export function decode16(insn: u32, out: usize): void { Decoder.decode16(insn, out); }
`;
/** The project's own configuration, whose entry is the whole core, must not be found. */
const VIRTUAL: Readonly<Record<string, string>> = { [ENTRY]: SOURCE, "asconfig.json": "{}" };
const OUT = 1024;

/** The record that the decoder fills, as stored. */
export interface DecodedRecord {
  readonly op: number;
  readonly rd: number;
  readonly rs1: number;
  readonly rs2: number;
  readonly imm: number;
}

export type DecodeFunction = (word: number, width: 16 | 32) => DecodedRecord;

export async function compileDecoder(): Promise<DecodeFunction> {
  let binary: Uint8Array | undefined;
  const { error, stderr } = await asc.main(
    [ENTRY, "--runtime", "stub", "-O2", "--initialMemory", "1", "--use", "abort=", "--outFile", "decoder.wasm"],
    {
      readFile: async (name) => VIRTUAL[name] ?? readFile(join(ROOT, name), "utf8").catch(() => null),
      writeFile: (_name, contents) => {
        if (contents instanceof Uint8Array) binary = contents;
      },
      listFiles: () => [],
    },
  );
  if (error !== null || binary === undefined) throw new Error(`the decoder does not compile: ${stderr.toString()}`);
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(Uint8Array.from(binary)));
  const { decode, decode16, memory } = exports as {
    decode: (word: number, out: number) => void;
    decode16: (word: number, out: number) => void;
    memory: WebAssembly.Memory;
  };
  const record = new DataView(memory.buffer, OUT, 16);
  return (word, width) => {
    record.setInt32(12, 0x5a5a5a5a);
    (width === 16 ? decode16 : decode)(word | 0, OUT);
    if (record.getInt32(12) !== 0x5a5a5a5a) throw new Error("the decoder wrote beyond its part of the record");
    return {
      op: record.getUint16(0, true),
      rd: record.getUint16(2, true),
      rs1: record.getUint16(4, true),
      rs2: record.getUint16(6, true),
      imm: record.getInt32(8, true),
    };
  };
}
