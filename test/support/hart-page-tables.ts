// Builds page tables in guest memory, entry by entry: for tests, so nothing is checked.

import { type HartMachine, PAGE } from "./hart-machine.js";

export const V = 1n;
export const R = 2n;
export const W = 4n;
export const X = 8n;
export const U = 16n;
export const G = 32n;
export const A = 64n;
export const D = 128n;
export const NAPOT = 1n << 63n;
/** Everything that an ordinary page of data needs never to fault. */
export const RW = V | R | W | A | D;
export const RX = V | R | X | A;

export type Mode = 8 | 9 | 10;
export const SV39 = 8;
export const SV48 = 9;
export const SV57 = 10;

export const levelsOf = (mode: Mode): number => mode - 5;

export const pageSize = (level: number): bigint => 1n << BigInt(12 + 9 * level);

export const pte = (gpa: bigint, flags: bigint): bigint => ((gpa >> 12n) << 10n) | flags;

/** Hands out pages of guest memory. */
export class PagePool {
  constructor(
    private next: bigint,
    private readonly end: bigint,
  ) {}

  page(): bigint {
    if (this.next >= this.end) throw new Error("the test has no page left");
    const page = this.next;
    this.next += PAGE;
    return page;
  }
}

export class AddressSpace {
  readonly root: bigint;

  constructor(
    private readonly machine: HartMachine,
    private readonly pool: PagePool,
    readonly mode: Mode = SV39,
    readonly asid = 0,
  ) {
    this.root = pool.page();
  }

  get satp(): bigint {
    return (BigInt(this.mode) << 60n) | (BigInt(this.asid) << 44n) | (this.root >> 12n);
  }

  /** Where the entry for `va` at `level` lies; makes the tables above it. */
  entry(va: bigint, level = 0): bigint {
    let table = this.root;
    for (let at = levelsOf(this.mode) - 1; ; at--) {
      const entry = table + ((va >> BigInt(12 + 9 * at)) & 0x1ffn) * 8n;
      if (at === level) return entry;
      if ((this.machine.load64(entry) & V) === 0n) this.machine.store64(entry, pte(this.pool.page(), V));
      table = ((this.machine.load64(entry) >> 10n) & ((1n << 44n) - 1n)) << 12n;
    }
  }

  map(va: bigint, gpa: bigint, flags: bigint, level = 0): void {
    this.machine.store64(this.entry(va, level), pte(gpa, flags));
  }

  unmap(va: bigint, level = 0): void {
    this.machine.store64(this.entry(va, level), 0n);
  }
}
