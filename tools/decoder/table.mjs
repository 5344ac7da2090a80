// Reads assembly/isa/instructions.txt. The decoder generator and the tests share this and nothing of the generated code.

import { FORMATS } from "./formats.mjs";

/**
 * @typedef {{
 *   mnemonic: string, extension: string, format: string, width: 16 | 32, mask: number, match: number,
 *   base: string | null, constraints: string[], jit: string, line: number,
 * }} Instruction
 */

/**
 * @param {string} text the table
 * @returns {Instruction[]} its rows, in order
 */
export function parseInstructions(text) {
  /** @type {Instruction[]} */
  const rows = [];
  for (const [index, source] of text.split("\n").entries()) {
    const columns = source.replace(/#.*/, "").trim().split(/\s+/);
    if (columns[0] === "") continue;
    const fail = (/** @type {string} */ why) => new Error(`instructions.txt:${index + 1}: ${why}`);
    if (columns.length !== 7) throw fail(`${columns.length} columns, not 7`);
    const [mnemonic, extension, format, spacedPattern, base, constraint, jit] = columns;
    const pattern = spacedPattern.replaceAll("_", "");
    if (!/^(?:[01-]{16}|[01-]{32})$/.test(pattern)) throw fail(`bad pattern ${spacedPattern}`);
    if (!(format in FORMATS)) throw fail(`unknown format ${format}`);
    const row = {
      mnemonic,
      extension,
      format,
      width: /** @type {16 | 32} */ (pattern.length),
      mask: Number.parseInt(pattern.replace(/[01]/g, "1").replaceAll("-", "0"), 2),
      match: Number.parseInt(pattern.replaceAll("-", "0"), 2),
      base: base === "-" ? null : base,
      constraints: constraint === "-" ? [] : constraint.split(","),
      jit,
      line: index + 1,
    };
    if (rows.some((other) => other.mnemonic === mnemonic)) throw fail(`second row for ${mnemonic}`);
    if (row.width === 16 && !rows.some((other) => other.mnemonic === base && other.width === 32)) {
      throw fail(`base ${base} has no row above`);
    }
    if (row.width === 32 && row.base !== null) throw fail("only compressed rows have a base");
    for (const text of row.constraints)
      if (!/^(?:rm|(?:rd|rs1|rs2|imm)!=\d+)$/.test(text)) throw fail(`bad constraint ${text}`);
    rows.push(row);
  }
  return rows;
}

/** The name of the Op constant of a mnemonic. @param {string} mnemonic */
export const opName = (mnemonic) => mnemonic.toUpperCase().replaceAll(".", "_");

/** What a register field holds in a word: the register's number, or the raw uimm. */
function registerOf(/** @type {import("./formats.mjs").Register} */ field, /** @type {number} */ word) {
  return ((word >>> field.lo) & ((1 << field.bits) - 1)) + field.base;
}

/** @param {import("./formats.mjs").Immediate} field @param {number} word */
function immediateOf(field, word) {
  let value = 0;
  for (const { hi, lo, to } of field.parts) value |= ((word >>> lo) & (2 ** (hi - lo + 1) - 1)) << to;
  return field.signed === 0 ? value : (value << (32 - field.signed)) >> (32 - field.signed);
}

/**
 * @typedef {{ row: Instruction, rd?: number, rs1?: number, rs2?: number, rs3?: number, imm?: number, rm?: number }} Decoded
 */

/**
 * The plain way to decode: every row in turn. Slow, and the measure of the generated decoder.
 * @param {readonly Instruction[]} rows
 * @param {number} word
 * @param {16 | 32} width
 * @returns {Decoded | null} null when the word is illegal
 */
export function decodeByTable(rows, word, width) {
  for (const row of rows) {
    if (row.width !== width || (word & row.mask) >>> 0 !== row.match) continue;
    const format = FORMATS[row.format];
    /** @type {Decoded} */
    const decoded = { row };
    for (const name of /** @type {const} */ (["rd", "rs1", "rs2", "rs3"])) {
      const field = format[name];
      if (field) decoded[name] = registerOf(field, word);
    }
    if (format.imm) decoded.imm = immediateOf(format.imm, word);
    if (format.rm) decoded.rm = (word >>> 12) & 7;
    const holds = row.constraints.every((constraint) => {
      if (constraint === "rm") return decoded.rm !== 5 && decoded.rm !== 6;
      const [name, value] = constraint.split("!=");
      return decoded[/** @type {"rd" | "rs1" | "rs2" | "imm"} */ (name)] !== Number(value);
    });
    if (holds) return decoded;
  }
  return null;
}

/**
 * The word that a row and operands make; operands that the row's format lacks are ignored, missing ones are zero.
 * @param {Instruction} row
 * @param {{ rd?: number, rs1?: number, rs2?: number, rs3?: number, imm?: number, rm?: number }} operands
 */
export function encode(row, operands) {
  const format = FORMATS[row.format];
  let word = row.match;
  for (const name of /** @type {const} */ (["rd", "rs1", "rs2", "rs3"])) {
    const field = format[name];
    if (field) word |= (((operands[name] ?? field.base) - field.base) & ((1 << field.bits) - 1)) << field.lo;
  }
  for (const { hi, lo, to } of format.imm?.parts ?? []) {
    word |= (((operands.imm ?? 0) >> to) & (2 ** (hi - lo + 1) - 1)) << lo;
  }
  if (format.rm) word |= (operands.rm ?? 0) << 12;
  return word >>> 0;
}
