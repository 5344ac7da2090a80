/** Physical memory protection as assembly/mmu/pmp.ts has it. Walks come here only where PMP restricts RAM: no hot path, so BigInt. */
import { Layout } from "../generated/layout.js";

const R = 1;
const W = 2;
const A = 0x18;
const TOR = 0x08;
const NA4 = 0x10;

const bounds = (view: DataView, hart: number, i: number, mode: number): { start: bigint; last: bigint } => {
  const at = (entry: number): bigint => view.getBigUint64(hart + Layout.HART.PMPADDR + 8 * entry, true);
  const address = at(i);
  if (mode === TOR) return { start: i === 0 ? 0n : at(i - 1) << 2n, last: (address << 2n) - 1n };
  if (mode === NA4) return { start: address << 2n, last: (address << 2n) + 3n };
  return { start: (address & (address + 1n)) << 2n, last: ((address | (address + 1n)) << 2n) + 3n };
};

/** Whether S mode may load (or store) the eight bytes at `gpa`. */
export function pmpAllowsEntry(view: DataView, hart: number, gpa: bigint, stores: boolean): boolean {
  const end = gpa + 7n;
  for (let i = 0; i < 16; i++) {
    const cfg = view.getUint8(hart + Layout.HART.PMPCFG + i);
    if ((cfg & A) === 0) continue;
    const { start, last } = bounds(view, hart, i, cfg & A);
    if (last < start || gpa > last || end < start) continue;
    if (gpa < start || end > last) return false;
    return (cfg & (stores ? W : R)) !== 0;
  }
  return false;
}
