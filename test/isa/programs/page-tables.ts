// Page tables for the groups about translation. They are built in M mode; loads and stores go through them by
// mstatus.MPRV, fetches by entering the page, which holds an ecall.

import type { Emitter } from "./emitter.js";
import { csrc, Mode } from "./probe.js";

export const Pte = { V: 1, R: 2, W: 4, X: 8, U: 16, G: 32, A: 64, D: 128 } as const;
/** What a page may be that is allowed everything, but to U mode. */
export const LEAF = Pte.V | Pte.R | Pte.W | Pte.X | Pte.A | Pte.D;
export const Status = { MPP: 3 << 11, MPRV: 1 << 17, SUM: 1 << 18, MXR: 1 << 19 } as const;

/** The tables, a page each from `tables` on: the way down through all levels, and a second one for Sv39. */
export const Table = {
  ROOT57: 0,
  ROOT48: 1,
  ROOT39: 2,
  LEVEL1: 3,
  LEVEL0: 4,
  OTHER39: 5,
  OTHER1: 6,
  OTHER0: 7,
} as const;

/** satp.MODE of Sv39, Sv48 and Sv57. */
export const SATP_MODES = [8, 9, 10] as const;
export type SatpMode = (typeof SATP_MODES)[number];
export const rootOf = (mode: SatpMode) => ({ 8: Table.ROOT39, 9: Table.ROOT48, 10: Table.ROOT57 })[mode];
export const nameOf = (mode: SatpMode) => `Sv${mode * 9 - 33}`;

/** Where the pages lie that translations lead to: page n at 0x8040_0000 + n * 4096 holds an ecall and, at 16, its number. */
export const PHYSICAL = 0x8040_0000;
/** Virtual addresses of the pages, through all levels: root index 1 of Sv39, index 0 above. */
export const VIRTUAL = 0x4000_0000;
export const PAGE = 4096;

/** The status bits under which each translation is tried. */
export const STATUSES: readonly number[] = [
  Mode.S << 11,
  (Mode.S << 11) | Status.SUM,
  (Mode.S << 11) | Status.MXR,
  (Mode.S << 11) | Status.SUM | Status.MXR,
  Mode.U << 11,
  (Mode.U << 11) | Status.MXR,
];

/** Stores a PTE that leads to table `to`. */
export function link(emit: Emitter, table: number, index: number, to: number, flags: number = Pte.V): void {
  emit.asm(`la t0, tables + ${to * PAGE}`, "srli t0, t0, 2", `ori t0, t0, ${flags}`);
  emit.asm(`la t1, tables + ${table * PAGE} + ${index * 8}`, "sd t0, 0(t1)");
}

/** Stores a leaf PTE for a physical address. `flags` may be of any width: they are added. */
export function leaf(
  emit: Emitter,
  table: number,
  index: number,
  address: number | bigint,
  flags: number | bigint,
): void {
  const pte = ((BigInt(address) >> 12n) << 10n) + BigInt(flags);
  emit.asm(`li t0, ${BigInt.asIntN(64, pte)}`, `la t1, tables + ${table * PAGE} + ${index * 8}`, "sd t0, 0(t1)");
}

/** Empty tables but for the way down to Table.LEVEL0, numbered pages, and `satp` in the given mode. */
export function build(emit: Emitter, mode: SatpMode): void {
  const [clear, fill] = [emit.label(), emit.label()];
  emit.asm("la t0, tables", "li t1, 12 * 512", `${clear}:`, "sd zero, 0(t0)", "addi t0, t0, 8", "addi t1, t1, -1");
  emit.asm(`bnez t1, ${clear}`, `li t0, ${PHYSICAL}`, "li t1, 0", "li t2, 32", `${fill}:`);
  emit.asm("li t3, 0x73", "sd t3, 0(t0)", "sd zero, 8(t0)", "sd t1, 16(t0)", "li t4, 4096", "add t0, t0, t4");
  emit.asm("addi t1, t1, 1", `blt t1, t2, ${fill}`);
  link(emit, Table.ROOT57, 0, Table.ROOT48);
  link(emit, Table.ROOT48, 0, Table.ROOT39);
  link(emit, Table.ROOT39, VIRTUAL / 2 ** 30, Table.LEVEL1);
  link(emit, Table.LEVEL1, 0, Table.LEVEL0);
  useTables(emit, mode, rootOf(mode), 0);
  // QEMU 7.2 always sets A and D by itself: vkrun does with menvcfg.ADUE, which QEMU ignores.
  emit.asm("li t0, 1", "slli t0, t0, 61", "csrs 0x30a, t0", "sfence.vma", "fence.i");
}

export function useTables(emit: Emitter, mode: SatpMode, root: number, asid: number): void {
  emit.asm(`la t0, tables + ${root * PAGE}`, "srli t0, t0, 12", `li t1, ${(mode << 16) | asid}`, "slli t1, t1, 44");
  emit.asm("or t0, t0, t1", "csrw satp, t0");
}

/** A subroutine: loads, stores and fetches at s0 under the status bits in s1, and hashes how that went. */
export function accessRoutine(emit: Emitter): string {
  const [name, over] = [emit.label(), emit.label()];
  const [loaded, stored, fetched] = [emit.label(), emit.label(), emit.label()];
  const status = [
    `li t0, ${Status.MPP | Status.MPRV | Status.SUM | Status.MXR}`,
    "csrc mstatus, t0",
    `li t0, ${Status.MPRV}`,
    "or t0, t0, s1",
    "csrs mstatus, t0",
  ];
  emit.asm(`j ${over}`, `${name}:`, "mv s2, ra");
  emit.asm(
    "li a0, -1",
    "li a1, 0",
    "li a2, 0",
    `la s9, ${loaded}`,
    ...status,
    "ld a5, 16(s0)",
    "mv a2, a5",
    `${loaded}:`,
  );
  emit.asm(...csrc("mstatus", Status.MPRV));
  // On a fault a2 is mepc, the same each time.
  emit.mix("a0", "a1", "a2");
  emit.asm(
    "li a0, -1",
    "li a1, 0",
    `la s9, ${stored}`,
    ...status,
    "sd s0, 8(s0)",
    `${stored}:`,
    ...csrc("mstatus", Status.MPRV),
  );
  emit.mix("a0", "a1");
  emit.asm(
    "li a0, -1",
    "li a1, 0",
    "li a2, 0",
    `la s9, ${fetched}`,
    ...csrc("mstatus", Status.MPP | Status.SUM | Status.MXR),
    "csrs mstatus, s1",
  );
  emit.asm("csrw mepc, s0", "mret", `${fetched}:`);
  emit.mix("a0", "a1", "a2");
  emit.asm("jr s2", `${over}:`);
  return name;
}

/** Accesses at `address` under every status. */
export function accesses(emit: Emitter, routine: string, address: number | bigint, statuses = STATUSES): void {
  for (const status of statuses) {
    emit.asm(`li s0, ${BigInt.asIntN(64, BigInt(address))}`, `li s1, ${status}`, `call ${routine}`);
  }
}
