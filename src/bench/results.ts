/** What `vkrun bench` finds out, as its JSON has it. */
import { readFile } from "node:fs/promises";
import { VkrunError } from "../errors.js";
import type { GroupId } from "./cases/case.js";
import type { Form } from "./forms.js";
import type { Summary } from "./statistics.js";

export const RESULTS_FORMAT = "vkrun-bench-1";

/** Of one form. */
export interface Measured {
  /** ns an operation. */
  readonly time: Summary;
  /** Bytes of the JavaScript heap, an operation. */
  readonly allocated: number;
}

export interface CaseResult {
  readonly id: string;
  readonly group: GroupId;
  readonly title: string;
  readonly ramMiB: number;
  readonly unit: string;
  /** Operations that one run of the case stands for. */
  readonly operations: number;
  readonly forms: Readonly<Record<Form, Measured>>;
  /** How many times as fast as TypeScript WASM is: the ratio of the medians. */
  readonly ratio: number;
}

/** The first calls of a case in a fresh process. */
export interface ColdResult {
  readonly id: string;
  readonly title: string;
  readonly operations: number;
  readonly forms: Readonly<Record<Form, readonly ColdPoint[]>>;
}

export interface ColdPoint {
  /** The last of the calls that this is about, from 1 on. */
  readonly call: number;
  /** A call, on average of those since the point before; the median of several processes. */
  readonly ns: number;
}

/** A whole machine with either form in its loop. */
export interface EndToEndResult {
  readonly name: string;
  /** Of the values: "s", or "MiB/s". */
  readonly unit: string;
  readonly forms: Readonly<Record<Form, Summary>>;
}

export interface CodeSize {
  readonly path: string;
  /** Bytes of wasm function bodies. */
  readonly wasm: number;
  /** Bytes of JavaScript, without comments. */
  readonly ts: number;
}

export interface Host {
  readonly node: string;
  readonly v8: string;
  readonly cpu: string;
  readonly cpus: number;
  readonly kernel: string;
  readonly loadAverage: readonly number[];
}

export interface Results {
  readonly format: typeof RESULTS_FORMAT;
  readonly vkrun: string;
  readonly mode: "quick" | "default" | "full";
  readonly started: string;
  readonly seconds: number;
  /** false: it was interrupted, and what is missing was not measured. */
  readonly complete: boolean;
  readonly host: Host;
  readonly cases: readonly CaseResult[];
  readonly cold: readonly ColdResult[];
  readonly endToEnd: readonly EndToEndResult[];
  readonly codeSize: readonly CodeSize[];
  /** What was not measured, and why. */
  readonly left: readonly string[];
}

const ARRAYS = ["cases", "cold", "endToEnd", "codeSize", "left"] as const;

/** Results that `vkrun bench --json` wrote. */
export async function readResults(path: string): Promise<Results> {
  const results = await parse(path);
  const { format, host } = results;
  if (format !== RESULTS_FORMAT || typeof host?.node !== "string") throw notResults(path, "it does not say so");
  if (!ARRAYS.every((name) => Array.isArray(results[name])) || !(results.cases ?? []).every(isCase)) {
    throw notResults(path, "something is missing in it");
  }
  return results as Results;
}

async function parse(path: string): Promise<Partial<Results>> {
  try {
    const value: unknown = JSON.parse(await readFile(path, "utf8"));
    if (typeof value !== "object" || value === null) throw new TypeError("not an object");
    return value;
  } catch (cause) {
    throw notResults(path, cause instanceof Error ? cause.message : String(cause), cause);
  }
}

function isCase({ id, ratio, forms }: Partial<CaseResult>): boolean {
  const times = [forms?.wasm?.time?.median, forms?.ts?.time?.median];
  return typeof id === "string" && [ratio, ...times].every((number) => typeof number === "number");
}

function notResults(path: string, why: string, cause?: unknown): VkrunError {
  return new VkrunError("ERR_VKRUN_BENCH_RESULTS", `${path} has no results of \`vkrun bench\`: ${why}`, {
    hint: "Name a file that `vkrun bench --json FILE` of this version has written.",
    cause,
  });
}
