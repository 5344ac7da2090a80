/**
 * How a region enters the next one: a function (hart, left, page, table index) -> left that tail-calls what the table has
 * there. It is a module of its own because V8 copies an imported table for every instance that imports it: once here,
 * instead of some 0.2 MB and 0.4 ms for each module of regions.
 */

import { name, section, vector } from "./binary.js";

const [I32, I64, FUNCTION, TABLE, FUNCREF] = [0x7f, 0x7e, 0x60, 0x01, 0x70];
const [TYPES, IMPORTS, FUNCTIONS, EXPORTS, CODE] = [1, 2, 3, 7, 10];
/** hart, instructions left, page -> instructions left: see assembly/jit/module.ts. */
const REGION = [FUNCTION, 3, I32, I32, I64, 1, I32];
const ENTER = [FUNCTION, 4, I32, I32, I64, I32, 1, I32];
/** No locals; local.get 0 1 2 3, return_call_indirect (type 0) (table 0), end */
const BODY = [0, 0x20, 0, 0x20, 1, 0x20, 2, 0x20, 3, 0x13, 0, 0, 0x0b];

const MODULE = Uint8Array.from([
  ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
  ...section(TYPES, vector([REGION, ENTER])),
  ...section(IMPORTS, vector([[...name("e"), ...name("t"), TABLE, FUNCREF, 0, 1]])),
  ...section(FUNCTIONS, vector([[1]])),
  ...section(EXPORTS, vector([[...name("f"), 0, 0]])),
  ...section(CODE, vector([[BODY.length, ...BODY]])),
]);

type Enter = (hart: number, left: number, page: bigint, index: number) => number;

export function enterThrough(table: WebAssembly.Table): Enter {
  return new WebAssembly.Instance(new WebAssembly.Module(MODULE), { e: { t: table } }).exports["f"] as Enter;
}
