import { expect, it } from "vitest";
import { resolveOptions } from "../../src/api/boot-options.js";

it("refuses hot paths that do not exist, and twins where compiled code is to be verified", () => {
  expect(() => resolveOptions({ disk: "disk.img", hotPath: "rust" as "ts" })).toThrow(/no hot path "rust"/);
  expect(() => resolveOptions({ disk: "disk.img", hotPath: "ts", jit: "verify" })).toThrow(
    /hot paths of the core alone/,
  );
  expect(resolveOptions({ disk: "disk.img" }).hotPath).toBe("wasm");
});
