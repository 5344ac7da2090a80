// The F and D operations under test: the instruction that the oracle runs, and the call that must equal it.

import type { Format } from "./format.js";
import { D, S } from "./format.js";

export interface Operation {
  /** As the assembler spells it; "box" and "unbox" stand for the moves to and from a 64-bit register. */
  readonly instruction: string;
  /** What the operands a, b and c are. */
  readonly operands: readonly (Format | "integer")[];
  /** Whether the instruction has a rounding mode. */
  readonly rounds: boolean;
  /** AssemblyScript: an expression of `a`, `b`, `c: u64` and `rm: u32`. */
  readonly call: string;
}

function arithmetic(format: Format): Operation[] {
  const { suffix, className } = format;
  const cast = format === S ? "<u32>" : "";
  const a = `${cast}a`;
  const b = `${cast}b`;
  const row = (name: string, arity: number, rounds: boolean): Operation => ({
    instruction: `${name}.${suffix}`,
    operands: Array<Format>(arity).fill(format),
    rounds,
    call: call(name, arity, rounds),
  });
  const method: Record<string, string> = { fmadd: "fma", fclass: "classify" };
  const call = (name: string, arity: number, rounds: boolean): string => {
    const args = [a, b, `${cast}c`].slice(0, arity);
    if (rounds) args.push("rm");
    return `${className}.${method[name] ?? name.slice(1)}(${args.join(", ")})`;
  };
  return [
    ...["fadd", "fsub", "fmul", "fdiv"].map((name) => row(name, 2, true)),
    row("fsqrt", 1, true),
    row("fmadd", 3, true),
    ...["fmin", "fmax", "feq", "flt", "fle"].map((name) => row(name, 2, false)),
    row("fclass", 1, false),
  ];
}

function conversions(format: Format): Operation[] {
  const { suffix, typeName } = format;
  const from = format === S ? "<u32>a" : "a";
  const integers = [
    { name: "w", type: "i32" },
    { name: "wu", type: "u32" },
    { name: "l", type: "i64" },
    { name: "lu", type: "u64" },
  ];
  return integers.flatMap(({ name, type }) => {
    // Every 32-bit integer is a binary64 number.
    const rounds = !(suffix === "d" && type.endsWith("32"));
    return [
      {
        instruction: `fcvt.${name}.${suffix}`,
        operands: [format],
        rounds: true,
        call: `Convert.${typeName}To${type.toUpperCase()}(${from}, rm)`,
      },
      {
        instruction: `fcvt.${suffix}.${name}`,
        operands: ["integer"],
        rounds,
        call: `Convert.${type}To${typeName.toUpperCase()}(<${type}>a${rounds ? ", rm" : ""})`,
      },
    ];
  });
}

export const operations: readonly Operation[] = [
  ...arithmetic(D),
  ...conversions(D),
  ...arithmetic(S),
  ...conversions(S),
  { instruction: "fcvt.d.s", operands: [S], rounds: false, call: "Convert.f32ToF64(<u32>a)" },
  { instruction: "fcvt.s.d", operands: [D], rounds: true, call: "Convert.f64ToF32(a, rm)" },
  { instruction: "box", operands: [S], rounds: false, call: "F32.box(<u32>a)" },
  { instruction: "unbox", operands: ["integer"], rounds: false, call: "F32.unbox(a)" },
];
