// @ts-check
import { parseArgs } from "node:util";

/** @typedef {{ suites: string[], runs: number, only: string[], jit: import("./machines.mjs").JitMode }} BenchOptions */

/**
 * @param {string[]} args
 * @returns {BenchOptions}
 */
export function parseOptions(args) {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      runs: { type: "string", default: "5" },
      only: { type: "string", multiple: true, default: [] },
      jit: { type: "string", default: "on" },
    },
  });
  const runs = Number(values.runs);
  if (!Number.isInteger(runs) || runs < 1) throw new Error(`--runs wants a whole number from 1 on, not ${values.runs}`);
  const { jit } = values;
  if (jit !== "on" && jit !== "off") throw new Error(`--jit is on or off, not ${jit}`);
  return { suites: positionals.length > 0 ? positionals : ["cpu", "boot"], runs, only: values.only, jit };
}
