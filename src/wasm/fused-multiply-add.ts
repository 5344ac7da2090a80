/**
 * Whether compiled regions may use the host's fused multiply-add. WebAssembly has it as `f64x2.relaxed_madd` (relaxed SIMD),
 * which an engine may round once or twice, but always in the same way: so it is asked.
 */
import { setFlagsFromString } from "node:v8";

/** (func (export "f") (param f64 f64 f64) (result f64)): a * b + c in both lanes. */
const MODULE = Uint8Array.of(
  ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
  ...[0x01, 0x08, 0x01, 0x60, 0x03, 0x7c, 0x7c, 0x7c, 0x01, 0x7c],
  ...[0x03, 0x02, 0x01, 0x00],
  ...[0x07, 0x05, 0x01, 0x01, 0x66, 0x00, 0x00],
  ...[0x0a, 0x16, 0x01, 0x14, 0x00],
  // splat each, f64x2.relaxed_madd, lane 0
  ...[0x20, 0x00, 0xfd, 0x14, 0x20, 0x01, 0xfd, 0x14, 0x20, 0x02, 0xfd, 0x14, 0xfd, 0x87, 0x02, 0xfd, 0x21, 0x00, 0x0b],
);

let known: boolean | undefined;

export function hasFusedMultiplyAdd(): boolean {
  known ??= probe();
  return known;
}

function probe(): boolean {
  let module = compile();
  if (module === null) {
    // Node 20: V8 has it, complete, but behind a flag for one more version.
    setFlagsFromString("--experimental-wasm-relaxed-simd");
    module = compile();
  }
  if (module === null) return false;
  const { f } = new WebAssembly.Instance(module).exports;
  // Rounded twice, the square of the last place is lost.
  const e = 2 ** -30;
  return (f as (a: number, b: number, c: number) => number)(1 + e, 1 + e, -(1 + 2 * e)) === e * e;
}

function compile(): WebAssembly.Module | null {
  try {
    return new WebAssembly.Module(MODULE);
  } catch {
    return null;
  }
}
