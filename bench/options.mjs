// @ts-check
import { parseArgs } from "node:util";

/** @typedef {{ suites: string[], runs: number, only: string[], jit: import("./machines.mjs").JitMode }} BenchOptions */

/**
 * @param {string[]} args
 * @param {string[]} suites
 * @returns {BenchOptions}
 */
export function parseOptions(args, suites) {
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
  return { suites: pick("suite", suites, positionals), runs, only: values.only, jit };
}

/**
 * The rows that `--only` asks for; all of them when it does not.
 * @param {string} kind
 * @param {string[]} names
 * @param {string[]} only
 */
export function pick(kind, names, only) {
  const unknown = only.find((name) => !names.includes(name));
  if (unknown !== undefined) throw new Error(`there is no ${kind} ${unknown}; there are ${names.join(", ")}`);
  return only.length === 0 ? names : names.filter((name) => only.includes(name));
}
