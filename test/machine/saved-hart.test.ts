import { randomFillSync } from "node:crypto";
import { expect, it } from "vitest";
import { Layout } from "../../src/generated/layout.js";
import { hartDifferences, VISIBLE } from "../../src/machine/lockstep/hart-state.js";
import { restoreHart, saveHart } from "../../src/machine/saved-hart.js";
import { instantiateCore } from "../devices/support.js";

const RAM = 1 << 20;

it("everything of a hart that its guest can see is saved, whatever is in it, and is back in another core", async () => {
  const [from, to] = [await instantiateCore(RAM), await instantiateCore(RAM)];
  const hart = from.exports.hart(0);
  for (const [start, end] of VISIBLE) {
    const random = randomFillSync(new Uint8Array(end - start));
    from.bytes.set(random, hart + start);
  }
  from.view.setUint32(hart + Layout.HART.INDEX, 0, true);
  from.view.setUint32(hart + Layout.HART.PRIVILEGE, 1, true);
  restoreHart(to, to.exports.hart(0), structuredClone(saveHart(from, hart)));
  const low = (value: bigint): bigint => BigInt.asUintN(32, value);
  const wrong = hartDifferences(from.view, to.view, hart, 100).filter(({ what, expected, got }) => {
    // Behind these lie holes, which belong to nobody.
    const isNarrow = what === "fflags" || what === "suspended" || what.includes("+");
    return !isNarrow || (low(expected) !== low(got) && !what.includes("+"));
  });
  expect(wrong).toEqual([]);
});

it("a saved hart that lacks something, or is in no mode, is refused", async () => {
  const core = await instantiateCore(RAM);
  const hart = core.exports.hart(0);
  const saved = saveHart(core, hart);
  const { pc: _, ...fields } = saved.fields;
  const invalid = expect.objectContaining({ code: "ERR_VKRUN_CHECKPOINT_INVALID" });
  expect(() => restoreHart(core, hart, { ...saved, fields })).toThrow(invalid);
  expect(() => restoreHart(core, hart, { ...saved, x: saved.x.subarray(1) })).toThrow(invalid);
  expect(() => restoreHart(core, hart, { ...saved, version: 2 })).toThrow(invalid);
  expect(() => restoreHart(core, hart, { ...saved, fields: { ...saved.fields, privilege: 9 } })).toThrow(invalid);
});
