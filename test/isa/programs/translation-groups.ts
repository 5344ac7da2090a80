// Groups about address translation: who may do what through which entry, in Sv39, Sv48 and Sv57.

import type { Group, Target } from "./emitter.js";
import {
  accesses,
  accessRoutine,
  build,
  LEAF,
  leaf,
  link,
  nameOf,
  PAGE,
  PHYSICAL,
  Pte,
  rootOf,
  SATP_MODES,
  type SatpMode,
  STATUSES,
  Status,
  Table,
  VIRTUAL,
} from "./page-tables.js";
import { csrc, csrs, Mode, probes } from "./probe.js";

const { V, W, U, G, A, D } = Pte;
const { MPP, MPRV } = Status;
/** Where a leaf of each level lies, and the address that goes through it to physical page 5. */
function leafAt(level: number): { table: number; index: number; address: number; physical: number } {
  const inPage = PHYSICAL + 5 * PAGE;
  switch (level) {
    case 0:
      return { table: Table.LEVEL0, index: 5, address: VIRTUAL + 5 * PAGE, physical: inPage };
    case 1:
      return { table: Table.LEVEL1, index: 0, address: VIRTUAL + 5 * PAGE, physical: PHYSICAL };
    case 2:
      return { table: Table.ROOT39, index: 1, address: VIRTUAL + (inPage - 0x8000_0000), physical: 0x8000_0000 };
    case 3:
      return { table: Table.ROOT48, index: 0, address: inPage, physical: 0 };
    default:
      return { table: Table.ROOT57, index: 0, address: inPage, physical: 0 };
  }
}

/** Every combination of a leaf's low eight bits, at every level: who may do what, and what becomes of A and D. */
function flagGroups(): Group[] {
  return SATP_MODES.flatMap((mode) =>
    [0, 1, 2, 3, 4]
      .filter((level) => level < mode - 5)
      .map((level) =>
        probes(`${nameOf(mode)} leaf flags at level ${level}`, (emit) => {
          build(emit, mode);
          const routine = accessRoutine(emit);
          const { table, index, address, physical } = leafAt(level);
          const [again, next] = [emit.label(), emit.label()];
          emit.asm("li s4, 0", `${again}:`);
          // V alone would be a pointer, to what is no table.
          emit.asm("andi t0, s4, 15", "li t1, 1", `beq t0, t1, ${next}`);
          for (const status of STATUSES) {
            leaf(emit, table, index, physical, 0);
            emit.asm("or t0, t0, s4", "sd t0, 0(t1)", "mv s5, t1", "sfence.vma");
            emit.asm(`li s0, ${address}`, `li s1, ${status}`, `call ${routine}`, "ld a5, 0(s5)");
            emit.mix("a5");
          }
          emit.asm(`${next}:`, "addi s4, s4, 1", "li t0, 256");
          const out = emit.label();
          emit.asm(`beq s4, t0, ${out}`, `j ${again}`, `${out}:`);
        }),
      ),
  );
}

/** Bits that must be zero, misaligned superpages, reserved encodings in pointers. */
function reservedGroup(mode: SatpMode): Group {
  return probes(`${nameOf(mode)} reserved entries`, (emit) => {
    build(emit, mode);
    const routine = accessRoutine(emit);
    for (let level = 0; level < mode - 5; level++) {
      const { table, index, address, physical } = leafAt(level);
      for (let bit = 54n; bit < 64n; bit++) {
        leaf(emit, table, index, physical, BigInt(LEAF) | (1n << bit));
        emit.asm("sfence.vma");
        accesses(emit, routine, address, [Mode.S << 11]);
      }
      for (const frame of level === 0 ? [] : [1, 2, 8, 2 ** 8, ...(level > 1 ? [2 ** 9, 2 ** 17] : [])]) {
        leaf(emit, table, index, physical + frame * PAGE, LEAF);
        emit.asm("sfence.vma");
        accesses(emit, routine, address, [Mode.S << 11]);
      }
    }
    build(emit, mode);
    leaf(emit, Table.LEVEL0, 5, PHYSICAL + 5 * PAGE, LEAF);
    for (const [table, index, to] of [
      [Table.ROOT39, 1, Table.LEVEL1],
      [Table.LEVEL1, 0, Table.LEVEL0],
    ] as const) {
      for (const flags of [V, V | A, V | D, V | U, V | G, V | A | D | U, 0]) {
        link(emit, table, index, to, flags);
        emit.asm("sfence.vma");
        accesses(emit, routine, VIRTUAL + 5 * PAGE, [Mode.S << 11]);
      }
      link(emit, table, index, to);
    }
  });
}

/** The bits above a mode's width must all equal its top bit. */
function canonicalGroup(mode: SatpMode): Group {
  return probes(`${nameOf(mode)} canonical addresses`, (emit) => {
    build(emit, mode);
    const routine = accessRoutine(emit);
    const width = BigInt(mode * 9 - 33);
    const shift = width - 9n;
    // The top half's first and last entry, and the bottom half's last, lead to what is there without translation.
    const root = rootOf(mode);
    const base = mode === 8 ? 0x8000_0000 : 0;
    for (const index of [255, 256, 511]) leaf(emit, root, index, base, LEAF);
    emit.asm("sfence.vma");
    const inside = BigInt(PHYSICAL + 5 * PAGE - base);
    const top = (index: bigint) => BigInt.asIntN(Number(width), index << shift) + inside;
    const addresses = [top(255n), top(256n), top(511n)];
    for (let bit = width - 1n; bit < 64n; bit++) addresses.push(top(255n) ^ (1n << bit), top(256n) ^ (1n << bit));
    for (const address of addresses) accesses(emit, routine, address, [Mode.S << 11]);
  });
}

/** Svnapot: 64 KiB in sixteen entries; every other size is reserved. */
function napotGroup(): Group {
  return probes("Svnapot", (emit) => {
    build(emit, 8);
    const routine = accessRoutine(emit);
    const N = 1n << 63n;
    for (const flags of [LEAF, LEAF & ~D, LEAF & ~(A | D), LEAF & ~W, LEAF | U]) {
      for (let page = 0; page < 16; page++) leaf(emit, Table.LEVEL0, page, PHYSICAL + 8 * PAGE, BigInt(flags) | N);
      emit.asm("sfence.vma");
      for (const page of [0, 1, 5, 8, 15]) accesses(emit, routine, VIRTUAL + page * PAGE, [Mode.S << 11, Mode.U << 11]);
    }
    for (let low = 0; low < 16; low++) {
      leaf(emit, Table.LEVEL0, 3, PHYSICAL + low * PAGE, BigInt(LEAF) | N);
      emit.asm("sfence.vma");
      accesses(emit, routine, VIRTUAL + 3 * PAGE, [Mode.S << 11]);
    }
    leaf(emit, Table.LEVEL1, 0, PHYSICAL + 8 * PAGE, BigInt(LEAF) | N);
    emit.asm("sfence.vma");
    accesses(emit, routine, VIRTUAL, [Mode.S << 11]);
  });
}

/** Svpbmt: with menvcfg.PBMTE, NC and IO are as good as any. Without it they are reserved: see reservedGroup. */
function memoryTypeGroup(): Group {
  return probes("Svpbmt", (emit) => {
    build(emit, 8);
    const routine = accessRoutine(emit);
    emit.asm("li t0, 1", "slli t0, t0, 62", "csrs 0x30a, t0");
    for (const type of [0n, 1n, 2n]) {
      leaf(emit, Table.LEVEL0, 5, PHYSICAL + 5 * PAGE, BigInt(LEAF) | (type << 61n));
      leaf(emit, Table.LEVEL1, 1, PHYSICAL, BigInt(LEAF) | (type << 61n));
      emit.asm("sfence.vma");
      accesses(emit, routine, VIRTUAL + 5 * PAGE, [Mode.S << 11]);
      accesses(emit, routine, VIRTUAL + 2 ** 21 + 5 * PAGE, [Mode.S << 11]);
    }
    emit.asm("li t0, 1", "slli t0, t0, 62", "csrc 0x30a, t0");
  });
}

/** menvcfg.ADUE off (Svade): what needs A or D and lacks it faults. QEMU 7.2 has no Svade; it is told what to answer. */
export function svadeGroup(target: Target): Group {
  return probes("Svade", (emit) => {
    build(emit, 8);
    emit.asm("li t0, 1", "slli t0, t0, 61", "csrc 0x30a, t0");
    for (const flags of [LEAF, LEAF & ~D, LEAF & ~A, LEAF & ~(A | D)]) {
      for (const [access, cause, needs] of [
        ["ld a5, 0(s0)", 13, A],
        ["sd zero, 24(s0)", 15, A | D],
      ] as const) {
        const resume = emit.label();
        leaf(emit, Table.LEVEL0, 5, PHYSICAL + 5 * PAGE, flags);
        emit.asm(
          "mv s5, t1",
          "sfence.vma",
          "li a0, -1",
          "li a1, 0",
          `la s9, ${resume}`,
          `li s0, ${VIRTUAL + 5 * PAGE}`,
        );
        emit.asm(...csrc("mstatus", MPP), ...csrs("mstatus", (Mode.S << 11) | MPRV), access, `${resume}:`);
        emit.asm(...csrc("mstatus", MPRV), "ld a6, 0(s5)");
        if (target === "qemu" && (flags & needs) !== needs) {
          emit.asm(`li a0, ${cause}`, access.startsWith("ld") ? "mv a1, s0" : "addi a1, s0, 24");
          emit.asm(`li t0, ${A | D}`, "not t0, t0", "and a6, a6, t0", `ori a6, a6, ${flags & (A | D)}`);
        }
        emit.mix("a0", "a1", "a6");
      }
    }
    emit.asm("li t0, 1", "slli t0, t0, 61", "csrs 0x30a, t0");
  });
}

/** Encodings that QEMU 7.2 checks only when its Svnapot and Svpbmt are off. */
export function reservedGroups(): Group[] {
  return SATP_MODES.map(reservedGroup);
}

export function translationGroups(): Group[] {
  return [...flagGroups(), ...SATP_MODES.map(canonicalGroup), napotGroup(), memoryTypeGroup()];
}
