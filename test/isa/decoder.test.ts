// The generated decoder against the table read plainly, and the table against binutils: every 16-bit parcel, and
// 32-bit words that instructions, near misses and chance make.

import { readFileSync } from "node:fs";
import { beforeAll, describe, expect, it } from "vitest";
import {
  type Decoded,
  decodeByTable,
  encode,
  FORMATS,
  generateDecoder,
  generateOps,
  opName,
  parseInstructions,
} from "../../tools/generate-decoder.mjs";
import { compileDecoder, type DecodedRecord, type DecodeFunction } from "../support/decoder-module.js";
import { disassemble } from "../support/riscv-toolchain.js";
import { TABLE } from "./programs/emitter.js";
import { Random } from "./programs/values.js";

const SINK = 256;
const GENERATED = new URL("../../assembly/isa/generated/", import.meta.url);

const PARCELS = Array.from({ length: 0x1_0000 }, (_, parcel) => parcel).filter((parcel) => (parcel & 3) !== 3);

function wordsNear(perRow: number, random: Random): number[] {
  const bits = () => Number(random.bits64() & 0xffff_ffffn);
  const words: number[] = [];
  for (const { match, mask, width } of TABLE) {
    if (width === 16) continue;
    for (let n = 0; n < perRow; n++) {
      const word = match | (bits() & ~mask);
      const flips = [0, 1 << random.below(32), bits() & bits() & bits()];
      words.push(((word ^ (flips[n % 3] ?? 0)) | 3) >>> 0);
    }
  }
  for (let n = 0; n < perRow * 200; n++) words.push((bits() | 3) >>> 0);
  return words;
}

/** Op numbers by name, from the generated source. */
function opNumbers(): Map<string, number> {
  const source = readFileSync(new URL("op.ts", GENERATED), "utf8");
  return new Map([...source.matchAll(/^ {2}(\w+) = (\d+),$/gm)].map(([, name, value]) => [name ?? "", Number(value)]));
}

/** What the record must hold, from the plain decoding. */
function recordOf(decoded: Decoded | null, ops: Map<string, number>): DecodedRecord {
  if (decoded === null) return { op: 0, rd: 0, rs1: 0, rs2: 0, imm: 0 };
  const { row, rd, rs1 = 0, rs2 = 0, rs3, imm = 0, rm } = decoded;
  const format = FORMATS[row.format];
  return {
    op: ops.get(opName(row.base ?? row.mnemonic)) ?? -1,
    rd: rd === undefined ? 0 : rd === 0 && format?.rd?.kind === "x" ? SINK : rd * 8,
    rs1: format?.rs1?.kind === "uimm" ? rs1 : rs1 * 8,
    rs2: rs2 * 8,
    imm: rs3 !== undefined ? (rs3 * 8) | ((rm ?? 0) << 16) : (rm ?? imm),
  };
}

describe("the instruction table", () => {
  it("has no two rows that match one word", () => {
    for (const [index, row] of TABLE.entries()) {
      for (const other of TABLE.slice(index + 1)) {
        if (other.width !== row.width || ((row.match ^ other.match) & row.mask & other.mask) !== 0) continue;
        // They overlap but for constraints: then any word of both must decode to one of them only.
        const both = row.match | other.match;
        const free = ~(row.mask | other.mask) & (row.width === 16 ? 0xffff : -1);
        const matches = (candidate: number) =>
          [row, other].filter((one) => decodeByTable([one], candidate >>> 0, row.width) !== null).length;
        const random = new Random(index);
        for (let n = 0; n < 2000; n++) {
          expect(matches(both | (Number(random.bits64() & 0xffff_ffffn) & free))).toBeLessThan(2);
        }
      }
    }
  });

  it("is refused with the line when a row is malformed", () => {
    const good = "addi I I ------------_-----_000_-----_0010011 - - -";
    expect(parseInstructions(`# comment\n${good}\n`)).toHaveLength(1);
    expect(() => parseInstructions(`${good}\n${good}`)).toThrow("instructions.txt:2: second row for addi");
    expect(() => parseInstructions(good.replace("0010011", "001001"))).toThrow("instructions.txt:1: bad pattern");
    expect(() => parseInstructions(good.replace(" I I ", " I Q "))).toThrow("unknown format Q");
    expect(() => parseInstructions("c.li C CIli 010_-_-----_-----_01 addi - -")).toThrow("base addi has no row above");
  });

  it("encodes what it decodes", () => {
    const random = new Random(7);
    for (const word of wordsNear(20, random)) {
      const decoded = decodeByTable(TABLE, word, 32);
      // Fields that an instruction ignores (aq and rl, all of fence's) come back as zero.
      if (decoded === null) continue;
      const again = decodeByTable(TABLE, encode(decoded.row, decoded), 32);
      expect(again).toEqual(decoded);
    }
  });
});

describe("the generated decoder", () => {
  let decode: DecodeFunction;

  beforeAll(async () => {
    decode = await compileDecoder();
  }, 120_000);

  it("is what the table generates now", () => {
    expect(readFileSync(new URL("op.ts", GENERATED), "utf8")).toBe(generateOps(TABLE));
    expect(readFileSync(new URL("decode.ts", GENERATED), "utf8")).toBe(generateDecoder(TABLE));
  });

  it("decodes every 16-bit parcel as the table says", () => {
    const ops = opNumbers();
    const wrong = PARCELS.filter(
      (parcel) => !same(decode(parcel, 16), recordOf(decodeByTable(TABLE, parcel, 16), ops)),
    );
    expect(wrong.map(hex)).toEqual([]);
  });

  it("decodes 32-bit words as the table says", () => {
    const ops = opNumbers();
    const words = wordsNear(150, new Random(1));
    const wrong = words.filter((word) => !same(decode(word, 32), recordOf(decodeByTable(TABLE, word, 32), ops)));
    expect(wrong.map(hex)).toEqual([]);
  });
});

function same(a: DecodedRecord, b: DecodedRecord): boolean {
  return a.op === b.op && a.rd === b.rd && a.rs1 === b.rs1 && a.rs2 === b.rs2 && a.imm === b.imm;
}

const hex = (word: number) => `0x${word.toString(16)}`;

/** Where binutils 2.40 is known to differ from the specification, or not to know an extension. */
function isExplained(ours: string, theirs: string, operands: string): boolean {
  if (ours.startsWith("czero.")) return theirs === "illegal"; // Zicond came with 2.41
  if (theirs.replace("64", "") === ours && /^c\.s[lr][lra]i$/.test(ours)) return true; // shift by 0: RV128's name
  if (ours === "c.nop" && theirs === "c.addi") return true; // hints
  if (ours === "illegal" && operands.endsWith("unknown")) return true; // rounding modes 5 and 6, which it prints
  if (ours === "illegal" && theirs === "c.addi16sp" && operands === "sp,0") return true; // reserved, printed all the same
  if (ours === "illegal" && ["uret", "hret", "sfence.vm"].includes(theirs)) return true; // of drafts long gone
  if (ours === "illegal" && /^(?:h[ls]v|hinval|hfence)/.test(theirs)) return true; // of the H extension, which we lack
  if (ours === "ori" && theirs.startsWith("prefetch.")) return true; // which is what prefetches are
  if (["fence", "fence.i"].includes(ours)) return theirs === "illegal"; // reserved fields are ignored, not illegal
  // Conversions that are exact have a rounding mode like the others (11.2); binutils knows only the one it emits.
  return ["fcvt.d.s", "fcvt.d.w", "fcvt.d.wu"].includes(ours) && theirs === "illegal";
}

describe("binutils", () => {
  it("names the same instruction and calls the same words illegal", { timeout: 120_000 }, async () => {
    const words: [number, 16 | 32][] = [
      ...PARCELS.map((parcel): [number, 16] => [parcel, 16]),
      // Lengths above 32 bits begin with 11111: not for a disassembler in step with us.
      ...wordsNear(40, new Random(2))
        .filter((word) => (word & 0x1c) !== 0x1c)
        .map((word): [number, 32] => [word, 32]),
    ];
    const listing = await disassemble(words);
    expect(listing).toHaveLength(words.length);
    const different = words.flatMap(([word, width], index) => {
      const ours = decodeByTable(TABLE, word, width)?.row.mnemonic ?? "illegal";
      const { mnemonic, operands } = listing[index] ?? { mnemonic: "missing", operands: "" };
      const theirs = mnemonic.replace(/\.(?:aq|rl|aqrl)$/, "");
      return ours === theirs || isExplained(ours, theirs, operands)
        ? []
        : [`${hex(word)}: ${ours}, binutils ${theirs} ${operands}`];
    });
    expect(different).toEqual([]);
  });
});
