import { it } from "vitest";
import { HartRandom } from "../support/hart-random.js";
import { JitPair } from "../support/jit-pair.js";
import { RANDOM_RAM_BYTES, RandomProgram } from "../support/jit-random.js";
import { disassemble } from "../support/riscv-toolchain.js";
const nextSlice = (random: HartRandom): number => (random.chance(10) ? 1 + random.below(40) : 500 + random.below(3000));
it("x", async () => {
  const seed = Number(process.env.SEED), at = Number(process.env.AT);
  const pair = await JitPair.create({ ramBytes: RANDOM_RAM_BYTES });
  pair.each((m) => new RandomProgram(seed, { paged: seed % 2 === 1 }).start(m));
  const random = new HartRandom(seed);
  let done = 0;
  const m = pair.interpreted;
  m.run(at - 60);
  const words: [number, 16|32][] = []; const pcs: string[] = [];
  for (let i = 0; i < 70; i++) {
    const pc = m.pc; const gpa = (pc & 0xffff_ffffn) >= 0x8000_0000n ? pc : 0x8000_2000n + (pc & 0x1fffn);
    const w = m.view.getUint32(m.linear(gpa), true);
    words.push((w & 3) === 3 ? [w, 32] : [w & 0xffff, 16]);
    pcs.push(`${at - 60 + i} ${pc.toString(16)} frm=${m.field32(0xd4)} mstatus=${m.field64(0x20).toString(16)} x10=${m.x(10).toString(16)}`);
    m.run(1);
  }
  const d = await disassemble(words);
  console.log(pcs.map((p, i) => `${p}  ${d[i]?.mnemonic} ${d[i]?.operands}`).join("\n"));
});
