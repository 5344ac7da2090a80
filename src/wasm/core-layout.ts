/** Whether a core is the one that src/generated/ was made from: a half-built tree would read and write the wrong memory. */
import { VkrunError } from "../errors.js";
import { Layout } from "../generated/layout.js";

type Constants = Readonly<Record<string, number | bigint>>;

/** As tools/generate-layout.mjs splits the names of exports. */
function exportNames(group: string, field: string): string[] {
  return group === "CORE" ? [field] : [`${group}_${field}`, `${group}.${field}`];
}

/** A wasm global has no sign. */
function isEqual(value: unknown, constant: number | bigint): boolean {
  if (typeof value === "bigint") return BigInt.asUintN(64, value) === BigInt.asUintN(64, BigInt(constant));
  return typeof value === "number" && value >>> 0 === Number(constant);
}

/** Throws ERR_VKRUN_CORE_MISMATCH unless `exports` has every constant of the layout, at its value. */
export function checkLayout(exports: WebAssembly.Exports): void {
  for (const [group, constants] of Object.entries(Layout as Readonly<Record<string, Constants>>)) {
    for (const [field, constant] of Object.entries(constants)) {
      const found = exportNames(group, field).map((name) => exports[name]);
      const global = found.find((value): value is WebAssembly.Global => value instanceof WebAssembly.Global);
      if (global !== undefined && isEqual(global.value, constant)) continue;
      throw new VkrunError(
        "ERR_VKRUN_CORE_MISMATCH",
        `the machine's core and the program around it are of different builds: ${group}.${field} is ${String(global?.value)} in one and ${String(constant)} in the other`,
        { hint: "Reinstall vkrun, or run `./build.sh build` in a checkout and let it finish." },
      );
    }
  }
}
