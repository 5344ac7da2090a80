// Probes: pieces of code that run in some mode until their first trap into M mode. See probe.S.

import { type Emitter, type Group, group } from "./emitter.js";

export enum Mode {
  U = 0,
  S = 1,
  M = 3,
}

const MPP = 3 << 11;

/** What of a trap the specification pins down, where that is not all of it. */
export interface Pinned {
  readonly value?: boolean;
  readonly status?: boolean;
}

/** Takes what a probe left behind into the hash: the M-mode trap, and the S-mode one if it came first. */
function mixTrap(emit: Emitter, { value = true, status = true }: Pinned): void {
  emit.mix("a0", ...(value ? ["a1"] : []), "a2", ...(status ? ["a3"] : []), "a4");
  emit.asm("csrr a5, scause", "csrr a6, stval", "csrr a7, sepc");
  emit.mix("a5", "a6", "a7");
}

/** Runs `code` in `mode`; behind it stands an ecall, in case nothing in it traps. */
export function probe(emit: Emitter, mode: Mode, code: readonly string[], pinned: Pinned = {}): void {
  const [start, resume] = [emit.label(), emit.label()];
  emit.asm(`la s9, ${resume}`, `la t0, ${start}`, "csrw mepc, t0", `li t0, ${MPP}`, "csrc mstatus, t0");
  emit.asm(`li t0, ${mode << 11}`, "csrs mstatus, t0", "li a4, 0", "mret", `${start}:`, ...code, "ecall", `${resume}:`);
  mixTrap(emit, pinned);
}

/** A group of probes: everything as probe_begin sets it, and put back behind. */
export function probes(name: string, body: (emit: Emitter) => void): Group {
  return group(name, (emit) => {
    emit.asm("call probe_begin");
    body(emit);
    emit.asm("call probe_end");
  });
}

export const csrs = (register: string, bits: bigint | number) => [`li t0, ${bits}`, `csrs ${register}, t0`];
export const csrc = (register: string, bits: bigint | number) => [`li t0, ${bits}`, `csrc ${register}, t0`];
export const csrw = (register: string, value: bigint | number) => [`li t0, ${value}`, `csrw ${register}, t0`];
