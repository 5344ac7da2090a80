/**
 * How a region enters the next one: a function (hart, left, page, table index) -> left that tail-calls what the table has
 * there. It is a module of its own because V8 copies an imported table for every instance that imports it: once here,
 * instead of some 0.2 MB and 0.4 ms for each module of regions.
 */

const I32 = 0x7f;
const I64 = 0x7e;
const REGION = [0x60, 3, I32, I32, I64, 1, I32];
const ENTER = [0x60, 4, I32, I32, I64, I32, 1, I32];
/** local.get 0 1 2 3, return_call_indirect (type 0) (table 0), end */
const BODY = [0, 0x20, 0, 0x20, 1, 0x20, 2, 0x20, 3, 0x13, 0, 0, 0x0b];

/** Sections of the binary format, in their order (WebAssembly core specification, 5.5). */
const MODULE = Uint8Array.from([
  ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
  ...section(1, [2, ...REGION, ...ENTER]),
  ...section(2, [1, 1, 0x65, 1, 0x74, 0x01, 0x70, 0x00, 1]),
  ...section(3, [1, 1]),
  ...section(7, [1, 1, 0x66, 0, 0]),
  ...section(10, [1, BODY.length, ...BODY]),
]);

function section(id: number, content: readonly number[]): number[] {
  return [id, content.length, ...content];
}

type Enter = (hart: number, left: number, page: bigint, index: number) => number;

export function enterThrough(table: WebAssembly.Table): Enter {
  return new WebAssembly.Instance(new WebAssembly.Module(MODULE), { e: { t: table } }).exports["f"] as Enter;
}
