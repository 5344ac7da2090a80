// Groups about mappings at work: accesses across pages, mappings and code that change, fences and address spaces.

import type { Group } from "./emitter.js";
import { build, LEAF, leaf, link, PAGE, PHYSICAL, Pte, Status, Table, useTables, VIRTUAL } from "./page-tables.js";
import { csrc, csrs, Mode, probes } from "./probe.js";
import { Random } from "./values.js";

const { R, W, X, U, G, A, D } = Pte;
const { MPP, MPRV } = Status;
/** Accesses that begin in one page and end in the next, which may not. */
function crossingGroup(): Group {
  return probes("accesses across pages", (emit) => {
    build(emit, 8);
    leaf(emit, Table.LEVEL0, 0, PHYSICAL + 3 * PAGE, LEAF);
    const end = VIRTUAL + PAGE;
    const second = [0, LEAF, LEAF & ~W, LEAF & ~X, LEAF & ~R & ~W, LEAF | U, LEAF & ~A & ~D];
    for (const flags of second) {
      for (const page of [9, 10]) {
        for (const size of ["h", "w", "d"]) {
          for (const [access, register] of [
            [`l${size}`, "a2"],
            [`s${size}`, "s0"],
          ] as const) {
            leaf(emit, Table.LEVEL0, 1, PHYSICAL + page * PAGE, flags);
            const resume = emit.label();
            emit.asm("sfence.vma", "li a0, -1", "li a1, 0", "li a2, 0", `la s9, ${resume}`, `li s0, ${end - 1}`);
            emit.asm(
              ...csrc("mstatus", MPP),
              ...csrs("mstatus", (Mode.S << 11) | MPRV),
              `${access} ${register}, 0(s0)`,
            );
            emit.asm(`${resume}:`, ...csrc("mstatus", MPRV));
            emit.mix("a0", "a1");
          }
        }
        // An instruction of four bytes, addi a5, a5, page, whose second half is in page 1; an ecall behind it.
        emit.asm(
          `li t0, ${PHYSICAL + 4 * PAGE - 2}`,
          "li t1, 0x8793",
          "sh t1, 0(t0)",
          `li t0, ${PHYSICAL + page * PAGE}`,
        );
        emit.asm(`li t1, ${0x00730007 + (page << 4)}`, "sw t1, 0(t0)", "sh zero, 4(t0)", "fence.i");
        leaf(emit, Table.LEVEL0, 1, PHYSICAL + page * PAGE, flags);
        const resume = emit.label();
        emit.asm("sfence.vma", `la s9, ${resume}`, `li t0, ${end - 2}`, "csrw mepc, t0", "li a5, 0");
        emit.asm(...csrc("mstatus", MPP), ...csrs("mstatus", Mode.S << 11), "mret", `${resume}:`);
        emit.mix("a0", "a1", "a2", "a5");
        emit.asm(
          `li t0, ${PHYSICAL + 4 * PAGE - 8}`,
          "ld a5, 0(t0)",
          `li t0, ${PHYSICAL + page * PAGE}`,
          "ld a6, 0(t0)",
        );
        emit.mix("a5", "a6");
      }
    }
  });
}

/** Mappings that change, in two address spaces, each change followed by the narrowest fence that makes it seen. */
function fenceGroup(seed: number): Group {
  return probes(`fences and address spaces ${seed}`, (emit) => {
    const random = new Random(seed);
    build(emit, 8);
    link(emit, Table.OTHER39, VIRTUAL / 2 ** 30, Table.OTHER1);
    link(emit, Table.OTHER1, 0, Table.OTHER0);
    const spaces = [
      { root: Table.ROOT39, level0: Table.LEVEL0, asid: 1 },
      { root: Table.OTHER39, level0: Table.OTHER0, asid: 2 },
    ] as const;
    const address = (page: number) => VIRTUAL + page * PAGE;
    emit.asm("li s6, 0");
    const fence = (kinds: readonly string[], page: number, asid: number) => {
      emit.asm(`li a5, ${address(page) + random.below(4096)}`, `li a6, ${asid}`);
      const kind = random.pick(kinds);
      if (random.chance(30)) {
        emit.cover("sinval.vma");
        emit.asm("sfence.w.inval", `sinval.vma ${kind}`, "sfence.inval.ir");
      } else {
        emit.cover("sfence.vma");
        emit.asm(`sfence.vma ${kind}`);
      }
    };
    let current: (typeof spaces)[number] = spaces[0];
    useTables(emit, 8, current.root, current.asid);
    emit.asm("sfence.vma");
    for (let step = 0; step < 600; step++) {
      const page = random.below(16);
      const global = page >= 12;
      const roll = random.below(100);
      if (roll < 30) {
        const to = PHYSICAL + random.below(32) * PAGE;
        const flags = random.pick([LEAF, LEAF, LEAF, LEAF & ~W, 0]) | (global ? G : 0);
        if (global) {
          for (const { level0 } of spaces) leaf(emit, level0, page, to, flags);
          fence(["zero, zero", "a5, zero"], page, 0);
        } else {
          const space = random.pick(spaces);
          leaf(emit, space.level0, page, to, flags);
          fence(["zero, zero", "a5, zero", "zero, a6", "a5, a6"], page, space.asid);
        }
      } else if (roll < 40) {
        current = random.pick(spaces);
        useTables(emit, 8, current.root, current.asid);
      } else {
        const resume = emit.label();
        const access = roll < 75 ? "ld a2, 16(s0)" : "sd s6, 24(s0)";
        emit.asm(
          "li a0, -1",
          "li a1, 0",
          "li a2, 0",
          `la s9, ${resume}`,
          `li s0, ${address(page)}`,
          `addi s6, s6, ${step}`,
        );
        emit.asm(...csrc("mstatus", MPP), ...csrs("mstatus", (Mode.S << 11) | MPRV), access, "mv a5, a2");
        emit.asm("ld a5, 24(s0)", `${resume}:`, ...csrc("mstatus", MPRV));
        emit.mix("a0", "a1", "a5");
      }
    }
  });
}

/** Code that is changed through another mapping, and mappings of code that change: fetches see it behind a fence. */
function codeGroup(): Group {
  return probes("changing code and mappings of code", (emit) => {
    build(emit, 8);
    const run = () => {
      const resume = emit.label();
      emit.asm("li a5, 0", `la s9, ${resume}`, `li t0, ${VIRTUAL}`, "csrw mepc, t0", ...csrc("mstatus", MPP));
      emit.asm(...csrs("mstatus", Mode.S << 11), "mret", `${resume}:`);
      emit.mix("a0", "a2", "a5");
    };
    for (let page = 0; page < 4; page++) {
      // c.li a5, page+1 and ecall.
      emit.asm(
        `li t0, ${PHYSICAL + page * PAGE}`,
        `li t1, 0x00734785 + ${page << 2}`,
        "sw t1, 0(t0)",
        "sh zero, 4(t0)",
      );
    }
    emit.asm("fence.i");
    for (const page of [0, 1, 0, 2, 3, 1]) {
      leaf(emit, Table.LEVEL0, 0, PHYSICAL + page * PAGE, LEAF);
      emit.asm("sfence.vma");
      run();
      run();
    }
    for (const value of [9, 10, 11, 9]) {
      // The same code rewritten by its physical address.
      emit.asm(`li t0, ${PHYSICAL + PAGE}`, `li t1, 0x4781 + ${value << 2}`, "sh t1, 0(t0)", "fence.i");
      run();
    }
  });
}

export function mappingGroups(): Group[] {
  return [crossingGroup(), ...[1, 2, 3, 4].map(fenceGroup), codeGroup()];
}
