// Emits test programs instruction by instruction. The words come from the instruction table, so that the assembler's
// own idea of an instruction (aliases, relaxation, extensions it does not know) never stands in between.

import { readFileSync } from "node:fs";
import { decodeByTable, encode, parseInstructions } from "../../../tools/generate-decoder.mjs";

export const TABLE = parseInstructions(
  readFileSync(new URL("../../../assembly/isa/instructions.txt", import.meta.url), "utf8"),
);

export type Row = (typeof TABLE)[number];

const ROWS = new Map(TABLE.map((row) => [row.mnemonic, row]));

export function row(mnemonic: string): Row {
  const found = ROWS.get(mnemonic);
  if (found === undefined) throw new Error(`no row for ${mnemonic}`);
  return found;
}

export interface Operands {
  rd?: number;
  rs1?: number;
  rs2?: number;
  rs3?: number;
  imm?: number;
  rm?: number;
}

/** One instruction as a data directive. */
export function word(mnemonic: string, operands: Operands): string {
  const instruction = row(mnemonic);
  const { width } = instruction;
  const bits = encode(instruction, operands);
  if (decodeByTable([instruction], bits, width) === null) {
    throw new Error(`${mnemonic} cannot have the operands ${JSON.stringify(operands)}`);
  }
  return `${width === 16 ? ".2byte" : ".4byte"} 0x${bits.toString(16)}  // ${mnemonic} ${JSON.stringify(operands)}`;
}

/** A named part of a test program: one line of its output. */
export interface Group {
  readonly name: string;
  readonly source: string;
  /** The mnemonics that the group executes under test. */
  readonly covers: ReadonlySet<string>;
}

/** Which machine a program is for: what QEMU 7.2 lacks is there replaced by what the instruction is defined to do. */
export type Target = "qemu" | "vkrun";

export class Emitter {
  private readonly lines: string[] = [];
  private readonly covers = new Set<string>();
  private labels = 0;

  constructor(
    readonly name: string,
    private readonly prefix: string,
  ) {}

  /** A label that no other group has. */
  label(): string {
    this.labels += 1;
    return `.L${this.prefix}_${this.labels}`;
  }

  /** Plain assembly around the instruction under test. */
  asm(...lines: string[]): void {
    this.lines.push(...lines.map((line) => (line.endsWith(":") ? line : `    ${line}`)));
  }

  /** The instruction under test. */
  insn(mnemonic: string, operands: Operands): void {
    this.cover(mnemonic);
    this.asm(word(mnemonic, operands));
  }

  /** For an instruction under test that the assembler spells, because it has a label. */
  cover(mnemonic: string): void {
    this.covers.add(row(mnemonic).mnemonic);
  }

  /** Takes registers into the group's hash. */
  mix(...registers: string[]): void {
    for (const register of registers) this.asm(`MIX ${register}`);
  }

  /** Read-only data. */
  data(label: string, values: readonly bigint[]): void {
    const lines = [".section .rodata", ".balign 8", `${label}:`];
    for (let at = 0; at < values.length; at += 4) {
      const row = values.slice(at, at + 4).map((value) => `0x${BigInt.asUintN(64, value).toString(16)}`);
      lines.push(`.quad ${row.join(", ")}`);
    }
    this.asm(...lines, ".text");
  }

  finish(): Group {
    this.asm("la t0, group_done", "jr t0");
    return { name: this.name, source: this.lines.join("\n"), covers: this.covers };
  }
}

/** A group from a function that emits its body. */
export function group(name: string, body: (emit: Emitter) => void): Group {
  const emitter = new Emitter(name, name.replace(/[^A-Za-z0-9]/g, "_"));
  body(emitter);
  return emitter.finish();
}
