/** Page tables for walks to go through (Privileged 4.4-4.6), and Svnapot. */
import { Layout } from "../../generated/layout.js";
import { Pte, SatpMode } from "../../generated/shared/privileged.js";
import type { Workbench } from "../forms.js";

export type Mode = "Sv39" | "Sv48" | "Sv57";
export type Leaf = "4 KiB" | "2 MiB" | "64 KiB, Svnapot";

const MODES: Readonly<Record<Mode, { satp: bigint; levels: number }>> = {
  Sv39: { satp: BigInt(SatpMode.SV39), levels: 3 },
  Sv48: { satp: BigInt(SatpMode.SV48), levels: 4 },
  Sv57: { satp: BigInt(SatpMode.SV57), levels: 5 },
};
const RAM_PPN = Layout.RAM.BASE / Layout.PAGE.SIZE;
const ENTRIES = 512;
const LEAF = Pte.V | Pte.R | Pte.W | Pte.A | Pte.D;
/** Upper half of a PTE. */
const N = 0x8000_0000 | 0;
/** ppn[3:0] of a 64 KiB page. */
const NAPOT_64K = 8;

export interface PageTableOptions {
  readonly mode: Mode;
  /** Virtual pages from 0 on are mapped, each to the page of RAM of the same number. */
  readonly pages: number;
  readonly leaf: Leaf;
  /** A and D are for the walk to set. */
  readonly fresh?: boolean;
}

export class PageTables {
  readonly #words: Int32Array;
  /** Tables begin at the first page of RAM: root, then the one below it, and so on; then those of the lowest level. */
  readonly #end: number;

  constructor({ core, hart }: Workbench, { mode, pages, leaf, fresh = false }: PageTableOptions) {
    this.#words = core.words.subarray(Layout.RAM.OFFSET / 4);
    const { satp, levels } = MODES[mode];
    const leafLevel = leaf === "2 MiB" ? 1 : 0;
    // 2 MiB of address space a table of the lowest level, 1 GiB one of the level above: levels from 2 on need one table.
    const counts = [Math.ceil(pages / ENTRIES), Math.ceil(pages / ENTRIES ** 2)];
    const first: number[] = [];
    let next = 0;
    for (let level = levels - 1; level >= leafLevel; level--) {
      first[level] = next;
      next += counts[level] ?? 1;
    }
    this.#end = next;
    this.#words.fill(0, 0, next * (Layout.PAGE.SIZE / 4));
    for (let level = levels - 1; level > leafLevel; level--) {
      const below = counts[level - 1] ?? 1;
      for (let index = 0; index < below; index++) {
        const table = (first[level] as number) + Math.floor(index / ENTRIES);
        this.#write(table, index % ENTRIES, RAM_PPN + (first[level - 1] as number) + index, Pte.V, 0);
      }
    }
    const flags = fresh ? LEAF & ~(Pte.A | Pte.D) : LEAF;
    const leaves = leafLevel === 1 ? Math.ceil(pages / ENTRIES) : pages;
    for (let index = 0; index < leaves; index++) {
      const table = (first[leafLevel] as number) + Math.floor(index / ENTRIES);
      const page = RAM_PPN + (leafLevel === 1 ? index * ENTRIES : index);
      if (leaf === "64 KiB, Svnapot") this.#write(table, index % ENTRIES, (page & ~15) | NAPOT_64K, flags, N);
      else this.#write(table, index % ENTRIES, page, flags, 0);
    }
    core.view.setBigUint64(hart + Layout.HART.SATP, (satp << 60n) | BigInt(RAM_PPN), true);
    core.exports.hartRestored(hart);
  }

  /** A copy of all tables, and what puts it back. */
  snapshot(): () => void {
    const tables = this.#words.subarray(0, this.#end * (Layout.PAGE.SIZE / 4));
    const copy = tables.slice();
    return () => tables.set(copy);
  }

  #write(table: number, index: number, ppn: number, flags: number, high: number): void {
    const at = table * (Layout.PAGE.SIZE / 4) + 2 * index;
    this.#words[at] = (ppn << 10) | flags;
    this.#words[at + 1] = high | (ppn >>> 22);
  }
}
