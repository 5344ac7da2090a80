// What the compiler makes of small programs: golden/NAME.s becomes golden/NAME.wat, the code of its one region. `vitest -u` writes
// them anew; whoever does so reads what changed. What is called tlb-NAME is compiled for a hart that has no window.

import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, it } from "vitest";
import wabt from "wabt";
import { Layout } from "../../src/generated/layout.js";
import { Privilege } from "../../src/generated/shared/privileged.js";
import { HartMachine, PAGE, RAM_BASE } from "../support/hart-machine.js";
import { closeWindow } from "../support/hart-state.js";
import { assembleFlat } from "../support/jit-assembler.js";

const GOLDEN = new URL("golden/", import.meta.url);
const CODE = RAM_BASE + 16n * PAGE;
/** More entries than any block comes to by itself. */
const NEVER_HOT = 0x1000_0000;

const names = readdirSync(GOLDEN)
  .filter((file) => file.endsWith(".s"))
  .map((file) => file.slice(0, -2));

/** The module that the first block of `code` is compiled to. */
async function compile(code: Uint8Array, window: boolean): Promise<Uint8Array> {
  const machine = await HartMachine.create();
  const { core, exports, view } = machine;
  const modules: Uint8Array[] = [];
  const install = core.regions.install.bind(core.regions);
  core.regions.install = (address, length, count) => {
    modules.push(core.bytes.slice(address, address + length));
    return install(address, length, count);
  };
  // The same on every host.
  exports.setFused(0);
  machine.write(CODE, code);
  const first = code.findIndex((byte) => byte !== 0) & ~3;
  // A block that was never decoded would be no part of the region.
  for (let at = first; at < code.length; at += 4) {
    machine.reset(CODE + BigInt(at), Privilege.M);
    machine.run(1);
  }
  // Where jumps go is known from having run.
  machine.reset(CODE + BigInt(first), Privilege.M);
  machine.run(100);
  const codePage = view.getUint32(Layout.CODE.PAGE_INDEX + 4 * Number((CODE - RAM_BASE) / PAGE), true);
  // Times entered: see assembly/hart/code-cache.ts.
  for (let at = first; at < code.length; at += 4) {
    // The others are warm enough to be part of the region, and no region of their own.
    view.setUint32(view.getUint32(codePage + 2 * at, true) + 4, at === first ? NEVER_HOT - 1 : NEVER_HOT / 2, true);
  }
  exports.setJit(NEVER_HOT);
  machine.reset(CODE + BigInt(first), Privilege.M);
  if (!window) closeWindow(machine);
  machine.run(100);
  expect(modules).toHaveLength(1);
  return modules[0] as Uint8Array;
}

describe("the compiler", () => {
  let wasm: Awaited<ReturnType<typeof wabt>>;

  beforeAll(async () => {
    wasm = await wabt();
  });

  /** The text of a module's functions: the rest is the same for all. */
  function functions(module: Uint8Array): string {
    const read = wasm.readWasm(module, { readDebugNames: false, check: true, threads: true, tail_call: true });
    try {
      const text = read.toText({ foldExprs: true, inlineExport: false });
      return text.slice(text.indexOf("\n  (func") + 1, text.indexOf("\n  (export") + 1).replace(/^ {2}/gm, "");
    } finally {
      read.destroy();
    }
  }

  it.each(names)("makes of %s what it is known to make of it", async (name) => {
    const code = await assembleFlat(readFileSync(new URL(`${name}.s`, GOLDEN), "utf8"));
    await expect(functions(await compile(code, !name.startsWith("tlb-")))).toMatchFileSnapshot(
      fileURLToPath(new URL(`${name}.wat`, GOLDEN)),
    );
  });
});
