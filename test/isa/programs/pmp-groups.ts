// Groups about physical memory protection: address matching of every kind at its edges, permissions, priority, locks,
// and page tables that PMP keeps from being walked. Entry 15 lets S and U have everything that no entry before it decides.

import type { Emitter, Group } from "./emitter.js";
import { csrc, csrs, Mode, probes } from "./probe.js";

const [R, W, X] = [1, 2, 4];
const [TOR, NA4, NAPOT, L] = [1 << 3, 2 << 3, 3 << 3, 0x80];
const MPRV = 1 << 17;
const MPP = 3 << 11;
const PERMISSIONS = [0, R, R | W, X, R | X, R | W | X];

/** Sets entry `index`; `address` is a symbol or number with an offset, before its shift to pmpaddr's units. */
function entry(emit: Emitter, index: number, address: string, low: number, config: number): void {
  emit.asm(`la t0, ${address}`, "srli t0, t0, 2", ...(low === 0 ? [] : [`li t1, ${low}`, "or t0, t0, t1"]));
  emit.asm(`csrw pmpaddr${index}, t0`);
  configure(emit, index, config);
}

function configure(emit: Emitter, index: number, config: number): void {
  const [register, shift] = [index < 8 ? "pmpcfg0" : "pmpcfg2", (index % 8) * 8];
  emit.asm("li t0, 0xff", `slli t0, t0, ${shift}`, `csrc ${register}, t0`, `li t0, ${config}`, `slli t0, t0, ${shift}`);
  emit.asm(`csrs ${register}, t0`, "sfence.vma");
}

/** A region of 2^bits bytes at `address`. */
function napot(emit: Emitter, index: number, address: string, bits: number, config: number): void {
  entry(emit, index, address, 2 ** (bits - 3) - 1, config | NAPOT);
}

function begin(emit: Emitter): void {
  emit.asm("csrw pmpcfg0, zero", "li t0, -1", "csrw pmpaddr15, t0");
  configure(emit, 15, NAPOT | R | W | X);
}

function end(emit: Emitter): void {
  configure(emit, 15, 0);
}

/** A load and a store of `size` bytes at scratch + offset in `mode`. */
function access(emit: Emitter, mode: Mode, offset: number, size: "b" | "h" | "w" | "d"): void {
  for (const instruction of [`l${size} a5, 0(s0)`, `s${size} zero, 0(s0)`]) {
    const resume = emit.label();
    emit.asm("li a0, -1", "li a1, 0", `la s9, ${resume}`, `la s0, scratch + ${offset}`, ...csrc("mstatus", MPP));
    emit.asm(...(mode === Mode.M ? [] : csrs("mstatus", (mode << 11) | MPRV)), instruction, `${resume}:`);
    emit.asm(...csrc("mstatus", MPRV));
    emit.mix("a0", "a1");
  }
}

/** Accesses of every size at and across an edge. */
function around(emit: Emitter, mode: Mode, edge: number): void {
  for (const size of ["b", "h", "w", "d"] as const) {
    const bytes = { b: 1, h: 2, w: 4, d: 8 }[size];
    // Aligned ones only: an implementation may check the parts of a misaligned access one by one.
    for (const offset of [edge - 8, edge - 4, edge - bytes, edge, edge + 4, edge + 8]) {
      if (offset % bytes === 0) access(emit, mode, offset, size);
    }
  }
}

function matching(): Group[] {
  return [
    probes("PMP NAPOT", (emit) => {
      begin(emit);
      for (const bits of [3, 4, 5, 6, 10, 11, 12, 13]) {
        napot(emit, 3, "scratch", bits, R);
        around(emit, Mode.S, 2 ** bits);
        access(emit, Mode.U, 0, "d");
        access(emit, Mode.M, 0, "d");
      }
      end(emit);
    }),
    probes("PMP NA4", (emit) => {
      begin(emit);
      for (const offset of [0, 4, 8, 2048, 4092, 4096]) {
        entry(emit, 3, `scratch + ${offset}`, 0, NA4);
        around(emit, Mode.S, offset + 4);
        if (offset > 0) around(emit, Mode.S, offset);
      }
      end(emit);
    }),
    probes("PMP TOR", (emit) => {
      begin(emit);
      for (const [from, to] of [
        [0, 4],
        [4, 8],
        [8, 64],
        [0, 4096],
        [4, 4092],
        [16, 4112],
        [64, 64],
        [128, 64],
      ] as const) {
        entry(emit, 2, `scratch + ${from}`, 0, 0);
        entry(emit, 3, `scratch + ${to}`, 0, TOR | R);
        around(emit, Mode.S, to);
        if (from > 0) around(emit, Mode.S, from);
      }
      // The first entry's region begins at address 0.
      entry(emit, 0, "scratch + 64", 0, TOR | R);
      around(emit, Mode.S, 64);
      end(emit);
    }),
  ];
}

function permissions(): Group {
  return probes("PMP permissions and priority", (emit) => {
    begin(emit);
    for (const first of PERMISSIONS) {
      for (const second of PERMISSIONS) {
        napot(emit, 4, "scratch", 6, first);
        napot(emit, 5, "scratch", 12, second);
        for (const mode of [Mode.U, Mode.S, Mode.M]) {
          access(emit, mode, 0, "w");
          access(emit, mode, 64, "w");
        }
        // Off, the first no longer decides.
        configure(emit, 4, 0);
        access(emit, Mode.S, 0, "w");
      }
    }
    end(emit);
  });
}

function fetches(): Group {
  return probes("PMP and fetches", (emit) => {
    begin(emit);
    emit.asm(
      "la t0, scratch",
      "li t1, 0x73",
      "sw t1, 0(t0)",
      "li t2, 4096",
      "add t0, t0, t2",
      "sw t1, 0(t0)",
      "fence.i",
    );
    for (const permission of PERMISSIONS) {
      napot(emit, 4, "scratch", 12, permission);
      for (const mode of [Mode.U, Mode.S, Mode.M]) {
        for (const page of [0, 1]) {
          const resume = emit.label();
          emit.asm(`la s9, ${resume}`, `la t0, scratch + ${page * 4096}`, "csrw mepc, t0", ...csrc("mstatus", MPP));
          emit.asm(...csrs("mstatus", mode << 11), "mret", `${resume}:`);
          emit.mix("a0", "a1", "a2");
        }
      }
    }
    end(emit);
  });
}

/** A walk reads its tables as S mode does. */
function walks(): Group {
  return probes("PMP and page tables", (emit) => {
    begin(emit);
    // One gigapage that maps the program to itself, from a root in tables' first page.
    emit.asm("la t0, tables", "li t1, 0x200000cf", "sd t1, 16(t0)", "srli t1, t0, 12", "li t2, 8", "slli t2, t2, 60");
    emit.asm("or t1, t1, t2", "csrw satp, t1", "sfence.vma");
    for (const permission of PERMISSIONS) {
      napot(emit, 6, "tables", 12, permission);
      access(emit, Mode.S, 0, "d");
      access(emit, Mode.M, 0, "d");
    }
    emit.asm("csrw satp, zero");
    end(emit);
  });
}

/** Locks hold until reset, so this group must be the last of its program. */
function locks(): Group {
  return probes("PMP locks", (emit) => {
    begin(emit);
    napot(emit, 8, "scratch", 6, R | L);
    for (const mode of [Mode.U, Mode.S, Mode.M]) access(emit, mode, 0, "w");
    // Neither its configuration nor its address changes any more.
    napot(emit, 8, "scratch + 64", 6, R | W | X);
    emit.asm(
      "csrr a5, pmpcfg2",
      "andi a5, a5, 0xff",
      "csrr a6, pmpaddr8",
      "la t0, scratch",
      "srli t0, t0, 2",
      "sub a6, a6, t0",
    );
    emit.mix("a5", "a6");
    for (const mode of [Mode.U, Mode.S, Mode.M]) {
      access(emit, mode, 0, "w");
      access(emit, mode, 64, "w");
    }
    // A locked TOR entry locks the address below it as well.
    entry(emit, 10, "scratch + 128", 0, 0);
    entry(emit, 11, "scratch + 192", 0, TOR | L);
    entry(emit, 10, "scratch + 64", 0, 0);
    emit.asm("csrr a6, pmpaddr10", "la t0, scratch", "srli t0, t0, 2", "sub a6, a6, t0");
    emit.mix("a6");
    for (const mode of [Mode.S, Mode.M]) for (const offset of [64, 128, 184, 192]) access(emit, mode, offset, "d");
    // Locked executes in M mode only where it says X.
    emit.asm("la t0, scratch + 4096", "li t1, 0x73", "sw t1, 0(t0)", "fence.i");
    napot(emit, 12, "scratch + 4096", 12, R | L);
    const resume = emit.label();
    emit.asm(`la s9, ${resume}`, "la t0, scratch + 4096", "jr t0", `${resume}:`);
    emit.mix("a0", "a1", "a2");
    end(emit);
  });
}

export function protectionGroups(): Group[] {
  return [...matching(), permissions(), fetches(), walks(), locks()];
}
