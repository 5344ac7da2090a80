// Writes small guest programs, instruction by instruction, for tests that place them in guest memory themselves.

import { readFileSync } from "node:fs";
import { encode, parseInstructions } from "../../tools/generate-decoder.mjs";

export const INSTRUCTION_TABLE = parseInstructions(
  readFileSync(new URL("../../assembly/isa/instructions.txt", import.meta.url), "utf8"),
);

const ROWS = new Map(INSTRUCTION_TABLE.map((row) => [row.mnemonic, row]));

export const zero = 0;
export const ra = 1;
export const sp = 2;
export const t0 = 5;
export const t1 = 6;
export const t2 = 7;
export const s0 = 8;
export const s1 = 9;
export const a0 = 10;
export const a1 = 11;
export const a2 = 12;
export const a3 = 13;
export const a4 = 14;
export const a5 = 15;
export const a6 = 16;
export const a7 = 17;
export const s2 = 18;
export const s3 = 19;
export const t3 = 28;
export const t4 = 29;

export interface Operands {
  rd?: number;
  rs1?: number;
  rs2?: number;
  rs3?: number;
  imm?: number;
  rm?: number;
}

/** The word of one instruction, by its mnemonic in instructions.txt. */
export function instruction(mnemonic: string, operands: Operands = {}): number {
  const row = ROWS.get(mnemonic);
  if (row === undefined) throw new Error(`no instruction ${mnemonic}`);
  return encode(row, operands);
}

interface Fixup {
  readonly at: number;
  readonly mnemonic: string;
  readonly operands: Operands;
  readonly label: string;
}

/** A program that will lie at `base`. */
export class Code {
  readonly #bytes: number[] = [];
  readonly #labels = new Map<string, number>();
  readonly #fixups: Fixup[] = [];

  constructor(readonly base: bigint) {}

  get length(): number {
    return this.#bytes.length;
  }

  /** Where the next instruction will lie. */
  get here(): bigint {
    return this.base + BigInt(this.length);
  }

  half(value: number): this {
    this.#bytes.push(value & 0xff, (value >>> 8) & 0xff);
    return this;
  }

  word(value: number): this {
    return this.half(value).half(value >>> 16);
  }

  op(mnemonic: string, operands: Operands = {}): this {
    const bits = instruction(mnemonic, operands);
    return ROWS.get(mnemonic)?.width === 16 ? this.half(bits) : this.word(bits);
  }

  label(name: string): this {
    this.#labels.set(name, this.length);
    return this;
  }

  address(label: string): bigint {
    const at = this.#labels.get(label);
    if (at === undefined) throw new Error(`no label ${label}`);
    return this.base + BigInt(at);
  }

  /** A branch or `jal` to a label, which may come later. */
  to(label: string, mnemonic: string, operands: Operands = {}): this {
    this.#fixups.push({ at: this.length, mnemonic, operands, label });
    return this.word(0);
  }

  j(label: string): this {
    return this.to(label, "jal");
  }

  nop(): this {
    return this.op("addi");
  }

  addi(rd: number, rs1: number, imm: number): this {
    return this.op("addi", { rd, rs1, imm });
  }

  add(rd: number, rs1: number, rs2: number): this {
    return this.op("add", { rd, rs1, rs2 });
  }

  /** Any 64-bit constant, in up to eight instructions. */
  li(rd: number, constant: bigint): this {
    const value = BigInt.asIntN(64, constant);
    const low = Number(BigInt.asIntN(12, value));
    if (value === BigInt(low)) return this.addi(rd, zero, low);
    if (value === BigInt.asIntN(32, value)) {
      this.op("lui", { rd, imm: Number(BigInt.asIntN(32, value - BigInt(low))) });
      return low === 0 ? this : this.op("addiw", { rd, rs1: rd, imm: low });
    }
    this.li(rd, (value - BigInt(low)) >> 12n).op("slli", { rd, rs1: rd, imm: 12 });
    return low === 0 ? this : this.addi(rd, rd, low);
  }

  load(mnemonic: string, rd: number, rs1: number, imm = 0): this {
    return this.op(mnemonic, { rd, rs1, imm });
  }

  store(mnemonic: string, rs2: number, rs1: number, imm = 0): this {
    return this.op(mnemonic, { rs2, rs1, imm });
  }

  csrw(csr: number, rs1: number): this {
    return this.csr("csrrw", zero, csr, rs1);
  }

  csrr(rd: number, csr: number): this {
    return this.csr("csrrs", rd, csr, zero);
  }

  csr(mnemonic: string, rd: number, csr: number, rs1: number): this {
    return this.op(mnemonic, { rd, rs1, imm: csr });
  }

  jr(rs1: number, imm = 0): this {
    return this.op("jalr", { rs1, imm });
  }

  bytes(): Uint8Array {
    const bytes = Uint8Array.from(this.#bytes);
    const view = new DataView(bytes.buffer);
    for (const { at, mnemonic, operands, label } of this.#fixups) {
      const target = this.#labels.get(label);
      if (target === undefined) throw new Error(`no label ${label}`);
      view.setUint32(at, instruction(mnemonic, { ...operands, imm: target - at }), true);
    }
    return bytes;
  }
}
