import { expect, it } from "vitest";
import wabt from "wabt";
import { enterThrough } from "../../src/wasm/enter.js";

/** Counts `left` down by entering itself, at table index 1, as regions enter each other; then answers hart + page. */
const REGION = `(module
  (type $region (func (param i32 i32 i64) (result i32)))
  (import "e" "f" (func $enter (param i32 i32 i64 i32) (result i32)))
  (func (export "region") (type $region)
    (if (local.get 1)
      (then (return_call $enter
        (local.get 0) (i32.sub (local.get 1) (i32.const 1)) (local.get 2) (i32.const 1))))
    (i32.add (local.get 0) (i32.wrap_i64 (local.get 2)))))`;

it("regions enter each other as often as they like, on the stack of one", async () => {
  const table = new WebAssembly.Table({ initial: 2, element: "anyfunc" });
  const enter = enterThrough(table);
  const { buffer } = (await wabt()).parseWat("region.wat", REGION, { tail_call: true }).toBinary({});
  const region = new WebAssembly.Instance(new WebAssembly.Module(buffer), { e: { f: enter } }).exports["region"];
  table.set(1, region);
  expect(enter(40, 1_000_000, 2n, 1)).toBe(42);
});
