import { readFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { Layout } from "../../src/generated/layout.js";
import { Core } from "../../src/wasm/core.js";
import { checkLayout } from "../../src/wasm/core-layout.js";

const MIB = 0x10_0000;

async function exportsOfCore(): Promise<Record<string, unknown>> {
  const module = await WebAssembly.compile(await readFile(new URL("../../build/vkrun.wasm", import.meta.url)));
  const { exports } = await Core.instantiate(module, Core.allocate(MIB), MIB, {
    mmioLoad: () => 0,
    mmioStore: () => undefined,
    consoleWrite: () => undefined,
    consoleRead: () => 0,
  });
  return { ...exports };
}

describe("the layout of the core", () => {
  it("is the one that the host was built for", async () => {
    const exports = await exportsOfCore();
    expect(() => checkLayout(exports as WebAssembly.Exports)).not.toThrow();
  });

  it.each([
    ["has another value", new WebAssembly.Global({ value: "i32" }, Layout.RAM.OFFSET + 4096)],
    ["is missing", undefined],
  ])("is refused, by name, when a constant %s", async (_, value) => {
    const exports = { ...(await exportsOfCore()), RAM_OFFSET: value };
    expect(() => checkLayout(exports as unknown as WebAssembly.Exports)).toThrow(
      expect.objectContaining({
        code: "ERR_VKRUN_CORE_MISMATCH",
        message: expect.stringContaining("RAM.OFFSET") as string,
      }),
    );
  });
});
