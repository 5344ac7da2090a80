/** What is said when compiled code went wrong: where, in what, and all there is to see of the code that did it. */
import { VkrunError } from "../../errors.js";
import { Layout } from "../../generated/layout.js";
import { MNEMONICS } from "../../generated/mnemonics.js";
import type { Lockstep } from "./lockstep.js";
import type { AnyDifference, Finding, Narrowed } from "./narrow.js";

/** Turns a wasm module into the text of its functions, one each; undefined where it knows too little of WebAssembly. */
export type Disassembler = (module: Uint8Array) => string[] | undefined;

/** The WebAssembly Binary Toolkit, where it is installed: vkrun does without, and megabytes smaller. */
const WABT = "wabt";
/** What regions use beyond the toolkit's defaults. `check`: half a function would be worse than none. */
const READ = { readDebugNames: false, check: true, threads: true, tail_call: true };
const REGION = "\n  (func ";
const PAGE_MASK = ~0xfffn;

interface Wabt {
  readWasm(
    module: Uint8Array,
    options: Readonly<Record<string, boolean>>,
  ): { toText(options: { foldExprs: boolean; inlineExport: boolean }): string; destroy(): void };
}

export async function loadDisassembler(): Promise<Disassembler | undefined> {
  let wabt: Wabt;
  try {
    const loaded = (await import(WABT)) as { default: () => Promise<Wabt> };
    wabt = await loaded.default();
  } catch {
    return undefined;
  }
  return (module) => {
    let read: ReturnType<Wabt["readWasm"]>;
    try {
      read = wabt.readWasm(module, READ);
    } catch {
      return undefined;
    }
    try {
      const text = read.toText({ foldExprs: true, inlineExport: false });
      const functions = text.slice(0, text.indexOf("\n  (export")).split(REGION).slice(1);
      return functions.map((body) => `(func ${body.replace(/^ {2}/gm, "")}`);
    } finally {
      read.destroy();
    }
  };
}

/** The error for a difference. The machines stand where `finding` says. */
export function describeMismatch(lockstep: Lockstep, { differences, narrowed }: Finding): VkrunError {
  const first = narrowed?.differences[0] ?? differences[0];
  const where =
    narrowed === undefined
      ? `in the ${lockstep.pieces.reduce((sum, piece) => sum + piece, 0)} instructions up to 0x${hex(lockstep.pc(lockstep.twin))}`
      : `in the block up to 0x${hex(narrowed.path.at(-1) ?? 0n)}`;
  const report = [
    `In what they differ, ${narrowed === undefined ? "at the end of these instructions" : "behind this instruction"}:`,
    ...(narrowed?.differences ?? differences).map((difference) => `  ${show(difference)}`),
    ...(narrowed === undefined
      ? ["It did not happen again when the same instructions were run anew."]
      : describeCode(lockstep, narrowed)),
  ];
  return new VkrunError("ERR_VKRUN_JIT_MISMATCH", `compiled code went wrong ${where}: ${show(first)}`, {
    hint: "This is a bug in vkrun; please report it with what follows. `--jit off` runs without compiled code.",
    cause: new Error(report.join("\n")),
  });
}

function show(difference: AnyDifference | undefined): string {
  if (difference === undefined) return "the way it ended";
  if (typeof difference === "string") return difference;
  return `${difference.what} is 0x${hex(difference.got)}, interpreted 0x${hex(difference.expected)}`;
}

function describeCode(lockstep: Lockstep, narrowed: Narrowed): string[] {
  const lines = [
    "",
    narrowed.atRegion
      ? `The region that was entered at 0x${hex(narrowed.path[0] ?? 0n)} does it, in these instructions:`
      : "The last instructions on the way there:",
    ...describePath(lockstep, narrowed.path.slice(-MOST_PATH), narrowed.path.at(-1)),
  ];
  if (!narrowed.atRegion) return lines;
  return [...lines, ...describeRegion(lockstep, narrowed.path.at(-1)), ...describeModule(lockstep)];
}

const MOST_PATH = 64;

/** Instructions as the twin meets them: each from the block that begins there, or that it is in. */
function describePath(lockstep: Lockstep, path: readonly bigint[], culprit: bigint | undefined): string[] {
  const known = instructionsOf(lockstep);
  return path.map((pc, index) => {
    const isLast = index === path.length - 1 && pc === culprit;
    return `  ${isLast ? "=>" : "  "} 0x${hex(pc)}  ${known.get(pc) ?? ""}`.trimEnd();
  });
}

/** The instructions of the region at the pc, by address. */
function instructionsOf({ core, hart, regionBlocks }: Lockstep): Map<bigint, string> {
  const { exports, view } = core;
  const found = new Map<bigint, string>();
  const page = view.getBigUint64(hart + Layout.HART.PC, true) & PAGE_MASK;
  for (const block of regionBlocks()) {
    for (let index = 0; index < exports.describeLength(block); index++) {
      const offset = exports.describeOffset(block, index);
      const at = exports.describePage() + offset;
      const isLong = exports.describeNext(block, index) - offset === 4;
      const word = isLong ? view.getUint32(at, true) : view.getUint16(at, true);
      const raw = word
        .toString(16)
        .padStart(isLong ? 8 : 4, "0")
        .padEnd(8);
      found.set(page + BigInt(offset), `${raw}  ${MNEMONICS[exports.describeOp(block, index)] ?? "?"}`);
    }
  }
  return found;
}

function describeRegion(lockstep: Lockstep, culprit: bigint | undefined): string[] {
  const instructions = [...instructionsOf(lockstep)].sort(([a], [b]) => (a < b ? -1 : 1));
  const lines: string[] = ["", `Its guest code, ${instructions.length} instructions:`];
  for (const [pc, text] of instructions) lines.push(`  ${pc === culprit ? "=>" : "  "} 0x${hex(pc)}  ${text}`);
  return lines;
}

function describeModule({ core, disassembler, regionHere }: Lockstep): string[] {
  const module = core.regions.moduleOf(regionHere());
  if (module === undefined) return [];
  const text = disassembler?.(module.bytes)?.[module.position];
  if (text !== undefined) return ["", "Its WebAssembly:", text];
  const base64 = Buffer.from(module.bytes).toString("base64");
  return [
    "",
    `Its WebAssembly, function ${module.position} of this module (base64; as text if "wabt" is installed):`,
    base64,
  ];
}

function hex(value: bigint): string {
  return BigInt.asUintN(64, value).toString(16);
}
