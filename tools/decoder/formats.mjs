// The operand formats that assembly/isa/instructions.txt names: for each operand, where its bits lie in the word.
// RISC-V Unprivileged ISA 2.2-2.3 (base), 11 to 13 (F, D), 16.2 (C).

/**
 * A register operand: `bits` bits from bit `lo`, plus `base`; no bits at all is the fixed register `base`.
 * @typedef {{ kind: "x" | "f" | "uimm", lo: number, bits: number, base: number }} Register
 *
 * An immediate: each part takes word bits hi..lo to immediate bits from `to`; `signed` is the width that is sign-extended, or 0.
 * @typedef {{ parts: { hi: number, lo: number, to: number }[], signed: number }} Immediate
 *
 * @typedef {{ rd?: Register, rs1?: Register, rs2?: Register, rs3?: Register, imm?: Immediate, rm?: boolean }} Format
 */

/** @returns {Register} */
const x = (/** @type {number} */ lo) => ({ kind: "x", lo, bits: 5, base: 0 });
/** @returns {Register} */
const f = (/** @type {number} */ lo) => ({ kind: "f", lo, bits: 5, base: 0 });
/** The three-bit fields of compressed words: registers 8 to 15. @returns {Register} */
const xc = (/** @type {number} */ lo) => ({ kind: "x", lo, bits: 3, base: 8 });
/** @returns {Register} */
const fc = (/** @type {number} */ lo) => ({ kind: "f", lo, bits: 3, base: 8 });
/** @returns {Register} */
const fixed = (/** @type {number} */ base) => ({ kind: "x", lo: 0, bits: 0, base });

/**
 * An immediate from notation like "31>12 30-25>5": word bit 31 to immediate bit 12, bits 30..25 to bits 10..5.
 * @param {string} notation
 * @param {number} signed
 * @returns {Immediate}
 */
function immediate(notation, signed) {
  const parts = notation.split(" ").map((part) => {
    const [from, to] = part.split(">");
    const [hi, lo] = from.split("-").map(Number);
    return { hi, lo: lo ?? hi, to: Number(to) };
  });
  return { parts, signed };
}

const iImm = immediate("31-20>0", 12);
const sImm = immediate("31-25>5 11-7>0", 12);
const ciImm = immediate("12>5 6-2>0", 6);
const clwImm = immediate("5>6 12-10>3 6>2", 0);
const cldImm = immediate("6-5>6 12-10>3", 0);
const cldspImm = immediate("4-2>6 12>5 6-5>3", 0);
const csdspImm = immediate("9-7>6 12-10>3", 0);

/** @type {Record<string, Format>} */
export const FORMATS = {
  // Integer and system
  N: {},
  R: { rd: x(7), rs1: x(15), rs2: x(20) },
  R1: { rd: x(7), rs1: x(15) },
  I: { rd: x(7), rs1: x(15), imm: iImm },
  I6: { rd: x(7), rs1: x(15), imm: immediate("25-20>0", 0) },
  I5: { rd: x(7), rs1: x(15), imm: immediate("24-20>0", 0) },
  S: { rs1: x(15), rs2: x(20), imm: sImm },
  B: { rs1: x(15), rs2: x(20), imm: immediate("31>12 7>11 30-25>5 11-8>1", 13) },
  U: { rd: x(7), imm: immediate("31-12>12", 32) },
  J: { rd: x(7), imm: immediate("31>20 19-12>12 20>11 30-21>1", 21) },
  S1: { rs1: x(15) },
  S2: { rs1: x(15), rs2: x(20) },
  CSR: { rd: x(7), rs1: x(15), imm: immediate("31-20>0", 0) },
  CSRI: { rd: x(7), rs1: { kind: "uimm", lo: 15, bits: 5, base: 0 }, imm: immediate("31-20>0", 0) },

  // Floating point
  FI: { rd: f(7), rs1: x(15), imm: iImm },
  FS: { rs1: x(15), rs2: f(20), imm: sImm },
  FR: { rd: f(7), rs1: f(15), rs2: f(20) },
  FRrm: { rd: f(7), rs1: f(15), rs2: f(20), rm: true },
  FR1rm: { rd: f(7), rs1: f(15), rm: true },
  FR4: { rd: f(7), rs1: f(15), rs2: f(20), rs3: f(27), rm: true },
  FCMP: { rd: x(7), rs1: f(15), rs2: f(20) },
  FX: { rd: x(7), rs1: f(15) },
  FXrm: { rd: x(7), rs1: f(15), rm: true },
  XF: { rd: f(7), rs1: x(15) },
  XFrm: { rd: f(7), rs1: x(15), rm: true },

  // Compressed, quadrant 0
  CIW: { rd: xc(2), rs1: fixed(2), imm: immediate("10-7>6 12-11>4 5>3 6>2", 0) },
  CLw: { rd: xc(2), rs1: xc(7), imm: clwImm },
  CLd: { rd: xc(2), rs1: xc(7), imm: cldImm },
  CLfd: { rd: fc(2), rs1: xc(7), imm: cldImm },
  CSw: { rs1: xc(7), rs2: xc(2), imm: clwImm },
  CSd: { rs1: xc(7), rs2: xc(2), imm: cldImm },
  CSfd: { rs1: xc(7), rs2: fc(2), imm: cldImm },

  // Compressed, quadrant 1
  CI: { rd: x(7), rs1: x(7), imm: ciImm },
  CIli: { rd: x(7), rs1: fixed(0), imm: ciImm },
  CIsp: { rd: fixed(2), rs1: fixed(2), imm: immediate("12>9 4-3>7 5>6 2>5 6>4", 10) },
  CIlui: { rd: x(7), imm: immediate("12>17 6-2>12", 18) },
  CBsh: { rd: xc(7), rs1: xc(7), imm: immediate("12>5 6-2>0", 0) },
  CBi: { rd: xc(7), rs1: xc(7), imm: ciImm },
  CA: { rd: xc(7), rs1: xc(7), rs2: xc(2) },
  CJ: { rd: fixed(0), imm: immediate("12>11 8>10 10-9>8 6>7 7>6 2>5 11>4 5-3>1", 12) },
  CB: { rs1: xc(7), rs2: fixed(0), imm: immediate("12>8 6-5>6 2>5 11-10>3 4-3>1", 9) },

  // Compressed, quadrant 2
  CIsh: { rd: x(7), rs1: x(7), imm: immediate("12>5 6-2>0", 0) },
  CIwsp: { rd: x(7), rs1: fixed(2), imm: immediate("3-2>6 12>5 6-4>2", 0) },
  CIdsp: { rd: x(7), rs1: fixed(2), imm: cldspImm },
  CIfdsp: { rd: f(7), rs1: fixed(2), imm: cldspImm },
  CR: { rd: x(7), rs1: x(7), rs2: x(2) },
  CRmv: { rd: x(7), rs1: fixed(0), rs2: x(2) },
  CRjr: { rd: fixed(0), rs1: x(7) },
  CRjalr: { rd: fixed(1), rs1: x(7) },
  CN: {},
  CSSw: { rs1: fixed(2), rs2: x(2), imm: immediate("8-7>6 12-9>2", 0) },
  CSSd: { rs1: fixed(2), rs2: x(2), imm: csdspImm },
  CSSfd: { rs1: fixed(2), rs2: f(2), imm: csdspImm },
};
